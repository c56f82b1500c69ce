/**
 * Routers for tests: engines that say what a test wants, the shipped workflows, and the settings of the defaults. Owns:
 * putting a router together. Does not own: any expectation.
 */

import {
  atTheStart,
  type Decided,
  type Decision,
  type RoleHealth,
  type RouteEngine,
  type Situation,
} from '../../../../router/port.ts';
import { createRouter, type RouterOptions } from '../../../../router/router.ts';
import { routeOptions } from '../../../../services/adapters/router.ts';
import { builtin, roles } from '../../roles/support/workflows.ts';

export const WORKFLOWS: readonly string[] = ['answer', 'build', 'direct', 'review', 'tool'];
export const OPTIONS = routeOptions(builtin, roles);
const ALL_ROLES = roles.map(({ name }) => name);

/** Every role is well but those that are named. */
export function health(
  ill: Readonly<Record<string, Partial<Pick<RoleHealth, 'healthy' | 'saturated' | 'reason'>>>> = {},
): RoleHealth[] {
  return ALL_ROLES.map((role) => ({ role, healthy: true, saturated: false, tags: [], reason: '', ...ill[role] }));
}

export const GONE = { healthy: false, reason: 'it has been silent for 12 s' };
export const FULL = { saturated: true, reason: 'queue of llm/generate: 60 of 64' };

/** An engine that gives these weights, the rest evenly among the other workflows. */
export function saying(weights: Readonly<Record<string, number>>, reason = 'a test says so'): RouteEngine {
  const rest = WORKFLOWS.filter((name) => weights[name] === undefined);
  const left = 1 - Object.values(weights).reduce((sum, one) => sum + one, 0);
  const probabilities = { ...Object.fromEntries(rest.map((name) => [name, left / rest.length])), ...weights };
  return { name: 'embedded', weigh: () => Promise.resolve({ probabilities, reason }) };
}

export interface Circumstances {
  readonly situation?: Partial<Situation>;
  readonly roles?: readonly RoleHealth[];
  readonly threshold?: number;
  readonly timeoutMs?: number;
  readonly guard?: RouterOptions['guard'];
  readonly signal?: AbortSignal;
}

export async function decided(engine: RouteEngine, query: string, how: Circumstances = {}): Promise<Decided> {
  const { threshold = 0.5, timeoutMs = 2000, roles: known = health(), guard } = how;
  const router = createRouter({
    ...{ engine, options: OPTIONS, fallback: 'answer' },
    live: () => ({ threshold, timeoutMs }),
    health: () => known,
    ...(guard ? { guard } : {}),
  });
  return router.decide(query, { ...atTheStart, ...how.situation }, how.signal ?? new AbortController().signal);
}

export function decideWith(engine: RouteEngine) {
  return async (query: string, how: Circumstances = {}): Promise<Decision> =>
    (await decided(engine, query, how)).decision;
}
