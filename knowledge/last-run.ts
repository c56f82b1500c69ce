/**
 * When a knowledge base was last filled. Owns: that one question, for whoever asks nothing else: the store itself loads all
 * that reads files. Does not own: the database, or the run (`ingest.ts`).
 */
import { openDatabase } from './sqlite-database.ts';
import { translated } from './sqlite-errors.ts';

/**
 * Of the latest run that came to its end, ISO 8601; null when there was none.
 * @throws KnowledgeError `foreign-database`, `busy` or `storage`
 */
export function lastRunAt(path: string): string | null {
  return translated(() => {
    const { db } = openDatabase(path);
    try {
      return db.prepare<[], string>('SELECT finished_at FROM runs').pluck().get() ?? null;
    } finally {
      db.close();
    }
  });
}
