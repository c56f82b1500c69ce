/**
 * The port of what keeps vectors: the second half of a hybrid search, beside the lexical index.
 *
 * Owns the contract, and fusing two orders into one. Does not own a store (`sqlite-vectors.ts`, `chroma-vectors.ts`) or
 * making vectors (`embedder.ts`).
 */
import type { Passage } from '../schemas/events/generated.ts';
import type { Embedder } from './embedder.ts';

/** What the lexical index holds, which is what the vectors have to follow. */
export interface IndexedFile {
  /** As passages show it; no two files share one. */
  readonly path: string;
  /** Of the content and of the way it is cut. */
  readonly hash: string;
}

export type IndexedChunk = Omit<Passage, 'score'> & { readonly rowid: number };

/** The reading side of the lexical index, for those who follow it. */
export interface ChunkSource {
  files(): IndexedFile[];
  chunksOf(path: string): IndexedChunk[];
  /** Whether a file is in the index. */
  holds(path: string): boolean;
}

export interface SyncOptions {
  readonly signal?: AbortSignal;
  onProgress?(done: number, total: number, path: string): void;
}

export interface VectorSummary {
  /** Passages embedded by this run. */
  readonly embedded: number;
}

export interface VectorIndex {
  /** `sqlite-vec`, `chroma`. */
  readonly name: string;
  /**
   * Makes the vectors follow the lexical index: what is new is embedded, what is gone leaves, and those of another space
   * are replaced. Interrupted at any point, the next run completes it.
   * @throws KnowledgeError `vectors` or `embedder`, or the signal's reason
   */
  sync(source: ChunkSource, embedder: Embedder, options?: SyncOptions): Promise<VectorSummary>;
  /** Passages of the lexical index that have no vector yet; absent where that is not known. */
  missing?(): { readonly missing: number; readonly total: number };
  /**
   * The passages nearest to a vector, nearest first; their score is the cosine.
   * @throws KnowledgeError `vectors`, also when what is stored is of another space
   */
  nearest(vector: Float32Array, space: string, limit: number, signal?: AbortSignal): Promise<Passage[]>;
}

/** Passages embedded at a time: enough to keep a model busy, few enough to stop soon and to bound the memory. */
export const EMBED_BATCH = 16;

/** What is embedded of a passage: where it stands says much of what it is about. */
export function textToEmbed({ path, heading, text }: Pick<Passage, 'path' | 'heading' | 'text'>): string {
  return [path, heading, text].filter(Boolean).join('\n');
}

/** Of Cormack, Clarke and Büttcher (2009), who found that it hardly matters. */
const RRF_K = 60;

/** Best first; null keeps the rank of what does not count in this order. */
export type Order = readonly (Passage | null)[];

/** Reciprocal rank fusion. The score of the best possible passage, first in every order, is 1. */
export function fuse(orders: readonly Order[], limit: number): Passage[] {
  const best = orders.length / (RRF_K + 1);
  const fused = new Map<string, { passage: Passage; score: number }>();
  for (const order of orders) {
    // A shared server may hold the same place twice, from two machines; its best rank counts.
    const seen = new Set<string>();
    order.forEach((passage, index) => {
      if (passage === null || seen.has(passage.id)) return;
      seen.add(passage.id);
      const entry = fused.get(passage.id) ?? { passage, score: 0 };
      entry.score += 1 / (RRF_K + 1 + index) / best;
      fused.set(passage.id, entry);
    });
  }
  return [...fused.values()]
    .map(({ passage, score }) => ({ ...passage, score: Math.round(score * 1e6) / 1e6 }))
    .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
    .slice(0, limit);
}
