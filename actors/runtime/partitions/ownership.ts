/**
 * Which partitions of its service's tasks this host has (S7). Owns: claiming, beating, noticing loss. Does not own: what
 * happens to a partition's tasks, or the proof of ownership: that is the journal, which the broker lets one host write
 * (J4). A lease only says who tries.
 *
 * Invariants:
 * 1. A partition is gained only after a granted claim. Whether one may be lost is the server's word at each beat: no
 *    clock of ours can tell how long a beat was under way.
 * 2. While the log is out of reach nothing is given up: nothing can be read or written either.
 * 3. A beat waits for no claim: a host that is slow is not silent.
 * 4. A host that lived and was silent for longer than a lease lives will be so again. It stands by for a while, doubled each
 *    time: it takes nothing from a host that lives, and still all of one that does not. So hosts that get little of their
 *    processors come to rest, instead of cutting each other off.
 */
import { BEATS_PER_TTL, type Bus, type LeaseStore } from '../../../bus/port.ts';
import { partitionNumbers } from '../../../schemas/events/subjects.ts';
import type { Clock, RuntimeLog } from '../ports.ts';

export interface Ownership {
  /** Claims what is free. Resolves after the first round. */
  start(): Promise<void>;
  readonly partitions: ReadonlySet<number>;
  /** True for a while after this host was silent for longer than a lease lives. */
  readonly standsBy: boolean;
  /** Whether that host has a lease, as the last claims were answered: who has one and falls silent loses it. */
  holds(host: string): boolean;
  /** Another host has written to the journal of this one: its lease is given back, and claimed again as any that is free. */
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

/** A host that was found silent stands by for one time to live at first, and for so many at most; then it is forgotten. */
const STAND_BY_TTLS_MAX = 64;

export function createOwnership(options: OwnershipOptions): Ownership {
  const { leases, clock, holder, log, service } = options;
  const fences = new Map<number, number>();
  /** By partition that is not ours, who had it when it was claimed last. */
  const holders = new Map<number, string>();
  /** How often somebody may have come to hold what we think is ours, and of how many of these every claim was made again. */
  let doubts = 0;
  let settled = 0;
  let cancel: (() => void) | undefined;
  let stopped = false;
  /** A broker that was away may have lost a lease together with what its holder wrote last: who had it may come back. */
  let nothingNewUntilMs = 0;
  let beatSentMs = 0;
  let standByMs = 0;
  let standsByUntilMs = 0;
  let isClaiming = false;
  /** Claims and returns that are under way; what they grant is given back at the end as well. */
  let underWay: Promise<unknown> = Promise.resolve();
  const forget = options.onConnection((connected) => {
    if (!connected) doubts += 1;
    else if (doubts > settled) nothingNewUntilMs = clock.elapsed() + leases.ttlMs;
  });

  const leaseOf = (partition: number): string => `${service}.${partition}`;
  /** What only this host can give the log waits for nobody. */
  const isTime = (partition: number): boolean => clock.elapsed() >= nothingNewUntilMs || options.mustClaim(partition);
  const isOurs = (partition: number): boolean =>
    fences.has(partition) || (isTime(partition) && options.mayClaim(partition));
  const standBy = (): void => {
    const nowMs = clock.elapsed();
    if (nowMs < standsByUntilMs) return;
    const maxMs = leases.ttlMs * STAND_BY_TTLS_MAX;
    standByMs = nowMs - standsByUntilMs > maxMs ? leases.ttlMs : Math.min(Math.max(2 * standByMs, leases.ttlMs), maxMs);
    standsByUntilMs = nowMs + standByMs;
    log.info({ standByMs }, 'this host was silent for longer than a lease lives: it stands by for a while');
  };
  /** The name may still hold what an earlier process had; what is free is not held for a moment, for others claim it now. */
  const leave = async (partitions: readonly number[]): Promise<void> => {
    for (const partition of partitions) {
      const result = await leases.claim(leaseOf(partition), holder, false);
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
      if (result.granted) {
        fences.set(partition, result.fence);
        holders.delete(partition);
      } else {
        fences.delete(partition);
        holders.set(partition, result.holder);
      }
      if (result.granted !== had) (result.granted ? gained : lost).push(partition);
    };
    try {
      // One after the other: how many are free to be taken depends on those that were.
      for (const partition of wanted.filter(isOurs)) {
        if (stopped) return;
        await claimOne(partition);
      }
    } finally {
      // What was granted before a claim that failed is ours.
      if (!stopped && lost.length > 0) {
        standBy();
        options.onLost(lost);
      }
      if (!stopped && gained.length > 0) options.onGained(gained);
    }
  };
  const claimAgain = async (): Promise<void> => {
    const upTo = doubts;
    const again = partitionNumbers.filter((partition) => upTo > settled || !fences.has(partition));
    if (isClaiming || again.length === 0) return;
    isClaiming = true;
    try {
      await ends(claim(again));
      settled = upTo;
    } finally {
      isClaiming = false;
    }
  };
  const ends = <T>(work: Promise<T>): Promise<T> => {
    underWay = Promise.allSettled([underWay, work]);
    return work;
  };
  const letGo = async (partition: number): Promise<void> => {
    const fence = fences.get(partition);
    if (fence === undefined) return;
    fences.delete(partition);
    try {
      await leases.release(leaseOf(partition), holder, fence);
    } catch (error) {
      // It stays with this name, which claims it again at the next beat.
      log.debug({ partition, error: String(error) }, 'a lease could not be given back');
    }
  };
  const letGoOfAll = () => Promise.all([...fences.keys()].map(letGo));
  const awayAgain = (error: unknown): void => log.debug({ error: String(error) }, 'no beat: the log is out of reach');
  const beat = async (): Promise<void> => {
    const sentMs = clock.elapsed();
    if (!(await leases.beat(holder))) doubts += 1;
    if (stopped) return;
    if (clock.elapsed() - beatSentMs > leases.ttlMs) standBy();
    beatSentMs = sentMs;
    options.onBeat(fences.size, !partitionNumbers.every(isOurs));
    claimAgain().catch(awayAgain);
  };
  const loop = (): void => {
    cancel = clock.after(leases.ttlMs / BEATS_PER_TTL, () => {
      beat()
        .catch(awayAgain)
        .finally(() => {
          if (!stopped) loop();
        });
    });
  };
  const end = (): void => {
    stopped = true;
    cancel?.();
    forget();
  };
  return {
    async start() {
      beatSentMs = clock.elapsed();
      await leases.beat(holder);
      await leave(partitionNumbers.filter((partition) => !isOurs(partition)));
      loop();
      await claimAgain().catch((error: unknown) => {
        end();
        throw error;
      });
    },
    get partitions() {
      return new Set(fences.keys());
    },
    get standsBy() {
      return clock.elapsed() < standsByUntilMs;
    },
    holds: (host) => [...holders.values()].includes(host),
    gaveUp(partition) {
      if (!fences.has(partition)) return;
      standBy();
      // A host that is slow may have written late: the lease would stay with this one, which may be about to end.
      void ends(letGo(partition));
    },
    letGo,
    end,
    async release() {
      await letGoOfAll();
      await underWay;
      await letGoOfAll();
    },
  };
}
