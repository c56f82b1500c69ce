/**
 * Why a reply ended, in the words of the servers in use. Owns: which of them mean whole, cut, filtered, or that the model
 * wrote what cannot be used. Does not own: what becomes of such a reply (openai-reply.ts).
 *
 * What nobody knows is not whole: half an answer must not pass for one.
 */

type Finish = 'whole' | 'cut' | 'filtered' | 'unusable' | 'broken';

const WHOLE = new Set([
  'stop',
  'eos',
  'eos_token',
  'end_turn',
  'end_of_text',
  'end_of_sequence',
  'stop_sequence',
  'stop_sequence_reached',
  'stop_string',
  'stop_token',
  'tool_call',
  'tool_calls',
  'tool_use',
  'function_call',
  'complete',
  'completed',
  'finish',
  'done',
  'end',
  'success',
]);
const CUT = new Set([
  'length',
  'max_length',
  'length_limit',
  'max_tokens',
  'max_new_tokens',
  'model_length',
  'max_output_tokens',
  'model_context_window_exceeded',
  'token_limit',
  'limit',
  'incomplete',
]);
const FILTERED = new Set([
  'content_filter',
  'content_filtered',
  'safety',
  'recitation',
  'prohibited_content',
  'blocklist',
  'spii',
  'refusal',
  'sensitive',
  'error_toxic',
  'guardrail_intervened',
]);

/** Further filters of the same families, such as `image_safety`. */
const FILTERED_FAMILY = /(?:^|_)(?:safety|filter(?:ed)?|moderation|prohibited_content|policy)(?:$|_)/;
/** The model is at fault, and not its server. */
const UNUSABLE = /^(?:malformed|unexpected|too_many)_(?:tool|function|response)|repetition/;
/** An enumeration's name that was handed on: `FinishReason.STOP`, `FINISH_REASON_STOP`. */
const ENUMERATION = /^(?:finish|stop)_?reason[._]/;

/** In lower case and without the name of its enumeration; null for what says that the reply goes on. */
export function finishWord(said: unknown): string | null {
  if (typeof said !== 'string') return null;
  const word = said.trim().toLowerCase().replace(ENUMERATION, '');
  return ['', 'null', 'none', 'undefined', 'unspecified'].includes(word) ? null : word;
}

/** @param word of `finishWord` */
export function finishOf(word: string): Finish {
  if (UNUSABLE.test(word)) return 'unusable';
  if (WHOLE.has(word)) return 'whole';
  if (CUT.has(word)) return 'cut';
  return FILTERED.has(word) || FILTERED_FAMILY.test(word) ? 'filtered' : 'broken';
}
