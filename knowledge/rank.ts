/**
 * Orders the candidates of a search.
 *
 * Owns the score and which neighbours may stand beside each other. Does not find candidates (`sqlite-search.ts`).
 *
 * The score is half BM25, as a share of the best candidate's, and half coverage: the share of the query's words found
 * in the chunk, each weighed by its rarity. BM25 alone lets one rare word repeated often beat a chunk that answers the
 * whole question.
 */
import type { Kind } from './languages.ts';
import type { Intent } from './query.ts';

/** Enough to break near-ties in favour of prose or code, too little to lift a poor match. */
const INTENT_BOOST = 1.25;

/**
 * What a passage in another language than the question's counts: who asks in English reads English, and a translation has
 * the same words only where they were left untranslated.
 */
const OTHER_LANGUAGE_SHARE = 0.6;

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
  const weightTotal = termWeights.reduce((sum, weight) => sum + weight, 0) || 1;
  const scored = candidates.map((candidate) => {
    const weight = candidate.covered.reduce((sum, term) => sum + (termWeights[term] ?? 0), 0);
    const relevance = 0.5 * (candidate.bm25 / best) + 0.5 * (weight / weightTotal);
    return {
      candidate,
      score: round(relevance * boost(candidate.kind, intent) * (candidate.foreign ? OTHER_LANGUAGE_SHARE : 1)),
    };
  });
  scored.sort((a, b) => b.score - a.score || (a.candidate.id < b.candidate.id ? -1 : 1));
  return withoutLongRuns(withoutTranslations(scored)).slice(0, limit);
}

function boost(kind: Kind, intent: Intent): number {
  if (intent === 'question' && kind !== 'code') return INTENT_BOOST;
  if (intent === 'code' && kind === 'code') return INTENT_BOOST;
  return 1;
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
