/**
 * What a model's reply becomes. Owns: what is no reply at all, and the notes on what was left out or cut. Does not own:
 * what a reply means; the skill that asked reads it.
 */
import type { HopOutput } from '../schemas/events/generated.ts';
import { EngineError } from './engine-error.ts';
import { replyIn } from './model-text.ts';
import type { Prompt, TextRequest } from './prompt.ts';
import type { WireToolCall } from './tool-choice.ts';

export interface Completion {
  readonly text: string;
  /** True when the model stopped at its token limit. */
  readonly cut: boolean;
  /** A filter of the server ended the reply. */
  readonly filtered?: boolean;
  /** Characters of thoughts beside the text. */
  readonly thoughtChars?: number;
  /** What the model called by the API's own means. */
  readonly toolCalls?: readonly WireToolCall[];
}

/** Of a prompt what its reply refers to. */
export type PromptMade = Pick<Prompt, 'passages' | 'leftOut'>;

/** @throws EngineError `engine_no_answer`, `engine_refused` */
export function readReply(
  { skill: named, input, tools = [] }: TextRequest,
  prompt: PromptMade,
  completion: Completion,
  engine: string,
): HopOutput {
  const text = replyIn(completion.text);
  // Who was offered no tool and calls one has said nothing.
  if (text.trim() === '' && (completion.toolCalls === undefined || tools.length === 0))
    throw nothingSaid(completion, named.name);
  const { skill } = named;
  const left = prompt.leftOut > 0 ? ` ${prompt.leftOut} of the passages did not fit into the prompt.` : '';
  const untold = skill.leftOut?.(input) ?? null;
  const cut = incomplete(completion);
  const notes = `${left}${untold === null ? '' : ` ${untold}`}${cut === null ? '' : ` ${cut}`}`;
  const { passages } = prompt;
  const { toolCalls = [] } = completion;
  return { engine, ...skill.read({ input, tools, text, cut, toolCalls, passages, engine, notes }) };
}

/** How much there is to read. */
export function charsOf({ text, toolCalls = [] }: Completion): number {
  return toolCalls.reduce((sum, call) => sum + JSON.stringify(call).length, text.length);
}

function nothingSaid({ cut, text, thoughtChars = 0 }: Completion, wanted: string): EngineError {
  const thought = Math.max(thoughtChars, text.trim().length);
  const message = cut
    ? 'The model used up its tokens before it answered. Raise LLM_MAX_TOKENS.'
    : thought > 0
      ? `The model thought for ${thought} characters and then gave no ${wanted}.`
      : 'The model gave an empty answer.';
  return new EngineError('engine_no_answer', message, { retryable: false });
}

function incomplete({ cut, filtered }: Completion): string | null {
  if (filtered === true) return 'A content filter of the server ended the reply here.';
  return cut ? 'The reply was cut at the token limit; LLM_MAX_TOKENS raises it.' : null;
}
