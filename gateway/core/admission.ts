/**
 * How much a caller may ask at a time. Owns: rate and concurrency per caller, and their bounds over all callers. Does
 * not own: who the caller is, or what a call does.
 *
 * Nothing waits here: a queue in front of the mesh would be work that only the gateway knows of, and that it could lose.
 */
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Caller } from '../../task-client/caller.ts';
import { MeshError } from '../../task-client/errors.ts';

export interface Limits {
  /** Calls a caller may begin in a second, on average over the window. */
  readonly callsPerSecond: number;
  /** Calls of a caller under way at the same time. */
  readonly callsAtOnce: number;
}

/** A burst of this many seconds' worth of calls is let through. */
const WINDOW_S = 2;
/** All callers together: each call under way may hold a view of its task, some tens of KB. */
const CALLS_AT_ONCE_IN_ALL = 2000;
/** When too many calls are under way nobody knows how long; a task takes about a second. */
const BUSY_RETRY_MS = 1000;

export class Admission {
  readonly #limits: Limits;
  readonly #rate: RateLimiterMemory;
  readonly #underWay = new Map<string, number>();
  #total = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#rate = new RateLimiterMemory({ points: limits.callsPerSecond * WINDOW_S, duration: WINDOW_S });
  }

  /** Calls under way. */
  get callsUnderWay(): number {
    return this.#total;
  }

  /**
   * Lets a call in; the returned function is to be called once when it has ended.
   * @throws MeshError resource_exhausted with the time after which to try again
   */
  async enter({ name }: Caller): Promise<() => void> {
    const mine = this.#underWay.get(name) ?? 0;
    if (mine >= this.#limits.callsAtOnce) {
      throw exhausted('CONCURRENCY_LIMIT', `${mine} calls of ${name} are under way already`, BUSY_RETRY_MS);
    }
    if (this.#total >= CALLS_AT_ONCE_IN_ALL) {
      throw exhausted('GATEWAY_BUSY', `${this.#total} calls are under way already`, BUSY_RETRY_MS);
    }
    this.#count(name, 1);
    try {
      await this.#takePoint(name);
    } catch (error) {
      this.#count(name, -1);
      throw error;
    }
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#count(name, -1);
    };
  }

  async #takePoint(name: string): Promise<void> {
    try {
      await this.#rate.consume(name);
    } catch (thrown) {
      if (!(thrown instanceof RateLimiterRes)) throw thrown;
      const limit = `${this.#limits.callsPerSecond} calls a second`;
      throw exhausted('RATE_LIMIT', `${name} may begin ${limit}`, Math.max(1, thrown.msBeforeNext));
    }
  }

  #count(name: string, change: 1 | -1): void {
    const next = (this.#underWay.get(name) ?? 0) + change;
    if (next === 0) this.#underWay.delete(name);
    else this.#underWay.set(name, next);
    this.#total += change;
  }
}

function exhausted(reason: string, what: string, retryAfterMs: number): MeshError {
  const message = `${what}; try again in ${retryAfterMs} ms`;
  return new MeshError('resource_exhausted', reason, message, { retryAfterMs });
}
