/**
 * Group commit into two stores. Owns: gathering the inputs of each partition into records, writing each record to the
 * ledger and to the log side by side, and telling when it is in both. Does not own: sending to the log
 * (`log-writer.ts`), what an input means, or what waits for a record.
 *
 * Invariants:
 * 1. What is added in one turn of the event loop is in one record, unless a limit of its size divides it (J1).
 * 2. The records of a partition are numbered without gaps, and each store gets them in that order.
 * 3. A record is told when both stores have it, after the ones before it (J2).
 * 4. The log takes a record only after the one that its writer knows as the last (J4): a writer that is not the last one
 *    any more learns it here, and nothing of it is told from then on.
 * 5. The ledger may be ahead of a log that is slow or away, by a limited number of records; then nothing more is sealed.
 */
import type { Bus, StoredMessage } from '../../../bus/port.ts';
import type { AtCrashPoint } from '../crash-points.ts';
import { FatalError } from '../errors.ts';
import type { Checkpoint, Ledger, LedgerBatch, LoggedRecord, StoredRecord } from '../ledger/port.ts';
import type { RuntimeLimits } from '../limits.ts';
import type { Clock } from '../ports.ts';
import { furthestMark } from '../recovery/witness.ts';
import { addTo, isPending, type JournalEnd, type JournalLane, numberOf, openLane, untoldIn } from './journal-lane.ts';
import { createLogWriter } from './log-writer.ts';
import { type Entry, encodeRecord, type RecordHead } from './record.ts';

export interface Journal {
  /** Begins to write on after this record. */
  open(partition: number, end: JournalEnd): void;
  /** Nothing more is written or told of it; what was not told is not there. */
  close(partition: number): void;
  /** Returns the number of the record that it will be in. */
  add(partition: number, entry: Entry): number;
  /** A record although there may be nothing to record. */
  say(partition: number, word?: RecordHead['word']): number;
  /** Number of the record that what is added now will be in. */
  current(partition: number): number;
  /** Number of the last record that both stores have. */
  told(partition: number): number;
  /** Calls back when that record is told; never when the partition is closed before. */
  whenTold(partition: number, n: number, callback: () => void): void;
  /** Commits without waiting for the window. */
  hurry(): void;
  /** Go into the ledger with the next records. */
  begun(key: string, crashes: number): void;
  /** Resolves when what was begun until now is in the ledger, or at the stop; commits without waiting for the window. */
  remembered(): Promise<void>;
  meta(key: string, value: string): void;
  /** True when so much waits for the log that nothing new may be taken in. */
  readonly isFull: boolean;
  /** Calls back once when it is not full any more. */
  onRoom(callback: () => void): void;
  /** Where the log has a record of this host; null for one of long ago. */
  seqOf(partition: number, n: number): number | null;
  /** The mark of the furthest record of this host in the log; empty when there is none. */
  furthest(): string;
  /** Records that are not told yet, those not yet made included. */
  readonly untold: number;
  /** Resolves when no record is untold any more: a partition that is closed has none. */
  allTold(): Promise<void>;
  /** Resolves when all that was added is in the ledger, with what is known of the log's places. */
  flushed(): Promise<void>;
  /** Resolves when no commit is under way: what a partition that was closed had in it is in the ledger then. */
  settled(): Promise<void>;
  stop(): void;
}

/** A record that is being made. */
export interface RecordPlace {
  readonly partition: number;
  readonly n: number;
  /** Id of the record before it. */
  readonly previous: string;
  readonly entries: readonly Entry[];
  /** False when more of what was added is in the next one. */
  readonly isLast: boolean;
}

export interface JournalOptions {
  readonly service: string;
  readonly ledger: Pick<Ledger, 'commit'>;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly limits: RuntimeLimits;
  readonly at: AtCrashPoint;
  /** Runs it when it is certain that the log is the same. */
  readonly whenCertain: (task: () => void) => void;
  /** What a record says of itself, but for its place among the others. */
  readonly headOf: (record: RecordPlace) => RecordHead;
  /** A record was made: what is said because of it rests on it. */
  readonly onSealed: (partition: number, n: number, id: string) => void;
  readonly onTold: (partition: number, n: number) => void;
  /** The log has something else at its end: the head of that, or null when it has nothing. */
  readonly onRefused: (partition: number, other: RecordHead | null) => void;
  /** The log has something at its end that is no record. */
  readonly onStrays: (partition: number, strays: readonly StoredMessage[]) => void;
  /** Called before each commit. */
  readonly beforeCommit: () => void;
  /** Called when the records of a commit are made: the checkpoints that go into the ledger with them. */
  readonly checkpoints: () => Checkpoint[];
  readonly onFatal: (error: FatalError) => void;
}

export function createJournal(options: JournalOptions): Journal {
  const { service, ledger, bus, clock, limits, at } = options;
  const lanes = new Map<number, JournalLane>();
  let logged: LoggedRecord[] = [];
  let begun = new Map<string, number>();
  let meta = new Map<string, string>();
  let committing = false;
  let hurried = false;
  let scheduled = false;
  let stopped = false;
  let cancelWindow: (() => void) | undefined;
  let cancelPatience: (() => void) | undefined;
  const flushWaiters: (() => void)[] = [];
  /** What they wait for goes with the next commit. */
  let rememberWaiters: (() => void)[] = [];
  let roomWaiters: (() => void)[] = [];
  const toldWaiters: (() => void)[] = [];

  const laneOf = (partition: number): JournalLane => {
    const lane = lanes.get(partition);
    if (!lane) throw new Error(`partition ${partition} is not open`);
    return lane;
  };
  const hasWork = (): boolean => {
    for (const lane of lanes.values()) if (isPending(lane)) return true;
    // Where the log has records goes along with the next ones, or when all is to be in the ledger.
    return (
      begun.size > 0 || rememberWaiters.length > 0 || meta.size > 0 || (flushWaiters.length > 0 && logged.length > 0)
    );
  };
  const ahead = (): number => {
    let sum = 0;
    for (const { toLog } of lanes.values()) sum += toLog.length;
    return sum;
  };
  /** The log is behind, and not for so long that the ledger goes on without it. */
  const waitsForLog = (): boolean => {
    const oldest = Math.min(
      ...[...lanes.values()].filter(({ toLog }) => toLog.length > 0).map((lane) => lane.sentAtMs),
    );
    const leftMs = oldest + limits.logPatienceMs - clock.elapsed();
    if (leftMs <= 0 || oldest === Number.POSITIVE_INFINITY) return false;
    cancelPatience ??= clock.after(leftMs, () => {
      cancelPatience = undefined;
      schedule();
    });
    return true;
  };
  const schedule = (): void => {
    if (committing || stopped || !hasWork()) return;
    if (hurried) {
      if (scheduled) return;
      scheduled = true;
      clock.soon(() => {
        scheduled = false;
        flush();
      });
    } else cancelWindow ??= clock.after(limits.commitWindowMs, flush);
  };

  const sealLane = (lane: JournalLane, records: StoredRecord[]): void => {
    const { partition } = lane;
    while (lane.pending.length > 0 || lane.word !== undefined) {
      const entries = lane.pending.shift()?.entries ?? [];
      const isLast = lane.pending.length === 0;
      const head = options.headOf({ partition, n: lane.n + 1, previous: lane.id, entries, isLast });
      const word = isLast ? lane.word : undefined;
      if (isLast) lane.word = undefined;
      const body = encodeRecord(
        word === undefined || word === 'time' ? head : { ...head, word },
        entries,
        bus.maxPayloadBytes,
        lane.texts,
      );
      lane.n += 1;
      lane.id = head.id;
      // Both stores get the same bytes, so they are made smaller once.
      const zstd = bus.zstdOf(lane.subject, body) ?? undefined;
      records.push({ partition, n: lane.n, body, zstd });
      if (lane.toLog.length === 0) lane.sentAtMs = clock.elapsed();
      lane.toLog.push({ n: lane.n, id: head.id, body, zstd });
      options.onSealed(partition, lane.n, head.id);
    }
  };
  const flush = (): void => {
    cancelWindow?.();
    cancelWindow = undefined;
    if (committing || stopped) return;
    options.beforeCommit();
    if (!hasWork() || isFull() || waitsForLog()) return;
    hurried = false;
    const records: StoredRecord[] = [];
    for (const lane of lanes.values()) sealLane(lane, records);
    const batch: LedgerBatch = {
      records,
      logged,
      checkpoints: options.checkpoints(),
      begun: [...begun].map(([key, crashes]) => ({ key, crashes })),
      meta: [...meta].map(([key, value]) => ({ key, value })),
    };
    logged = [];
    begun = new Map();
    meta = new Map();
    const remembering = rememberWaiters;
    rememberWaiters = [];
    committing = true;
    at('before-commit');
    ledger.commit(batch).then(
      () => {
        committing = false;
        at('in-ledger');
        for (const { partition, n } of records)
          settle(partition, (lane) => (lane.inLedger = Math.max(lane.inLedger, n)));
        for (const resolve of [...flushWaiters.splice(0), ...remembering]) resolve();
        schedule();
      },
      (error: unknown) => {
        if (stopped) return;
        stopped = true;
        writer.stop();
        options.onFatal(error instanceof FatalError ? error : new FatalError(String(error), { cause: error }));
      },
    );
    for (const lane of lanes.values()) writer.transmit(lane);
  };

  /** Notes how far a store is, and tells what both have. */
  const settle = (partition: number, note: (lane: JournalLane) => void): void => {
    const lane = lanes.get(partition);
    if (!lane) return;
    note(lane);
    // A log of which it is not certain that it holds what it held may have lost the record meanwhile.
    options.whenCertain(() => tell(lane));
  };
  const tell = (lane: JournalLane): void => {
    const told = Math.min(lane.inLedger, lane.inLog);
    if (told <= lane.told || lanes.get(lane.partition) !== lane || stopped) return;
    lane.told = told;
    at('after-commit');
    const ready = lane.waiting.filter(({ n }) => n <= told);
    if (ready.length > 0) lane.waiting = lane.waiting.filter(({ n }) => n > told);
    options.onTold(lane.partition, told);
    for (const { callback } of ready) callback();
    noteTold();
  };
  const untold = (): number => {
    let sum = 0;
    for (const lane of lanes.values()) sum += untoldIn(lane);
    return sum;
  };
  const noteTold = (): void => {
    if (stopped || untold() === 0) for (const resolve of toldWaiters.splice(0)) resolve();
  };

  const writer = createLogWriter({
    ...{ service, bus, clock, limits, lanes, onRefused: options.onRefused },
    ...{ onStrays: options.onStrays, onFatal: options.onFatal },
    whenCertain: options.whenCertain,
    onStored(lane, { n }) {
      logged.push({ partition: lane.partition, n, seq: lane.seq });
      at('in-log');
      settle(lane.partition, () => (lane.inLog = n));
      if (lanes.get(lane.partition) !== lane) return;
      writer.transmit(lane);
      makeRoom();
      schedule();
    },
  });
  const isFull = (): boolean => ahead() >= limits.recordsAheadMax;
  const makeRoom = (): void => {
    if (!isFull()) for (const callback of roomWaiters.splice(0)) callback();
  };
  return {
    open(partition, end) {
      lanes.set(partition, openLane(service, partition, end));
    },
    close(partition) {
      lanes.delete(partition);
      makeRoom();
      // What waited for what this one had on its way.
      schedule();
      if (!hasWork() && !committing) for (const resolve of flushWaiters.splice(0)) resolve();
      noteTold();
    },
    add(partition, entry) {
      const lane = laneOf(partition);
      addTo(lane, entry, limits);
      schedule();
      return numberOf(lane);
    },
    say(partition, word) {
      const lane = laneOf(partition);
      lane.word = word ?? lane.word ?? 'time';
      schedule();
      return numberOf(lane);
    },
    current: (partition) => numberOf(laneOf(partition)),
    told: (partition) => lanes.get(partition)?.told ?? 0,
    whenTold(partition, n, callback) {
      const lane = lanes.get(partition);
      if (!lane) return;
      if (lane.told >= n) callback();
      else lane.waiting.push({ n, callback });
    },
    hurry() {
      hurried = true;
      schedule();
    },
    begun: (key, crashes) => void begun.set(key, crashes),
    meta(key, value) {
      meta.set(key, value);
      schedule();
    },
    get isFull() {
      return isFull();
    },
    onRoom: (callback) => void roomWaiters.push(callback),
    seqOf: (partition, n) => lanes.get(partition)?.places.get(n) ?? null,
    furthest() {
      return furthestMark([...lanes.values()].map(({ seq, idInLog }) => `${seq}@${idInLog}`));
    },
    get untold() {
      return untold();
    },
    allTold() {
      return new Promise<void>((resolve) => {
        toldWaiters.push(resolve);
        noteTold();
      });
    },
    async flushed() {
      while ((hasWork() || committing || logged.length > 0) && !stopped) {
        hurried = true;
        const committed = new Promise<void>((resolve) => flushWaiters.push(resolve));
        schedule();
        await committed;
      }
    },
    remembered() {
      if (stopped) return Promise.resolve();
      const remembered = new Promise<void>((resolve) => rememberWaiters.push(resolve));
      hurried = true;
      schedule();
      return remembered;
    },
    async settled() {
      while (committing && !stopped) await new Promise<void>((resolve) => flushWaiters.push(resolve));
    },
    stop() {
      stopped = true;
      cancelWindow?.();
      cancelPatience?.();
      writer.stop();
      roomWaiters = [];
      for (const resolve of [...flushWaiters.splice(0), ...rememberWaiters.splice(0)]) resolve();
      noteTold();
    },
  };
}
