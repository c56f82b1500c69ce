/**
 * Asks an engine and lets the policy decide. Owns: the time limit, what an engine's failure becomes, the order of it
 * all. Does not own: weighing (engines), deciding (`policy.ts`), reading health and settings (the adapter).
 *
 * 1. An engine that fails, is late or answers in another form never fails a task: the rules weigh instead, and the
 *    decision says so.
 * 2. Only an abort of the caller rejects.
 */

import { weighByRules } from './engines/rules.ts';
import { decide, decidedWithoutEngine, type EngineAnswer, type PolicyRules, type Verdict } from './policy.ts';
import type { Decided, RoleHealth, RouteContext, RouteEngine, RouteOption, Router, Situation } from './port.ts';
import { RouteEngineError } from './port.ts';
import { checkedDecision, checkedWeighing } from './weighing.ts';

/** Settings that may change while the process runs. */
export interface LiveRules {
  readonly threshold: number;
  /** Time an engine has, milliseconds. */
  readonly timeoutMs: number;
}

export interface RouterOptions {
  readonly engine: RouteEngine;
  readonly options: readonly RouteOption[];
  /** The workflow for what nobody is sure of. */
  readonly fallback: string;
  /** Read anew at every decision. */
  readonly live: () => LiveRules;
  /** How the roles are now. */
  readonly health: () => readonly RoleHealth[];
  /** Runs each call of the engine, or refuses to: a circuit breaker. */
  readonly guard?: <T>(call: () => Promise<T>) => Promise<T>;
}

/** The reason's limit in the schema of the fact. */
const REASON_MAX = 1000;
/** Loading a model takes a second or so; after this time the rules decide until it is there. */
const LOADING_MS = 5000;

/** @throws RangeError when the fallback is not among the options */
export function createRouter(options: RouterOptions): Router {
  const { fallback } = options;
  if (!options.options.some(({ name }) => name === fallback))
    throw new RangeError(`the fallback ${fallback} is not a workflow`);
  return {
    async decide(query: string, situation: Situation, signal: AbortSignal): Promise<Decided> {
      const beganMs = performance.now();
      const { threshold, timeoutMs } = options.live();
      const rules: PolicyRules = { threshold, fallback, options: options.options };
      const context: RouteContext = { ...situation, roles: options.health() };
      let verdict = decidedWithoutEngine(query, context, rules);
      if (verdict === null) {
        const answer = await asked(options, query, context, rules, { timeoutMs, signal });
        verdict = decide(answer, context, rules);
      }
      return decided(verdict, performance.now() - beganMs);
    },
  };
}

function decided({ next, ...verdict }: Verdict, ms: number): Decided {
  const decision = {
    ...verdict,
    probabilities: { ...verdict.probabilities },
    reason: verdict.reason.slice(0, REASON_MAX),
    ms: Math.round(ms * 100) / 100,
  };
  return { decision: checkedDecision(decision), next };
}

async function asked(
  { engine, guard = (call) => call() }: RouterOptions,
  query: string,
  context: RouteContext,
  rules: PolicyRules,
  limits: { timeoutMs: number; signal: AbortSignal },
): Promise<EngineAnswer> {
  const { signal, timeoutMs } = limits;
  try {
    if (engine.ready)
      await inTime(
        () => engine.ready?.() ?? Promise.resolve(),
        LOADING_MS,
        signal,
        () => 'its model is still loading',
      );
    const ahead = engine.waiting ?? 0;
    const late = (): string => `it gave no answer within ${timeoutMs} ms${ahead > 0 ? ` (${ahead} were ahead)` : ''}`;
    const call = (limit: AbortSignal) => engine.weigh(query, context.roles, limit);
    const code = ahead > 0 ? 'busy' : 'timeout';
    const weighing = await guard(async () => checkedWeighing(await inTime(call, timeoutMs, signal, late, code)));
    return { kind: 'weighed', engine: engine.name, weighing };
  } catch (error) {
    signal.throwIfAborted();
    const names = rules.options.map(({ name }) => name);
    return { kind: 'failed', engine: engine.name, why: whyOf(error), instead: weighByRules(query, names) };
  }
}

function whyOf(error: unknown): string {
  if (error instanceof RouteEngineError) return error.message;
  return `it failed (${error instanceof Error ? error.message : String(error)})`;
}

/** What the work comes to, or an error at the limit, whether or not the work minds its signal. */
async function inTime<T>(
  work: (limit: AbortSignal) => Promise<T>,
  limitMs: number,
  signal: AbortSignal,
  late: () => string,
  code: 'timeout' | 'busy' = 'busy',
): Promise<T> {
  signal.throwIfAborted();
  const limit = new AbortController();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new RouteEngineError(code, late()));
    limit.abort();
  }, limitMs);
  const onAbort = (): void => {
    reject(signal.reason);
    limit.abort();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work(limit.signal), ended]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
