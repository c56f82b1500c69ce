/**
 * Opens the database of the knowledge base: settings, tables, and what happens to a damaged file.
 *
 * Owns the schema and its version. Does not own what is written to the tables (`sqlite-catalog.ts`) or read from them
 * (`sqlite-search.ts`).
 *
 * 1. Everything in the file can be made again from the files it was made from. So a damaged file is set aside and begun
 *    anew, a file of another version is emptied, and `synchronous` is NORMAL: after a power cut the last files indexed
 *    may be missing, their hash with them, and the next run reads them again.
 * 2. A database of something else is never touched.
 * 3. Several processes may open the file at once; only one finds it damaged and moves it.
 */
import { renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { makeFolder } from '../guards/make-folder.ts';
import { useWal } from '../resilience/sqlite-wal.ts';
import { KnowledgeError } from './port.ts';
import { isCorruption } from './sqlite-errors.ts';

/** Well above the longest transaction, one large file (about 100 ms), queued behind a few other writers. */
const BUSY_TIMEOUT_MS = 5_000;

/** "AMKB", so that a file of ours is told from any other SQLite database. */
const APPLICATION_ID = 0x414d4b42;
const SCHEMA_VERSION = 2;

/**
 * `words` keeps no text of its own, only postings; its rowid is the chunk's id. `parts` holds the words inside
 * identifiers in camel case. `outlines` says what a whole file is about; its rowid is the file's id. `vectors` are all of
 * the one space that `vector_space` names. The id of a chunk is never given again, so that a vector made for one that
 * has gone meanwhile cannot be taken for another's.
 */
const SCHEMA = `
  CREATE TABLE roots (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, base TEXT NOT NULL);
  CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    root_id INTEGER NOT NULL REFERENCES roots (id),
    path TEXT NOT NULL,
    shown_path TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    language TEXT NOT NULL,
    hash TEXT NOT NULL,
    UNIQUE (root_id, path)
  );
  CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    file_id INTEGER NOT NULL REFERENCES files (id),
    ordinal INTEGER NOT NULL,
    heading TEXT NOT NULL,
    start_line INTEGER NOT NULL,
    end_line INTEGER NOT NULL,
    text TEXT NOT NULL,
    piece INTEGER NOT NULL DEFAULT 0
  );
  CREATE UNIQUE INDEX chunks_by_file ON chunks (file_id, ordinal);
  CREATE VIRTUAL TABLE words USING fts5 (
    heading, path, text, parts,
    content = '', contentless_delete = 1, tokenize = 'porter unicode61 remove_diacritics 2'
  );
  CREATE TABLE vector_space (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL,
    embedder TEXT NOT NULL,
    dimension INTEGER NOT NULL
  );
  CREATE TABLE vectors (chunk_id INTEGER PRIMARY KEY REFERENCES chunks (id), embedding BLOB NOT NULL);
  CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, 'row');
  CREATE TABLE runs (id INTEGER PRIMARY KEY CHECK (id = 1), finished_at TEXT NOT NULL);
`;

/** Made where it is missing: a file that an older release has filled keeps what it holds. */
const LATER_TABLES = `
  CREATE TABLE IF NOT EXISTS skipped (path TEXT PRIMARY KEY, shown_path TEXT NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID;
  CREATE VIRTUAL TABLE IF NOT EXISTS outlines USING fts5 (
    title, headings,
    content = '', contentless_delete = 1, tokenize = 'porter unicode61 remove_diacritics 2'
  );
`;
const PIECE_COLUMN = 'ALTER TABLE chunks ADD COLUMN piece INTEGER NOT NULL DEFAULT 0';

/** In an order in which they can be dropped. */
const TABLES = [
  'skipped',
  'outlines',
  'vectors',
  'vector_space',
  'vocabulary',
  'words',
  'chunks',
  'files',
  'roots',
  'runs',
];

/** A damaged database that was moved out of the way when the store was opened. */
export interface SetAside {
  /** What SQLite said. */
  reason: string;
  /** Where the database and its -wal and -shm are now, as far as they existed. */
  files: string[];
}

export interface OpenedDatabase {
  db: Database.Database;
  setAside: SetAside | null;
}

export function openDatabase(path: string): OpenedDatabase {
  makeFolder(dirname(path));
  const inode = inodeOf(path);
  try {
    return { db: openChecked(path), setAside: null };
  } catch (error) {
    if (!(error instanceof Error) || !isCorruption(error)) throw error;
    // Another process that saw the same damage may have begun a new file already: that one is opened, not moved.
    const files = inodeOf(path) === inode ? moveAside(path) : [];
    return { db: openChecked(path), setAside: { reason: error.message, files } };
  }
}

function openChecked(path: string): Database.Database {
  const db = new Database(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    db.transaction(() => refuseForeign(db, path)).deferred();
    useWal(db);
    db.pragma('synchronous = NORMAL');
    db.pragma('foreign_keys = ON');
    db.transaction(() => ensureSchema(db)).immediate();
    const check = db.pragma('quick_check(1)', { simple: true });
    if (check !== 'ok') throw new Database.SqliteError(String(check), 'SQLITE_CORRUPT');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** In one transaction: between two reads another process may have made the tables of a new file. */
function refuseForeign(db: Database.Database, path: string): void {
  const applicationId = db.pragma('application_id', { simple: true });
  if (applicationId === APPLICATION_ID) return;
  const tables = db.prepare<[], number>('SELECT count(*) FROM sqlite_schema').pluck().get() ?? 0;
  if (applicationId === 0 && tables === 0) return;
  throw new KnowledgeError('foreign-database', `${path} is a database of something else; choose another path`);
}

function ensureSchema(db: Database.Database): void {
  if (db.pragma('user_version', { simple: true }) !== SCHEMA_VERSION) {
    for (const table of TABLES) db.exec(`DROP TABLE IF EXISTS ${table}`);
    db.exec(SCHEMA);
    db.pragma(`application_id = ${APPLICATION_ID}`);
    db.pragma(`user_version = ${SCHEMA_VERSION}`);
  }
  db.exec(LATER_TABLES);
  const columns = db.prepare<[], string>("SELECT name FROM pragma_table_info('chunks')").pluck().all();
  if (!columns.includes('piece')) db.exec(PIECE_COLUMN);
}

/** The three files keep their endings, so that what was set aside can still be opened by hand. */
function moveAside(path: string): string[] {
  const stamp = new Date().toISOString().replace(/[-:.]/g, '');
  const moved: string[] = [];
  for (const ending of ['', '-wal', '-shm']) {
    if (inodeOf(path + ending) === null) continue;
    const target = `${path}.corrupt-${stamp}${ending}`;
    renameSync(path + ending, target);
    moved.push(target);
  }
  return moved;
}

function inodeOf(path: string): bigint | null {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino ?? null;
}
