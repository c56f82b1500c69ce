/**
 * Opens a ledger's file so that it is sound and durable. Owns: pragmas, integrity check, setting aside, and the lock
 * that keeps a second process out. Does not own: tables' contents.
 */
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { FatalError } from '../errors.ts';
import type { LedgerCondition } from './port.ts';
import { LEDGER_SCHEMA, LEDGER_VERSION } from './schema.ts';

/** How long a connection waits for another's lock, milliseconds; a commit takes one or two. */
const BUSY_TIMEOUT_MS = 5000;

function diskProblem(error: unknown, path: string): FatalError {
  const reason = error instanceof Error ? error.message : String(error);
  return new FatalError(`cannot write the ledger ${path}: ${reason}; check the disk's space and permissions`, {
    exitCode: 2,
    cause: error,
  });
}

/** A connection that fsyncs every commit. A WAL file reopens at NORMAL, so FULL is set and read back each time. */
export function connect(path: string, options: { readonly: boolean }): Database.Database {
  const db = new Database(path, { readonly: options.readonly, timeout: BUSY_TIMEOUT_MS });
  if (options.readonly) return db;
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  if (db.pragma('synchronous', { simple: true }) !== 2) throw new FatalError(`${path}: synchronous=FULL was refused`);
  return db;
}

/**
 * Keeps a second process out for as long as this one lives; the system frees it when the process dies.
 * @throws FatalError exit code 2 when another process has it
 */
export function lockLedger(path: string): Database.Database {
  try {
    mkdirSync(dirname(path), { recursive: true });
    const lock = new Database(`${path}.lock`, { timeout: 0 });
    lock.pragma('locking_mode = EXCLUSIVE');
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY') {
      throw new FatalError(`the ledger ${path} is in use by another process; stop it or set CHECKPOINT_DB_PATH`, {
        exitCode: 2,
      });
    }
    throw diskProblem(error, path);
  }
}

function soundness(path: string): string | null {
  let db: Database.Database | undefined;
  try {
    db = connect(path, { readonly: false });
    const result = db.pragma('quick_check(1)', { simple: true });
    if (result !== 'ok') return String(result);
    const version = db.pragma('user_version', { simple: true });
    return version === LEDGER_VERSION || version === 0
      ? null
      : `ledger version ${version}, this release writes ${LEDGER_VERSION}`;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return error instanceof Error ? error.message : code;
    throw diskProblem(error, path);
  } finally {
    db?.close();
  }
}

function setAside(path: string): string {
  const movedTo = `${path}.aside-${new Date().toISOString().replaceAll(':', '-')}`;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, movedTo + suffix);
  }
  return movedTo;
}

/** Checks the file, sets it aside when it is not sound (S10), and makes the tables. @throws FatalError */
export function prepareLedger(path: string): LedgerCondition {
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    throw diskProblem(error, path);
  }
  let condition: LedgerCondition = existsSync(path) ? { kind: 'intact' } : { kind: 'new' };
  const orphanedWal = condition.kind === 'new' && existsSync(`${path}-wal`);
  const reason =
    condition.kind === 'intact' ? soundness(path) : orphanedWal ? 'a write-ahead log without its database' : null;
  if (reason !== null) condition = { kind: 'set_aside', movedTo: setAside(path), reason };
  try {
    const db = connect(path, { readonly: false });
    db.exec(LEDGER_SCHEMA);
    db.pragma(`user_version = ${LEDGER_VERSION}`);
    const empty = db.prepare('SELECT NOT EXISTS (SELECT 1 FROM cursors) AS empty').get() as { empty: number };
    if (condition.kind === 'intact' && empty.empty === 1) condition = { kind: 'new' };
    db.close();
    return condition;
  } catch (error) {
    throw diskProblem(error, path);
  }
}
