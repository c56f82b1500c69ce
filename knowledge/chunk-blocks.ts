/**
 * Blocks of prose: what every chunker of prose fills its chunks with.
 *
 * Owns what a block is, sections under headings, and how full a chunk gets. Does not own which lines are headings or fences
 * (`chunk-prose.ts`) nor ranges of lines (`chunk-lines.ts`).
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

export interface Block extends Range {
  kind: 'heading' | 'fence' | 'paragraph';
  /** 1 to 6 for a heading, else 0. */
  level: number;
  /** The heading's words, without markup. */
  title: string;
}

/** One chunk or more for each section. */
export function chunkSections(lines: readonly string[], blocks: readonly Block[]): Chunk[] {
  const chunks: Chunk[] = [];
  const titles: string[] = [];
  let section: Block[] = [];
  let hasBody = false;
  const flush = (): void => {
    chunks.push(...packBlocks(lines, section, titles.filter(Boolean).join(' > ')));
    section = [];
    hasBody = false;
  };
  for (const block of blocks) {
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

export function paragraphs(lines: readonly string[], range: Range): Block[] {
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

export function block(kind: Block['kind'], first: number, last: number, level = 0, title = ''): Block {
  return { kind, first, last, level, title };
}
