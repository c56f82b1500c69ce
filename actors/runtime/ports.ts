/**
 * What the runtime needs from outside besides the bus. Owns: the words. Does not own: any adapter; the real ones are
 * passed in by `actors/main.ts`, simulated ones by tests.
 */

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back once after `ms`; the returned function cancels. Long waits are allowed. */
  after(ms: number, callback: () => void): () => void;
}

/** Structured logging, as pino has it. */
export interface RuntimeLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** `setTimeout` cannot wait longer than this, so longer waits go in pieces. */
const TIMEOUT_MAX_MS = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, callback) {
    let handle: NodeJS.Timeout;
    const wait = (left: number): void => {
      handle = setTimeout(
        () => (left > TIMEOUT_MAX_MS ? wait(left - TIMEOUT_MAX_MS) : callback()),
        Math.min(left, TIMEOUT_MAX_MS),
      );
    };
    wait(Math.max(0, ms));
    return () => clearTimeout(handle);
  },
};
