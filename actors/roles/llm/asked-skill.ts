/**
 * Which skill a request for text names. Owns: reading that, and the request as engines take it. Does not own: any skill; the
 * roles bring them (`skills.ts` in their folders), and none is known here by name.
 */
import type { TextRequest } from '../../../prompting/prompt.ts';
import type { NamedSkill } from '../../../prompting/skill.ts';
import type { SkillBook } from '../../../prompting/skill-book.ts';
import { SET_UP_A_MODEL } from '../../../prompting/without-model.ts';
import type { ErrorInfo, LlmRequestedData } from '../../../schemas/events/generated.ts';
import { EffectError } from '../../runtime/errors.ts';
import { ownMessages } from './engines/own-messages.ts';
import type { EngineRequest } from './engines/port.ts';

/**
 * Null when the asker reads the reply itself. Before their version 5 roles named what they want by a word of a closed list,
 * the names of the skills that ship; `text` was for messages of their own.
 */
export function skillNameOf({ skill, purpose }: LlmRequestedData): string | null {
  if (skill !== undefined) return skill;
  return purpose === undefined || purpose === 'text' ? null : purpose;
}

/** @throws EffectError when no role brings that skill */
async function skillIn(skills: SkillBook, name: string): Promise<NamedSkill> {
  const found = await skills.find(name);
  if (found !== null) return found;
  const message = `No role of this mesh brings a skill ${name}; there are: ${(await skills.names()).join(', ')}.`;
  throw new EffectError('unknown_skill', message);
}

/** What the skill is asked for; the asker's own messages are read by nobody but the asker. */
export async function textRequest(skills: SkillBook, request: LlmRequestedData): Promise<TextRequest> {
  const { input, messages, format, tools } = request;
  const name = skillNameOf(request);
  return {
    skill: name === null ? ownMessages : await skillIn(skills, name),
    input,
    ...(messages === undefined ? {} : { messages }),
    ...(format === undefined ? {} : { format }),
    ...(tools === undefined ? {} : { tools }),
  };
}

/** What the embedded engine is asked instead. @throws EffectError for what only a model can do */
export async function withoutModel(
  skills: SkillBook,
  request: LlmRequestedData,
  failure?: ErrorInfo,
): Promise<EngineRequest> {
  const { fallback, input, tools } = request;
  const name = fallback ?? skillNameOf(request);
  if (name !== null) {
    return {
      ...{ skill: await skillIn(skills, name), input },
      ...(tools === undefined ? {} : { tools }),
      ...(failure === undefined ? {} : { failure }),
    };
  }
  const { code, message } = failure ?? { code: 'no_model', message: `No language model is set up: ${SET_UP_A_MODEL}.` };
  throw new EffectError(code, message);
}
