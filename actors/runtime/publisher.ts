/**
 * Sends outputs. Owns: the order of sending, waiting for acknowledgements, sending again after a failure, and holding
 * back what may not leave yet. Does not own: what is sent.
 *
 * Invariants:
 * 1. An internal event is sent at once; a fact only after the batch it rests on is durable (S4).
 * 2. Facts are sent in the order they were made.
 * 3. What was not acknowledged is sent again, in order, under the same `Nats-Msg-Id`, until it is (S4).
 * 4. One output of a subject is under way at a time: of two in flight the log may refuse the first and take the second,
 *    and a cancel would come before what it cancels. Quarantine has no order to keep.
 */
import { type Bus, BusError, type PublishRequest } from '../../bus/port.ts';
import type { CommitQueue } from './commit-queue.ts';
import type { AtCrashPoint } from './crash-points.ts';
import { FatalError } from './errors.ts';
import type { OutboxRow } from './ledger/port.ts';
import type { Clock, RuntimeLog } from './ports.ts';
import { isQuarantine, quarantineWireForm } from './quarantine.ts';
import { AGAIN_HEADER } from './rewritten.ts';
import { createSentMarks, type SentMarks } from './sent-marks.ts';

/** Pause before sending again; a reconnect does not wait for it. */
const RESEND_MS = 250;
/** More unacknowledged outputs than this and the host stops reading until there are fewer than a quarter. */
export const UNACKED_MAX = 4000;

export interface Publisher {
  /**
   * @param gated waits until the current batch is durable
   * @param again the log had it once and has lost it
   */
  send(row: OutboxRow, traceparent: string, gated: boolean, again?: boolean): void;
  /** How far the streams are known to hold what was sent. */
  readonly marks: SentMarks;
  /** Resolves when the log has stored the row. */
  acknowledged(n: number): Promise<void>;
  /** An output was found in the log, under its `messageId` (or its id in quarantine): it need not be sent. */
  found(key: string, seq: number): void;
  /** Nothing is sent until every hold is released: used while what the log may already have is read. */
  hold(): void;
  release(): void;
  /** Called when a batch became durable. */
  onDurable(batch: number): void;
  readonly waiting: number;
  /** Calls back when `waiting` has fallen below a quarter of UNACKED_MAX. */
  onRoom(callback: () => void): void;
  /** Resolves when nothing waits, or after `limitMs`. */
  drained(limitMs: number): Promise<void>;
  stop(): void;
}

interface Waiting {
  readonly row: OutboxRow;
  readonly traceparent: string;
  readonly again: boolean;
  sending: boolean;
}

export interface PublisherOptions {
  bus: Bus;
  clock: Clock;
  log: RuntimeLog;
  commits: () => CommitQueue;
  onFatal: (error: FatalError) => void;
  at: AtCrashPoint;
}

export function createPublisher(options: PublisherOptions): Publisher {
  const { bus, clock, log } = options;
  const unacked = new Map<number, Waiting>();
  const byKey = new Map<string, number>();
  const gated: { batch: number; waiting: Waiting }[] = [];
  const ackWaiters = new Map<number, () => void>();
  /** Subjects on which something waits to be sent again. */
  const delayed = new Set<string>();
  /** What is under way, by subject, and what waits behind it. */
  const lines = new Map<string, Waiting[]>();
  let holds = 0;
  const marks = createSentMarks(options.commits);
  let stopped = false;
  let cancelResend: (() => void) | undefined;
  let roomWaiters: (() => void)[] = [];
  let drainWaiters: (() => void)[] = [];

  const settled = (n: number, seq: number): void => {
    const entry = unacked.get(n);
    if (!entry) return;
    unacked.delete(n);
    if (byKey.get(keyOf(entry.row)) === n) byKey.delete(keyOf(entry.row));
    options.commits().acked(n, seq);
    marks.note(entry.row, seq);
    advance(entry);
    ackWaiters.get(n)?.();
    ackWaiters.delete(n);
    if (unacked.size < UNACKED_MAX / 4) {
      for (const callback of roomWaiters.splice(0)) callback();
    }
    if (unacked.size === 0) for (const callback of drainWaiters.splice(0)) callback();
  };
  /** The next one of the subject goes, if it was this one that it waited for. */
  const advance = (entry: Waiting): void => {
    const line = lines.get(entry.row.subject);
    if (line?.[0] !== entry) return;
    lines.delete(entry.row.subject);
    for (const next of line.slice(1)) transmit(next);
  };
  const failed = (entry: Waiting, error: unknown): void => {
    entry.sending = false;
    // Those behind it are sent again with it.
    if (lines.get(entry.row.subject)?.[0] === entry) lines.delete(entry.row.subject);
    if (stopped || (error instanceof BusError && error.code === 'closed')) return;
    if (error instanceof BusError && !error.retryable) {
      options.onFatal(
        new FatalError(`the log refused ${entry.row.subject}: ${error.message}`, { exitCode: 3, cause: error }),
      );
      return;
    }
    log.debug({ subject: entry.row.subject }, 'not acknowledged; will be sent again');
    delayed.add(entry.row.subject);
    cancelResend ??= clock.after(RESEND_MS, resend);
  };
  /** Joins the line of its subject. */
  const isFirst = (entry: Waiting): boolean => {
    if (isQuarantine(entry.row)) return true;
    const line = lines.get(entry.row.subject);
    if (line === undefined) lines.set(entry.row.subject, [entry]);
    else if (!line.includes(entry)) line.push(entry);
    return line === undefined;
  };
  const transmit = (entry: Waiting): void => {
    if (holds > 0 || stopped || entry.sending || !unacked.has(entry.row.n)) return;
    if (delayed.has(entry.row.subject) || !isFirst(entry)) return;
    entry.sending = true;
    const { n } = entry.row;
    options.at('before-publish');
    bus.publish(wireForm(entry)).then(
      (ack) => {
        options.at('after-publish');
        settled(n, ack.seq);
      },
      (error: unknown) => failed(entry, error),
    );
  };
  const resend = (): void => {
    cancelResend?.();
    cancelResend = undefined;
    delayed.clear();
    const waitsForCommit = new Set(gated.map(({ waiting }) => waiting.row.n));
    for (const [n, entry] of unacked) if (!waitsForCommit.has(n)) transmit(entry);
  };
  /** A server that was away may have lost what it had acknowledged; a start finds out what, and sends it again. */
  const stillThere = async (): Promise<void> => {
    if (!(await marks.missing(bus)) || stopped) return;
    options.onFatal(new FatalError('the log has lost its end', { exitCode: 3 }));
  };
  const forgetConnection = bus.onConnection((connected) => {
    if (!connected) {
      marks.doubt();
      return;
    }
    resend();
    stillThere().catch((error: unknown) => {
      log.debug({ error: String(error) }, 'the log went away again; its end is looked at when it is back');
    });
  });

  return {
    send(row, traceparent, wait, again = false) {
      const entry = { row, traceparent, again, sending: false };
      unacked.set(row.n, entry);
      byKey.set(keyOf(row), row.n);
      if (wait) gated.push({ batch: options.commits().current, waiting: entry });
      else transmit(entry);
    },
    marks,
    acknowledged: (n) =>
      new Promise((resolve) => {
        if (unacked.has(n)) ackWaiters.set(n, resolve);
        else resolve();
      }),
    found(key, seq) {
      const n = byKey.get(key);
      if (n !== undefined) settled(n, seq);
    },
    hold() {
      holds += 1;
    },
    release() {
      holds -= 1;
      if (holds === 0) resend();
    },
    onDurable(batch) {
      const ready = gated.findIndex((entry) => entry.batch > batch);
      for (const { waiting } of gated.splice(0, ready === -1 ? gated.length : ready)) transmit(waiting);
    },
    get waiting() {
      return unacked.size;
    },
    onRoom: (callback) => void roomWaiters.push(callback),
    drained: (limitMs) =>
      new Promise((resolve) => {
        if (unacked.size === 0) {
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

/** CloudEvents NATS protocol binding, section 3.2: structured mode. */
const CONTENT_TYPE = 'application/cloudevents+json';

/** What an output is recognised by: id and content, so that a contradiction is not taken for what it contradicts (S5). */
function keyOf(row: OutboxRow): string {
  return isQuarantine(row) ? row.eventId : row.msgId;
}

function wireForm({ row, traceparent, again }: Waiting): PublishRequest {
  if (isQuarantine(row)) return quarantineWireForm(row);
  const { subject, body, msgId } = row;
  const headers: Record<string, string> = { 'content-type': CONTENT_TYPE, traceparent };
  if (again) headers[AGAIN_HEADER] = '1';
  return { subject, body, msgId, headers };
}
