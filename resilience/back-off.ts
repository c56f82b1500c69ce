/**
 * How long to wait before the next try. Owns: the growth, and the spread that keeps many from trying at once. Does not
 * own: waiting, what is tried, or when to give up.
 */

export interface BackOff {
  /** Before the second try, milliseconds; doubled for each further one. */
  readonly firstMs: number;
  readonly maxMs: number;
}

/** From here on every pause is the longest one: 2 ** 30 of anything is. */
const DOUBLINGS_MAX = 30;

/** @param failures in a row, from 1 */
export function backOffMs({ firstMs, maxMs }: BackOff, failures: number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, DOUBLINGS_MAX));
}

/**
 * A pause between two shares of itself: `spreadMs(ms, 0, 1)` is full jitter.
 * @param random from 0 to 1; derived where the same pause has to come out again
 */
export function spreadMs(ms: number, from: number, to: number, random: number = Math.random()): number {
  return ms * (from + (to - from) * random);
}
