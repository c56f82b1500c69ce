/**
 * Lines that are longer than a passage may be: a page of text without a line end, a picture written as letters. Owns: cutting
 * a chunk at such lines, and the lines at their words. Does not own: any other border.
 */
import { type Chunk, isBlank } from './chunk-lines.ts';

/** About two passages: a longer line would fill a prompt alone. */
export const LINE_CHARS_MAX = 3_000;
const PIECE_CHARS_MAX = 1_500;
/** A piece ends at a sentence, else at a word, where one is in its last part. */
const PIECE_CHARS_MIN = 1_000;
/** So little more stays with the last piece: it says nothing alone. */
const REST_CHARS_MAX = 500;

export function withoutLongLines(chunk: Chunk): Chunk[] {
  if (chunk.text.length <= LINE_CHARS_MAX) return [chunk];
  const lines = chunk.text.split('\n');
  if (lines.every((line) => line.length <= LINE_CHARS_MAX)) return [chunk];
  const chunks: Chunk[] = [];
  let first = 0;
  const flush = (end: number): void => {
    const whole = lines.slice(first, end);
    const from = whole.findIndex((line) => !isBlank(line));
    const to = whole.findLastIndex((line) => !isBlank(line));
    first = end;
    if (from < 0) return;
    const startLine = chunk.startLine + end - whole.length + from;
    const text = whole.slice(from, to + 1).join('\n');
    chunks.push({ ...chunk, startLine, endLine: startLine + to - from, text });
  };
  lines.forEach((line, index) => {
    if (line.length <= LINE_CHARS_MAX) return;
    flush(index);
    const at = chunk.startLine + index;
    piecesOf(line).forEach((text, piece) => {
      chunks.push({ ...chunk, startLine: at, endLine: at, text, piece });
    });
    first = index + 1;
  });
  flush(lines.length);
  return chunks;
}

function piecesOf(line: string): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < line.length; ) {
    const piece = line.slice(at, at + PIECE_CHARS_MAX);
    const rest = line.slice(at);
    const end = rest.length <= PIECE_CHARS_MAX + REST_CHARS_MAX ? rest.length : borderOf(piece);
    if (rest.slice(0, end).trim() !== '') pieces.push(rest.slice(0, end));
    at += end;
  }
  return pieces;
}

function borderOf(piece: string): number {
  const late = piece.slice(PIECE_CHARS_MIN);
  const sentence = late.search(/[.!?。！？]\s(?!.*[.!?。！？]\s)/s);
  if (sentence >= 0) return PIECE_CHARS_MIN + sentence + 2;
  const word = late.search(/\s(?!.*\s)/s);
  if (word >= 0) return PIECE_CHARS_MIN + word + 1;
  // Never between the two halves of a character outside the basic plane.
  return /[\uD800-\uDBFF]$/.test(piece) ? piece.length - 1 : piece.length;
}
