/**
 * Documents are read in a worker: they are anybody's, and their readers are large libraries. Owns: how long one may take,
 * and what is said when it takes longer. Does not own: reading (`documents.ts`).
 */
import { createWorkerPool, WorkerError } from '../worker-pool/worker-pool.ts';
import type { DocumentRead } from './documents.ts';

export interface DocumentToRead {
  readonly path: string;
  /** When it was changed: one that was put right is read again. */
  readonly changedMs: number;
}

/** A book of 500 pages takes a few seconds. */
const WORK_MS_MAX = 60_000;

const pool = createWorkerPool<DocumentToRead, DocumentRead>({
  script: new URL('./document-worker.ts', import.meta.url),
  workMsMax: WORK_MS_MAX,
  // One after the other, as an index run asks; none is set aside half read.
  quickMs: WORK_MS_MAX,
  heapMbMax: 768,
  parse(said) {
    if (!isRead(said)) throw new TypeError('A document has a text or a reason.');
    return said;
  },
});

function isRead(value: unknown): value is DocumentRead {
  return typeof value === 'object' && value !== null && ('text' in value || 'reason' in value);
}

/** Its reader took too long, or ended with it. */
export type DocumentInLane = DocumentRead | { readonly reason: 'too-hard' };

export async function readInLane(document: DocumentToRead, signal?: AbortSignal): Promise<DocumentInLane> {
  try {
    return await pool.ask(document, { signal });
  } catch (error) {
    if (error instanceof WorkerError) return { reason: 'too-hard' };
    throw error;
  }
}
