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
}

/** The reason's limit in the schema of the fact. */
const REASON_MAX = 1000;

/** @throws RangeError when the fallback is not among the options */
export function createRouter(options: RouterOptions): Router {
  const { engine, fallback } = options;
  if (!options.options.some(({ name }) => name === fallback))
    throw new RangeError(`the fallback ${fallback} is not a workflow`);
  return {
    async decide(query: string, situation: Situation, signal: AbortSignal): Promise<Decided> {
      const beganMs = performance.now();
      const { threshold, timeoutMs } = options.live();
      const rules: PolicyRules = { threshold, fallback, options: options.options };
      const context: RouteContext = { ...situation, roles: options.health() };
      let verdict = decidedWithoutEngine(context, rules);
      if (verdict === null) {
        const answer = await asked(engine, query, context, rules, { timeoutMs, signal });
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
  engine: RouteEngine,
  query: string,
  context: RouteContext,
  rules: PolicyRules,
  limits: { timeoutMs: number; signal: AbortSignal },
): Promise<EngineAnswer> {
  try {
    const weighing = checkedWeighing(await inTime(engine, query, context.roles, limits));
    return { kind: 'weighed', engine: engine.name, weighing };
  } catch (error) {
    limits.signal.throwIfAborted();
    const names = rules.options.map(({ name }) => name);
    return { kind: 'failed', engine: engine.name, why: whyOf(error), instead: weighByRules(query, names) };
  }
}

function whyOf(error: unknown): string {
  if (error instanceof RouteEngineError) return error.message;
  return `it failed (${error instanceof Error ? error.message : String(error)})`;
}

/** The engine's answer, or a time-out whether or not the engine minds its signal. */
async function inTime(
  engine: RouteEngine,
  query: string,
  roles: readonly RoleHealth[],
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<unknown> {
  const limit = new AbortController();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new RouteEngineError('timeout', `it gave no answer within ${timeoutMs} ms`));
    limit.abort();
  }, timeoutMs);
  const onAbort = (): void => {
    reject(signal.reason);
    limit.abort();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([engine.weigh(query, roles, limit.signal), ended]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
