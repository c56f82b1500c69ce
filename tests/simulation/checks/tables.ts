/**
 * The ledgers of a mesh at rest (S3, S4): everything sent, everything read, and no effect or timer left of what is done.
 */
import { parseSubject } from '../../../schemas/events/subjects.ts';
import type { HostProcess } from '../hosts.ts';
import type { Run } from '../simulate.ts';

export function checkTables(run: Run): void {
  const { report, history, hosts } = run;
  const ends = lastOfLanes(history.now().map(({ message }) => message));
  for (const host of hosts) {
    const { tables } = host.disk;
    const unsent = tables.sent((seq) => seq === null);
    if (unsent.length > 0)
      report.violation('S4', `${host.name} has ${unsent.length} outputs that were not acknowledged`);
    for (const { stored, effects, timers } of tables.all()) {
      if (stored.done && effects.length + timers.length > 0)
        report.violation('S3', `${stored.role} ${stored.correlationId} is done and has effects or timers`);
    }
    for (const lane of host.reads) checkCursor(run, host, lane, ends.get(lane) ?? 0);
  }
}

/** The stored place of each partition that the host read last is not before the lane's end. */
function checkCursor({ report }: Run, host: HostProcess, lane: string, end: number): void {
  const { cursors } = host.disk.tables;
  const mask = cursors.get(`${lane}.level`) ?? 0;
  if (mask === 0) return;
  const position = cursors.get(lane) ?? 0;
  if (position < end)
    report.violation('S3', `${host.name} stopped with the cursor of ${lane} at ${position}, not ${end}`);
}

function lastOfLanes(messages: readonly { seq: number; subject: string }[]): Map<string, number> {
  const ends = new Map<string, number>();
  for (const { seq, subject } of messages) {
    const address = parseSubject(subject);
    if (address.kind === 'ingress') ends.set('ingress', seq);
    if (address.kind === 'inbox') ends.set(address.role, seq);
  }
  return ends;
}
