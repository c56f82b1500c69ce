/**
 * The knowledge base on one SQLite file with FTS5: the adapter behind `port.ts`.
 *
 * Owns the life of the store. Does not own opening (`sqlite-database.ts`), writing (`sqlite-catalog.ts`) or searching
 * (`sqlite-search.ts`); it puts them together.
 */
import { ingest } from './ingest.ts';
import { KnowledgeError, type KnowledgeStats, type KnowledgeStore } from './port.ts';
import { sqliteCatalog } from './sqlite-catalog.ts';
import { openDatabase, type SetAside } from './sqlite-database.ts';
import { asKnowledgeError, translated } from './sqlite-errors.ts';
import { sqliteSearch } from './sqlite-search.ts';

export type { SetAside } from './sqlite-database.ts';

export interface SqliteKnowledgeStore extends KnowledgeStore {
  /** Not null when the file was damaged: the index is empty now, and what was there is where this says. */
  readonly setAside: SetAside | null;
}

/**
 * Opens the store, creating it and its folder where they are missing. Several processes may have it open at once.
 * @throws KnowledgeError `foreign-database`, `busy` or `storage`.
 */
export function openSqliteStore(path: string): SqliteKnowledgeStore {
  const { db, setAside } = translated(() => openDatabase(path));
  const catalog = sqliteCatalog(db);
  const search = sqliteSearch(db);
  const assertOpen = (): void => {
    if (!db.open) throw new KnowledgeError('closed', 'The knowledge base is closed');
  };
  return {
    setAside,
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
    close() {
      if (db.open) db.close();
    },
  };
}

function readStats(db: ReturnType<typeof openDatabase>['db']): KnowledgeStats {
  const row = db
    .prepare<[], KnowledgeStats>(
      `SELECT (SELECT count(*) FROM files) AS files, (SELECT count(*) FROM chunks) AS chunks,
              (SELECT finished_at FROM runs) AS lastIndexedAt`,
    )
    .get();
  return row ?? { files: 0, chunks: 0, lastIndexedAt: null };
}
