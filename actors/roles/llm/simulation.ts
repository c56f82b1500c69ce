/** Makes text by the stand-in of the wanted skill; where a role brings none for it, nothing but a summary. */
import type { HopOutput, LlmRequestedData } from '../../../schemas/events/generated.ts';
import { type Dice, type SimulatedEffects, type SimulatedPorts, simulated } from '../simulated.ts';
import { skillNameOf } from './asked-skill.ts';

function write(request: LlmRequestedData, dice: Dice, { skills }: SimulatedPorts): HopOutput {
  const { input, tools = [] } = request;
  const name = skillNameOf(request);
  const made = { engine: 'simulated', summary: `simulated ${name ?? 'text'}` };
  if (name === null) return { ...made, answer: { text: `text ${dice.int(0, 1_000_000)}`, citations: [] } };
  return { ...made, ...skills[name]?.({ input, tools }, dice) };
}

export const simulation: SimulatedEffects = {
  generate: simulated<LlmRequestedData, HopOutput>(write),
  extract: simulated<LlmRequestedData, HopOutput>(write),
};
