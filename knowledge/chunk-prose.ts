/**
 * Chunks of Markdown and of plain text.
 *
 * Owns what is a heading, a fence or a paragraph in each. Does not own how chunks are filled with them (`chunk-blocks.ts`) nor
 * code (`chunk-code.ts`).
 */
import { type Block, block, chunkSections, paragraphs } from './chunk-blocks.ts';
import { type Chunk, isBlank, lineAt } from './chunk-lines.ts';

export function chunkMarkdown(lines: readonly string[]): Chunk[] {
  return chunkSections(lines, markdownBlocks(lines));
}

/** Titles that are underlined, as in reStructuredText, are headings of plain text, too. */
export function chunkText(lines: readonly string[]): Chunk[] {
  return chunkSections(lines, textBlocks(lines));
}

function markdownBlocks(lines: readonly string[]): Block[] {
  const blocks: Block[] = [];
  let index = frontMatterEnd(lines) + 1;
  if (index > 0) blocks.push(block('fence', 0, index - 1));
  let paragraphStart = -1;
  const endParagraph = (last: number): void => {
    if (paragraphStart >= 0) blocks.push(...paragraphs(lines, { first: paragraphStart, last }));
    paragraphStart = -1;
  };
  while (index < lines.length) {
    const line = lineAt(lines, index);
    const fence = /^\s*(?:>\s?)*(?:[-*+]\s+|\d+[.)]\s+)?(`{3,}(?!.*`)|~{3,})/.exec(line)?.[1];
    const atx = /^ {0,3}(#{1,6})(?:\s+(.*?))?(?:\s+#+)?\s*$/.exec(line);
    const underline = paragraphStart === index - 1 ? /^ {0,3}(=+|-+)\s*$/.exec(line)?.[1] : undefined;
    if (fence !== undefined) {
      endParagraph(index - 1);
      const last = fenceEnd(lines, index, fence);
      blocks.push(block('fence', index, last));
      index = last;
    } else if (atx) {
      endParagraph(index - 1);
      blocks.push(block('heading', index, index, (atx[1] ?? '').length, plainTitle(atx[2] ?? '')));
    } else if (underline !== undefined && !/^\s*(?:[-*+>|]|\d+[.)]\s)/.test(lineAt(lines, index - 1))) {
      paragraphStart = -1;
      const level = underline.startsWith('=') ? 1 : 2;
      blocks.push(block('heading', index - 1, index, level, plainTitle(lineAt(lines, index - 1))));
    } else if (isBlank(line)) {
      endParagraph(index - 1);
    } else if (paragraphStart < 0) {
      paragraphStart = index;
    }
    index += 1;
  }
  endParagraph(lines.length - 1);
  return blocks;
}

/** Levels are in the order in which their marks are met, as reStructuredText has it. */
function textBlocks(lines: readonly string[]): Block[] {
  const blocks: Block[] = [];
  const marks: string[] = [];
  let bodyFirst = 0;
  for (let index = 0; index < lines.length; index += 1) {
    const title = underlinedTitle(lines, index);
    if (title === null) continue;
    blocks.push(...paragraphs(lines, { first: bodyFirst, last: title.first - 1 }));
    if (!marks.includes(title.mark)) marks.push(title.mark);
    const level = Math.min(marks.indexOf(title.mark) + 1, LEVEL_MAX);
    blocks.push(block('heading', title.first, title.last, level, lineAt(lines, index).trim()));
    bodyFirst = title.last + 1;
    index = title.last;
  }
  return [...blocks, ...paragraphs(lines, { first: bodyFirst, last: lines.length - 1 })];
}

const LEVEL_MAX = 6;

interface UnderlinedTitle {
  readonly first: number;
  readonly last: number;
  /** The character of the line, twice when there is one above as well. */
  readonly mark: string;
}

/** Whether the line is a title: with a line of one sign below it that is as long, and a blank line or the same sign above. */
function underlinedTitle(lines: readonly string[], index: number): UnderlinedTitle | null {
  const text = lineAt(lines, index).trimEnd();
  const below = lineAt(lines, index + 1).trimEnd();
  const isRule = /^([=\-~^"'`#*+.:_])\1{2,}$/.test(below);
  if (!isRule || !/[\p{L}\p{N}]/u.test(text) || below.length < text.trim().length) return null;
  const above = lineAt(lines, index - 1).trimEnd();
  const sign = below.charAt(0);
  if (above !== '' && above === below) return { first: index - 1, last: index + 1, mark: sign + sign };
  return isBlank(above) && !/^\s/.test(text) ? { first: index, last: index + 1, mark: sign } : null;
}

/** CommonMark 4.5: the closing fence is at least as long as the opening one; without it the fence runs to the end. */
function fenceEnd(lines: readonly string[], first: number, fence: string): number {
  const mark = fence.charAt(0);
  for (let index = first + 1; index < lines.length; index += 1) {
    const bare = lineAt(lines, index)
      .replace(/^[\s>]*/, '')
      .trimEnd();
    if (bare.length >= fence.length && bare === mark.repeat(bare.length)) return index;
  }
  return lines.length - 1;
}

/** Index of the line that closes YAML front matter, -1 without any. */
function frontMatterEnd(lines: readonly string[]): number {
  if (lineAt(lines, 0).trimEnd() !== '---') return -1;
  const end = lines.findIndex((line, index) => index > 0 && /^(?:---|\.\.\.)\s*$/.test(line));
  const isYaml = end > 0 && lines.slice(1, end).every((line) => /^(?:\s|#|-|[\w.-]+\s*:|$)/.test(line));
  return isYaml ? end : -1;
}

function plainTitle(markup: string): string {
  return markup
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/<[^>]+>/g, '')
    .replace(/[`*]|(?<!\w)_|_(?!\w)/g, '')
    .trim();
}
