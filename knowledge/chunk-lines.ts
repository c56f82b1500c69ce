/**
 * Ranges of lines: the arithmetic every chunker shares.
 *
 * Owns splitting a text into lines and a range into pieces of bounded size. Does not know Markdown or any language;
 * a chunker says where a cut would be good, this file decides where it falls.
 */

/** A piece of a file, kept verbatim. */
export interface Chunk {
  /** Path of headings, or the symbol; empty when there is none. */
  heading: string;
  /** Counted from 1. */
  startLine: number;
  /** Inclusive. */
  endLine: number;
  /** The lines joined by `\n`, without blank lines at either end; of a line that is too long a piece. */
  text: string;
  /** Absent for whole lines; counts the pieces of one line from 0. */
  piece?: number;
}

/** Indexes into an array of lines, counted from 0, both inclusive. */
export interface Range {
  first: number;
  last: number;
}

/** A heading is for finding and for showing on one line; longer ones say nothing more. */
const HEADING_CHARS_MAX = 200;

/** A piece shorter than this share of the limit is not worth a better border. */
const PIECE_SHARE_MIN = 0.3;

export function splitLines(text: string): string[] {
  return text.split(/\r?\n/);
}

export function lineAt(lines: readonly string[], index: number): string {
  return lines[index] ?? '';
}

export function isBlank(line: string): boolean {
  return line.trim() === '';
}

export function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

export function charsOf(lines: readonly string[], range: Range): number {
  let chars = 0;
  for (let index = range.first; index <= range.last; index += 1) chars += lineAt(lines, index).length + 1;
  return chars;
}

/** Null when every line of the range is blank. */
export function toChunk(lines: readonly string[], range: Range, heading: string): Chunk | null {
  let { first, last } = range;
  while (first <= last && isBlank(lineAt(lines, first))) first += 1;
  while (last >= first && isBlank(lineAt(lines, last))) last -= 1;
  if (first > last) return null;
  return {
    heading: heading.slice(0, HEADING_CHARS_MAX),
    startLine: first + 1,
    endLine: last + 1,
    text: lines.slice(first, last + 1).join('\n'),
  };
}

/**
 * Cuts a range into pieces of at most `charsMax` characters; a single longer line stays whole.
 * @param borderRank how good it is to begin a piece at this line: the highest wins, then the latest; 0 is a last resort.
 */
export function splitRange(
  lines: readonly string[],
  range: Range,
  charsMax: number,
  borderRank: (index: number) => number,
): Range[] {
  const pieces: Range[] = [];
  let first = range.first;
  while (first <= range.last) {
    const next = nextPieceStart(lines, { first, last: range.last }, charsMax, borderRank);
    pieces.push({ first, last: next - 1 });
    first = next;
  }
  return pieces;
}

function nextPieceStart(
  lines: readonly string[],
  range: Range,
  charsMax: number,
  borderRank: (index: number) => number,
): number {
  let chars = 0;
  let best = -1;
  let bestRank = 0;
  for (let index = range.first; index <= range.last; index += 1) {
    if (chars >= charsMax * PIECE_SHARE_MIN && borderRank(index) >= Math.max(bestRank, 1)) {
      best = index;
      bestRank = borderRank(index);
    }
    chars += lineAt(lines, index).length + 1;
    if (chars > charsMax && index > range.first) return best > range.first ? best : index;
  }
  return range.last + 1;
}

/** A new paragraph is the best border, less indentation is better than more. */
export function paragraphBorder(lines: readonly string[]): (index: number) => number {
  return (index) => {
    const line = lineAt(lines, index);
    if (isBlank(line) || !isBlank(lineAt(lines, index - 1))) return 0;
    return Math.max(1, 5 - Math.floor(indentOf(line) / 2));
  };
}
