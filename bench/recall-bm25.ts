/**
 * Plain BM25, to compare with: the same chunks, FTS5 with its standard tokenizer and parameters, every word of the
 * question joined by OR. Owns: the baseline. Does not own: chunks (knowledge/) or figures (`recall-set.ts`).
 *
 * It is as good as plain can be: heading and path are indexed with the text, which gave it more than the text alone.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { chunkFile } from '../knowledge/chunk.ts';
import type { Found } from './recall-set.ts';

export type Tokenizer = 'unicode61' | 'porter unicode61';

export function plainBm25(folder: string, tokenizer: Tokenizer): (question: string, limit: number) => Found[] {
  const db = new Database(':memory:');
  db.exec(`CREATE VIRTUAL TABLE chunks USING fts5(
    words, path UNINDEXED, startLine UNINDEXED, endLine UNINDEXED, tokenize = '${tokenizer}')`);
  const add = db.prepare<[string, string, number, number]>('INSERT INTO chunks VALUES (?, ?, ?, ?)');
  const files = globSync('**/*', { cwd: folder, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const path of files.map((entry) => join(entry.parentPath, entry.name)).sort()) {
    const shown = path.slice(folder.length + 1);
    for (const { heading, text, startLine, endLine } of chunkFile(path, readFileSync(path, 'utf8')).chunks)
      add.run(`${shown}\n${heading}\n${text}`, shown, startLine, endLine);
  }
  const find = db.prepare<[string, number], Found>(
    'SELECT path, startLine, endLine FROM chunks WHERE chunks MATCH ? ORDER BY bm25(chunks), rowid LIMIT ?',
  );
  return (question, limit) => {
    const words = question.match(/[\p{L}\p{N}_]+/gu) ?? [];
    return find.all(words.map((word) => `"${word}"`).join(' OR '), limit);
  };
}
