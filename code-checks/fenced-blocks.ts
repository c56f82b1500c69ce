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

/** Further in than three columns it is one inside of a list alone; then it has its end. */
const OPENING = /^([ \t]{0,16})(`{3,}|~{3,})(.*)$/;
const TAB_COLUMNS = 4;
const INDENT_MAX = 3;

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
    const columns = columnsOf(indent);
    const deepest = columns > INDENT_MAX ? columns + INDENT_MAX : INDENT_MAX;
    while (end < lines.length && !closes(lines[end] ?? '', fence, deepest)) end += 1;
    if (columns > INDENT_MAX && end === lines.length) {
      at += 1;
      continue;
    }
    blocks.push({
      language: languageName(languageOf(info)),
      info: info.trim(),
      // As far in as the fence stands, so far its lines do: in an item of a list.
      text: lines
        .slice(first, end)
        .map((line) => withoutIndent(line, columns))
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
  if (columns === 0) return line;
  const [indent = ''] = /^[ \t]*/.exec(line) ?? [];
  return `${spaces(indent).slice(columns)}${line.slice(indent.length)}`;
}

function spaces(indent: string): string {
  return indent.replaceAll('\t', ' '.repeat(TAB_COLUMNS));
}

function columnsOf(indent: string): number {
  return spaces(indent).length;
}

/** `ts`, `ts title=a.ts`, `{.python}`, `ts:src/a.ts`; a path such as `src/add.ts` stands for its ending. */
function languageOf(info: string): string {
  const word =
    (info.trim().split(/[\s,{(]/, 1)[0] || (/[{.]\.?([\w+#-]+)/.exec(info)?.[1] ?? '')).split(':', 1)[0] ?? '';
  return /[\w-]\.\w+$/.test(word) ? (word.split('.').pop() ?? '') : word;
}

/** @param deepest columns; further in it is a line of the code, such as an example inside a doc comment */
function closes(line: string, fence: string, deepest: number): boolean {
  const mark = fence[0] === '~' ? '~' : '`';
  const [indent = ''] = /^[ \t]*/.exec(line) ?? [];
  if (columnsOf(indent) > deepest) return false;
  const trimmed = line.trim();
  return trimmed.length >= fence.length && [...trimmed].every((character) => character === mark);
}
