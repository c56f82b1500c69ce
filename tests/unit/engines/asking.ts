/** Requests for text by the skills that ship, as engines take them. */
import { skills as coder } from '../../../actors/roles/coder/skills.ts';
import type { EngineRequest } from '../../../actors/roles/llm/engines/index.ts';
import { skills as responder } from '../../../actors/roles/responder/skills.ts';
import { skills as reviewer } from '../../../actors/roles/reviewer/skills.ts';
import { skills as tools } from '../../../actors/roles/tools/skills.ts';
import type { NamedSkill, Skills } from '../../../prompting/skill.ts';
import { createSkillBook, type SkillBook } from '../../../prompting/skill-book.ts';
import type { HopInput } from '../../../schemas/events/generated.ts';

export type SkillName = 'answer' | 'code' | 'review' | 'tool';

const homes: Readonly<Record<SkillName, readonly [role: string, skills: Skills]>> = {
  answer: ['responder', responder],
  code: ['coder', coder],
  review: ['reviewer', reviewer],
  tool: ['tools', tools],
};

export function shipped(name: SkillName): NamedSkill {
  const [role, skills] = homes[name];
  const skill = skills[name];
  if (skill === undefined) throw new Error(`${role} brings no skill ${name}`);
  return { name, module: new URL(`../../../actors/roles/${role}/skills.ts`, import.meta.url).href, skill };
}

export function asking(name: SkillName, input: HopInput, more: Partial<EngineRequest> = {}): EngineRequest {
  return { skill: shipped(name), input, ...more };
}

/** All of them, as the llm role is given them. */
export const shippedSkills: SkillBook = createSkillBook(
  (['answer', 'code', 'review', 'tool'] as const).map((name) => shipped(name).module),
);
