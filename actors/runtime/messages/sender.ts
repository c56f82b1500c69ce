/**
 * Sends what follows from records. Owns: the order of sending, waiting for acknowledgements, sending again after a
 * failure, and the watermark: up to which record of each partition everything is in the log. Does not own: what is sent.
 *
 * Invariants:
 * 1. What rests on a record leaves when both stores have it, in the order of the records (J2).
 * 2. What was not acknowledged is sent again under the same id, until it is.
 * 3. One message of a subject is under way at a time: of two in flight the log may refuse the first and take the second,
 *    and a cancel would come before what it cancels.
 * 4. Of one journal's messages the log has none without those that were to come before it on the same subject: the last
 *    one of a subject says which it has. A log that loses its end while a message is on its way breaks that, so each one
 *    says what it was sent after.
 */
import { type Bus, BusError, type StoredMessage } from '../../../bus/port.ts';
import type { AtCrashPoint } from '../crash-points.ts';
import { FatalError } from '../errors.ts';
import type { RuntimeLimits } from '../limits.ts';
import type { Clock, RuntimeLog, Tracing } from '../ports.ts';
import { seqOf } from '../recovery/witness.ts';
import { type Message, placeOf, requestOf } from './messages.ts';

export interface Sender {
  /** Begins with a partition of whose records up to `sent` everything is in the log. */
  open(partition: number, sent: number): void;
  close(partition: number): void;
  /** What an earlier process knew to be stored; the furthest counts. */
  recall(stored: Readonly<Record<'log' | 'quarantine', string>>): void;
  /** What follows from a record; records of a partition come in order. */
  add(partition: number, n: number, messages: readonly Message[]): void;
  /** Both stores have the records up to `n`. */
  release(partition: number, n: number): void;
  /** What is not known to be in the log, of records up to `n`. */
  unsent(partition: number, n: number): Unsent[];
  /** Up to which record everything is in the log. */
  sent(partition: number): number;
  /** Calls back when everything that was released of the partition is in the log; never when it is closed before. */
  whenSent(partition: number, callback: () => void): void;
  /** The furthest message that each stream has taken, as `placeOf` writes it; empty when none. */
  readonly stored: Readonly<Record<'log' | 'quarantine', string>>;
  /** Messages that the log does not have yet. */
  readonly waiting: number;
  readonly isFull: boolean;
  /** Calls back once when a quarter of what may wait is left. */
  onRoom(callback: () => void): void;
  /** Resolves when nothing waits, or after `limitMs`. */
  drained(limitMs: number): Promise<void>;
  stop(): void;
}

/** What follows from a record and may not have arrived. */
export interface Unsent {
  readonly n: number;
  readonly messages: readonly Message[];
}

export interface SenderOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: RuntimeLog;
  readonly limits: RuntimeLimits;
  readonly at: AtCrashPoint;
  readonly tracing: Tracing;
  /** Where the log has a record; null when that is not known any more. */
  readonly recordSeq: (partition: number, n: number) => number | null;
  /** The mark of the furthest thing that this host knows to be in the log. */
  readonly furthest: () => string;
  /** Runs it when it is certain that the log is the same: nothing is told after what the log has lost. */
  readonly whenCertain: (task: () => void) => void;
  readonly onFatal: (error: FatalError) => void;
}

interface Waiting {
  readonly lane: Lane;
  readonly n: number;
  readonly message: Message;
}

interface Lane {
  readonly partition: number;
  /** Not yet released, in order. */
  held: Waiting[];
  /** Messages of a record that are not in the log yet, by its number; in order of numbers. */
  readonly missing: Map<number, Set<Message>>;
  /** Last record of which it is known what follows from it, and that was released. */
  released: number;
  sent: number;
  /** Callers of `whenSent`. */
  waiters: (() => void)[];
}

export function createSender(options: SenderOptions): Sender {
  const { bus, clock, limits } = options;
  const lanes = new Map<number, Lane>();
  /** By subject: the first is under way, the others wait behind it. */
  const lines = new Map<string, Waiting[]>();
  /** Subjects whose first was refused for now. */
  const delayed = new Set<string>();
  let waiting = 0;
  const stored = { log: '', quarantine: '' };
  let stopped = false;
  let cancelResend: (() => void) | undefined;
  let roomWaiters: (() => void)[] = [];
  let drainWaiters: (() => void)[] = [];

  const advance = (lane: Lane): void => {
    const first = lane.missing.keys().next();
    lane.sent = first.done ? lane.released : Math.min(lane.released, first.value - 1);
    if (lane.sent === lane.released) for (const callback of lane.waiters.splice(0)) callback();
  };
  const gone = (count: number): void => {
    waiting -= count;
    if (waiting <= limits.sendingMax / 4) for (const callback of roomWaiters.splice(0)) callback();
    if (waiting === 0) for (const callback of drainWaiters.splice(0)) callback();
  };
  const settled = (entry: Waiting): void => {
    const { lane, n, message } = entry;
    const missing = lane.missing.get(n);
    missing?.delete(message);
    if (missing?.size === 0) lane.missing.delete(n);
    advance(lane);
    gone(1);
  };
  const note = (stream: 'log' | 'quarantine', place: string): void => {
    if (seqOf(place) > seqOf(stored[stream])) stored[stream] = place;
  };
  const next = (subject: string): void => {
    const line = lines.get(subject);
    line?.shift();
    const [entry] = line ?? [];
    if (entry) transmit(entry);
    else lines.delete(subject);
  };
  const transmit = (entry: Waiting): void => {
    const { message } = entry;
    options.at('before-publish');
    options.whenCertain(() => publish(entry, message));
  };
  const publish = (entry: Waiting, message: Message): void => {
    if (stopped) return;
    const beganMs = clock.elapsed();
    const recordSeq = options.recordSeq(entry.lane.partition, entry.n);
    bus.publish(requestOf(message, recordSeq, options.furthest())).then(
      ({ seq, duplicate }) => {
        const tookMs = clock.elapsed() - beganMs;
        if (duplicate && message.kind === 'quarantine') setAsideBefore(entry, seq, tookMs);
        else acknowledged(entry, placeOf({ seq, header: (name) => message.headers[name] ?? '' }), { seq, tookMs });
      },
      (error: unknown) => failed(message, error),
    );
  };
  const acknowledged = (
    entry: Waiting,
    place: string,
    { seq, tookMs }: { readonly seq: number; readonly tookMs: number },
  ): void => {
    const { kind, task, to, headers, subject } = entry.message;
    // Before anything else can happen: a log that is lost from now on is asked for it.
    note(kind === 'quarantine' ? 'quarantine' : 'log', place);
    options.at('after-publish');
    if (kind === 'request')
      options.tracing.hosted({ what: 'published', traceparent: headers.traceparent ?? '', task, to, seq, tookMs });
    settled(entry);
    next(subject);
  };
  /** What was set aside before, because of another record perhaps, is stored as that one told it. */
  const setAsideBefore = (entry: Waiting, seq: number, tookMs: number): void => {
    const { message } = entry;
    bus.get(seq, 'quarantine').then(
      (found) => {
        if (stopped) return;
        if (found !== null && isSame(message, found)) acknowledged(entry, placeOf(found), { seq, tookMs });
        else failed(message, new BusError('unavailable', `${message.msgId} was lost since it was stored`));
      },
      (error: unknown) => failed(message, error),
    );
  };
  const failed = ({ subject }: Message, error: unknown): void => {
    if (stopped || (error instanceof BusError && error.code === 'closed')) return;
    if (error instanceof BusError && !error.retryable) {
      const text = `the log refused ${subject}: ${error.message}`;
      options.onFatal(new FatalError(text, { exitCode: 3, cause: error }));
      return;
    }
    options.log.debug({ subject }, 'not acknowledged; will be sent again');
    delayed.add(subject);
    cancelResend ??= clock.after(limits.resendMs, resend);
  };
  const resend = (): void => {
    cancelResend?.();
    cancelResend = undefined;
    const subjects = [...delayed];
    delayed.clear();
    for (const subject of subjects) {
      const [entry] = lines.get(subject) ?? [];
      if (entry) transmit(entry);
    }
  };
  const enqueue = (entry: Waiting): void => {
    const { subject } = entry.message;
    const line = lines.get(subject);
    if (line) line.push(entry);
    else {
      lines.set(subject, [entry]);
      transmit(entry);
    }
  };
  const forgetConnection = bus.onConnection((connected) => {
    if (connected) resend();
  });

  return {
    open: (partition, sent) =>
      void lanes.set(partition, { partition, held: [], missing: new Map(), released: sent, sent, waiters: [] }),
    close(partition) {
      const lane = lanes.get(partition);
      if (!lane) return;
      // What was released rests on records that are in the log, and goes on its way whoever owns the partition.
      lanes.delete(partition);
      gone(lane.held.length);
    },
    recall(known) {
      note('log', known.log);
      note('quarantine', known.quarantine);
    },
    add(partition, n, messages) {
      const lane = lanes.get(partition);
      if (!lane || messages.length === 0) return;
      waiting += messages.length;
      lane.missing.set(n, new Set(messages));
      for (const message of messages) lane.held.push({ lane, n, message });
    },
    release(partition, n) {
      const lane = lanes.get(partition);
      if (!lane) return;
      lane.released = n;
      advance(lane);
      const ready = lane.held.findIndex((entry) => entry.n > n);
      for (const entry of lane.held.splice(0, ready === -1 ? lane.held.length : ready)) enqueue(entry);
    },
    unsent(partition, n) {
      const missing = [...(lanes.get(partition)?.missing ?? [])].filter(([record]) => record <= n);
      return missing.map(([record, messages]) => ({ n: record, messages: [...messages] }));
    },
    sent: (partition) => lanes.get(partition)?.sent ?? 0,
    whenSent(partition, callback) {
      const lane = lanes.get(partition);
      if (lane?.sent === lane?.released) callback();
      else lane?.waiters.push(callback);
    },
    stored,
    get waiting() {
      return waiting;
    },
    get isFull() {
      return waiting > limits.sendingMax;
    },
    onRoom: (callback) => void roomWaiters.push(callback),
    drained: (limitMs) =>
      new Promise((resolve) => {
        if (waiting === 0) {
          resolve();
          return;
        }
        const cancel = clock.after(limitMs, resolve);
        drainWaiters.push(() => {
          cancel();
          resolve();
        });
      }),
    stop() {
      stopped = true;
      cancelResend?.();
      forgetConnection();
      roomWaiters = [];
      drainWaiters = [];
    },
  };
}

function isSame({ subject, body, encoding }: Message, found: StoredMessage): boolean {
  return found.subject === subject && Buffer.from(body, encoding === 'base64' ? 'base64' : 'utf8').equals(found.data);
}
