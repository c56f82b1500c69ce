/**
 * Orders the candidates of a search.
 *
 * Owns the score and which neighbours may stand beside each other. Does not find candidates (`sqlite-search.ts`).
 *
 * The score is half BM25, as a share of the best candidate's, and half coverage: the share of the query's words found
 * in the chunk, each weighed by its rarity. BM25 alone lets one rare word repeated often beat a chunk that answers the
 * whole question. To it comes a part for the file: a page that is about the question. Passages of few words count less, and
 * each further one of the same file: five places say more than five pieces of one.
 */
import type { Kind } from './languages.ts';
import type { Intent } from './query.ts';

/** Enough to break near-ties in favour of prose or code, too little to lift a poor match. */
const INTENT_BOOST = 1.4;

/**
 * What a passage in another language than the question's counts: who asks in English reads English, and a translation has
 * the same words only where they were left untranslated.
 */
const OTHER_LANGUAGE_SHARE = 0.6;

/** What the outline of a file (BM25, as a share of the best) counts beside the passage's own score. */
const FILE_WEIGHT = 0.3;

/** A heading with a line below it is short, therefore dense in words of the question, and says little. */
const FEW_CHARS = 400;
const FEW_CHARS_LOSS = 0.3;

/** What each further passage of a file counts of the one before it. */
const SAME_FILE_SHARE = 0.85;

/** Of chunks that follow each other in a file, more than two tell the reader little that is new. */
const RUN_LENGTH_MAX = 2;

export interface Candidate {
  id: string;
  fileId: number;
  /** Position among the chunks of its file. */
  ordinal: number;
  kind: Kind;
  /** Larger is better, as opposed to FTS5's own sign. */
  bm25: number;
  /** Length of its text. */
  chars: number;
  /** Of its file's outline, larger is better. */
  file: number;
  /** Positions, in the plan's terms, of those found in the chunk. */
  covered: readonly number[];
  /** It is in another language than the question. */
  foreign?: boolean;
  /** The same for all translations of one passage; absent when it is not known to have any. */
  original?: string;
}

export interface Ranked<T extends Candidate> {
  candidate: T;
  score: number;
}

/** How much a word tells, from the number of chunks it is in: BM25's inverse document frequency, never below zero. */
export function rarity(chunksWithTerm: number, chunksTotal: number): number {
  return Math.log(1 + (chunksTotal - chunksWithTerm + 0.5) / (chunksWithTerm + 0.5));
}

export function rank<T extends Candidate>(
  candidates: readonly T[],
  termWeights: readonly number[],
  intent: Intent,
  limit: number,
): Ranked<T>[] {
  const best = Math.max(...candidates.map(({ bm25 }) => bm25), Number.MIN_VALUE);
  const bestFile = Math.max(...candidates.map(({ file }) => file), Number.MIN_VALUE);
  const weightTotal = termWeights.reduce((sum, weight) => sum + weight, 0) || 1;
  const scored = candidates.map((candidate) => {
    const weight = candidate.covered.reduce((sum, term) => sum + (termWeights[term] ?? 0), 0);
    const own = 0.5 * (candidate.bm25 / best) + 0.5 * (weight / weightTotal);
    // What is asked is answered by what was written about it, not by a file that is called so.
    const isAbout = intent !== 'question' || candidate.kind !== 'code';
    const about = isAbout ? FILE_WEIGHT * (candidate.file / bestFile) : 0;
    const relevance = (own + about) / (1 + FILE_WEIGHT);
    const length = 1 - FEW_CHARS_LOSS * (1 - Math.min(1, candidate.chars / FEW_CHARS));
    const language = candidate.foreign ? OTHER_LANGUAGE_SHARE : 1;
    return { candidate, score: round(relevance * length * boost(candidate.kind, intent) * language) };
  });
  scored.sort(byScore);
  return spread(withoutLongRuns(withoutTranslations(scored)), limit);
}

function boost(kind: Kind, intent: Intent): number {
  if (intent === 'question' && kind !== 'code') return INTENT_BOOST;
  if (intent === 'code' && kind === 'code') return INTENT_BOOST;
  return 1;
}

function byScore<T extends Candidate>(a: Ranked<T>, b: Ranked<T>): number {
  return b.score - a.score || (a.candidate.id < b.candidate.id ? -1 : 1);
}

/** The best, then the best of what is left, whose score falls with each passage of its file that is before it. */
function spread<T extends Candidate>(ranked: readonly Ranked<T>[], limit: number): Ranked<T>[] {
  const left = [...ranked];
  const taken = new Map<number, number>();
  const order: Ranked<T>[] = [];
  const worth = ({ candidate, score }: Ranked<T>): number =>
    round(score * SAME_FILE_SHARE ** (taken.get(candidate.fileId) ?? 0));
  while (order.length < limit && left.length > 0) {
    let best = 0;
    left.forEach((entry, index) => {
      const first = left[best];
      if (first !== undefined && worth(entry) > worth(first)) best = index;
    });
    const [entry] = left.splice(best, 1);
    if (entry === undefined) break;
    order.push({ candidate: entry.candidate, score: worth(entry) });
    taken.set(entry.candidate.fileId, (taken.get(entry.candidate.fileId) ?? 0) + 1);
  }
  return order;
}

/** So that the last bits of a floating-point sum cannot decide between equals. */
function round(score: number): number {
  return Math.round(score * 1e6) / 1e6;
}

/** Of the translations of one passage the best stays: the others say the same again. */
function withoutTranslations<T extends Candidate>(ranked: readonly Ranked<T>[]): Ranked<T>[] {
  const seen = new Set<string>();
  return ranked.filter(({ candidate: { original } }) => {
    if (original === undefined) return true;
    if (seen.has(original)) return false;
    seen.add(original);
    return true;
  });
}

/** Leaves out what would make more than RUN_LENGTH_MAX chunks in a row, the better ones being kept. */
function withoutLongRuns<T extends Candidate>(ranked: readonly Ranked<T>[]): Ranked<T>[] {
  const kept: Ranked<T>[] = [];
  const places = new Set<string>();
  const place = (fileId: number, ordinal: number): string => `${fileId}:${ordinal}`;
  const neighbours = (fileId: number, ordinal: number, step: 1 | -1): number => {
    let count = 0;
    while (places.has(place(fileId, ordinal + step * (count + 1)))) count += 1;
    return count;
  };
  for (const entry of ranked) {
    const { fileId, ordinal } = entry.candidate;
    if (1 + neighbours(fileId, ordinal, 1) + neighbours(fileId, ordinal, -1) > RUN_LENGTH_MAX) continue;
    places.add(place(fileId, ordinal));
    kept.push(entry);
  }
  return kept;
}
