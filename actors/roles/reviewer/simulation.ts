/** Approves or asks for changes, with some findings; sometimes a model is to be asked as well. */
import { type SimulatedEffects, type SimulatedSkills, simulated } from '../simulated.ts';
import type { CheckInput, CheckOutput } from './machine.ts';

export const simulation: SimulatedEffects = {
  check: simulated<CheckInput, CheckOutput>(({ code }, dice) => {
    const verdict = dice.chance(0.4) ? 'approved' : 'changes_requested';
    const severity = verdict === 'approved' ? 'info' : 'error';
    const findings = Array.from({ length: dice.int(verdict === 'approved' ? 0 : 1, 3) }, (_, index) => ({
      severity,
      line: dice.int(1, 80),
      rule: `rule-${index}`,
      message: `finding ${dice.int(0, 1_000_000)}`,
    })) satisfies CheckOutput['review']['findings'];
    const summary = `${findings.length} findings`;
    const review: CheckOutput['review'] = { verdict, findings, summary, checkedBy: ['simulated'] };
    return code !== null && dice.chance(0.5) ? { review, forModel: code } : { review };
  }),
};

export const skills: SimulatedSkills = {
  review(_asked, dice) {
    const text = `text ${dice.int(0, 1_000_000)}`;
    const verdict = dice.chance(0.5) ? 'approved' : 'changes_requested';
    return { summary: 'simulated review', review: { verdict, findings: [], summary: text, checkedBy: ['simulated'] } };
  },
};
