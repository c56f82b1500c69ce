/**
 * The writing half of the SQLite store: what ingestion needs of it.
 *
 * Owns how a file and its chunks become rows and words. Does not own the tables (`sqlite-database.ts`) or the reading
 * of them (`sqlite-search.ts`).
 *
 * Each call is one short transaction that begins by taking the write lock, so that processes indexing at once wait for
 * each other one file at a time, and a search never waits.
 */
import { dirname, join, relative } from 'node:path';
import type Database from 'better-sqlite3';
import type { Chunk } from './chunk.ts';
import type { Catalog, KnownFile, PreparedFile } from './ingest.ts';
import { outlineOf } from './outline.ts';
import { isUnder, type Root, shownPath } from './scan.ts';
import { translated } from './sqlite-errors.ts';
import { sqliteSkipped } from './sqlite-skipped.ts';
import { hiddenParts } from './terms.ts';
import { formsOf } from './word-forms.ts';

interface FileRow {
  id: number;
  rootPath: string;
  path: string;
  hash: string;
}

interface RootRow extends Root {
  id: number;
}

export function sqliteCatalog(db: Database.Database): Catalog {
  const rows = prepareRows(db);
  const skipped = sqliteSkipped(db);
  const transaction = (work: () => void): void => translated(() => db.transaction(work).immediate());
  return {
    filesUnder: (path) => translated(() => filesUnder(rows, path)),
    put: (file) => transaction(() => put(rows, file)),
    remove: (file) => transaction(() => removeFile(rows, file.absolutePath)),
    leftOut: (root, files) => transaction(() => skipped.replace(root.path, files)),
    finish: (at) => transaction(() => rows.setFinished.run(at.toISOString())),
  };
}

type Rows = ReturnType<typeof prepareRows>;

function prepareRows(db: Database.Database) {
  return {
    roots: db.prepare<[], RootRow>('SELECT id, path, base FROM roots ORDER BY id'),
    addRoot: db.prepare<[string, string]>(
      'INSERT INTO roots (path, base) VALUES (?, ?) ON CONFLICT (path) DO UPDATE SET base = excluded.base',
    ),
    filesOfRoot: db.prepare<[number], FileRow>(
      `SELECT files.id, roots.path AS rootPath, files.path, hash
       FROM files JOIN roots ON roots.id = root_id WHERE root_id = ?`,
    ),
    fileAt: db.prepare<[number, string], { id: number; shownPath: string }>(
      'SELECT id, shown_path AS shownPath FROM files WHERE root_id = ? AND path = ?',
    ),
    isShown: db.prepare<[string], number>('SELECT 1 FROM files WHERE shown_path = ?').pluck(),
    addFile: db.prepare<[number, string, string, string, string, string]>(
      'INSERT INTO files (root_id, path, shown_path, kind, language, hash) VALUES (?, ?, ?, ?, ?, ?)',
    ),
    removeFile: db.prepare<[number]>('DELETE FROM files WHERE id = ?'),
    removeWords: db.prepare<[number]>('DELETE FROM words WHERE rowid IN (SELECT id FROM chunks WHERE file_id = ?)'),
    removeVectors: db.prepare<[number]>(
      'DELETE FROM vectors WHERE chunk_id IN (SELECT id FROM chunks WHERE file_id = ?)',
    ),
    removeChunks: db.prepare<[number]>('DELETE FROM chunks WHERE file_id = ?'),
    removeOutline: db.prepare<[number]>('DELETE FROM outlines WHERE rowid = ?'),
    addOutline: db.prepare<[number, string, string]>('INSERT INTO outlines (rowid, title, headings) VALUES (?, ?, ?)'),
    addChunk: db.prepare<[number, number, string, number, number, string, number]>(
      'INSERT INTO chunks (file_id, ordinal, heading, start_line, end_line, text, piece) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ),
    addWords: db.prepare<[number | bigint, string, string, string, string]>(
      'INSERT INTO words (rowid, heading, path, text, parts) VALUES (?, ?, ?, ?, ?)',
    ),
    setFinished: db.prepare<[string]>(
      'INSERT INTO runs (id, finished_at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET finished_at = excluded.finished_at',
    ),
  };
}

function filesUnder(rows: Rows, path: string): KnownFile[] {
  return rows.roots
    .all()
    .filter((root) => isUnder(path, root.path) || isUnder(root.path, path))
    .flatMap((root) => rows.filesOfRoot.all(root.id))
    .map((row) => ({ absolutePath: join(row.rootPath, row.path), rootPath: row.rootPath, hash: row.hash }))
    .filter((file) => isUnder(path, file.absolutePath));
}

function put(rows: Rows, file: PreparedFile): void {
  removeFile(rows, file.absolutePath);
  rows.addRoot.run(file.root.path, file.root.base);
  const root = rows.roots.all().find(({ path }) => path === file.root.path);
  if (!root) throw new Error(`The root ${file.root.path} was not stored`);
  const shown = freeShownPath(rows, file);
  const { kind, language } = file.type;
  const path = relative(root.path, file.absolutePath);
  const fileId = Number(rows.addFile.run(root.id, path, shown, kind, language, file.hash).lastInsertRowid);
  const { title, headings } = outlineOf(shown, file.chunks);
  rows.addOutline.run(fileId, withForms(title), withForms(headings));
  file.chunks.forEach((chunk, ordinal) => {
    const { heading, startLine, endLine, text, piece = 0 } = chunk;
    const { lastInsertRowid } = rows.addChunk.run(fileId, ordinal, heading, startLine, endLine, text, piece);
    rows.addWords.run(lastInsertRowid, heading, `${shown} ${language}`, text, partsOf(chunk, shown));
  });
}

function withForms(text: string): string {
  const forms = formsOf(text);
  return forms === '' ? text : `${text}\n${forms}`;
}

function partsOf(chunk: Chunk, shown: string): string {
  const all = `${shown} ${chunk.heading} ${chunk.text}`;
  return [hiddenParts(all), formsOf(all)].filter((one) => one !== '').join(' | ');
}

/** Whichever of the roots around it brought the file in: roots may lie inside each other. */
function removeFile(rows: Rows, absolutePath: string): void {
  for (const root of rows.roots.all()) {
    if (!isUnder(root.path, absolutePath)) continue;
    const row = rows.fileAt.get(root.id, relative(root.path, absolutePath));
    if (!row) continue;
    rows.removeWords.run(row.id);
    rows.removeVectors.run(row.id);
    rows.removeChunks.run(row.id);
    rows.removeOutline.run(row.id);
    rows.removeFile.run(row.id);
  }
}

/** Two projects may both have a docs/index.md: the later one is shown with as many more folders as tell it apart. */
function freeShownPath(rows: Rows, file: PreparedFile): string {
  for (let base = file.root.base; ; base = dirname(base)) {
    const shown = shownPath(base, file.absolutePath);
    if (rows.isShown.get(shown) === undefined) return shown;
    if (base === dirname(base)) return file.absolutePath;
  }
}
