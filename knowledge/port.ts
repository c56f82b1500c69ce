/**
 * The port of the knowledge base: what the roles and the command line may ask of it.
 *
 * Owns the contract and its errors. Does not own storage, chunking or ranking: those belong to the adapter behind the
 * port (`knowledge-base.ts`).
 */
import type { Passage } from '../schemas/events/generated.ts';

/** Why a file was left out of the index. */
export type SkipReason =
  | 'binary'
  | 'broken-symlink'
  | 'damaged'
  | 'data'
  | 'folder-of-a-tool'
  | 'hidden'
  | 'ignored'
  | 'lock-file'
  | 'minified'
  | 'missing'
  | 'no-text'
  | 'not-a-file'
  | 'not-read'
  | 'protected'
  | 'secret'
  | 'symlink-inside-root'
  | 'symlink-outside-root'
  | 'temporary'
  | 'too-hard'
  | 'too-large'
  | 'too-large-inside'
  | 'unreadable';

export interface SkippedFile {
  /** As a passage of the file would show it. */
  path: string;
  reason: SkipReason;
}

/** What the latest runs left out for one reason. */
export interface LeftOut {
  reason: SkipReason;
  /** At most 10,000 of one root are counted. */
  count: number;
  /** The first 200, as passages would show them. */
  paths: string[];
}

export interface IndexProgress {
  /** First every file is looked at, then what has no vector yet is embedded. */
  phase: 'files' | 'vectors';
  /** Files looked at, or passages embedded, so far in this run, this one included. */
  done: number;
  total: number;
  path: string;
}

export interface IndexOptions {
  /** Stops between two files; what was committed stays, deletions not yet followed wait for the next run. */
  signal?: AbortSignal;
  onProgress?: (progress: IndexProgress) => void;
  /** Told of each file that was written or removed, once that is stored. */
  onFile?: (file: IndexedChange) => void;
  /** Told of each root as soon as its files are known. */
  onScanned?: (root: ScannedRoot) => void;
  /** What earlier runs of this process read; a file that is as it was then is not read again. */
  seen?: SeenFiles;
}

/** Of a process that indexes again and again (`seen-files.ts`). */
export interface SeenFiles {
  /** To be taken before the file is read. Null: it is gone, or nothing can be said of it. */
  stampOf(absolutePath: string): FileStamp | null;
  /** What came of reading the file when it had this stamp; undefined when it was another, or none was kept. */
  recall(absolutePath: string, stamp: FileStamp): SeenFile | undefined;
  keep(absolutePath: string, stamp: FileStamp, seen: SeenFile): void;
  /** Forgets what is below a root and was not met there. */
  retain(root: string, met: ReadonlySet<string>): void;
}

export interface FileStamp {
  readonly text: string;
  /** False of a file that was changed a moment ago: a second change may give the same stamp. */
  readonly isSettled: boolean;
}

/** The digest of a file that was read, or why it was left out. */
export type SeenFile = { readonly hash: string } | { readonly reason: SkipReason };

export interface IndexedChange {
  /** As a passage of the file shows it. */
  readonly path: string;
  readonly change: 'added' | 'removed' | 'updated';
}

export interface ScannedRoot {
  /** Absolute, symbolic links resolved, also of a root that is not there. */
  readonly path: string;
  /** The folder whose rules bind the root: its repository's, or one above the root. */
  readonly base: string;
  /** Absolute paths of the folders that were gone through; of a root that is a file none. */
  readonly folders: readonly string[];
}

export interface IndexSummary {
  added: number;
  updated: number;
  unchanged: number;
  removed: number;
  skipped: SkippedFile[];
  /** Chunks written by this run; `stats()` has the total. */
  chunks: number;
  /** Null when nothing keeps vectors: neither an embedding model nor Chroma is configured. */
  vectors: VectorOutcome | null;
  ms: number;
}

export interface VectorOutcome {
  /** `sqlite-vec`, `chroma`. */
  store: string;
  embedder: string;
  /** Passages embedded by this run. */
  embedded: number;
  /** Why the vectors are not up to date, for people; the words are, and the next run completes the vectors. */
  problem: string | null;
}

export interface SearchOptions {
  /** Passages wanted, 8 unless told, 100 at most. */
  limit?: number;
  signal?: AbortSignal;
}

export interface SearchResult {
  /** Best first; empty when the query holds no word or nothing was found. */
  passages: Passage[];
  /** What found them: `sqlite-fts5`, `sqlite-fts5+sqlite-vec`, `sqlite-fts5+chroma`. */
  engine: string;
  /** Why less than what is configured took part, for people; null when all did. */
  problem: string | null;
  /** Passages that say nearly the same as one of these, by its id: their ids. Absent when there are none. */
  alike?: Readonly<Record<string, readonly string[]>>;
}

export interface KnowledgeStats {
  files: number;
  chunks: number;
  /** Absolute paths of the files and folders that were indexed and still hold something. */
  roots: string[];
  /** RFC 3339 time at which the last complete run ended, by whichever process. */
  lastIndexedAt: string | null;
}

export interface KnowledgeStore {
  /**
   * Brings the index up to date with the given files and folders. Only files whose content changed are read into it
   * again, and files that vanished below a given path leave it.
   * @throws KnowledgeError, or the signal's reason when aborted.
   */
  index(paths: readonly string[], options?: IndexOptions): Promise<IndexSummary>;
  /**
   * The passages closest to the query. When vectors cannot be asked, the words are asked alone and the result says so.
   * @throws KnowledgeError, or the signal's reason when aborted.
   */
  search(query: string, options?: SearchOptions): Promise<SearchResult>;
  stats(): KnowledgeStats;
  /** May be called twice; every other call afterwards throws `closed`. */
  close(): Promise<void>;
}

/**
 * - `busy`: another process held the store for too long; trying again is right.
 * - `closed`: used after `close()`.
 * - `corrupt`: the store broke while open; opening it again sets it aside.
 * - `foreign-database`: the file belongs to something else and was not touched.
 * - `embedder`: the embedding model cannot be read or run.
 * - `storage`: the disk or the database refused (full, read-only, no permission).
 * - `too-many-files`: the path holds more files than a knowledge base is meant for.
 * - `vectors`: what keeps the vectors cannot be reached, or refused.
 * - `vectors-stale`: the stored vectors are of another model; indexing again replaces them.
 */
export type KnowledgeErrorCode =
  | 'busy'
  | 'closed'
  | 'corrupt'
  | 'embedder'
  | 'foreign-database'
  | 'storage'
  | 'too-many-files'
  | 'vectors'
  | 'vectors-stale';

export class KnowledgeError extends Error {
  readonly code: KnowledgeErrorCode;
  /** Whether the same call may succeed later with nothing changed by a person. */
  readonly retryable: boolean;

  constructor(code: KnowledgeErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'KnowledgeError';
    this.code = code;
    this.retryable = code === 'busy' || code === 'vectors';
  }
}
