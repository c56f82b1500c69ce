/**
 * Takes a passage apart into units that can be quoted: sentences, list items, table rows, blocks of code.
 * Owns the splitting and the lines of each unit; which units are worth quoting is decided in extractive-answer.ts.
 */

import { fencedBlocks } from '../../../code-checks/fenced-blocks.ts';
import type { Passage } from '../../../schemas/events/generated.ts';

export interface QuotableUnit {
  readonly kind: 'sentence' | 'code';
  readonly text: string;
  readonly language: string;
  /** Lines in the file, from 1, inclusive: those of the unit's paragraph. */
  readonly startLine: number;
  readonly endLine: number;
}

/** Longer code is quoted from its start; the reader has the path and the lines. */
const CODE_LINES_MAX = 15;
/** A "sentence" longer than this is data without punctuation and is cut with an ellipsis. */
const SENTENCE_CHARS_MAX = 600;
const SENTENCE_CHARS_MIN = 8;
const sentences = new Intl.Segmenter('en', { granularity: 'sentence' });

interface Block {
  readonly lines: readonly string[];
  /** Offset of the first line inside the passage, from 0. */
  readonly at: number;
}

/** The units of a passage in reading order. */
export function quotableUnits(passage: Passage): QuotableUnit[] {
  const locate = locator(passage);
  if (passage.kind === 'code') {
    return [codeUnit(passage.text, passage.language, locate(0, passage.text.split('\n').length))];
  }
  const lines = passage.text.split(/\r?\n/);
  const fences = fencedBlocks(passage.text);
  const units: { at: number; unit: QuotableUnit }[] = [];
  for (const fence of fences) {
    const at = fence.startLine - 1;
    const length = fence.endLine - fence.startLine + 1;
    if (fence.text.trim() !== '') units.push({ at, unit: codeUnit(fence.text, fence.language, locate(at, length)) });
    for (let line = at - 1; line <= fence.endLine; line += 1) lines[line] = '';
  }
  for (const block of proseBlocks(lines)) {
    const range = locate(block.at, block.lines.length);
    for (const text of sentencesOf(block.lines)) {
      units.push({ at: block.at, unit: { kind: 'sentence', text, language: '', ...range } });
    }
  }
  return units.sort((a, b) => a.at - b.at).map(({ unit }) => unit);
}

/** Lines of the file for lines of the passage; the whole passage when its text was not taken line by line. */
function locator(passage: Passage): (at: number, length: number) => { startLine: number; endLine: number } {
  const { startLine, endLine } = passage;
  const aligned = passage.text.trimEnd().split('\n').length <= endLine - startLine + 1;
  return (at, length) => {
    if (!aligned) return { startLine, endLine };
    const first = Math.min(startLine + at, endLine);
    return { startLine: first, endLine: Math.min(first + length - 1, endLine) };
  };
}

function codeUnit(text: string, language: string, range: { startLine: number; endLine: number }): QuotableUnit {
  const lines = text.split(/\r?\n/);
  const cut = lines.length > CODE_LINES_MAX;
  const kept = cut ? [...lines.slice(0, CODE_LINES_MAX), `… (${lines.length - CODE_LINES_MAX} more lines)`] : lines;
  return { kind: 'code', text: kept.join('\n'), language, ...range };
}

/** Paragraphs; list items and table rows stand alone; headings and rules are left out. */
function proseBlocks(lines: readonly string[]): Block[] {
  const blocks: Block[] = [];
  let open: { lines: string[]; at: number } | null = null;
  lines.forEach((line, at) => {
    const skipped = /^\s*(?:#{1,6}\s|<!--|\||[-*_=]{3,}\s*$)/.test(line);
    if (/^\s*\|/.test(line) && !/^\s*\|?[\s:|-]+$/.test(line)) blocks.push({ lines: [tableRow(line)], at });
    if (line.trim() === '' || skipped) {
      open = null;
    } else if (open === null || /^\s*(?:[-*+]|\d+[.)])\s/.test(line)) {
      open = { lines: [line], at };
      blocks.push(open);
    } else {
      open.lines.push(line);
    }
  });
  return blocks;
}

function tableRow(line: string): string {
  const cells = line.split('|').map((cell) => cell.trim());
  return cells.filter((cell) => cell !== '').join(' — ');
}

/** Emphasis that ends in another sentence would run on in the quote. */
function balanced(sentence: string): string {
  return (sentence.split('**').length - 1) % 2 === 0 ? sentence : sentence.replaceAll('**', '');
}

function sentencesOf(lines: readonly string[]): string[] {
  const text = lines
    .map((line) => line.replace(/^\s*(?:>\s?|[-*+]\s+|\d+[.)]\s+)/, '').trim())
    .join(' ')
    .trim();
  return [...sentences.segment(text)]
    .map(({ segment }) => balanced(segment.trim()))
    .filter((sentence) => sentence.length >= SENTENCE_CHARS_MIN)
    .map((sentence) => (sentence.length > SENTENCE_CHARS_MAX ? `${sentence.slice(0, SENTENCE_CHARS_MAX)}…` : sentence));
}
