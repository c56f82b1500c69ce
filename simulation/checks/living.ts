/**
 * Checks of a healed mesh while it lives: each partition has one owner (S7), and no limit of time is slept through (S1),
 * and what is wanted is begun (S6).
 */
import type { Host } from '../../actors/runtime/host.ts';
import type { Role } from '../../actors/runtime/role.ts';
import { PARTITIONS } from '../../schemas/events/subjects.ts';
import type { Disk } from '../disk.ts';
import { isFurther } from '../faults.ts';
import type { History } from '../history.ts';
import type { HostProcess } from '../hosts.ts';
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

/** Services whose hosts do not share their partitions yet, in words: one is being given to another, or nobody has it. */
export function unevenShares({
  hosts,
  services,
}: {
  readonly hosts: readonly HostProcess[];
  readonly services: Iterable<string>;
}): string[] {
  return [...services].flatMap((service) => {
    const all = hosts.filter((host) => host.service === service);
    const has = all.map((host) => host.has);
    const isAll = has.reduce((sum, one) => sum + one, 0) === PARTITIONS;
    const isEven = all.every((host) => !hasTooMany(host, all));
    return isAll && isEven ? [] : [`the hosts of ${service} have ${has.join(' and ')} partitions`];
  });
}

/** It has more than its share, and one that could go on with what began there has less: none that is older (S11). */
function hasTooMany(host: HostProcess, all: readonly HostProcess[]): boolean {
  const isAside = (one: HostProcess): boolean => one.isStandby || one.standsBy;
  const heirs = all.filter((one) => one !== host && !isAside(one) && (host.isOld || !one.isOld));
  const share = Math.ceil(PARTITIONS / (heirs.length + (isAside(host) ? 0 : 1)));
  return host.has > (isAside(host) ? 0 : share) && heirs.some(({ has }) => has < share);
}

/** Inputs that a host had applied at the last look. */
const appliedBefore = new WeakMap<Host, number>();
/** What its journals said when nothing was on its way. */
interface Known {
  readonly applied: number;
  readonly timers: number;
  readonly effects: number;
}
const known = new WeakMap<Host, Known>();
/** Since when a host has had effects to run, and has run none. */
const idleSinceMs = new WeakMap<Host, number>();
/** Longer than any pause between two attempts, milliseconds. */
const IDLE_MAX_MS = 20_000;

/**
 * Whenever something has happened to a host and nothing is on its way: it waits for every limit of time that its journal
 * knows of, and effects that are wanted run before long. A host without all of its partitions does neither yet: a bucket
 * of leases that went back may say for a while that another one has them.
 */
export function checkPending({ hosts, report, scheduler, plan, history }: Run): void {
  // Of two hosts of a service one may have what the other has finished.
  if (plan.lostForGood || plan.fired.has('twin') || hosts.some(({ name }) => isFurther(name))) return;
  for (const { name, readySinceMs, disk, host, roles, gate } of hosts) {
    if (!host || readySinceMs === null || scheduler.nowMs - readySinceMs < SETTLED_MS) continue;
    const { timers, applied, unacknowledged, effectsRunning, effectsQueued, partitions } = host.stats();
    if (Object.values(partitions).some((owned) => owned < PARTITIONS)) continue;
    const isStill = appliedBefore.get(host) === applied && unacknowledged === 0;
    appliedBefore.set(host, applied);
    if (!isStill) {
      idleSinceMs.delete(host);
      continue;
    }
    const before = known.get(host);
    const now = before?.applied === applied ? before : { applied, ...pendingOn(history, roles, disk) };
    known.set(host, now);
    if (now !== before && now.timers !== timers)
      report.violation('S1', `${name} waits for ${timers} of ${now.timers} limits of time`);
    if (now.effects === 0 || effectsRunning + effectsQueued > 0 || gate?.closed) idleSinceMs.delete(host);
    else if (!idleSinceMs.has(host)) idleSinceMs.set(host, scheduler.nowMs);
    if (scheduler.nowMs - (idleSinceMs.get(host) ?? scheduler.nowMs) > IDLE_MAX_MS)
      report.violation('S6', `${name} has ${now.effects} effects to run, and runs none`);
  }
}

function pendingOn(history: History, roles: readonly Role[], disk: Disk): Omit<Known, 'applied'> {
  let timers = 0;
  let effects = 0;
  for (const journal of disk.tables.partitions) {
    for (const actors of foldJournal(roles, journalOnDisk(history, journal)).tasks.values()) {
      for (const actor of actors.values()) {
        timers += actor.timers.size;
        effects += actor.effects.size;
      }
    }
  }
  return { timers, effects };
}
