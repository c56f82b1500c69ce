/**
 * The files, their chunks and their words in one SQLite file with FTS5: the half of a knowledge base that is always there.
 *
 * Owns the life of the file. Does not own opening (`sqlite-database.ts`), writing (`sqlite-catalog.ts`), searching
 * (`sqlite-search.ts`) or vectors (`sqlite-vectors.ts`); it puts them together.
 */
import type { Passage } from '../schemas/events/generated.ts';
import { ingest } from './ingest.ts';
import {
  type IndexOptions,
  type IndexSummary,
  KnowledgeError,
  type KnowledgeStats,
  type LeftOut,
  type SearchOptions,
} from './port.ts';
import { sqliteCatalog } from './sqlite-catalog.ts';
import { openDatabase, type SetAside } from './sqlite-database.ts';
import { asKnowledgeError, translated } from './sqlite-errors.ts';
import { sqliteSearch } from './sqlite-search.ts';
import { sqliteSkipped } from './sqlite-skipped.ts';
import { sqliteChunkSource, sqliteVectors } from './sqlite-vectors.ts';
import type { ChunkSource, VectorIndex } from './vectors.ts';

export type { SetAside } from './sqlite-database.ts';

export interface SqliteStore {
  index(paths: readonly string[], options?: IndexOptions): Promise<IndexSummary>;
  /** By words alone. */
  search(query: string, options?: SearchOptions): Promise<Passage[]>;
  stats(): KnowledgeStats;
  /** What the latest runs left out, the most frequent reason first. */
  leftOut(): LeftOut[];
  /** What is indexed, for those who follow it. */
  readonly chunks: ChunkSource;
  /** Kept in the same file. */
  readonly vectors: VectorIndex;
  /** May be called twice; every other call afterwards throws `closed`. */
  close(): void;
  /** Not null when the file was damaged: the index is empty now, and what was there is where this says. */
  readonly setAside: SetAside | null;
}

/**
 * Opens the store, creating it and its folder where they are missing. Several processes may have it open at once.
 * @throws KnowledgeError `foreign-database`, `busy` or `storage`.
 */
export function openSqliteStore(path: string): SqliteStore {
  const { db, setAside } = translated(() => openDatabase(path));
  const catalog = sqliteCatalog(db);
  const search = sqliteSearch(db);
  const skipped = sqliteSkipped(db);
  const assertOpen = (): void => {
    if (!db.open) throw new KnowledgeError('closed', 'The knowledge base is closed');
  };
  return {
    setAside,
    chunks: sqliteChunkSource(db),
    vectors: sqliteVectors(db),
    async index(paths, options) {
      assertOpen();
      try {
        return await ingest(paths, catalog, options);
      } catch (error) {
        assertOpen();
        throw asKnowledgeError(error);
      }
    },
    async search(query, options = {}) {
      assertOpen();
      options.signal?.throwIfAborted();
      return translated(() => search(query, options));
    },
    stats() {
      assertOpen();
      return translated(() => readStats(db));
    },
    leftOut() {
      assertOpen();
      return translated(() => skipped.read());
    },
    close() {
      if (db.open) db.close();
    },
  };
}

function readStats(db: ReturnType<typeof openDatabase>['db']): KnowledgeStats {
  const row = db
    .prepare<[], Omit<KnowledgeStats, 'roots'>>(
      `SELECT (SELECT count(*) FROM files) AS files, (SELECT count(*) FROM chunks) AS chunks,
              (SELECT finished_at FROM runs) AS lastIndexedAt`,
    )
    .get();
  const roots = db
    .prepare<[], string>('SELECT path FROM roots WHERE id IN (SELECT root_id FROM files) ORDER BY path')
    .pluck()
    .all();
  return { files: 0, chunks: 0, lastIndexedAt: null, ...row, roots };
}
