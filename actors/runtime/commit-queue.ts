/**
 * Group commit. Owns: gathering writes into batches, one batch at the ledger at a time, and telling when each is
 * durable. Does not own: what the writes mean, or what waits for them.
 *
 * Invariants:
 * 1. Everything added before a flush begins is in that batch or an earlier one: state, cursor, inbox, outbox, effects
 *    and timers of one event are added together, in one turn of the event loop, so they commit together (S3).
 * 2. Batches are numbered from 1 and committed in order.
 * 3. After a failed commit nothing more is committed.
 */
import type { AtCrashPoint } from './crash-points.ts';
import type { LedgerBatch, OutboxRow, StoredInstance } from './ledger/port.ts';
import type { Clock } from './ports.ts';
import type { EffectRow, TimerRow } from './step.ts';

/** How long an event may run ahead of its commit: long enough to share an fsync, short against a hop. */
export const GROUP_COMMIT_WINDOW_MS = 4;

class PendingBatch {
  readonly instances = new Map<number, () => StoredInstance>();
  readonly inbox: { instance: number; eventId: string; digest: string }[] = [];
  readonly outbox = new Map<number, { row: OutboxRow; seq: number | null }>();
  readonly acked: { n: number; seq: number }[] = [];
  readonly effects = new Map<string, { instance: number; effect: string; row: EffectRow | null }>();
  readonly timers = new Map<string, { instance: number; timer: string; row: TimerRow | null }>();
  readonly cursors = new Map<string, number>();
  readonly meta = new Map<string, string>();
  empty = true;

  seal(): LedgerBatch {
    return {
      instances: [...this.instances.values()].map((store) => store()),
      inbox: this.inbox,
      outbox: [...this.outbox.values()].map(({ row, seq }) => ({ ...row, seq })),
      acked: this.acked,
      effects: [...this.effects.values()],
      timers: [...this.timers.values()],
      cursors: [...this.cursors].map(([channel, seq]) => ({ channel, seq })),
      meta: [...this.meta].map(([key, value]) => ({ key, value })),
    };
  }
}

export interface CommitQueue {
  /** The instance is stored as `store` describes it when the batch is sealed. */
  instance(id: number, store: () => StoredInstance): void;
  inbox(instance: number, eventId: string, digest: string): void;
  outbox(row: OutboxRow): void;
  acked(n: number, seq: number): void;
  effect(instance: number, effect: string, row: EffectRow | null): void;
  timer(instance: number, timer: string, row: TimerRow | null): void;
  cursor(channel: string, seq: number): void;
  meta(key: string, value: string): void;
  /** Number of the batch that what is added now will be in. */
  readonly current: number;
  /** Number of the last batch that is durable. */
  readonly durable: number;
  /** Commits without waiting for the window. */
  hurry(): void;
  /** Resolves when everything added so far is durable. */
  flushed(): Promise<void>;
}

export interface CommitQueueOptions {
  commit: (batch: LedgerBatch) => Promise<void>;
  clock: Clock;
  /** A batch is durable; called in order. */
  onDurable: (batch: number) => void;
  onFailure: (error: unknown) => void;
  at: AtCrashPoint;
  windowMs?: number;
}

export function createCommitQueue(options: CommitQueueOptions): CommitQueue {
  const { clock, windowMs = GROUP_COMMIT_WINDOW_MS } = options;
  let pending = new PendingBatch();
  let current = 1;
  let durable = 0;
  let committing = false;
  let hurried = false;
  let failed = false;
  let cancelTimer: (() => void) | undefined;
  let waiters: { batch: number; resolve: () => void }[] = [];

  const settle = (batch: number): void => {
    durable = batch;
    committing = false;
    options.onDurable(batch);
    const ready = waiters.filter((waiter) => waiter.batch <= batch);
    waiters = waiters.filter((waiter) => waiter.batch > batch);
    for (const { resolve } of ready) resolve();
    if (!pending.empty) schedule();
  };
  const flush = (): void => {
    cancelTimer?.();
    cancelTimer = undefined;
    if (committing || failed || pending.empty) return;
    committing = true;
    hurried = false;
    const batch = current;
    const sealed = pending.seal();
    pending = new PendingBatch();
    current += 1;
    options.at('before-commit');
    options.commit(sealed).then(
      () => {
        options.at('after-commit');
        settle(batch);
      },
      (error: unknown) => {
        failed = true;
        options.onFailure(error);
      },
    );
  };
  const schedule = (): void => {
    if (committing || failed) return;
    // Never within the call that adds a row: the rest of its event would be in the next batch.
    if (hurried) queueMicrotask(flush);
    else cancelTimer ??= clock.after(windowMs, flush);
  };
  const touch = (): PendingBatch => {
    pending.empty = false;
    schedule();
    return pending;
  };
  const hurry = (): void => {
    if (pending.empty) return;
    hurried = true;
    // The event being applied adds all its rows in this turn; the batch is sealed after it.
    schedule();
  };

  return {
    instance: (id, store) => void touch().instances.set(id, store),
    inbox: (instance, eventId, digest) => void touch().inbox.push({ instance, eventId, digest }),
    outbox: (row) => void touch().outbox.set(row.n, { row, seq: null }),
    acked(n, seq) {
      // Most acknowledgements come before the batch that has the output is sealed: then it is stored as sent already.
      const unstored = pending.outbox.get(n);
      if (unstored) unstored.seq = seq;
      else touch().acked.push({ n, seq });
    },
    effect: (instance, effect, row) => void touch().effects.set(`${instance}/${effect}`, { instance, effect, row }),
    timer: (instance, timer, row) => void touch().timers.set(`${instance}/${timer}`, { instance, timer, row }),
    cursor: (channel, seq) => void touch().cursors.set(channel, seq),
    meta: (key, value) => void touch().meta.set(key, value),
    get current() {
      return current;
    },
    get durable() {
      return durable;
    },
    hurry,
    flushed: () =>
      new Promise((resolve) => {
        if (pending.empty && !committing) {
          resolve();
          return;
        }
        waiters.push({ batch: pending.empty ? current - 1 : current, resolve });
        hurry();
      }),
  };
}
