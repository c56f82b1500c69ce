/**
 * Which partitions of its service's tasks this host has (S7). Owns: claiming, beating, noticing loss. Does not own: what
 * happens to a partition's tasks, or the proof of ownership: that is the journal, which the broker lets one host write
 * (J4). A lease only says who tries.
 *
 * Invariants:
 * 1. A partition is gained only after a granted claim. Whether one may be lost is the server's word at each beat: no
 *    clock of ours can tell how long a beat was under way.
 * 2. While the log is out of reach nothing is given up: nothing can be read or written either.
 */
import type { Bus, LeaseStore } from '../../bus/port.ts';
import { partitionNumbers } from '../../schemas/events/subjects.ts';
import type { Clock, RuntimeLog } from './ports.ts';

export interface Ownership {
  /** Claims what is free. Resolves after the first round. */
  start(): Promise<void>;
  readonly partitions: ReadonlySet<number>;
  /** Another host has written to the journal of this one: it is claimed again only when its lease is free. */
  gaveUp(partition: number): void;
  /** Gives the partition back, for another host to take. */
  letGo(partition: number): Promise<void>;
  /** Stops beating; nothing is gained any more. */
  end(): void;
  /** Lets go of everything. */
  release(): Promise<void>;
}

export interface OwnershipOptions {
  readonly leases: LeaseStore;
  readonly onConnection: Bus['onConnection'];
  readonly clock: Clock;
  readonly log: RuntimeLog;
  readonly service: string;
  /** Name of this host; the same after a restart, also of one that has lost its ledger. */
  readonly holder: string;
  /** False while a partition is left to another host. */
  readonly mayClaim: (partition: number) => boolean;
  /** True while this host is the one that can give the log what it has lost of a partition. */
  readonly mustClaim: (partition: number) => boolean;
  readonly onGained: (partitions: readonly number[]) => void;
  readonly onLost: (partitions: readonly number[]) => void;
  /** How many partitions this host takes of those that are free (`sharing.ts`); what a silent host had it takes all. */
  readonly share: () => number;
  /** Called at each beat that the server took: how many partitions it has, and whether some of the others it may not take for now. */
  readonly onBeat: (has: number, waits: boolean) => void;
}

/** Beats in one time to live: two may be missed. */
const BEATS_PER_TTL = 3;

export function createOwnership(options: OwnershipOptions): Ownership {
  const { leases, clock, holder, log, service } = options;
  const fences = new Map<number, number>();
  /** Somebody may hold what we think is ours, until every claim was made again. */
  let doubtful = false;
  let cancel: (() => void) | undefined;
  let stopped = false;
  /** A broker that was away may have lost a lease together with what its holder wrote last: who had it may come back. */
  let nothingNewUntilMs = 0;
  const forget = options.onConnection((connected) => {
    if (!connected) doubtful = true;
    else if (doubtful) nothingNewUntilMs = clock.elapsed() + leases.ttlMs;
  });

  const leaseOf = (partition: number): string => `${service}.${partition}`;
  const isOurs = (partition: number): boolean =>
    fences.has(partition) || (clock.elapsed() >= nothingNewUntilMs && options.mayClaim(partition));
  /** The name may still hold what an earlier process had. */
  const leave = async (partitions: readonly number[]): Promise<void> => {
    for (const partition of partitions) {
      const result = await leases.claim(leaseOf(partition), holder);
      if (result.granted) await leases.release(leaseOf(partition), holder, result.fence);
    }
  };
  const claim = async (wanted: readonly number[]): Promise<void> => {
    const gained: number[] = [];
    const lost: number[] = [];
    const claimOne = async (partition: number): Promise<void> => {
      const mayTake = fences.size < options.share() || options.mustClaim(partition);
      const result = await leases.claim(leaseOf(partition), holder, mayTake);
      const had = fences.has(partition);
      if (result.granted) fences.set(partition, result.fence);
      else fences.delete(partition);
      if (result.granted !== had) (result.granted ? gained : lost).push(partition);
    };
    try {
      // One after the other: how many are free to be taken depends on those that were.
      for (const partition of wanted.filter(isOurs)) await claimOne(partition);
    } finally {
      // What was granted before a claim that failed is ours.
      if (!stopped && lost.length > 0) options.onLost(lost);
      if (!stopped && gained.length > 0) options.onGained(gained);
    }
  };
  const round = async (): Promise<void> => {
    if (!(await leases.beat(holder))) doubtful = true;
    if (stopped) return;
    options.onBeat(fences.size, !partitionNumbers.every(isOurs));
    const again = doubtful ? partitionNumbers : partitionNumbers.filter((partition) => !fences.has(partition));
    doubtful = false;
    try {
      if (again.length > 0) await claim(again);
    } catch (error) {
      doubtful = true;
      throw error;
    }
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
      await leave(partitionNumbers.filter((partition) => !isOurs(partition)));
      await claim(partitionNumbers);
      if (!stopped) loop();
    },
    get partitions() {
      return new Set(fences.keys());
    },
    gaveUp: (partition) => void fences.delete(partition),
    async letGo(partition) {
      const fence = fences.get(partition);
      if (fence === undefined) return;
      fences.delete(partition);
      try {
        await leases.release(leaseOf(partition), holder, fence);
      } catch (error) {
        // It stays with this name, which claims it again at the next beat.
        log.debug({ partition, error: String(error) }, 'a lease could not be given back');
      }
    },
    end() {
      stopped = true;
      cancel?.();
      forget();
    },
    async release() {
      const releases = [...fences].map(([partition, fence]) => leases.release(leaseOf(partition), holder, fence));
      await Promise.allSettled(releases);
      fences.clear();
    },
  };
}
