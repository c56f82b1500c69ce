/** Answers, with another text each time. */
import type { SimulatedSkills } from '../simulated.ts';

export const skills: SimulatedSkills = {
  answer: (_asked, dice) => ({
    summary: 'simulated answer',
    answer: { text: `text ${dice.int(0, 1_000_000)}`, citations: [] },
  }),
};
