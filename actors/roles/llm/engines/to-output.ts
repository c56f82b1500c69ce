/**
 * What a model's reply becomes in the hop. Owns: the summary and the mark, which say what was left out or cut, and what is
 * said of a reply without a word. Does not own: reading the reply (code-reply.ts, verdict.ts, tool-choice.ts), or where
 * that is done (reply-lane.ts).
 */
import type { Answer, Degraded, HopOutput } from '../../../../schemas/events/generated.ts';
import { citationsIn } from './citations.ts';
import { parseCode } from './code-reply.ts';
import { replyIn } from './model-text.ts';
import { EngineError, type EngineRequest, type Purpose } from './port.ts';
import type { Prompt } from './prompts.ts';
import { fromToolCalls, parseToolChoice, type WireToolCall } from './tool-choice.ts';
import { parseReview } from './verdict.ts';

/** What an Answer cites at most (schemas/events/data/common.v1.json). */
const CITATIONS_MAX = 50;

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
export type PromptMade = Pick<Prompt, 'passages' | 'leftOut' | 'findingsLeftOut'>;

/** @throws EngineError `engine_no_answer`, `engine_refused` */
export function toOutput(request: EngineRequest, prompt: PromptMade, made: Completion, engine: string): HopOutput {
  const completion = { ...made, text: replyIn(made.text) };
  if (completion.text.trim() === '' && made.toolCalls === undefined) throw nothingSaid(made, request.purpose);
  const left = prompt.leftOut > 0 ? ` ${prompt.leftOut} of the passages did not fit into the prompt.` : '';
  const cut = incomplete(completion);
  const more = prompt.findingsLeftOut > 0 ? ` ${prompt.findingsLeftOut} findings of the review were not told.` : '';
  const notes = `${left}${more}${cut === null ? '' : ` ${cut}`}`;
  const { text, toolCalls = [] } = completion;
  switch (request.purpose) {
    case 'answer': {
      const answer = parseAnswer(text, prompt);
      const made = { engine, summary: `Answered with ${answer.citations.length} citations.${notes}` };
      if (cut === null) return { ...made, answer };
      const degraded: Degraded = { reason: 'reply_cut', instead: 'partial', message: cut };
      return { ...made, answer: { ...answer, text: `${answer.text}\n\n(${cut})` }, degraded };
    }
    case 'code': {
      const code = parseCode(text, request.input, prompt.passages, { cut: cut !== null && endsInCode(text) });
      return { engine, summary: `Wrote ${code.language}, attempt ${code.attempt}.${notes}`, code };
    }
    case 'review': {
      const review = parseReview(text, engine);
      return { engine, summary: `${review.summary.slice(0, 800)}${notes}`, review };
    }
    case 'tool': {
      const tools = request.tools ?? [];
      const tool = toolCalls.length > 0 ? fromToolCalls(toolCalls, tools) : parseToolChoice(text, tools);
      return tool === null ? { engine, summary: 'No tool fits.' } : { engine, summary: `Chose ${tool.name}.`, tool };
    }
    case 'text': {
      const said = text.trim();
      const made = {
        engine,
        summary: `Wrote ${said.length} characters.${notes}`,
        answer: { text: said, citations: [] },
      };
      return cut === null ? made : { ...made, degraded: { reason: 'reply_cut', instead: 'partial', message: cut } };
    }
    default:
      throw new RangeError(`There is no purpose ${String(request.purpose satisfies never)}.`);
  }
}

/** How much there is to read. */
export function charsOf({ text, toolCalls = [] }: Completion): number {
  return toolCalls.reduce((sum, call) => sum + JSON.stringify(call).length, text.length);
}

function nothingSaid({ cut, text, thoughtChars = 0 }: Completion, purpose: Purpose): EngineError {
  const thought = Math.max(thoughtChars, text.trim().length);
  const message = cut
    ? 'The model used up its tokens before it answered. Raise LLM_MAX_TOKENS.'
    : thought > 0
      ? `The model thought for ${thought} characters and then gave no ${purpose}.`
      : 'The model gave an empty answer.';
  return new EngineError('engine_no_answer', message, { retryable: false });
}

export function parseAnswer(text: string, { passages }: Pick<Prompt, 'passages'>): Answer {
  const said = text.trim();
  return { text: said, citations: citationsIn(said, passages).slice(0, CITATIONS_MAX) };
}

function incomplete({ cut, filtered }: Completion): string | null {
  if (filtered === true) return 'A content filter of the server ended the reply here.';
  return cut ? 'The reply was cut at the token limit; LLM_MAX_TOKENS raises it.' : null;
}

/** An explanation that is cut leaves the code whole. */
function endsInCode(text: string): boolean {
  return (text.match(/^ {0,3}(?:```|~~~)/gm)?.length ?? 0) % 2 === 1 || !/^ {0,3}(?:```|~~~)/m.test(text);
}
