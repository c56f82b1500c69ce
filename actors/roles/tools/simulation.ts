/**
 * Chooses a tool of any fence, or leaves that to a model, whose choice may be refused; running it returns something else
 * each time, as an unrepeatable deed does.
 */
import { EffectError } from '../../runtime/errors.ts';
import type { Fence } from '../../runtime/role.ts';
import { type Dice, type SimulatedEffects, type SimulatedSkills, simulated } from '../simulated.ts';
import type { ToolChoice, ToolProposal, ToolQuestion } from './context.ts';

const FENCES: readonly Fence[] = ['pure', 'keyed', 'once', 'once'];
const nameOf = (fence: Fence): string => `${fence}-tool`;

function choose(dice: Dice): ToolChoice | ToolQuestion {
  if (dice.chance(0.4)) {
    const offered = [...new Set(FENCES)].map((fence) => ({ name: nameOf(fence), description: '', inputSchema: {} }));
    return { unfit: 'no tool fits this request.', offers: offered };
  }
  const fence = dice.pick(FENCES);
  return { name: nameOf(fence), arguments: { value: dice.int(0, 99) }, fence };
}

function check({ name, arguments: given }: ToolProposal, dice: Dice): ToolChoice {
  const fence = FENCES.find((one) => nameOf(one) === name);
  if (fence === undefined) throw new EffectError('tool_unknown', `there is no tool ${name}`);
  if (dice.chance(0.1)) throw new EffectError('tool_bad_arguments', `${name} takes other arguments`);
  return { name, arguments: given, fence };
}

export const simulation: SimulatedEffects = {
  choose: simulated<{ prompt: string }, ToolChoice | ToolQuestion>((_input, dice) => choose(dice)),
  check: simulated<ToolProposal, ToolChoice>(check),
  run: simulated<ToolChoice, { result: string }>(({ name }, dice) => ({
    result: `${name} returned ${dice.int(0, 1_000_000)}`,
  })),
};

export const skills: SimulatedSkills = {
  tool({ tools }, dice) {
    const made = { summary: 'simulated tool' };
    // None fits, now and then.
    if (tools.length === 0 || dice.chance(0.2)) return made;
    const { name } = dice.pick(tools);
    return { ...made, tool: { name, arguments: { value: dice.int(0, 99) }, result: '' } };
  },
};
