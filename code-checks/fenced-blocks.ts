/**
 * Fenced code blocks of Markdown (CommonMark 0.31, section 4.5), with the lines they stand on.
 * Owns the reading of fences only; indented code blocks are prose here, since prompts and answers do not use them.
 */
import { languageName } from './languages.ts';

export interface FencedBlock {
  /** Lower-case name of the info string's first word; empty when there is none. */
  readonly language: string;
  /** The whole info string, as it was written. */
  readonly info: string;
  readonly text: string;
  /** Line of the block's first line of code in the given text, from 1. */
  readonly startLine: number;
  /** Line of its last line of code, inclusive; never before startLine. */
  readonly endLine: number;
  /** Whether the closing fence was there. */
  readonly closed: boolean;
}

const OPENING = /^( {0,3})(`{3,}|~{3,})(.*)$/;

/** All fenced blocks in order. A block without a closing fence runs to the end of the text. */
export function fencedBlocks(markdown: string): FencedBlock[] {
  const lines = markdown.split(/\r?\n/);
  const blocks: FencedBlock[] = [];
  let at = 0;
  while (at < lines.length) {
    const [, indent = '', fence, info = ''] = OPENING.exec(lines[at] ?? '') ?? [];
    // A backtick in the info string makes it inline code.
    if (fence === undefined || info.includes('`')) {
      at += 1;
      continue;
    }
    const first = at + 1;
    let end = first;
    while (end < lines.length && !closes(lines[end] ?? '', fence)) end += 1;
    blocks.push({
      language: languageName(languageOf(info)),
      info: info.trim(),
      // As far in as the fence stands, so far its lines do: in an item of a list.
      text: lines
        .slice(first, end)
        .map((line) => withoutIndent(line, indent.length))
        .join('\n'),
      startLine: first + 1,
      endLine: Math.max(first + 1, end),
      closed: end < lines.length,
    });
    at = end + 1;
  }
  return blocks;
}

/** The text without its fenced blocks: what is said around the code. */
export function withoutFencedBlocks(markdown: string): string {
  const lines = markdown.split(/\r?\n/);
  for (const block of fencedBlocks(markdown)) {
    const last = block.closed ? block.endLine : lines.length - 1;
    const empty = block.text === '' && block.closed;
    for (let line = block.startLine - 2; line <= (empty ? block.startLine - 1 : last); line += 1) lines[line] = '';
  }
  return lines.join('\n').replace(/\n{3,}/g, '\n\n');
}

function withoutIndent(line: string, columns: number): string {
  return columns === 0 ? line : line.replace(new RegExp(`^ {0,${columns}}`), '');
}

/** `ts`, `ts title=a.ts`, `{.python}`, `ts:src/a.ts`; a path such as `src/add.ts` stands for its ending. */
function languageOf(info: string): string {
  const word =
    (info.trim().split(/[\s,{(]/, 1)[0] || (/[{.]\.?([\w+#-]+)/.exec(info)?.[1] ?? '')).split(':', 1)[0] ?? '';
  return /[\w-]\.\w+$/.test(word) ? (word.split('.').pop() ?? '') : word;
}

function closes(line: string, fence: string): boolean {
  const mark = fence[0] === '~' ? '~' : '`';
  // Further in it is a line of the code, such as an example inside a doc comment.
  if (/^(?: {4}| {0,3}\t)/.test(line)) return false;
  const trimmed = line.trim();
  return trimmed.length >= fence.length && [...trimmed].every((character) => character === mark);
}
