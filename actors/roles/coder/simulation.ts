/** Writes code, another text at each attempt. */
import type { SimulatedSkills } from '../simulated.ts';

export const skills: SimulatedSkills = {
  code({ input }, dice) {
    const text = `text ${dice.int(0, 1_000_000)}`;
    const attempt = (input.code?.attempt ?? 0) + 1;
    const code = { language: 'typescript', text, attempt, explanation: 'simulated', citations: [] };
    return { summary: 'simulated code', code };
  },
};
