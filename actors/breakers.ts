/**
 * Circuit breakers of one process: what keeps failing is left alone for a while, then tried with one call. Owns: their
 * names, limits and states, and the error of a call that was not made. Does not own: what is called.
 *
 * 1. Only failures of the other side count: a caller's mistake and a cancelled call say nothing of its health.
 * 2. A refused call has done nothing, so it may be repeated whatever its fence is.
 */
import { BrokenCircuitError, CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';
import { EffectError, toErrorInfo } from './runtime/errors.ts';
import type { RuntimeLog } from './runtime/ports.ts';

/** Failures in a row that open a breaker: two could be chance, and each of five may have cost a time-out. */
const FAILURES_MAX = 5;
/** How long an open breaker waits before it lets one call through, milliseconds. */
const HALF_OPEN_AFTER_MS = 10_000;
/** Breakers of one process; names are tools and services, of which there are dozens. */
const BREAKERS_MAX = 256;

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

export interface Breakers {
  /**
   * Runs the work behind the breaker of that name, which is made at its first use.
   * @throws EffectError `breaker_open`, retryable, when the work was not begun; else what the work throws
   */
  run<T>(name: string, work: () => Promise<T>, options?: BreakerOptions): Promise<T>;
  states(): BreakerState[];
}

function isFailureByDefault(error: unknown): boolean {
  if (error instanceof Error && (error.name === 'AbortError' || error.name === 'AttemptCancelled')) return false;
  return !(error instanceof Error && 'retryable' in error && error.retryable === false);
}

export function createBreakers(log: RuntimeLog, defaults: BreakerOptions = {}): Breakers {
  const breakers = new Map<string, ReturnType<typeof createBreaker>>();
  return {
    run(name, work, options = {}) {
      const breaker = breakers.get(name) ?? createBreaker(name, { ...defaults, ...options }, log);
      if (!breakers.has(name) && breakers.size >= BREAKERS_MAX)
        throw new RangeError(`more than ${BREAKERS_MAX} breakers`);
      breakers.set(name, breaker);
      return breaker.run(work);
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

function createBreaker(name: string, options: BreakerOptions, log: RuntimeLog) {
  const { failuresMax = FAILURES_MAX, halfOpenAfterMs = HALF_OPEN_AFTER_MS, isFailure = isFailureByDefault } = options;
  const policy = circuitBreaker(handleWhen(isFailure), {
    halfOpenAfter: halfOpenAfterMs,
    breaker: new ConsecutiveBreaker(failuresMax),
  });
  let failures = 0;
  let openedAtMs: number | null = null;
  let reason: string | null = null;
  policy.onFailure(({ reason: failure, handled }) => {
    if (!handled) return;
    failures += 1;
    reason = 'error' in failure ? toErrorInfo(failure.error).message : 'it failed';
  });
  policy.onSuccess(() => {
    failures = 0;
    reason = null;
  });
  policy.onStateChange((state) => {
    if (state === CircuitState.Open) openedAtMs = Date.now();
    if (state === CircuitState.Closed) openedAtMs = null;
    const fields = { breaker: name, state: words[state], failures, reason };
    if (state === CircuitState.Open) log.warn(fields, 'the breaker opened');
    else log.info(fields, state === CircuitState.Closed ? 'the breaker closed' : 'the breaker tries one call');
  });
  return {
    async run<T>(work: () => Promise<T>): Promise<T> {
      try {
        return await policy.execute(work);
      } catch (error) {
        if (!(error instanceof BrokenCircuitError)) throw error;
        const leftMs = Math.max(0, (openedAtMs ?? 0) + halfOpenAfterMs - Date.now());
        const message = `${name} is left alone after ${failures} failures (${reason ?? 'unknown'}); tried again in ${Math.ceil(leftMs / 1000)} s`;
        throw new EffectError('breaker_open', message, { retryable: true, cause: error });
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
