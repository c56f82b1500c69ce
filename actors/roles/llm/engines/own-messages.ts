/**
 * The asker's own messages: what is made of a reply that no skill reads. Owns: that it is handed over as it is. Does not
 * own: what it means; the asker reads it.
 */
import type { Made, NamedSkill, Reply, Skill, Skills } from '../../../../prompting/skill.ts';

function read({ text, cut, notes }: Reply): Made {
  const said = text.trim();
  const made: Made = { summary: `Wrote ${said.length} characters.${notes}`, answer: { text: said, citations: [] } };
  return cut === null ? made : { ...made, degraded: { reason: 'reply_cut', instead: 'partial', message: cut } };
}

const text: Skill = {
  instructions: '',
  sections: ({ input }) => [input.prompt],
  read,
  without() {
    throw new RangeError('The asker of this has named no skill that does it without a model.');
  },
};

/** For workers, which load it as any other (prompting/skill-book.ts). */
export const skills: Skills = { text };

export const ownMessages: NamedSkill = { name: 'text', module: import.meta.url, skill: text };
