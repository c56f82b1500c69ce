/**
 * A moment as events say it: RFC 3339 in UTC, with milliseconds. Owns: that text. Does not own: clocks.
 *
 * The last one is remembered: many events of a task are of one millisecond, and making the text costs as much as the rest of
 * an envelope.
 */
let lastMs = Number.NaN;
let lastText = '';

/**
 * @param atMs since the epoch
 * @throws RangeError for what is no moment
 */
export function timeText(atMs: number): string {
  if (atMs !== lastMs) {
    lastText = new Date(atMs).toISOString();
    lastMs = atMs;
  }
  return lastText;
}
