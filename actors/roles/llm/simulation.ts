/** Makes text of the wanted kind, another one each time, as a model does. */
import type { HopOutput, LlmRequestedData } from '../../../schemas/events/generated.ts';
import { type Dice, type SimulatedEffects, simulated } from '../simulated.ts';

function write({ purpose, input, tools = [] }: LlmRequestedData, dice: Dice): HopOutput {
  const made = { engine: 'simulated', summary: `simulated ${purpose}` };
  const text = `text ${dice.int(0, 1_000_000)}`;
  switch (purpose) {
    case 'code': {
      const attempt = (input.code?.attempt ?? 0) + 1;
      return { ...made, code: { language: 'typescript', text, attempt, explanation: 'simulated', citations: [] } };
    }
    case 'answer':
    case 'text':
      return { ...made, answer: { text, citations: [] } };
    case 'review': {
      const verdict = dice.chance(0.5) ? 'approved' : 'changes_requested';
      return { ...made, review: { verdict, findings: [], summary: text, checkedBy: ['simulated'] } };
    }
    case 'tool': {
      // None fits, now and then.
      if (tools.length === 0 || dice.chance(0.2)) return made;
      const { name } = dice.pick(tools);
      return { ...made, tool: { name, arguments: { value: dice.int(0, 99) }, result: '' } };
    }
    default:
      throw new Error(`unknown purpose ${JSON.stringify(purpose satisfies never)}`);
  }
}

export const simulation: SimulatedEffects = {
  generate: simulated<LlmRequestedData, HopOutput>(write),
  extract: simulated<LlmRequestedData, HopOutput>(write),
};
