/**
 * The partitions that this host has. Owns: opening and closing each, and what each knows of itself: its tasks, how far
 * it has read, what is said because of records that are being made, when its next checkpoint is due. Does not own: what
 * is done with an input (`inputs.ts`).
 *
 * Invariants:
 * 1. A partition is open after its journal was folded and says that this host writes it now; nothing is applied before.
 * 2. A partition that is lost is forgotten whole, in one turn: its tasks, effects, limits of time, and what was not told.
 */
import { BusError, type StoredMessage } from '../../../bus/port.ts';
import { FatalError } from '../errors.ts';
import type { HostContext } from '../host-context.ts';
import type { RecordPlace } from '../journal/journal.ts';
import type { JournalEnd } from '../journal/journal-lane.ts';
import { decodeHead, type Entry, type RecordHead } from '../journal/record.ts';
import type { Checkpoint } from '../ledger/port.ts';
import type { RecordMessages } from '../messages/messages.ts';
import type { OpenedFacts } from '../ports.ts';
import type { CheckpointLog } from '../recovery/checkpoint-log.ts';
import { foldPartition, markedFor, unsentText, upMsOf } from '../recovery/fold.ts';
import { type AgreedEnd, agree, type RecoveryOptions } from '../recovery/recovery.ts';
import { createTwins } from '../recovery/twins.ts';
import type { Tasks } from '../tasks/tasks.ts';

/** Between two tries to open a partition that another host is writing, or while the log is away, milliseconds. */
const TRY_AGAIN_MS = 100;

export interface Partition {
  readonly number: number;
  readonly tasks: Tasks;
  /** Tasks of which another past has told more. */
  readonly doubts: ReadonlySet<string>;
  /** By lane: the furthest message that was dealt with. */
  readonly read: Map<string, number>;
  /** The same, as the last record tells it. */
  readonly readInRecords: Map<string, number>;
  /** Up to which record everything was in the log, as the last record tells it: a checkpoint says no more than that. */
  sentInRecords: number;
  /** What is said because of records that are not made yet, by their number. */
  readonly saying: Map<number, RecordMessages>;
  recordsSinceCheckpoint: number;
  /** On the steady clock. */
  activeAtMs: number;
  wantsCheckpoint: boolean;
  /** Taken, and in the ledger only. */
  readonly checkpoints: Checkpoint[];
}

export interface Partitions {
  get(partition: number): Partition | undefined;
  all(): Iterable<Partition>;
  readonly size: number;
  /** From now on nothing is applied to it; what was applied is recorded and sent as ever. */
  leave(partition: Partition): void;
  /** False when it was lost since; another one of its number may be open by now. */
  isLeaving(partition: Partition): boolean;
  /** Opens what was gained; resolves when all of it is open, or lost again. */
  gained(partitions: readonly number[]): Promise<void>;
  lost(partitions: readonly number[]): void;
  /** The broker refused a record of this partition: it has something else at the journal's end, or nothing. */
  refused(partition: number, other: RecordHead | null): void;
  /** The log has something at the journal's end that is no record. */
  strays(partition: number, messages: readonly StoredMessage[]): void;
  /** What a record says of itself. */
  headOf(record: RecordPlace): RecordHead;
  /** A record was made. */
  sealed(partition: number, n: number, id: string): void;
  /** Both stores have a record. */
  told(partition: number, n: number): void;
  /** Checkpoints that are due. */
  checkpoints(): Checkpoint[];
  /** To be called now and then: time has passed. */
  look(): void;
  stop(): void;
}

export interface PartitionsOptions extends HostContext {
  readonly recovery: RecoveryOptions;
  readonly checkpointLog: CheckpointLog;
  /** The log has lost something since the ledger last knew it. */
  readonly logLost: () => boolean;
  readonly onOpened: (partition: Partition) => void;
  readonly onClosed: (partition: number) => void;
  /** Stands in its journal and is no record. */
  readonly onStray: (partition: Partition, message: StoredMessage) => void;
}

export function createPartitions(options: PartitionsOptions): Partitions {
  const { journal, sender, timers, clock, log, ledger, limits, witness, process: self } = options;
  const open = new Map<number, Partition>();
  /** Open, and about to be given to another host. */
  const leaving = new Set<number>();
  /** Wanted, by the number of the try: a partition that was lost meanwhile is not opened. */
  const wanted = new Map<number, number>();
  const claims = new Map<number, (granted: boolean) => void>();
  /** Places in the log of partitions that are being opened: their claim tells them too. */
  const opening = new Map<number, Map<string, number>>();
  /** By partition, its last opening: one that is not wanted any more may be about to write into the ledger still. */
  const openings = new Map<number, Promise<void>>();
  /**
   * By partition, which of all its claims this process made last: a record of an earlier one that was dropped may still reach
   * the log, and must not be taken for the one of now.
   */
  const claimed = new Map<number, number>();
  let claimsMade = 0;
  const twins = createTwins({ ...options, ledger: ledger.id });
  /** By partition that is not open yet: what stands in its journal and is no record. */
  const strays = new Map<number, readonly StoredMessage[]>();
  let tries = 0;
  let stopped = false;
  const established = (partition: number): boolean => open.has(partition);

  const close = (partition: number): void => {
    wanted.delete(partition);
    strays.delete(partition);
    leaving.delete(partition);
    claims.get(partition)?.(false);
    claims.delete(partition);
    journal.close(partition);
    sender.close(partition);
    if (open.delete(partition)) options.onClosed(partition);
    timers.close(partition);
  };
  /** Says in the journal that this host writes it from now on. */
  const claim = (partition: number, end: JournalEnd): Promise<boolean> => {
    journal.open(partition, end);
    const n = journal.say(partition, 'claimed');
    claimsMade += 1;
    claimed.set(partition, claimsMade);
    twins.claims(partition, end.seq);
    journal.hurry();
    return new Promise((resolve) => {
      claims.set(partition, resolve);
      journal.whenTold(partition, n, () => resolve(true));
    });
  };
  const tryToOpen = async (partition: number, isWanted: () => boolean): Promise<boolean> => {
    const end = await agree(options.recovery, partition);
    if (!isWanted()) return true;
    const twin = await twins.writerSince(partition, end.head);
    if (!isWanted()) return true;
    if (twin !== null) throw twins.error(twin);
    const everything = options.logLost() || end.logLacked;
    const marked = Number(ledger.meta(upKey(partition)) ?? 0);
    timers.open(partition, Math.max(upMsOf(ledger, partition, end.head), marked));
    const sent = everything || end.coversMore ? 0 : end.sent;
    sender.open(partition, sent);
    const before = everything ? null : end.head;
    const read = readBefore(before);
    if (before !== null && read.size > 0) {
      // What is told from now on to be read rests on what was there then, also where the ledger did not know it.
      witness.hears(before.tail);
      sender.recall(before.stored);
    }
    opening.set(partition, read);
    const granted = await claim(partition, endOf(end));
    claims.delete(partition);
    opening.delete(partition);
    if (!isWanted()) return true;
    if (!granted) return false;
    options.checkpointLog.open(partition);
    const checkpoint = everything ? ledger.checkpoint(partition) : null;
    // Records that it stands for may be in no store any more.
    if (checkpoint !== null) await options.checkpointLog.write(checkpoint);
    if (!isWanted()) return true;
    const beganMs = clock.elapsed();
    const covered = ledger.checkpointed(partition);
    const folded = await foldPartition(options.recovery, partition, end, everything);
    if (!isWanted()) return true;
    options.tracing.opened({
      ...{
        service: options.service,
        partition,
        checkpoint: covered,
        records: folded.records,
        tasks: folded.tasks.size,
      },
      ...{ tookMs: clock.elapsed() - beganMs, before: beforeOf(end.head, ledger.id) },
    });
    for (const { n, messages } of folded.unsent) sender.add(partition, n, messages);
    sender.release(partition, journal.told(partition));
    const part: Partition = {
      ...{
        number: partition,
        tasks: folded.tasks,
        doubts: folded.doubts,
        read,
        readInRecords: new Map(read),
        sentInRecords: sent,
        saying: new Map(),
        activeAtMs: clock.elapsed(),
      },
      ...{ recordsSinceCheckpoint: folded.records, wantsCheckpoint: false, checkpoints: [] },
    };
    open.set(partition, part);
    options.onOpened(part);
    for (const message of [...end.strays, ...(strays.get(partition) ?? [])]) options.onStray(part, message);
    strays.delete(partition);
    return true;
  };

  /** It was the journal's end before, and is so again. */
  const isKnown = (partition: number, { n, id }: RecordHead): boolean => {
    const own = ledger.record(partition, n);
    return own !== null && decodeHead(own.body).id === id;
  };
  const readBefore = (head: RecordHead | null): Map<string, number> =>
    new Map(head?.log === witness.stream.identity ? Object.entries(head.read) : []);
  const openOne = (partition: number): Promise<void> => {
    tries += 1;
    const mine = tries;
    wanted.set(partition, mine);
    const before = openings.get(partition) ?? Promise.resolve();
    const opened = before.then(() => openWhile(partition, () => wanted.get(partition) === mine && !stopped));
    openings.set(
      partition,
      opened.catch(() => undefined),
    );
    return opened;
  };
  const openWhile = async (partition: number, isWanted: () => boolean): Promise<void> => {
    while (isWanted()) {
      try {
        // A record that the log has refused may be on its way to the ledger still.
        await journal.settled();
        if (await tryToOpen(partition, isWanted)) return;
      } catch (error) {
        if (!isWanted()) return;
        const passing = error instanceof BusError && (error.retryable || error.code === 'conflict');
        if (!passing) throw error;
        log.debug({ partition, error: error.message }, 'a partition could not be opened; trying again');
      }
      journal.close(partition);
      await new Promise<void>((resolve) => clock.after(TRY_AGAIN_MS, resolve));
    }
  };
  const takeCheckpoint = (part: Partition): Checkpoint => {
    const n = journal.current(part.number) - 1;
    part.recordsSinceCheckpoint = 0;
    part.wantsCheckpoint = false;
    // What the last checkpoint took is stored by now: one commit is under way at a time.
    part.tasks.forget(limits.idleTasksMax);
    const checkpoint = {
      ...part.tasks.checkpoint(n),
      unsent: unsentText(part.sentInRecords, sender.unsent(part.number, n), timers.upMs(part.number)),
    };
    part.checkpoints.push(checkpoint);
    const taken = { service: options.service, partition: part.number, n, tasks: checkpoint.tasks.length };
    options.tracing.hosted({ what: 'checkpoint', ...taken });
    return checkpoint;
  };
  const isDue = ({ recordsSinceCheckpoint, tasks, wantsCheckpoint }: Partition): boolean =>
    wantsCheckpoint || recordsSinceCheckpoint >= limits.checkpointRecords || tasks.changed >= limits.checkpointTasks;

  return {
    get: (partition) => (leaving.has(partition) ? undefined : open.get(partition)),
    all: () => [...open.values()].filter(({ number }) => !leaving.has(number)),
    leave(part) {
      leaving.add(part.number);
      part.wantsCheckpoint = true;
    },
    isLeaving: (part) => leaving.has(part.number) && open.get(part.number) === part,
    get size() {
      return open.size;
    },
    async gained(partitions) {
      await Promise.all(partitions.map(openOne));
    },
    lost(partitions) {
      for (const partition of partitions) close(partition);
    },
    refused(partition, other) {
      // Written after this process had claimed it, although that claim may not have been acknowledged.
      const tookOver = established(partition) || other?.previous.startsWith(`${self}.${partition}.`);
      if (!tookOver) {
        // It was written meanwhile: by a process that has ended, or by one that has the lease now.
        if (other !== null && twins.keepsOut(partition, other)) options.onFatal(twins.error(other));
        else claims.get(partition)?.(false);
        return;
      }
      if (other === null || isKnown(partition, other)) {
        options.onFatal(new FatalError('the log has lost its end', { exitCode: 3 }));
        return;
      }
      if (twins.isOne(other)) {
        options.onFatal(twins.error(other));
        return;
      }
      log.warn({ partition, host: other.host }, 'another host writes this partition now; what was not told is dropped');
      options.ownership.gaveUp(partition);
      close(partition);
    },
    strays(partition, messages) {
      const part = open.get(partition);
      if (part) for (const message of messages) options.onStray(part, message);
      else strays.set(partition, messages);
    },
    headOf({ partition, n, previous, entries, isLast }) {
      const part = open.get(partition);
      const sent = sender.sent(partition);
      if (part) {
        noteRead(part, entries, isLast);
        part.sentInRecords = sent;
      }
      const read = part?.readInRecords ?? opening.get(partition) ?? [];
      return {
        ...{
          service: options.service,
          partition,
          n,
          id: `${self}.${partition}.${claimed.get(partition) ?? 0}.${n}`,
          previous,
        },
        ...{ ledger: ledger.id, process: self, host: options.name, atMs: clock.now(), upMs: timers.upMs(partition) },
        ...{ log: witness.stream.identity, read: Object.fromEntries(read), tail: witness.tail },
        ...{ stored: { ...(witness.storedBefore ?? sender.stored) }, sent },
      };
    },
    sealed(partition, n, id) {
      const part = open.get(partition);
      if (!part) return;
      part.recordsSinceCheckpoint += 1;
      const saying = part.saying.get(n);
      part.saying.delete(n);
      if (!saying) return;
      const messages = saying.messages(`${options.service}.${partition}`, n, id, options.bus.maxPayloadBytes);
      sender.add(partition, n, markedFor(part.doubts, messages));
    },
    told(partition, n) {
      sender.release(partition, n);
      const part = open.get(partition);
      while (part?.checkpoints[0] && part.checkpoints[0].n <= n) {
        const checkpoint = part.checkpoints.shift() as Checkpoint;
        options.checkpointLog.write(checkpoint).catch((error: unknown) => {
          log.debug({ partition, error: String(error) }, 'a checkpoint did not reach the log; the next one will');
        });
      }
    },
    checkpoints: () => [...open.values()].filter(isDue).map(takeCheckpoint),
    look() {
      const nowMs = clock.elapsed();
      for (const part of open.values()) {
        const silentMs = nowMs - part.activeAtMs;
        if (silentMs >= limits.timeMarkMs && timers.waits(part.number))
          journal.meta(upKey(part.number), String(timers.upMs(part.number)));
        if (silentMs >= limits.checkpointIdleMs && part.recordsSinceCheckpoint > 0) {
          part.wantsCheckpoint = true;
          journal.say(part.number);
        }
      }
    },
    stop() {
      stopped = true;
      wanted.clear();
      for (const resolve of claims.values()) resolve(false);
    },
  };
}

/** Where a journal is written on: after its last record, and after what stands behind that and is none. */
function endOf({ n, head, seq, strays }: AgreedEnd): JournalEnd {
  const id = head?.id ?? '';
  return { n, id, seq, idInLog: strays.at(-1)?.seq === seq ? '' : id };
}

/** What was dealt with when the record ends: of inputs that are in the next one nothing is told yet. */
function noteRead({ read, readInRecords }: Partition, entries: readonly Entry[], isLast: boolean): void {
  for (const { input } of entries) if (input.place) readInRecords.set(input.place.lane, input.place.seq);
  if (isLast) for (const [lane, seq] of read) readInRecords.set(lane, seq);
}

/** How the last writer left a partition. One that was claimed and of which nothing else was said counts as cut off. */
function beforeOf(head: RecordHead | null, ledger: string): OpenedFacts['before'] {
  if (head === null) return null;
  return { host: head.host, atMs: head.atMs, inOrder: head.word === 'stopped', here: head.ledger === ledger };
}

function upKey(partition: number): string {
  return `up.${partition}`;
}
