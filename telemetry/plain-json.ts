/**
 * JSON whose bytes do nothing to whoever looks at them. Owns: writing as escapes what `JSON.stringify` leaves as it is
 * and a terminal obeys or nobody sees: DEL, the control characters of C1, the line breaks of Unicode, and what
 * `schemas/unseen.ts` has. Does not own: what is said. What is read back is the same value.
 */
import { UNSEEN } from '../schemas/unseen.ts';

const ESCAPED = new RegExp(`[\\u007f-\\u009f\\u2028\\u2029]|${UNSEEN.source}`, 'gu');
const ASCII = /^[ -~\n]*$/;

/** @param json as `JSON.stringify` writes it, where these characters stand in strings alone */
export function plainJson(json: string): string {
  if (ASCII.test(json)) return json;
  return json.replace(ESCAPED, (one) => Array.from({ length: one.length }, (_, at) => escapeOf(one, at)).join(''));
}

function escapeOf(text: string, at: number): string {
  return `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`;
}
