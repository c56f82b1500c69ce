/** The worker in which long replies of models are read. Owns: that an engine's error comes back as what it is. */
import type { HopOutput } from '../../../../schemas/events/generated.ts';
import { serve } from '../../../workers/serve.ts';
import { EngineError, type EngineErrorCode, type EngineRequest } from './port.ts';
import { type Completion, type PromptMade, toOutput } from './to-output.ts';

export interface ReplyToRead {
  readonly request: EngineRequest;
  readonly prompt: PromptMade;
  readonly completion: Completion;
  readonly engine: string;
}

export type ReplyRead =
  | { readonly output: HopOutput }
  | { readonly error: { readonly code: EngineErrorCode; readonly message: string; readonly retryable: boolean } };

function read({ request, prompt, completion, engine }: ReplyToRead): ReplyRead {
  try {
    return { output: toOutput(request, prompt, completion, engine) };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const { code, message, retryable } = error;
    return { error: { code, message, retryable } };
  }
}

serve<ReplyToRead>({ run: read });
