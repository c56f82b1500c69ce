/**
 * The knowledge base: words in SQLite, and vectors beside them where an embedding model or Chroma is configured.
 *
 * Owns what is asked when, and what is left when a part fails. Does not own the lexical index (`sqlite-store.ts`), vectors
 * (`sqlite-vectors.ts`, `chroma-vectors.ts`), making them (`embedder.ts`) or fusing (`vectors.ts`).
 *
 * | embedding model | Chroma | searched |
 * |---|---|---|
 * | no  | no  | words |
 * | yes | no  | words and vectors, both in SQLite |
 * | yes | yes | words in SQLite, vectors in Chroma |
 * | no  | yes | words in SQLite, hashed words in Chroma: passages of other machines are found as well |
 *
 * Vectors only ever add: whatever fails in them, the words answer, and the result says what was missing.
 */

import type { Passage } from '../schemas/events/generated.ts';
import { foldAlike } from './alike.ts';
import { chromaVectors } from './chroma-vectors.ts';
import type { Embedder } from './embedder.ts';
import { hashedEmbedder } from './hashed-embedder.ts';
import {
  type IndexOptions,
  KnowledgeError,
  type KnowledgeStore,
  type LeftOut,
  type SearchOptions,
  type SearchResult,
  type VectorOutcome,
} from './port.ts';
import { openSqliteStore, type SqliteStore } from './sqlite-store.ts';
import { fuse, type VectorIndex } from './vectors.ts';

/** Passages that each order brings to the fusion; what is further down in both is not among the best of both. */
const CANDIDATES_MIN = 50;
const LIMIT_DEFAULT = 8;
const WORDS_ENGINE = 'sqlite-fts5';

/** Runs a call to something that may be down; a circuit breaker by that name may refuse it. */
export type Guard = <T>(name: string, work: () => Promise<T>) => Promise<T>;

export interface KnowledgeBaseOptions {
  /** The SQLite file. */
  readonly path: string;
  /** Null: no embedding model is configured. It is closed with the base. */
  readonly embedder: Embedder | null;
  /** Null: vectors stay in the SQLite file. */
  readonly chroma: { readonly url: string; readonly source: string } | null;
  readonly guard?: Guard;
}

export interface KnowledgeBase extends KnowledgeStore {
  readonly setAside: SqliteStore['setAside'];
  /** What the latest index runs left out, and why. */
  leftOut(): LeftOut[];
}

interface Vectors {
  readonly index: VectorIndex;
  readonly embedder: Embedder;
}

/**
 * Opens the SQLite file, creating it where it is missing; models and servers are reached at their first use.
 * @throws KnowledgeError `foreign-database`, `busy` or `storage`
 */
export function openKnowledgeBase(options: KnowledgeBaseOptions): KnowledgeBase {
  const { embedder, chroma, guard = (_name, work) => work() } = options;
  const words = openSqliteStore(options.path);
  const vectors = vectorsOf(words, embedder, chroma);
  return {
    setAside: words.setAside,
    async index(paths, indexOptions = {}) {
      const summary = await words.index(paths, indexOptions);
      if (vectors === null) return summary;
      const beganMs = performance.now();
      const outcome = await sync(words, vectors, indexOptions);
      return { ...summary, vectors: outcome, ms: summary.ms + Math.round(performance.now() - beganMs) };
    },
    async search(query, searchOptions = {}) {
      if (vectors === null) return byWords(words, query, searchOptions);
      return hybrid({ words, vectors, guard }, query, searchOptions);
    },
    stats: () => words.stats(),
    leftOut: () => words.leftOut(),
    async close() {
      words.close();
      await embedder?.close();
    },
  };
}

function vectorsOf(
  words: SqliteStore,
  embedder: Embedder | null,
  chroma: KnowledgeBaseOptions['chroma'],
): Vectors | null {
  if (chroma !== null) return { index: chromaVectors(chroma), embedder: embedder ?? hashedEmbedder() };
  return embedder === null ? null : { index: words.vectors, embedder };
}

/** A failure leaves the words indexed, and is told. */
async function sync(
  words: SqliteStore,
  { index, embedder }: Vectors,
  { signal, onProgress }: IndexOptions,
): Promise<VectorOutcome> {
  const outcome: VectorOutcome = { store: index.name, embedder: embedder.name, embedded: 0, problem: null };
  try {
    const { embedded } = await index.sync(words.chunks, embedder, {
      ...(signal === undefined ? {} : { signal }),
      onProgress: (done, total, path) => onProgress?.({ phase: 'vectors', done, total, path }),
    });
    return { ...outcome, embedded };
  } catch (error) {
    return { ...outcome, problem: problemOf(error) };
  }
}

async function byWords(words: SqliteStore, query: string, options: SearchOptions): Promise<SearchResult> {
  return found(await words.search(query, { ...options, limit: withSpare(options.limit) }), options.limit, {
    engine: WORDS_ENGINE,
    problem: null,
  });
}

/** Room for what falls to passages that say the same. */
function withSpare(limit = LIMIT_DEFAULT): number {
  return Math.min(100, 3 * limit);
}

/** The best of an order, those that are alike folded into the first of them. */
function found(
  ordered: readonly Passage[],
  limit = LIMIT_DEFAULT,
  rest: Pick<SearchResult, 'engine' | 'problem'>,
): SearchResult {
  const { kept, folded } = foldAlike(ordered, ({ text }) => text, limit);
  return { passages: kept, ...rest, ...(folded.size === 0 ? {} : { alike: Object.fromEntries(folded) }) };
}

interface Hybrid {
  readonly words: SqliteStore;
  readonly vectors: Vectors;
  readonly guard: Guard;
}

async function hybrid(base: Hybrid, query: string, options: SearchOptions): Promise<SearchResult> {
  const { index, embedder } = base.vectors;
  const { limit = LIMIT_DEFAULT, signal } = options;
  const candidates = Math.max(CANDIDATES_MIN, limit);
  const byWord = await base.words.search(query, { ...options, limit: candidates });
  if (!/[\p{L}\p{N}]/u.test(query)) return { passages: [], engine: WORDS_ENGINE, problem: null };
  try {
    const near = await base.guard(`knowledge:${index.name}`, () =>
      nearest(base.vectors, query, candidates, signal).catch((error: unknown) => {
        // Under a name by which a breaker knows that nothing is wrong with the other side.
        throw signal?.aborted ? new DOMException('the caller stopped', 'AbortError') : error;
      }),
    );
    // Without knowledge of meaning, vectors tell only of what the words cannot see: files that are not in this index.
    const counted = near.map((passage) =>
      embedder.knowsMeaning || !base.words.chunks.holds(passage.path) ? passage : null,
    );
    return found(fuse([byWord, counted], withSpare(limit)), limit, {
      engine: `${WORDS_ENGINE}+${index.name}`,
      problem: incomplete(index),
    });
  } catch (error) {
    signal?.throwIfAborted();
    return found(byWord, limit, { engine: WORDS_ENGINE, problem: problemOf(error) });
  }
}

/** An index run that was interrupted leaves passages that only words find. */
function incomplete({ missing }: VectorIndex): string | null {
  const now = missing?.();
  if (now === undefined || now.missing === 0) return null;
  return `${now.missing} of ${now.total} passages have no vector yet; run \`mesh index\` to embed them`;
}

async function nearest({ index, embedder }: Vectors, query: string, limit: number, signal: AbortSignal | undefined) {
  const [vector] = await embedder.embed([query], 'query', signal);
  if (vector === undefined) throw new KnowledgeError('embedder', `${embedder.name} gave no vector`);
  return index.nearest(vector, await embedder.space(), limit, signal);
}

/** Only what is expected of parts that may be down is a problem to live with; anything else is an error of ours. */
function problemOf(error: unknown): string {
  const isRefusal = error instanceof Error && 'code' in error && error.code === 'breaker_open';
  const isOfVectors = error instanceof KnowledgeError && ['embedder', 'vectors', 'vectors-stale'].includes(error.code);
  if (!(isOfVectors || isRefusal)) throw error;
  return error.message;
}
