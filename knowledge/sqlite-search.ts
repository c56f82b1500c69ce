/**
 * The reading half of the SQLite store: candidates by BM25, what each covers, and the passages in their final order.
 *
 * Owns the search statements. Does not own the expression searched for (`query.ts`) or the order of hits (`rank.ts`).
 */
import type Database from 'better-sqlite3';
import { stemmer } from 'stemmer';
import type { Passage } from '../schemas/events/generated.ts';
import type { Kind } from './languages.ts';
import type { SearchOptions } from './port.ts';
import { anyOf, cutQuery, matchOf, type Plan, planSearch, type Term } from './query.ts';
import { languageInPath, languageOf, untranslated } from './question-language.ts';
import { rank, rarity } from './rank.ts';
import { mistakesAllowed, nearestWords } from './spelling.ts';

/** Of words whose stems are stems of something shorter. */
const ENDINGS = ['', 's', 'er', 'e', 'ing', 'ed', 'ly', 'ness', 'ation'];

const LIMIT_DEFAULT = 8;
const LIMIT_MAX = 100;

/** Re-ranking looks at this many, or at twice what is wanted: room for coverage to lift a chunk that BM25 put low. */
const CANDIDATES_MIN = 200;

/** Weights of heading, path, text and parts: what a chunk is called says most, its file's name less. */
const BM25 = 'bm25(words, 3.0, 2.0, 1.0, 0.8)';
/** Title and headings of a whole file. */
const FILE_BM25 = 'bm25(outlines, 3.0, 1.0)';
/** Files whose outline is about the question; of what comes after them none is. */
const FILES_MAX = 200;

/** A passage by its place; the pieces of one long line are told apart. Of columns of `files` and `chunks`. */
export const PASSAGE_ID = `shown_path || ':' || start_line || CASE piece WHEN 0 THEN '' ELSE '.' || piece END`;

/** Of one very long line only the beginning is shown; the whole of it can be found. */
const PASSAGE_CHARS_MAX = 8_000;

interface Hit {
  rowid: number;
  bm25: number;
}

interface ChunkRow {
  rowid: number;
  fileId: number;
  ordinal: number;
  path: string;
  kind: Kind;
  language: string;
  heading: string;
  startLine: number;
  endLine: number;
  text: string;
  id: string;
}

export type Search = (query: string, options: SearchOptions) => Passage[];

export function sqliteSearch(db: Database.Database): Search {
  const statements = prepareStatements(db);
  // One read transaction, so that an index run beside it cannot remove a chunk between two of the statements.
  const search = db.transaction((plan: Plan, asked: Asked) => searchPlan(statements, plan, asked));
  return (query, options) => {
    const plan = planSearch(query);
    const limit = Math.min(Math.max(Math.trunc(options.limit ?? LIMIT_DEFAULT), 0), LIMIT_MAX);
    return plan === null || limit === 0 ? [] : search.deferred(plan, { limit, language: languageOf(cutQuery(query)) });
  };
}

interface Asked {
  readonly limit: number;
  /** Of the question; null when it does not show. */
  readonly language: string | null;
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(db: Database.Database) {
  return {
    hits: db.prepare<[string, number], Hit>(
      `SELECT rowid, -${BM25} AS bm25 FROM words WHERE words MATCH ? ORDER BY ${BM25}, rowid LIMIT ?`,
    ),
    coverage: db.prepare<[string, string], { chunks: number; covered: string }>(
      `SELECT count(*) AS chunks,
              json_group_array(rowid) FILTER (WHERE rowid IN (SELECT value FROM json_each(?))) AS covered
       FROM words WHERE words MATCH ?`,
    ),
    isKnown: db.prepare<[string], number>('SELECT 1 FROM words WHERE words MATCH ? LIMIT 1').pluck(),
    vocabulary: db
      .prepare<[string, string, number, number], string>(
        'SELECT term FROM vocabulary WHERE term >= ? AND term < ? AND length(term) BETWEEN ? AND ? ORDER BY cnt DESC',
      )
      .pluck(),
    chunkCount: db.prepare<[], number>('SELECT count(*) FROM chunks').pluck(),
    files: db.prepare<[string, number], { fileId: number; score: number }>(
      `SELECT rowid AS fileId, -${FILE_BM25} AS score FROM outlines WHERE outlines MATCH ? ORDER BY ${FILE_BM25}, rowid LIMIT ?`,
    ),
    chunks: db.prepare<[string], ChunkRow>(
      `SELECT chunks.id AS rowid, ${PASSAGE_ID} AS id, file_id AS fileId, ordinal, shown_path AS path, kind, language, heading,
              start_line AS startLine, end_line AS endLine, text
       FROM chunks JOIN files ON files.id = file_id WHERE chunks.id IN (SELECT value FROM json_each(?))`,
    ),
  };
}

/** Words that are nowhere in the index give way to the nearest that are; most often somebody mistyped. */
function corrected(statements: Statements, plan: Plan): Plan {
  const terms = plan.terms.map((term): Term => {
    const mistakes = mistakesAllowed(term.word);
    if (mistakes === 0 || statements.isKnown.get(term.match) !== undefined) return term;
    const stem = stemmer(term.word);
    // The first letter is taken as right: it seldom is the wrong one, and so a small part of the vocabulary is read.
    const [first = ''] = stem;
    const after = String.fromCodePoint((first.codePointAt(0) ?? 0) + 1);
    const near = statements.vocabulary.all(first, after, stem.length - mistakes, stem.length + mistakes);
    const found = nearestWords(stem, near);
    return found.length === 0 ? term : { word: term.word, match: anyOf(found.map(wordOf)) };
  });
  return { ...plan, terms };
}

/** The vocabulary has stems, and a query is stemmed: `schroding` would become `schrode`, and find nothing. */
function wordOf(stem: string): string {
  return ENDINGS.map((ending) => `${stem}${ending}`).find((word) => stemmer(word) === stem) ?? stem;
}

function searchPlan(statements: Statements, asTyped: Plan, { limit, language }: Asked): Passage[] {
  const plan = corrected(statements, asTyped);
  const hits = statements.hits.all(matchOf(plan), Math.max(CANDIDATES_MIN, 2 * limit));
  if (hits.length === 0) return [];
  const rowids = JSON.stringify(hits.map(({ rowid }) => rowid));
  const chunksTotal = statements.chunkCount.get() ?? 0;
  const coveredBy = new Map<number, number[]>(hits.map(({ rowid }) => [rowid, []]));
  const weights = plan.terms.map((term, position) => {
    const row = statements.coverage.get(rowids, term.match);
    for (const rowid of parseRowids(row?.covered)) coveredBy.get(rowid)?.push(position);
    return rarity(row?.chunks ?? 0, chunksTotal);
  });
  const files = statements.files.all(plan.terms.map(({ match }) => match).join(' OR '), FILES_MAX);
  const fileScores = new Map(files.map(({ fileId, score }) => [fileId, score]));
  const bm25By = new Map(hits.map((hit) => [hit.rowid, hit.bm25]));
  const candidates = statements.chunks.all(rowids).map((row) => ({
    ...row,
    bm25: bm25By.get(row.rowid) ?? 0,
    covered: coveredBy.get(row.rowid) ?? [],
    chars: row.text.length,
    file: fileScores.get(row.fileId) ?? 0,
    ...translationOf(row, language),
  }));
  return rank(candidates, weights, plan.intent, limit).map(({ candidate, score }) => ({
    id: candidate.id,
    path: candidate.path,
    heading: candidate.heading,
    startLine: candidate.startLine,
    endLine: candidate.endLine,
    text: shorten(candidate.text),
    kind: candidate.kind,
    language: candidate.language,
    score,
  }));
}

/** How a passage's language stands to the question's. Code has none; its names and comments serve every reader. */
function translationOf(
  { path, ordinal, kind, text }: ChunkRow,
  asked: string | null,
): { foreign?: boolean; original?: string } {
  if (kind === 'code') return {};
  const inPath = languageInPath(path);
  const own = inPath ?? languageOf(text);
  return {
    foreign: asked !== null && own !== null && own !== asked,
    ...(inPath === null ? {} : { original: `${untranslated(path)}:${ordinal}` }),
  };
}

function parseRowids(json: string | undefined): number[] {
  const value: unknown = JSON.parse(json ?? '[]');
  return Array.isArray(value) ? value.filter((rowid) => typeof rowid === 'number') : [];
}

/** Never between the two halves of a character outside the basic plane. */
export function shorten(text: string): string {
  if (text.length <= PASSAGE_CHARS_MAX) return text;
  return `${text.slice(0, PASSAGE_CHARS_MAX - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
