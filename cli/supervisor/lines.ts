/**
 * Cuts what a process prints into lines. Owns: the limit of a line. Does not own: what a line means.
 */
import { StringDecoder } from 'node:string_decoder';

/** A process that prints without ever ending a line must not fill the supervisor's memory. */
export const LINE_CHARS_MAX = 64 * 1024;

/** Feeds chunks in, calls back for every whole line; `end` gives what is left. */
export function lineSplitter(onLine: (line: string) => void): { push(chunk: Buffer): void; end(): void } {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const take = (text: string): void => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line.replace(/\r$/, '').slice(0, LINE_CHARS_MAX));
    if (rest.length > LINE_CHARS_MAX) {
      onLine(rest.slice(0, LINE_CHARS_MAX));
      rest = '';
    }
  };
  return {
    push: (chunk) => take(decoder.write(chunk)),
    end: () => {
      take(decoder.end());
      if (rest !== '') onLine(rest);
      rest = '';
    },
  };
}
