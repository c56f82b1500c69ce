/**
 * One supervisor per MESH_HOME. Owns: the lock. Does not own: what is done when it is taken.
 *
 * The lock is an exclusive transaction on an empty SQLite file: the operating system releases it when its holder ends,
 * however it ends, so a stale lock cannot exist. A lock on a file that was removed or replaced keeps nobody out any more;
 * its holder can tell, and takes it again.
 */
import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { codeOf } from '../errors.ts';

export interface SupervisorLock {
  /** False when the file that is locked is not the one at that path any more. */
  isInPlace(): boolean;
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
  const taken = fileOf(path);
  return { isInPlace: () => taken !== null && fileOf(path) === taken, release: () => db.close() };
}

function fileOf(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? null : `${found.dev}/${found.ino}`;
}
