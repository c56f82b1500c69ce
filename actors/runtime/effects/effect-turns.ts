/**
 * Waiting for one's turn. Owns: who may wait at all, saying that a wait lasts, and its limit. Does not own: the queues
 * (`effect-queues.ts`), or what a job does when its turn has come (`effects.ts`).
 *
 * Invariants:
 * 1. What is refused at a cap has not begun, whatever its fence is; it is refused a few times and then fails, so neither
 *    the queue nor the waiting grows without bound (S8). What had begun before a crash is never refused.
 * 2. A wait that lasts is said to its machine, and has a limit of its own.
 */

import { EffectError } from '../errors.ts';
import type { RuntimeLimits } from '../limits.ts';
import type { Clock, RuntimeLog } from '../ports.ts';
import type { EffectRow } from '../tasks/actor.ts';
import type { EffectJob } from './effect-job.ts';
import { createEffectQueues, type EffectQueues } from './effect-queues.ts';
import { backoffMs, waitedTooLong } from './outcome.ts';

/** Refusals come in crowds; of one effect's, one in this time is logged. */
const REFUSAL_LOG_EVERY_MS = 5000;

export interface EffectTurns extends Pick<EffectQueues<EffectJob>, 'ended' | 'running' | 'waiting' | 'stats'> {
  /** It takes its place in its queue, or is refused. */
  enqueue(job: EffectJob): void;
  /** It has begun, and waits: that is said if it lasts, and ends at a limit. */
  waits(job: EffectJob, ahead: () => number, onOver: () => void): void;
  /** Its turn has come. */
  waitsNoMore(job: EffectJob): void;
  /** It wants no turn any more. */
  leave(job: EffectJob): void;
}

export interface EffectTurnsOptions {
  readonly clock: Clock;
  readonly log: RuntimeLog;
  readonly limits: RuntimeLimits;
  /** Its row while it is to be run; null when nobody wants it any more. */
  wanted(job: EffectJob): EffectRow | null;
  /** True when an attempt at it was cut off before: then it was admitted before, too. */
  hasBegun(job: EffectJob): boolean;
  /** Why no effect may begin now that has not begun yet, or null. */
  admission(): string | null;
  /** Runs it; the next one begins when that resolves. */
  start(job: EffectJob): Promise<void>;
  /** Says that it waits, with so many ahead, or, by null, no more. */
  tell(job: EffectJob, ahead: number | null): void;
  /** It has waited for too long, or was refused too often. */
  fail(job: EffectJob, error: EffectError): void;
}

export function createEffectTurns(options: EffectTurnsOptions): EffectTurns {
  const { clock, log, limits } = options;
  const queues = createEffectQueues<EffectJob>(options.start);
  const lastRefusals = new Map<string, number>();

  const waits = (job: EffectJob, ahead: () => number, onOver: () => void): void => {
    job.stopWaiting?.();
    const endTelling = clock.after(limits.waitToldAfterMs, () => options.tell(job, Math.max(0, ahead())));
    const endLimit = clock.after(limits.waitMsMax, onOver);
    job.stopWaiting = () => {
      endTelling();
      endLimit();
      job.stopWaiting = undefined;
    };
  };
  /** Why it may not wait its turn now, or null. */
  const refusalOf = (job: EffectJob, row: EffectRow): string | null => {
    if (row.failures > 0 || row.started || options.hasBegun(job)) return null;
    if (queues.isFull(job)) return `${job.handler.queueMax} wait already`;
    return options.admission();
  };
  const refuse = (job: EffectJob, reason: string): void => {
    const name = `${job.role}/${job.src}`;
    job.refusals += 1;
    queues.refused(job);
    const nowMs = clock.elapsed();
    if (nowMs - (lastRefusals.get(name) ?? Number.NEGATIVE_INFINITY) >= REFUSAL_LOG_EVERY_MS) {
      lastRefusals.set(name, nowMs);
      log.warn({ effect: name, reason, waiting: queues.waiting }, 'overloaded: effects are refused');
    }
    if (job.refusals <= limits.refusalsMax) {
      job.cancelWait = clock.after(backoffMs(job.key, job.refusals, limits), () => enqueue(job));
      return;
    }
    options.fail(job, new EffectError('overloaded', `${name} takes no more work: ${reason}`, { retryable: true }));
  };
  const enqueue = (job: EffectJob): void => {
    const row = options.wanted(job);
    if (row === null) return;
    const reason = refusalOf(job, row);
    if (reason !== null) {
      refuse(job, reason);
      return;
    }
    queues.add(job, row.failures > 0);
    if (queues.ahead(job) < 0) return;
    const over = (): void => {
      queues.remove(job);
      options.fail(job, waitedTooLong(limits));
    };
    waits(job, () => queues.ahead(job), over);
  };
  return {
    enqueue,
    waits,
    waitsNoMore(job) {
      job.stopWaiting?.();
      if (options.wanted(job)?.waiting) options.tell(job, null);
    },
    leave: (job) => queues.remove(job),
    ended: (job, tookMs, error) => queues.ended(job, tookMs, error),
    get running() {
      return queues.running;
    },
    get waiting() {
      return queues.waiting;
    },
    stats: () => queues.stats(),
  };
}
