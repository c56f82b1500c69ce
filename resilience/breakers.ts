/**
 * Circuit breakers of one process: what keeps failing is left alone for a while, then tried with one call. Owns: their
 * names, limits and states, and the error of a call that was not made. Does not own: what is called, or the waiting of
 * those who would rather wait (`breaker-room.ts`).
 *
 * 1. Only failures of the other side count: a caller's mistake and a cancelled call say nothing of its health.
 * 2. A refused call has done nothing, so it may be repeated whatever its fence is.
 * 3. Nobody waits for a breaker who does not say so: others are refused at once, and can take their fallback.
 * 4. A call that ignores its time limit counts when the limit is over, not when it returns.
 */

import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
} from 'cockatiel';
import { EffectError, toErrorInfo } from '../actors/runtime/errors.ts';
import type { AttemptSpan, RuntimeLog } from '../actors/runtime/ports.ts';
import { attribute } from '../telemetry/spans.ts';
import { type BreakerWait, createBreakerRoom, type Shut, type WaitingCount } from './breaker-room.ts';

/** Failures in a row that open a breaker: two could be chance, and each of five may have cost a time-out. */
const FAILURES_MAX = 5;
/** How long an open breaker waits before it lets one call through, milliseconds. */
const HALF_OPEN_AFTER_MS = 10_000;
/** Breakers of one process; names are tools and services, of which there are dozens. */
const BREAKERS_MAX = 256;

/** The call was not made. */
export class BreakerOpenError extends EffectError {
  readonly breaker: string;
  readonly state: 'open' | 'half_open';
  constructor(breaker: string, state: 'open' | 'half_open', message: string, options: { cause?: unknown } = {}) {
    super('breaker_open', message, { retryable: true, ...options });
    this.breaker = breaker;
    this.state = state;
  }
}

export interface BreakerState {
  /** What it guards: `llm:openai`, `tool:http_get`, `mcp:files`, `knowledge:chroma`. */
  readonly name: string;
  readonly state: 'closed' | 'open' | 'half_open';
  /** Failures in a row. */
  readonly failures: number;
  /** RFC 3339; null while closed. */
  readonly openedAt: string | null;
  /** What the last failure said; null when there was none since the last success. */
  readonly reason: string | null;
}

export interface BreakerOptions {
  readonly failuresMax?: number;
  /** Milliseconds. */
  readonly halfOpenAfterMs?: number;
  /** True when the error says that the other side is not well. All errors but aborts and `retryable: false` unless told. */
  readonly isFailure?: (error: unknown) => boolean;
}

/** Of one call. */
export interface BreakerCall extends BreakerOptions {
  /** The call's own limit: when it aborts for a time-out, the call has failed, whether its work returns or not. */
  readonly signal?: AbortSignal;
  /** Told the breaker's name and state when it is not closed. */
  readonly span?: Pick<AttemptSpan, 'set'>;
  /** The caller would rather wait for the breaker; absent, it is refused at once. */
  readonly wait?: BreakerWait;
}

export interface Breakers {
  /**
   * Runs the work behind the breaker of that name, which is made at its first use with its first options.
   * @throws BreakerOpenError (`breaker_open`, retryable) when the work was not begun; else what the work throws
   */
  run<T>(name: string, work: () => Promise<T>, call?: BreakerCall): Promise<T>;
  states(): BreakerState[];
}

function isCancellation(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'AttemptCancelled');
}

function isFailureByDefault(error: unknown): boolean {
  if (isCancellation(error)) return false;
  return !(error instanceof Error && 'retryable' in error && error.retryable === false);
}

export function createBreakers(log: RuntimeLog, defaults: BreakerOptions = {}): Breakers {
  const breakers = new Map<string, ReturnType<typeof createBreaker>>();
  const waiting: WaitingCount = { now: 0 };
  /** One that has nothing to remember is made anew when it is wanted. */
  const makeRoom = (): void => {
    if (breakers.size < BREAKERS_MAX) return;
    for (const [name, breaker] of breakers) {
      if (breaker.state().failures > 0) continue;
      breakers.delete(name);
      return;
    }
    throw new RangeError(`more than ${BREAKERS_MAX} breakers have failures to remember`);
  };
  return {
    run(name, work, call = {}) {
      let breaker = breakers.get(name);
      if (breaker === undefined) {
        makeRoom();
        breaker = createBreaker(name, { ...defaults, ...call }, log, waiting);
        breakers.set(name, breaker);
      }
      return breaker.run(work, call);
    },
    states: () => [...breakers.values()].map((breaker) => breaker.state()),
  };
}

const words = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half_open',
  [CircuitState.Isolated]: 'open',
} as const;

function createBreaker(name: string, options: BreakerOptions, log: RuntimeLog, waiting: WaitingCount) {
  const { failuresMax = FAILURES_MAX, halfOpenAfterMs = HALF_OPEN_AFTER_MS, isFailure = isFailureByDefault } = options;
  // A probe that was cancelled has shown nothing: the breaker stays as it was.
  const counts = (error: unknown): boolean =>
    isFailure(error) || (policy.state === CircuitState.HalfOpen && isCancellation(error));
  const policy: CircuitBreakerPolicy = circuitBreaker(handleWhen(counts), {
    halfOpenAfter: halfOpenAfterMs,
    breaker: new ConsecutiveBreaker(failuresMax),
  });
  const room = createBreakerRoom(waiting);
  let failures = 0;
  let openedAtMs: number | null = null;
  let triedAtMs = 0;
  let reason: string | null = null;
  policy.onFailure(({ reason: failure, handled }) => {
    if (!handled || ('error' in failure && isCancellation(failure.error))) return;
    failures += 1;
    reason = 'error' in failure ? toErrorInfo(failure.error).message : 'it failed';
  });
  policy.onSuccess(() => {
    failures = 0;
    reason = null;
  });
  policy.onStateChange((state) => {
    if (state === CircuitState.Open) openedAtMs = Date.now();
    if (state === CircuitState.HalfOpen) triedAtMs = Date.now();
    if (state === CircuitState.Closed) openedAtMs = null;
    const fields = { breaker: name, state: words[state], failures, reason };
    if (state === CircuitState.Open) log.warn(fields, 'the breaker opened');
    else log.info(fields, state === CircuitState.Closed ? 'the breaker closed' : 'the breaker tries one call');
    if (state === CircuitState.HalfOpen) return;
    const last = policy.lastFailure;
    const hasShown = state === CircuitState.Open && !(last && 'error' in last && isCancellation(last.error));
    if (hasShown) room.fail(refusal);
    else room.wake();
  });
  const leftMs = (): number => Math.max(0, (openedAtMs ?? 0) + halfOpenAfterMs - Date.now());
  const shut = (): Shut =>
    policy.state === CircuitState.HalfOpen
      ? { state: 'half_open', trialMs: Date.now() - triedAtMs }
      : { state: 'open', leftMs: leftMs() };
  const refusal = (): BreakerOpenError => {
    const why = `${name} is left alone after ${failures} failures (${reason ?? 'unknown'})`;
    if (policy.state === CircuitState.HalfOpen)
      return new BreakerOpenError(name, 'half_open', `${why}; one call is tried now`);
    return new BreakerOpenError(name, 'open', `${why}; tried again in ${Math.ceil(leftMs() / 1000)} s`);
  };
  return {
    async run<T>(work: () => Promise<T>, { signal, span, wait }: BreakerCall): Promise<T> {
      const before = words[policy.state];
      if (before !== 'closed') span?.set({ [attribute.breaker]: name, [attribute.breakerState]: before });
      for (;;) {
        // One that is tried is the only one: the library would keep others waiting for it without an end.
        if (policy.state !== CircuitState.HalfOpen) {
          try {
            return await policy.execute(() => limited(work, signal));
          } catch (error) {
            if (!(error instanceof BrokenCircuitError)) throw error;
          }
        }
        await room.wait(wait, shut(), refusal, signal);
      }
    },
    state: (): BreakerState => ({
      name,
      state: words[policy.state],
      failures,
      openedAt: openedAtMs === null ? null : new Date(openedAtMs).toISOString(),
      reason,
    }),
  };
}

/** The work, or the reason of the signal when that comes first. */
function limited<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work();
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort));
  });
}
