/**
 * Whether the router that the settings ask for can decide. Owns: trying it once, and the advice. Does not own: the
 * router. A router that cannot is no failure: rules decide instead, less well.
 */

import type { Settings } from '../config/settings.ts';
import { atTheStart } from '../router/port.ts';
import { modelPath } from '../services/adapters/router.ts';
import type { Check } from './doctor-checks.ts';
import { withRouter } from './router-ask.ts';

const NAME = 'router';
const QUERY = 'Hello, who are you?';

export async function routerCheck(settings: Settings): Promise<Check> {
  const decision = await withRouter(
    settings,
    async (asked) => {
      await asked.ready();
      // The first one warms up what later ones find warm.
      await asked.router.decide(QUERY, atTheStart, new AbortController().signal);
      const { decision: second } = await asked.router.decide(QUERY, atTheStart, new AbortController().signal);
      return { ...second, problem: asked.problem() };
    },
    { alone: true },
  );
  const { problem, engine, ms, reason } = decision;
  if (problem !== null) return { name: NAME, status: 'warn', text: problem };
  if (engine === 'rules') return { name: NAME, status: 'warn', text: `${reason}; see \`mesh router -h\`` };
  const where = settings.ROUTER_URL ?? modelPath(settings) ?? '';
  return { name: NAME, status: 'ok', text: `${engine}, ${where}, ${ms} ms a decision` };
}
