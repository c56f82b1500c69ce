/**
 * One supervisor per MESH_HOME. Owns: the lock. Does not own: what is done when it is taken.
 *
 * The lock is an exclusive transaction on an empty SQLite file: the operating system releases it when its holder ends,
 * however it ends, so a stale lock cannot exist.
 */
import Database from 'better-sqlite3';
import { codeOf } from '../errors.ts';

export interface SupervisorLock {
  release(): void;
}

/** Null when another process holds it. */
export function takeLock(path: string): SupervisorLock | null {
  const db = new Database(path, { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (codeOf(error).startsWith('SQLITE_BUSY')) return null;
    throw error;
  }
  return { release: () => db.close() };
}
