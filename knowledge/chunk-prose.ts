/**
 * Chunks of Markdown and of plain text.
 *
 * Owns headings, fences and paragraphs. Does not own ranges of lines (`chunk-lines.ts`) nor code (`chunk-code.ts`).
 *
 * 1. A chunk never spans two headings that both have a body of their own.
 * 2. A heading stays with the first block below it; a heading without a body joins the section that follows.
 * 3. A fence is whole unless it is longer than FENCE_CHARS_MAX.
 */
import { type Chunk, charsOf, isBlank, lineAt, type Range, splitRange, toChunk } from './chunk-lines.ts';

/**
 * About 350 tokens: eight passages then fit a 4k context beside the prompt, and one passage is still one thought.
 */
export const CHUNK_CHARS_MAX = 1_500;

/** Twice a chunk: half an example is worth less than the room it saves, up to a point. */
export const FENCE_CHARS_MAX = 2 * CHUNK_CHARS_MAX;

interface Block extends Range {
  kind: 'heading' | 'fence' | 'paragraph';
  /** 1 to 6 for a heading, else 0. */
  level: number;
  /** The heading's words, without markup. */
  title: string;
}

export function chunkMarkdown(lines: readonly string[]): Chunk[] {
  const chunks: Chunk[] = [];
  const titles: string[] = [];
  let section: Block[] = [];
  let hasBody = false;
  const flush = (): void => {
    chunks.push(...packBlocks(lines, section, titles.filter(Boolean).join(' > ')));
    section = [];
    hasBody = false;
  };
  for (const block of markdownBlocks(lines)) {
    if (block.kind !== 'heading') {
      section.push(block);
      hasBody = true;
      continue;
    }
    if (hasBody) flush();
    // Levels may be skipped (# then ###): the holes stay empty and are left out of the path.
    titles.length = Math.min(titles.length, block.level - 1);
    while (titles.length < block.level - 1) titles.push('');
    titles.push(block.title);
    section.push(block);
  }
  flush();
  return chunks;
}

export function chunkText(lines: readonly string[]): Chunk[] {
  return packBlocks(lines, paragraphs(lines, { first: 0, last: lines.length - 1 }), '');
}

/** Fills chunks with whole blocks in order, cutting only those too long to be a chunk. */
function packBlocks(lines: readonly string[], blocks: readonly Block[], heading: string): Chunk[] {
  const packed: Block[] = [];
  for (const block of blocks.flatMap((whole) => cutLongBlock(lines, whole))) {
    const open = packed.at(-1);
    const joined = open && { ...block, first: open.first };
    // A pack keeps the kind of its latest block, so one that ends in a heading always takes the next block in.
    if (joined && (open.kind === 'heading' || charsOf(lines, joined) <= CHUNK_CHARS_MAX)) packed.splice(-1, 1, joined);
    else packed.push(block);
  }
  return packed.map((range) => toChunk(lines, range, heading)).filter((chunk) => chunk !== null);
}

function cutLongBlock(lines: readonly string[], block: Block): Block[] {
  const charsMax = block.kind === 'fence' ? FENCE_CHARS_MAX : CHUNK_CHARS_MAX;
  if (block.kind === 'heading' || charsOf(lines, block) <= charsMax) return [block];
  const rank = (index: number): number => {
    if (block.kind === 'fence') return isBlank(lineAt(lines, index - 1)) ? 2 : 0;
    return /^\s*(?:[-*+]|\d+[.)])\s/.test(lineAt(lines, index)) ? 2 : 1;
  };
  return splitRange(lines, block, CHUNK_CHARS_MAX, rank).map((piece) => ({ ...block, ...piece }));
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

function paragraphs(lines: readonly string[], range: Range): Block[] {
  const blocks: Block[] = [];
  let first = -1;
  for (let index = range.first; index <= range.last + 1; index += 1) {
    const blank = index > range.last || isBlank(lineAt(lines, index));
    if (!blank && first < 0) first = index;
    if (blank && first >= 0) {
      blocks.push(block('paragraph', first, index - 1));
      first = -1;
    }
  }
  return blocks;
}

function block(kind: Block['kind'], first: number, last: number, level = 0, title = ''): Block {
  return { kind, first, last, level, title };
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
