/**
 * What a whole file is about: its title, what it says of itself, and its headings. A passage of a page that is about the
 * question answers it more likely than one that has the same words in passing. Owns: finding that. Does not own: what it
 * counts for (`rank.ts`).
 */
import type { Chunk } from './chunk-lines.ts';

export interface Outline {
  /** The path, and title and description where there are any. */
  readonly title: string;
  /** Every heading or symbol once. */
  readonly headings: string;
}

const TITLE_CHARS_MAX = 500;
/** Of a book's table of contents the beginning is enough. */
const HEADINGS_CHARS_MAX = 20_000;
const FRONT_MATTER = /^---\r?\n([\s\S]*?)\r?\n(?:---|\.\.\.)\s*$/m;
const SAYS_ABOUT = /^(?:title|description|summary|subtitle|nav_title|sidebar_label|keywords|tags)\s*:\s*(.+)$/gim;

export function outlineOf(path: string, chunks: readonly Chunk[]): Outline {
  const first = chunks[0];
  const matter = first?.startLine === 1 ? (FRONT_MATTER.exec(first.text)?.[1] ?? '') : '';
  const about = [...matter.matchAll(SAYS_ABOUT)].map((match) => match[1] ?? '');
  const headings = new Set(chunks.flatMap(({ heading }) => heading.split(' > ')));
  const [main = ''] = headings;
  return {
    title: [path, ...about, main].join('\n').slice(0, TITLE_CHARS_MAX),
    headings: [...headings].join('\n').slice(0, HEADINGS_CHARS_MAX),
  };
}
