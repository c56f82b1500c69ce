/**
 * JSON whose bytes do nothing to whoever looks at them. Owns: writing as escapes what `JSON.stringify` leaves as it is
 * and a terminal obeys: DEL, the control characters of C1, the marks that turn text round, and the line breaks of
 * Unicode. Does not own: what is said. What is read back is the same value.
 */
const OBEYED = /[\u007f-\u009f\u2028\u2029]|\p{Bidi_Control}/gu;

/** @param json as `JSON.stringify` writes it, where these characters stand in strings alone */
export function plainJson(json: string): string {
  return json.replace(OBEYED, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
