/**
 * Checks of a healed mesh while it lives: each partition has one owner (S7), and no limit of time is slept through (S1).
 */
import type { Host } from '../../../actors/runtime/host.ts';
import { PARTITIONS } from '../../../schemas/events/subjects.ts';
import type { Run } from '../simulate.ts';
import { foldJournal, journalOnDisk } from './journal-state.ts';

/** A host that is up and undisturbed for so long has begun all that was pending, milliseconds. */
const SETTLED_MS = 1000;

/** Owners as the hosts themselves believe. */
export function checkOwners({ hosts, report, catalog }: Run): void {
  for (const { name } of catalog.roles) {
    const owned = hosts.reduce((sum, { host }) => sum + (host?.stats().partitions[name] ?? 0), 0);
    if (owned !== PARTITIONS) report.violation('S7', `of ${PARTITIONS} partitions of ${name}, ${owned} are owned`);
  }
}

/** Inputs that a host had applied at the last look. */
const appliedBefore = new WeakMap<Host, number>();
/** The same when its limits of time were counted. */
const countedAt = new WeakMap<Host, number>();

/** Whenever something has happened to a host and nothing is on its way: it waits for every limit that its journal knows. */
export function checkTimers({ hosts, report, scheduler, plan, history }: Run): void {
  // Of two hosts of a service one may have what the other has finished.
  if (plan.lostForGood || plan.fired.has('twin') || hosts.some(({ name }) => name.endsWith('-2'))) return;
  for (const { name, readySinceMs, disk, host, roles } of hosts) {
    if (!host || readySinceMs === null || scheduler.nowMs - readySinceMs < SETTLED_MS) continue;
    const { timers, applied, unacknowledged } = host.stats();
    const isStill = appliedBefore.get(host) === applied && unacknowledged === 0;
    appliedBefore.set(host, applied);
    if (!isStill || countedAt.get(host) === applied) continue;
    countedAt.set(host, applied);
    let known = 0;
    for (const journal of disk.tables.partitions) {
      for (const actors of foldJournal(roles, journalOnDisk(history, journal)).tasks.values())
        for (const actor of actors.values()) known += actor.timers.size;
    }
    if (known !== timers) report.violation('S1', `${name} waits for ${timers} of ${known} limits of time`);
  }
}
