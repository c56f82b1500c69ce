/**
 * What a model's reply becomes in the hop. Owns: the summary, which says what was left out or cut. Does not own: reading
 * the reply (reply-parsing.ts).
 */
import type { HopOutput } from '../../../../schemas/events/generated.ts';
import type { EngineRequest } from './port.ts';
import type { Prompt } from './prompts.ts';
import { parseAnswer, parseCode, parseReview, parseToolChoice } from './reply-parsing.ts';

export interface Completion {
  readonly text: string;
  /** True when the model stopped at its token limit. */
  readonly cut: boolean;
}

export function toOutput(request: EngineRequest, prompt: Prompt, completion: Completion, engine: string): HopOutput {
  const left = prompt.leftOut > 0 ? ` ${prompt.leftOut} of the passages did not fit into the prompt.` : '';
  const cut = completion.cut ? ' The reply was cut at the token limit.' : '';
  const more = prompt.findingsLeftOut > 0 ? ` ${prompt.findingsLeftOut} findings of the review were not told.` : '';
  const notes = `${left}${more}${cut}`;
  const { text } = completion;
  switch (request.purpose) {
    case 'answer': {
      const answer = parseAnswer(text, prompt.passages);
      return { engine, summary: `Answered with ${answer.citations.length} citations.${notes}`, answer };
    }
    case 'code': {
      const code = parseCode(text, request.input, prompt.passages);
      return { engine, summary: `Wrote ${code.language}, attempt ${code.attempt}.${notes}`, code };
    }
    case 'review': {
      const review = parseReview(text, engine);
      return { engine, summary: `${review.summary.slice(0, 800)}${notes}`, review };
    }
    case 'tool': {
      const tool = parseToolChoice(text, request.tools ?? []);
      return tool === null ? { engine, summary: 'No tool fits.' } : { engine, summary: `Chose ${tool.name}.`, tool };
    }
    default:
      throw new RangeError(`There is no purpose ${String(request.purpose satisfies never)}.`);
  }
}
