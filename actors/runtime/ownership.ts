/**
 * Which partitions this host owns (S7). Owns: claiming, beating, noticing loss. Does not own: what happens to a
 * partition's actors.
 *
 * Invariants:
 * 1. A partition is owned only after a granted claim; a lost one is told before anybody else's work is read. Whether
 *    one may be lost is the server's word at each beat: no clock of ours can tell how long a beat was under way.
 * 2. While the log is out of reach nothing is given up: nothing can be read either, and an effect that may not be
 *    repeated asks `confirm` first.
 */
import type { LeaseStore } from '../../bus/port.ts';
import { PARTITIONS } from '../../schemas/events/subjects.ts';
import type { Clock, RuntimeLog } from './ports.ts';

export interface Ownership {
  /** Claims what is free. Resolves after the first round. */
  start(): Promise<void>;
  partitionsOf(role: string): ReadonlySet<number>;
  /** Asks the server whether the partition is still ours; while the log is out of reach it keeps asking. */
  confirm(role: string, partition: number): Promise<boolean>;
  /** Stops beating and releases everything. */
  stop(): Promise<void>;
}

export interface OwnershipOptions {
  leases: LeaseStore;
  clock: Clock;
  log: RuntimeLog;
  /** Name of this host; the same after a restart on the same ledger. */
  holder: string;
  /** Each with its number of partitions: roles have all, the ingress has one. */
  roles: readonly { name: string; partitions?: number }[];
  onGained: (role: string, partitions: readonly number[]) => void;
  onLost: (role: string, partitions: readonly number[]) => void;
}

/** Beats in one time to live: two may be missed. */
const BEATS_PER_TTL = 3;
/** Between two questions while the log is out of reach, milliseconds. */
const ASK_AGAIN_MS = 100;

export function createOwnership(options: OwnershipOptions): Ownership {
  const { leases, clock, holder, log } = options;
  const owned = new Map(options.roles.map(({ name }) => [name, new Map<number, number>()]));
  /** Somebody may hold what we think is ours, until every claim was made again. */
  let doubtful = false;
  let cancel: (() => void) | undefined;
  let stopped = false;
  /** The claims under way: each raises the fence, so an answer about an older one says nothing. */
  let claiming: Promise<unknown> = Promise.resolve();

  const fences = (role: string): Map<number, number> => owned.get(role) ?? new Map<number, number>();
  const all = options.roles.flatMap(({ name, partitions }) =>
    Array.from({ length: partitions ?? PARTITIONS }, (_, partition) => ({ role: name, partition })),
  );
  const claim = async (wanted: readonly { role: string; partition: number }[]): Promise<void> => {
    const gained = new Map<string, number[]>();
    const lost = new Map<string, number[]>();
    const claims = wanted.map(async ({ role, partition }) => {
      const had = fences(role).has(partition);
      const result = await leases.claim(`${role}.${partition}`, holder);
      if (result.granted) fences(role).set(partition, result.fence);
      else fences(role).delete(partition);
      if (result.granted === had) return;
      const changes = result.granted ? gained : lost;
      changes.set(role, [...(changes.get(role) ?? []), partition]);
    });
    const settled = Promise.allSettled(claims);
    claiming = settled;
    const outcomes = await settled;
    for (const [role, partitions] of lost) options.onLost(role, partitions);
    for (const [role, partitions] of gained) options.onGained(role, partitions);
    // What was granted beside a claim that failed is ours and had to be told first.
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure) throw failure.reason;
  };
  const round = async (): Promise<void> => {
    if (!(await leases.beat(holder))) doubtful = true;
    const again = doubtful ? all : all.filter(({ role, partition }) => !fences(role).has(partition));
    if (again.length > 0) await claim(again);
    doubtful = false;
  };
  const loop = (): void => {
    cancel = clock.after(leases.ttlMs / BEATS_PER_TTL, () => {
      round()
        .catch((error: unknown) => log.debug({ error: String(error) }, 'no beat: the log is out of reach'))
        .finally(() => {
          if (!stopped) loop();
        });
    });
  };
  return {
    async start() {
      await leases.beat(holder);
      await claim(all);
      loop();
    },
    partitionsOf: (role) => new Set(fences(role).keys()),
    async confirm(role, partition) {
      for (;;) {
        await claiming;
        const fence = fences(role).get(partition);
        if (fence === undefined || stopped) return false;
        const answer = await leases.confirm(`${role}.${partition}`, holder, fence).catch((error: unknown) => {
          log.debug({ error: String(error) }, 'nobody can say whether the partition is ours: the log is out of reach');
          return null;
        });
        if (answer === true) return true;
        if (answer === null) await new Promise<void>((resolve) => clock.after(ASK_AGAIN_MS, resolve));
        else {
          await claiming;
          if (fences(role).get(partition) === fence) return false;
        }
      }
    },
    async stop() {
      stopped = true;
      cancel?.();
      const releases = all.map(async ({ role, partition }) => {
        const fence = fences(role).get(partition);
        if (fence !== undefined) await leases.release(`${role}.${partition}`, holder, fence);
      });
      await Promise.allSettled(releases);
    },
  };
}
