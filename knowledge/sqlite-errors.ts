/**
 * Turns what SQLite and the file system throw into the error of the port.
 *
 * Owns the mapping of result codes. Does not decide what to do about them.
 */
import Database from 'better-sqlite3';
import { KnowledgeError } from './port.ts';

export function asKnowledgeError(error: unknown): unknown {
  if (error instanceof Error && 'syscall' in error) {
    return new KnowledgeError('storage', `The file system refused: ${error.message}`, { cause: error });
  }
  if (!(error instanceof Database.SqliteError)) return error;
  if (isCorruption(error)) {
    return new KnowledgeError('corrupt', 'The knowledge base is damaged; opening it again sets it aside', {
      cause: error,
    });
  }
  if (/^SQLITE_(?:BUSY|LOCKED)/.test(error.code)) {
    return new KnowledgeError('busy', 'Another process is writing to the knowledge base', { cause: error });
  }
  return new KnowledgeError('storage', `The knowledge base could not be read or written: ${error.message}`, {
    cause: error,
  });
}

/** Runs a call into the database and throws only errors of the port. */
export function translated<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw asKnowledgeError(error);
  }
}

export function isCorruption(error: unknown): boolean {
  return error instanceof Database.SqliteError && /^SQLITE_(?:CORRUPT|NOTADB)/.test(error.code);
}
