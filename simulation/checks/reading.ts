/**
 * Reading is bounded, and goes on (S1, J2, S8): a host whose records the log does not take makes no more of them than its
 * limit and takes nothing new in, and reads again once the log has caught up. What was dropped with a partition that was
 * lost waits for no log: such a life is left out. Owns: those checks.
 */
import type { LedgerBatch } from '../../actors/runtime/ledger/port.ts';
import type { Gate } from '../gate.ts';
import { decoded, type History } from '../history.ts';
import { filterOf, type HostProcess } from '../hosts.ts';
import type { Report } from '../report.ts';
import type { Run } from '../simulate.ts';

/** Records that a life has made and the log may not have yet, by their ids. */
const made = new WeakMap<Gate, readonly string[]>();
/** Those that the log did not have when it last read something, when there were too many. */
const tooMany = new WeakMap<Gate, readonly string[]>();

type Watched = Pick<Run, 'report' | 'history'>;

function notInLog(history: History, ids: readonly string[] = []): string[] {
  return ids.filter((id) => history.lacks(id) === 'never had');
}

/** To be called before each commit of a process. */
export function checkAhead(run: Watched, host: HostProcess, { records }: LedgerBatch): void {
  const { gate, recordsAheadMax, name, process } = host;
  if (!gate || host.hasLostPartitions()) return;
  const ahead = notInLog(run.history, made.get(gate));
  const heads = records.map(({ body }) => decoded(body).head);
  // A partition is claimed and let go of whatever waits: its claim may be refused, its last word comes too late.
  const own = heads.filter((head) => head.process === process && head.word !== 'claimed' && head.word !== 'stopped');
  if (own.length > 0 && ahead.length >= recordsAheadMax)
    run.report.violation('S8', `${name} makes records while the log has not taken ${ahead.length} of them`);
  made.set(gate, [...ahead, ...own.map(({ id }) => id)]);
}

/** To be called when a process is about to apply a message. The first one that comes too many is what makes it pause. */
export function checkPaused(run: Watched, host: HostProcess): void {
  const { gate, recordsAheadMax, name } = host;
  if (!gate || host.hasLostPartitions()) return;
  const still = notInLog(run.history, tooMany.get(gate));
  if (still.length >= recordsAheadMax)
    run.report.violation('S8', `${name} reads on while the log has not taken ${still.length} of its records`);
  const ahead = notInLog(run.history, made.get(gate));
  tooMany.set(gate, ahead.length >= recordsAheadMax ? ahead : []);
}

/** In a mesh at rest whoever has partitions reads all that is for them. */
export function checkReaders({ hosts, report }: { hosts: readonly HostProcess[]; report: Report }): void {
  for (const { name, host, reads, filtersRead } of hosts) {
    if (!host || Object.values(host.stats().partitions).every((count) => count === 0)) continue;
    for (const lane of reads) {
      if (!filtersRead.includes(filterOf(lane))) report.violation('S1', `${name} has stopped to read ${lane}`);
    }
  }
}
