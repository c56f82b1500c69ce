/** The worker in which long replies of models are read. Owns: that an engine's error comes back as what it is. */
import { EngineError, type EngineErrorCode } from '../../../../prompting/engine-error.ts';
import type { TextRequest } from '../../../../prompting/prompt.ts';
import { readReply } from '../../../../prompting/read-reply.ts';
import type { NamedSkill } from '../../../../prompting/skill.ts';
import { loadSkill } from '../../../../prompting/skill-book.ts';
import type { HopOutput } from '../../../../schemas/events/generated.ts';
import { serve } from '../../../../worker-pool/serve.ts';
import type { WrittenReply } from './reply-lane.ts';

/** A reply as it is handed over: functions cannot be, so the skill that reads it is loaded again. */
export interface ReplyToRead extends Omit<WrittenReply, 'request'> {
  readonly skill: Omit<NamedSkill, 'skill'>;
  readonly request: Omit<TextRequest, 'skill'>;
}

export type ReplyRead =
  | { readonly output: HopOutput }
  | { readonly error: { readonly code: EngineErrorCode; readonly message: string; readonly retryable: boolean } };

async function read({ skill, request, prompt, completion, engine }: ReplyToRead): Promise<ReplyRead> {
  const named = await loadSkill(skill.module, skill.name);
  try {
    return { output: readReply({ ...request, skill: named }, prompt, completion, engine) };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const { code, message, retryable } = error;
    return { error: { code, message, retryable } };
  }
}

serve<ReplyToRead>({
  prepare: async ({ skill: { module, name } }) => void (await loadSkill(module, name)),
  run: read,
});
