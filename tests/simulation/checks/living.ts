/**
 * Checks of a healed mesh while it lives: each partition has one owner (S7), and no deadline is slept through (S1).
 */
import type { Host } from '../../../actors/runtime/host.ts';
import { PARTITIONS } from '../../../schemas/events/subjects.ts';
import type { Run } from '../simulate.ts';

/** A host that is up and undisturbed for so long has fired what was due before, milliseconds. */
const SLACK_MS = 1000;
/** The same where commits were slow: one takes six seconds. */
const SLACK_OF_A_SLOW_DISK_MS = 8000;

/** Owners as the hosts themselves believe. */
export function checkOwners({ hosts, report, catalog }: Run): void {
  for (const { name } of catalog.roles) {
    const owned = hosts.reduce((sum, { host }) => sum + (host?.stats().partitions[name] ?? 0), 0);
    if (owned !== PARTITIONS) report.violation('S7', `of ${PARTITIONS} partitions of ${name}, ${owned} are owned`);
  }
}

/** Events that a host had applied at the last look. */
const appliedBefore = new WeakMap<Host, number>();

export function checkTimers({ hosts, report, scheduler, plan }: Run, healedAtMs: number): void {
  // A clock that was set back makes a host wait longer, which is nobody's mistake.
  if (plan.fired.has('clock') || plan.lostForGood) return;
  // Of two hosts of a service one may remember what the other has finished.
  if (hosts.some(({ name }) => name.endsWith('-2'))) return;
  const overdueMs = scheduler.nowMs - (plan.fired.has('slow-disk') ? SLACK_OF_A_SLOW_DISK_MS : SLACK_MS);
  if (healedAtMs > overdueMs) return;
  for (const { name, readySinceMs, disk, host } of hosts) {
    if (readySinceMs === null || readySinceMs > overdueMs) continue;
    let old = 0;
    for (const { stored, timers } of disk.tables.all()) {
      const late = timers.find(({ dueAtMs }) => dueAtMs < overdueMs);
      if (late) report.violation('S1', `${name} sleeps through ${late.timer} of ${stored.correlationId}`);
      if (stored.updatedAtMs < overdueMs) old += timers.length;
    }
    if (!host) continue;
    const { timers: waitedFor, applied } = host.stats();
    // What was applied since the last look may not be on disk yet.
    const isStill = appliedBefore.get(host) === applied;
    appliedBefore.set(host, applied);
    // What the disk has had for so long the host has in mind, and waits for.
    if (isStill && waitedFor < old) report.violation('S1', `${name} waits for ${waitedFor} of ${old} deadlines`);
  }
}
