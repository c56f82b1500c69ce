/** Routes without a router: the wish, or any workflow. */
import { EffectError } from '../../runtime/errors.ts';
import { type SimulatedEffects, simulated } from '../simulated.ts';
import type { RouteInput, RouteOutput } from './machine.ts';

export const simulation: SimulatedEffects = {
  route: simulated<RouteInput, RouteOutput>(({ wish }, dice, { workflows }) => {
    const decision = wish ?? dice.pick([...workflows.keys()]);
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
    return { route, workflow };
  }),
};
