/**
 * Switches a SQLite file to write-ahead logging where several processes may do so at the same moment.
 *
 * SQLite answers a second process that switches a new file with SQLITE_BUSY at once, whatever its busy timeout
 * (https://sqlite.org/wal.html, "Sometimes Queries Return SQLITE_BUSY In WAL Mode"). Owns that wait, which blocks.
 */
import type Database from 'better-sqlite3';

const ATTEMPTS_MAX = 50;
const PAUSE_MS = 20;

/** @throws SqliteError; SQLITE_BUSY after about a second */
export function useWal(db: Database.Database): void {
  for (let attempt = 1; ; attempt += 1) {
    try {
      db.pragma('journal_mode = WAL');
      return;
    } catch (error) {
      if (!isBusy(error) || attempt >= ATTEMPTS_MAX) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    }
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_BUSY');
}
