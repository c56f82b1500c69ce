/**
 * What the runtime needs from outside besides the bus. Owns: the words. Does not own: any adapter; the real ones are
 * passed in by `services/`, simulated ones by tests.
 */

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds since some beginning; only grows, whatever is done to the clock. */
  elapsed(): number;
  /** Calls back once after `ms`; the returned function cancels. Long waits are allowed. */
  after(ms: number, callback: () => void): () => void;
  /** Calls back when what is happening now is over, promises that are settled included. */
  soon(callback: () => void): void;
}

/** Structured logging, as pino has it. */
export interface RuntimeLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** One attempt of an effect, before it runs. */
export interface AttemptFacts {
  readonly role: string;
  /** The effect's name in its role. */
  readonly src: string;
  /** The idempotency key. */
  readonly key: string;
  readonly fence: string;
  /** From 1; 0 when the effect was refused before any attempt. */
  readonly attempt: number;
  readonly correlationId: string;
  readonly hop: number;
  readonly loops: number;
  /** W3C Trace Context of the event that began the actor. */
  readonly traceparent: string;
  /** Since it was wanted or its last attempt failed, milliseconds. */
  readonly waitedMs: number;
  /** How often it was refused meanwhile because a cap was reached. */
  readonly refusals: number;
  /** Effects of this host that wait. */
  readonly queued: number;
}

export interface AttemptSpan {
  set(attributes: SpanAttributes): void;
  /** @param error what was thrown; null when it went well */
  end(outcome: 'done' | 'failed' | 'cancelled', error: unknown): void;
}

/** Shows attempts of effects in a trace. */
export interface Tracing {
  attempt(facts: AttemptFacts): AttemptSpan;
}

const untracedSpan: AttemptSpan = { set: () => undefined, end: () => undefined };

/** Costs nothing: for a host whose spans nobody collects. */
export const untraced: Tracing = { attempt: () => untracedSpan };

/** `setTimeout` cannot wait longer than this, so longer waits go in pieces. */
const TIMEOUT_MAX_MS = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  soon: (callback) => void setImmediate(callback),
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
