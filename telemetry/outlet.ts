/**
 * Finished spans, and log lines, on their way. Owns: a bounded queue for each destination, sending in batches, trying again, and counting
 * what was lost. Does not own: a destination: the stream (`services/telemetry.ts`), a collector (`otlp.ts`).
 *
 * 1. Telemetry never costs work: a destination that is down, slow or refuses holds at most its queue; what is more is
 *    dropped, the oldest first, counted, and said once a minute.
 * 2. One batch of a destination is under way at a time, in order.
 */
import { backOffMs } from '../resilience/back-off.ts';

/** Some minutes of a busy mesh, about a MiB. */
const QUEUE_MAX = 4096;
const BATCH_MAX = 1024;
/** Dropped together: making room for one at a time would cost more than telling of it. */
const DROP_AT_ONCE = 256;
/** Short, so that what a crash takes with it is little, and who watches sees it soon. */
const SEND_EVERY_MS = 1000;
/** A batch that was refused this often is given up: what comes after it may be taken. */
const TRIES_MAX = 5;
const COMPLAIN_EVERY_MS = 60_000;

export type Sent =
  | { readonly kind: 'taken'; readonly rejected: number; readonly reason: string }
  /** Not now. */
  | { readonly kind: 'later'; readonly reason: string }
  /** Not ever. */
  | { readonly kind: 'refused'; readonly reason: string };

export interface Destination<T> {
  /** For people and metrics: `stream`, `otlp`. */
  readonly name: string;
  /** Resolves in bounded time, and never rejects. */
  send(items: readonly T[]): Promise<Sent>;
}

export interface OutletCounts {
  readonly destination: string;
  readonly sent: number;
  readonly dropped: number;
  readonly waiting: number;
}

export interface Outlet<T> {
  add(item: T): void;
  counts(): OutletCounts;
  /** Sends what is left, not for long. */
  close(limitMs: number): Promise<void>;
}

export interface OutletOptions<T> {
  readonly destination: Destination<T>;
  /** Told of losses, of each once: at most once a minute, and at the end. */
  readonly onLoss: (what: { readonly destination: string; readonly dropped: number; readonly reason: string }) => void;
  /** All up to the nth that was given were taken, or given up. */
  readonly onDone?: (n: number) => void;
  readonly everyMs?: number;
}

export function createOutlet<T>({ destination, onLoss, onDone, everyMs = SEND_EVERY_MS }: OutletOptions<T>): Outlet<T> {
  const { name } = destination;
  let queue: T[] = [];
  let done = 0;
  let sent = 0;
  let dropped = 0;
  let toldDropped = 0;
  let tries = 0;
  let underWay: Promise<void> | null = null;
  let timer: NodeJS.Timeout | null = null;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  let lastReason = '';
  /** What is lost in a quiet minute is told at its end. */
  let complaint: NodeJS.Timeout | null = null;
  let inBatch = 0;
  /** Dropped behind the batch that is under way. */
  let skipped = 0;

  const complain = (reason: string): void => {
    if (complaint !== null) clearTimeout(complaint);
    complaint = null;
    if (dropped === toldDropped) return;
    toldAtMs = performance.now();
    onLoss({ destination: name, dropped: dropped - toldDropped, reason: reason.slice(0, 300) });
    toldDropped = dropped;
  };
  const lose = (count: number, reason: string): void => {
    dropped += count;
    lastReason = reason;
    const quietMs = toldAtMs + COMPLAIN_EVERY_MS - performance.now();
    if (quietMs <= 0) complain(reason);
    else complaint ??= setTimeout(() => complain(lastReason), quietMs).unref();
  };
  const pass = (count: number): void => {
    queue.splice(0, count);
    done += count + skipped;
    skipped = 0;
    tries = 0;
    onDone?.(done);
  };
  const sendOne = async (): Promise<boolean> => {
    const batch = queue.slice(0, BATCH_MAX);
    if (batch.length === 0) return false;
    inBatch = batch.length;
    const answer = await destination.send(batch);
    inBatch = 0;
    if (answer.kind === 'taken') {
      const rejected = Math.min(Math.max(0, answer.rejected), batch.length);
      sent += batch.length - rejected;
      if (rejected > 0) lose(rejected, answer.reason);
      pass(batch.length);
      return true;
    }
    tries += 1;
    if (answer.kind === 'later' && tries < TRIES_MAX) return false;
    lose(batch.length, answer.reason);
    pass(batch.length);
    return answer.kind === 'refused';
  };
  const sendAll = async (): Promise<void> => {
    while (await sendOne());
    underWay = null;
    if (queue.length > 0) schedule();
  };
  const begin = (): void => {
    timer = null;
    underWay ??= sendAll();
  };
  const schedule = (): void => {
    // Slower after each refusal: who is overloaded is left alone for a while.
    timer ??= setTimeout(begin, backOffMs({ firstMs: everyMs, maxMs: everyMs * 2 ** TRIES_MAX }, tries + 1)).unref();
  };

  let flushing = false;
  const flush = (): void => {
    flushing = true;
    if (timer !== null) clearTimeout(timer);
    timer = null;
    setImmediate(() => {
      flushing = false;
      if (underWay === null) begin();
    });
  };

  return {
    add(item) {
      if (queue.length >= QUEUE_MAX) {
        // What is under way stays; behind it the oldest go.
        queue.splice(inBatch, DROP_AT_ONCE);
        if (inBatch === 0) done += DROP_AT_ONCE;
        else skipped += DROP_AT_ONCE;
        lose(DROP_AT_ONCE, `more than ${QUEUE_MAX} wait for ${name}`);
      }
      queue.push(item);
      if (underWay !== null) return;
      // A busy process does not wait for the second to be over; a destination that refuses is still left alone.
      if (queue.length >= BATCH_MAX && tries === 0 && !flushing) flush();
      else schedule();
    },
    counts: () => ({ destination: name, sent, dropped, waiting: queue.length }),
    async close(limitMs) {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const limit = setTimeout(resolve, limitMs);
      underWay ??= sendAll();
      await Promise.race([underWay, late]);
      clearTimeout(limit);
      if (timer !== null) clearTimeout(timer);
      if (queue.length > 0) lose(queue.length, 'the process ended before they were taken');
      queue = [];
      complain(lastReason);
    },
  };
}
