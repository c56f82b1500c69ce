/**
 * Plain BM25, to compare with: the same passages, FTS5 with its standard tokenizer and parameters, every word of the
 * question joined by OR. Owns: the baseline. Does not own: passages (knowledge/) or figures.
 *
 * It is as good as plain can be: heading and path are indexed with the text, which gave it more than the text alone.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { chunkFile } from '../knowledge/chunk.ts';
import type { Found } from './recall-set.ts';

export type Tokenizer = 'unicode61' | 'porter unicode61';

type Passage = Found & { readonly heading: string; readonly text: string };

/** Over the passages that an index holds. */
export function bm25Over(database: string, tokenizer: Tokenizer): (question: string, limit: number) => string[] {
  const kept = new Database(database, { readonly: true });
  const rows = kept
    .prepare<[], Passage>(
      `SELECT shown_path AS path, heading, start_line AS startLine, end_line AS endLine, text
       FROM chunks JOIN files ON files.id = file_id`,
    )
    .all();
  kept.close();
  const find = index(rows, tokenizer);
  return (question, limit) => find(question, limit).map(({ path }) => path);
}

/** Over the files of a folder. */
export function plainBm25(folder: string, tokenizer: Tokenizer): (question: string, limit: number) => Found[] {
  const files = globSync('**/*', { cwd: folder, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  const passages = paths.flatMap((path) =>
    chunkFile(path, readFileSync(path, 'utf8')).chunks.map((chunk) => ({
      ...chunk,
      path: path.slice(folder.length + 1),
    })),
  );
  return index(passages, tokenizer);
}

function index(passages: readonly Passage[], tokenizer: Tokenizer): (question: string, limit: number) => Found[] {
  const db = new Database(':memory:');
  db.exec(`CREATE VIRTUAL TABLE chunks USING fts5(
    words, path UNINDEXED, startLine UNINDEXED, endLine UNINDEXED, tokenize = '${tokenizer}')`);
  const add = db.prepare<[string, string, number, number]>('INSERT INTO chunks VALUES (?, ?, ?, ?)');
  db.transaction(() => {
    for (const { path, heading, text, startLine, endLine } of passages)
      add.run(`${path}\n${heading}\n${text}`, path, startLine, endLine);
  })();
  const find = db.prepare<[string, number], Found>(
    'SELECT path, startLine, endLine FROM chunks WHERE chunks MATCH ? ORDER BY bm25(chunks), rowid LIMIT ?',
  );
  return (question, limit) => {
    const words = question.match(/[\p{L}\p{N}_]+/gu) ?? [];
    return find.all(words.map((word) => `"${word}"`).join(' OR '), limit);
  };
}
