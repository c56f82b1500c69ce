/**
 * The queues of a host: one for each effect of each role. Owns: how many of an effect run and wait, and counting them.
 * Does not own: running one, or what becomes of one that is refused.
 *
 * Invariant: of one effect at most `concurrencyMax` run; the others begin in a fair order (fair-queue.ts), those first that
 * had their turn before and failed.
 */

import type { EffectHandler } from '../role.ts';
import { createFairQueue, type FairQueue, type Share } from './fair-queue.ts';

/** What a host can tell of an effect since its start. */
export interface EffectStats {
  readonly role: string;
  /** The effect's name in its role. */
  readonly effect: string;
  readonly running: number;
  readonly waiting: number;
  readonly concurrencyMax: number;
  readonly queueMax: number;
  /** Attempts that ended. */
  readonly attempts: number;
  /** Attempts that failed. */
  readonly failures: number;
  /** How often one was refused because a cap was reached. */
  readonly refusals: number;
  /** Milliseconds of all attempts together. */
  readonly busyMs: number;
  /** What the last failure said; empty when there was none. */
  readonly lastError: string;
}

export interface Queued {
  readonly role: string;
  readonly src: string;
  readonly handler: EffectHandler;
  readonly share: Share;
}

export interface EffectQueues<J extends Queued> {
  /** True when no more of its flow may wait. */
  isFull(job: J): boolean;
  /** @param again it had its turn before */
  add(job: J, again: boolean): void;
  /** Forgets one that waits. */
  remove(job: J): void;
  /** How many have their turn before it; -1 when it does not wait. */
  ahead(job: J): number;
  ended(job: J, tookMs: number, error: string | null): void;
  refused(job: J): void;
  readonly running: number;
  readonly waiting: number;
  stats(): EffectStats[];
}

interface Queue<J> {
  readonly role: string;
  readonly src: string;
  readonly handler: EffectHandler;
  readonly waiting: FairQueue<J>;
  running: number;
  attempts: number;
  failures: number;
  refusals: number;
  busyMs: number;
  lastError: string;
}

/** @param start runs a job; the next one begins when it resolves. Never rejects. */
export function createEffectQueues<J extends Queued>(start: (job: J) => Promise<void>): EffectQueues<J> {
  const queues = new Map<string, Queue<J>>();
  const queueOf = ({ role, src, handler }: J): Queue<J> => {
    // Two roles may have effects of the same name.
    const name = `${role}/${src}`;
    const known = queues.get(name);
    if (known) return known;
    const counts = { running: 0, attempts: 0, failures: 0, refusals: 0, busyMs: 0, lastError: '' };
    const queue: Queue<J> = { role, src, handler, waiting: createFairQueue(), ...counts };
    queues.set(name, queue);
    return queue;
  };
  const pump = (queue: Queue<J>): void => {
    while (queue.running < queue.handler.concurrencyMax) {
      const job = queue.waiting.take();
      if (!job) return;
      queue.running += 1;
      void start(job).finally(() => {
        queue.running -= 1;
        pump(queue);
      });
    }
  };
  const sum = (count: (queue: Queue<J>) => number): number => {
    let total = 0;
    for (const queue of queues.values()) total += count(queue);
    return total;
  };
  return {
    isFull: (job) => queueOf(job).waiting.isFull(job.share, job.handler.queueMax),
    add(job, again) {
      const queue = queueOf(job);
      queue.waiting.add(job, job.share, again);
      pump(queue);
    },
    remove(job) {
      queueOf(job).waiting.remove(job);
    },
    ahead: (job) => queueOf(job).waiting.ahead(job),
    ended(job, tookMs, error) {
      const queue = queueOf(job);
      queue.attempts += 1;
      queue.busyMs += tookMs;
      if (error === null) return;
      queue.failures += 1;
      queue.lastError = error;
    },
    refused(job) {
      queueOf(job).refusals += 1;
    },
    get running() {
      return sum((queue) => queue.running);
    },
    get waiting() {
      return sum((queue) => queue.waiting.size);
    },
    stats: () =>
      [...queues.values()].map(({ role, src, handler, waiting, ...counts }) => ({
        role,
        effect: src,
        waiting: waiting.size,
        concurrencyMax: handler.concurrencyMax,
        queueMax: handler.queueMax,
        ...counts,
      })),
  };
}
