/**
 * Chunks of source code: one per function, class or other top-level declaration, by indentation and first words.
 *
 * Owns where a chunk of code begins. Does not own what a line declares (`chunk-symbols.ts`).
 *
 * 1. Comments and decorators directly above a declaration belong to its chunk.
 * 2. Declarations of up to three lines share a chunk with their neighbours; longer ones do not.
 * 3. What is too long is cut at its members, else at paragraphs.
 */
import {
  type Chunk,
  charsOf,
  indentOf,
  isBlank,
  lineAt,
  paragraphBorder,
  type Range,
  splitRange,
  toChunk,
} from './chunk-lines.ts';
import { type FamilyRules, isClosing, isLead, memberOf, rulesOf, symbolOf } from './chunk-symbols.ts';
import type { Family } from './languages.ts';

/** A function of 60 to 70 lines, the longest a careful code base has, stays whole. */
export const CODE_CHARS_MAX = 2_400;

/** Constants, types and exports up to this many lines are gathered, they say little alone. */
const SMALL_LINES_MAX = 3;
const GATHERED_CHARS_MAX = 600;
const GATHERED_NAMES_MAX = 6;

/** The keys of a short configuration file explain each other. */
const WHOLE_WHEN_SHORT: ReadonlySet<Family> = new Set(['json', 'yaml', 'sections']);

interface Section extends Range {
  /** Empty for statements without a name. */
  symbol: string;
}

export function chunkCode(lines: readonly string[], family: Family): Chunk[] {
  const rules = rulesOf(family);
  const last = lines.length - 1;
  if (WHOLE_WHEN_SHORT.has(family) && charsOf(lines, { first: 0, last }) <= CODE_CHARS_MAX) {
    return toChunks(lines, [{ first: 0, last, symbol: '' }]);
  }
  const outer = family === 'json' ? firstKeyIndent(lines) : null;
  const starts = sectionStarts(lines, { first: 0, last }, rules, outer);
  const chunks: Chunk[] = [];
  for (const section of gather(lines, toSections(lines, starts, { first: 0, last }))) {
    chunks.push(...chunkSection(lines, section, rules));
  }
  return chunks;
}

function chunkSection(lines: readonly string[], section: Section, rules: FamilyRules): Chunk[] {
  if (charsOf(lines, section) <= CODE_CHARS_MAX) return toChunks(lines, [section]);
  return toChunks(
    lines,
    membersOf(lines, section, rules).flatMap((member) =>
      splitRange(lines, member, CODE_CHARS_MAX, paragraphBorder(lines)).map((piece) => ({ ...member, ...piece })),
    ),
  );
}

function toChunks(lines: readonly string[], sections: readonly Section[]): Chunk[] {
  return sections
    .map((section) => toChunk(lines, section, section.symbol))
    .filter((chunk): chunk is Chunk => chunk !== null);
}

interface Start {
  index: number;
  symbol: string;
}

/**
 * @param indent the exact indentation of the top level, or null for anything up to the family's own.
 */
function sectionStarts(lines: readonly string[], range: Range, rules: FamilyRules, indent: number | null): Start[] {
  const starts: Start[] = [];
  let floor = range.first;
  for (let index = range.first; index <= range.last; index += 1) {
    const line = lineAt(lines, index);
    const isTop = indent === null ? indentOf(line) <= rules.indentMax : indentOf(line) === indent;
    if (!isTop || isBlank(line) || isClosing(line) || isLead(line)) continue;
    const symbol = symbolOf(line.trimStart(), rules);
    const first = withLead(lines, index, floor);
    const isStatement = rules.statements && indentOf(line) === 0 && isBlank(lineAt(lines, first - 1));
    if (symbol === null && !isStatement) continue;
    starts.push({ index: first, symbol: symbol ?? '' });
    floor = index + 1;
  }
  return starts;
}

/** The first of the comment lines that stand directly above a line. */
function withLead(lines: readonly string[], index: number, floor: number): number {
  let first = index;
  while (first - 1 >= floor && isLead(lineAt(lines, first - 1))) first -= 1;
  return first;
}

/** Lines before the first start become a section of their own, unless they hold no word (the `{` of a JSON file). */
function toSections(lines: readonly string[], found: readonly Start[], range: Range, prefix = ''): Section[] {
  const sections: Section[] = [];
  const starts = [...found];
  const head = starts[0] ?? { index: range.last + 1, symbol: '' };
  const hasWords = lines.slice(range.first, head.index).some((line) => /[\p{L}\p{N}]/u.test(line));
  if (hasWords || starts.length === 0) sections.push({ first: range.first, last: head.index - 1, symbol: prefix });
  else starts.splice(0, 1, { ...head, index: range.first });
  starts.forEach((start, position) => {
    const last = (starts[position + 1]?.index ?? range.last + 1) - 1;
    sections.push({ first: start.index, last, symbol: [prefix, start.symbol].filter(Boolean).join(' > ') });
  });
  return sections;
}

/** Joins neighbours of a few lines; a section of more lines stays alone. */
function gather(lines: readonly string[], sections: readonly Section[]): Section[] {
  const gathered: (Section & { names: string[]; small: boolean })[] = [];
  for (const section of sections) {
    const small = filledLines(lines, section) <= SMALL_LINES_MAX;
    const open = gathered.at(-1);
    const joined = { first: open?.first ?? section.first, last: section.last };
    if (open?.small && small && charsOf(lines, joined) <= GATHERED_CHARS_MAX) {
      open.last = section.last;
      if (section.symbol) open.names.push(section.symbol);
    } else {
      gathered.push({ ...section, names: section.symbol ? [section.symbol] : [], small });
    }
  }
  return gathered.map(({ first, last, names }) => {
    const distinct = [...new Set(names)];
    const more = distinct.length > GATHERED_NAMES_MAX ? ', …' : '';
    return { first, last, symbol: distinct.slice(0, GATHERED_NAMES_MAX).join(', ') + more };
  });
}

function filledLines(lines: readonly string[], range: Range): number {
  let count = 0;
  for (let index = range.first; index <= range.last; index += 1) {
    const line = lineAt(lines, index);
    if (!isBlank(line) && !isLead(line)) count += 1;
  }
  return count;
}

/** The members of a class or the like, small ones gathered up to a chunk; anything else is returned as it came. */
function membersOf(lines: readonly string[], section: Section, rules: FamilyRules): Section[] {
  const opening = openingLine(lines, section, rules);
  if (opening === null) return [section];
  const body: Range = { first: opening + 1, last: section.last };
  const indent = bodyIndent(lines, body);
  if (indent === null) return [section];
  const starts: Start[] = [];
  for (let index = body.first; index <= body.last; index += 1) {
    const line = lineAt(lines, index);
    if (indentOf(line) !== indent || isBlank(line) || isClosing(line) || isLead(line)) continue;
    const member = memberOf(line.trimStart(), rules);
    if (member !== null) starts.push({ index: withLead(lines, index, body.first), symbol: member });
  }
  return packMembers(lines, joinHead(lines, toSections(lines, starts, section, section.symbol)));
}

/** The line that opens a class is no chunk of its own: it goes with the first member, unless fields come between. */
function joinHead(lines: readonly string[], members: readonly Section[]): Section[] {
  const [head, first, ...rest] = members;
  if (!head || !first || filledLines(lines, head) > SMALL_LINES_MAX) return [...members];
  return [{ ...first, first: head.first }, ...rest];
}

function packMembers(lines: readonly string[], members: readonly Section[]): Section[] {
  const packed: Section[] = [];
  for (const member of members) {
    const open = packed.at(-1);
    const small = charsOf(lines, member) < GATHERED_CHARS_MAX / 2;
    const joined = open && { first: open.first, last: member.last };
    if (small && joined && charsOf(lines, joined) <= GATHERED_CHARS_MAX) open.last = member.last;
    else packed.push({ ...member });
  }
  return packed;
}

/** The line that declares the container, past its comments; null when the section is not a container. */
function openingLine(lines: readonly string[], section: Section, rules: FamilyRules): number | null {
  for (let index = section.first; index <= section.last; index += 1) {
    const line = lineAt(lines, index);
    if (isBlank(line) || isLead(line)) continue;
    return rules.container.test(line.trimStart()) ? index : null;
  }
  return null;
}

function bodyIndent(lines: readonly string[], body: Range): number | null {
  let least: number | null = null;
  for (let index = body.first; index <= body.last; index += 1) {
    const line = lineAt(lines, index);
    const indent = indentOf(line);
    if (isBlank(line) || isClosing(line) || indent === 0) continue;
    least = least === null ? indent : Math.min(least, indent);
  }
  return least;
}

function firstKeyIndent(lines: readonly string[]): number | null {
  const first = lines.find((line) => /^\s*"[^"]+"\s*:/.test(line));
  return first === undefined ? null : indentOf(first);
}
