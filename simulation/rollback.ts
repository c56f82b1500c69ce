/**
 * Stores that are put back to an older state: a restored backup, a reverted volume. Owns: copying them at one moment and
 * putting the copies back at a later one. Does not own: what may be lost by it (`forgotten.ts`).
 */
import { bucketStream, LEASE_BUCKET } from '../bus/layout.ts';
import { type MemoryStream, type StreamCopy, serverOf } from '../bus/memory-log.ts';
import { CHECKPOINT_STREAM, QUARANTINE_STREAM, STREAM } from '../schemas/events/subjects.ts';
import { LOSS } from './checks/index.ts';
import type { Fault } from './faults.ts';
import { type Known, knownTo } from './forgotten.ts';
import type { Run } from './simulate.ts';

type Rollback = Extract<Fault, { kind: 'rollback' | 'rollback-before-word' }>;

/** What the broker keeps on one volume. */
const streams = [STREAM, QUARANTINE_STREAM, CHECKPOINT_STREAM, bucketStream(LEASE_BUCKET)];

/** Copies now, and puts the copies back later. */
export function rollback(run: Run, fault: Rollback): void {
  const { plan, scheduler, report } = run;
  const ledgers = run.hosts.filter(({ name }) => fault.ledgers.includes(name));
  const copies = ledgers.map((host) => ({ host, copy: host.disk.copy() }));
  const kept = fault.log ? copyOf(run) : new Map<MemoryStream, StreamCopy>();
  if (kept === null) return;
  scheduler.after(fault.laterMs, () => {
    if (plan.healed || !run.log.up || !isThere(run, kept)) return;
    plan.fire(fault);
    report.note('fault', 'copies are put back');
    const stopped = run.hosts.filter((host) => fault.everyone || ledgers.includes(host));
    for (const host of stopped) host.kill('kill', fault.downMs);
    const before = knownTo(run);
    for (const { host, copy } of copies) host.disk.restore(copy);
    if (fault.log) {
      run.log.goDown();
      for (const [stream, copy] of kept) stream.restore(copy);
      scheduler.after(fault.downMs / 2, () => run.log.comeUp());
    }
    const after = knownTo(run);
    run.clients.forget(run.forgotten.note(run, before, after));
    owe(run, after);
  });
}

/** What is set aside because the log has another past has to be said, unless a later copy has made that good. */
function owe({ hosts, owedLoss, report }: Run, { otherPast }: Known): void {
  for (const { name } of hosts) {
    if (otherPast.has(name)) owedLoss.add(name);
    else if (!report.logged(name, LOSS)) owedLoss.delete(name);
  }
}

function copyOf({ log }: Run): Map<MemoryStream, StreamCopy> | null {
  const found = streams.map((name) => serverOf(log).findStream(name)).filter((stream) => stream !== null);
  if (found.length < streams.length) return null;
  return new Map(found.map((stream) => [stream, stream.copy()]));
}

/** A log that was made anew since is another one. */
function isThere({ log }: Run, kept: ReadonlyMap<MemoryStream, StreamCopy>): boolean {
  return [...kept.keys()].every((stream) => serverOf(log).findStream(stream.name) === stream);
}
