/** Chooses a tool of any fence; running it returns something else each time, as an unrepeatable deed does. */
import type { Fence } from '../../runtime/role.ts';
import { type SimulatedEffects, simulated } from '../simulated.ts';
import type { ToolChoice } from './machine.ts';

export const simulation: SimulatedEffects = {
  choose: simulated<{ prompt: string }, ToolChoice>((_input, dice) => {
    const fence = dice.pick<Fence>(['pure', 'keyed', 'once', 'once']);
    return { name: `${fence}-tool`, arguments: { value: dice.int(0, 99) }, fence };
  }),
  run: simulated<ToolChoice, { result: string }>(({ name }, dice) => ({
    result: `${name} returned ${dice.int(0, 1_000_000)}`,
  })),
};
