/**
 * Which log this is, and whether it still holds what it held (S10). Owns: the one judgement of that, at a start and
 * whenever a reader is opened or the connection was lost, and keeping back what arrives until there is one. Does not own:
 * reading, or what is done about a log that has lost something.
 *
 * A log is known by its identity and by the furthest message that was met in it. Without this, a host that was connected,
 * or suspended in the middle of its start, would read on in a new log, or in one whose end was lost and written again, at
 * the place where it was in the old one.
 */
import { type Bus, BusError, type StoredMessage, type StreamInfo, type StreamName } from '../../../bus/port.ts';
import { FatalError } from '../errors.ts';
import { markOf } from '../messages/messages.ts';
import type { Clock } from '../ports.ts';

/** Between two questions while the log does not answer, milliseconds. */
const ASK_AGAIN_MS = 100;

/** `same`: it holds all that it held. `cut`: it has lost its end. `new`: it was made anew. */
export type Verdict = 'same' | 'cut' | 'new';

/** What a host knew of the log when it wrote a record. */
export interface Memory {
  readonly log: string;
  readonly tail: string;
  readonly stored: Readonly<Record<'log' | 'quarantine', string>>;
}

export interface Witness {
  /** Looks at the log and holds it against what was known of it. To be called once, at the start. @throws BusError */
  judge(known: readonly Memory[]): Promise<Verdict>;
  /** As it was at the start. */
  readonly stream: StreamInfo;
  /**
   * The furthest message that was met, as `<seq>@<time>`. From a loss of the connection until the log was asked about it, the
   * one of then: what is met meanwhile would hide what the log has lost.
   */
  readonly tail: string;
  /** The same of what this host knew to be stored; null while it is certain that the log is the same. */
  readonly storedBefore: Memory['stored'] | null;
  /** Opens a reader; what it delivers is kept back until the log was asked. @throws FatalError, BusError */
  during<T>(open: () => Promise<T>): Promise<T>;
  /** To be called for each message when it arrives, before it is applied. */
  arrived(message: StoredMessage): void;
  /** Somebody had met this in the log, and says so in it. */
  hears(tail: string): void;
  /** Runs the task now, or when it is certain, in the order of the calls; never when the log is not the same. */
  whenCertain(task: () => void): void;
  stop(): void;
}

/** A message that a stream has acknowledged. */
export interface Mark {
  readonly stream: StreamName;
  /** As `markOf` writes it; empty for none. */
  readonly mark: string;
}

export interface WitnessOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  /** The furthest messages that this host knows to be stored: asked for again after the connection was lost. */
  readonly stored: () => Memory['stored'];
  /**
   * The mark of the furthest record among them, asked for as well: its id tells a past of the log from another one in which
   * the same was said.
   */
  readonly record: () => string;
  readonly onFatal: (error: FatalError) => void;
}

export function tailOf({ seq, atMs }: Pick<StoredMessage, 'seq' | 'atMs'>): string {
  return `${seq}@${atMs}`;
}

/** Sequence of a mark; 0 when there is none. */
export function seqOf(mark: string): number {
  return Number(mark.split('@', 1)[0]);
}

export function createWitness({ bus, clock, stored, record, onFatal }: WitnessOptions): Witness {
  let stream: StreamInfo | null = null;
  let tail = '';
  /** Reasons not to be certain that have no answer yet. */
  let doubts = 0;
  let kept: (() => void)[] = [];
  /** Losses of the connection, counted; null while it is there and was asked about. */
  let lost: number | null = null;
  let losses = 0;
  /** What the log had when the connection was lost: what is stored from then on says nothing about that. */
  let had: (Omit<Memory, 'log'> & { readonly record: string }) | null = null;
  let cancel: (() => void) | undefined;
  let stopped = false;

  const settle = (): void => {
    doubts -= 1;
    while (doubts === 0 && kept.length > 0) kept.shift()?.();
  };
  const ask = async (): Promise<void> => {
    const memory = had ?? { tail, stored: stored(), record: record() };
    const { identity } = await bus.streamInfo();
    if (identity !== stream?.identity) throw new FatalError('the log was made anew', { exitCode: 3 });
    const holdsAll = (await stillHolds(bus, memory)) && (await keeps(bus, { stream: 'log', mark: memory.record }));
    if (!holdsAll) throw new FatalError('the log has lost its end', { exitCode: 3 });
  };
  /** A cluster that is choosing its leader answers nobody for some seconds. */
  const askUntilAnswered = async (): Promise<void> => {
    for (;;) {
      try {
        await ask();
        return;
      } catch (error) {
        if (stopped || !(error instanceof BusError && error.retryable)) throw error;
        await new Promise<void>((resolve) => clock.after(ASK_AGAIN_MS, resolve));
      }
    }
  };
  const askAgain = (): void => {
    const about = lost;
    // A server that came back without its streams has nobody else to make them.
    bus
      .ensureTopology()
      .then(ask)
      .then(
        () => {
          // Lost again meanwhile: the answer may be older than that.
          if (stopped || about !== lost) return;
          lost = null;
          had = null;
          settle();
        },
        (error: unknown) => {
          if (stopped || about !== lost) return;
          if (error instanceof BusError && error.retryable) cancel = clock.after(ASK_AGAIN_MS, askAgain);
          else
            onFatal(error instanceof FatalError ? error : new FatalError(String(error), { exitCode: 3, cause: error }));
        },
      );
  };
  const forget = bus.onConnection((connected) => {
    if (stream === null) return;
    if (connected) {
      if (lost !== null) askAgain();
      return;
    }
    cancel?.();
    if (lost === null) doubts += 1;
    had ??= { tail, stored: stored(), record: record() };
    losses += 1;
    lost = losses;
  });
  return {
    async judge(known) {
      const found = await bus.streamInfo();
      stream = found;
      if (known.some(({ log }) => log !== found.identity)) return 'new';
      const mark = furthestMark(known.map((one) => one.tail));
      const marks = (name: 'log' | 'quarantine') => furthestMark(known.map((one) => one.stored[name]));
      const stored = { log: marks('log'), quarantine: marks('quarantine') };
      if (!(await stillHolds(bus, { tail: mark, stored }))) return 'cut';
      if (seqOf(mark) > seqOf(tail)) tail = mark;
      return 'same';
    },
    get stream() {
      if (stream === null) throw new Error('the log has not been judged');
      return stream;
    },
    get tail() {
      return had?.tail ?? tail;
    },
    get storedBefore() {
      return had?.stored ?? null;
    },
    async during(open) {
      doubts += 1;
      let opened: Awaited<ReturnType<typeof open>>;
      try {
        opened = await open();
      } catch (error) {
        // Nothing was opened, so nothing comes of which one would have to be certain.
        settle();
        throw error;
      }
      await askUntilAnswered();
      settle();
      return opened;
    },
    arrived(message) {
      if (message.seq > seqOf(tail)) tail = tailOf(message);
    },
    hears(mark) {
      tail = furthestMark([tail, mark]);
    },
    whenCertain(task) {
      if (doubts === 0) task();
      else kept.push(task);
    },
    stop() {
      stopped = true;
      kept = [];
      cancel?.();
      forget();
    },
  };
}

/** True when the log, which is the one that the memory is of, has all that it had then. @throws BusError */
export async function stillHolds(bus: Bus, { tail, stored }: Omit<Memory, 'log'>): Promise<boolean> {
  if (!(await holds(bus, tail, await bus.streamInfo()))) return false;
  for (const stream of ['log', 'quarantine'] as const)
    if (!(await keeps(bus, { stream, mark: stored[stream] }))) return false;
  return true;
}

async function holds(bus: Bus, mark: string, found: StreamInfo): Promise<boolean> {
  const seq = seqOf(mark);
  if (seq === 0 || seq < found.firstSeq) return true;
  if (seq > found.lastSeq) return false;
  const message = await bus.get(seq);
  return message === null || tailOf(message) === mark;
}

/** True when the stream has what it had there. What has gone by age does not count. @throws BusError */
export async function keeps(bus: Bus, { stream, mark }: Mark): Promise<boolean> {
  const seq = seqOf(mark);
  if (seq === 0) return true;
  // In this order: between the two the stream may grow over the place, and would seem to have lost it by age.
  const { lastSeq } = await bus.streamInfo(stream);
  if (seq > lastSeq) return false;
  const message = await bus.get(seq, stream);
  return message === null || markOf(message) === mark;
}

/** The one with the largest sequence; empty when there is none. */
export function furthestMark(marks: readonly string[]): string {
  let best = '';
  for (const mark of marks) if (seqOf(mark) > seqOf(best)) best = mark;
  return best;
}
