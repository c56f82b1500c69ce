/** Routes without a router: the wish, or any workflow; on the way anything that a router may say, also what it should not. */
import type { RouteNext } from '../../../schemas/events/generated.ts';
import { EffectError } from '../../runtime/errors.ts';
import { type SimulatedEffects, simulated } from '../simulated.ts';
import type { RouteInput, RouteOutput } from './routing.ts';

export const simulation: SimulatedEffects = {
  route: simulated<RouteInput, RouteOutput>(({ wish, phase = 'start', current = null }, dice, { workflows }) => {
    const next: RouteNext = phase === 'start' ? 'begin' : dice.pick(['begin', 'continue', 'finish', 'continue']);
    const anywhere = () => dice.pick([...workflows.keys()]);
    const decision =
      next === 'begin' ? (phase === 'start' ? (wish ?? anywhere()) : anywhere()) : (current ?? anywhere());
    const workflow = workflows.get(decision);
    if (!workflow) throw new EffectError('unknown_workflow', `there is no workflow ${decision}`);
    const route = {
      decision,
      confidence: dice.int(0, 100) / 100,
      fallback: dice.chance(0.1),
      reason: 'simulated',
      probabilities: { [decision]: 1 },
      engine: 'simulated',
      ms: dice.int(0, 40),
    };
    return { route, workflow, next };
  }),
};
