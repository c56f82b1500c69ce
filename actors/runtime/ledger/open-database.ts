/**
 * Opens a ledger's file so that it is sound and durable. Owns: pragmas, the version, the integrity check, setting aside,
 * the ledger's id, and the lock that keeps a second process out. Does not own: tables' contents.
 *
 * A file that cannot be read is set aside, since the log has what it had. One that another release wrote is sound: it is
 * left as it is, and the process ends.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { makeFolder } from '../../../guards/make-folder.ts';
import { FatalError } from '../errors.ts';
import type { LedgerCondition } from './port.ts';
import { ID_KEY, LEDGER_SCHEMA, LEDGER_VERSION, PAGE_BYTES } from './schema.ts';

/** How long a connection waits for another's lock, milliseconds; a commit takes one or two. */
const BUSY_TIMEOUT_MS = 5000;
/** The write-ahead log is moved into the database when it has grown to this, and cut back to it when it grew further. */
const WAL_BYTES = 1024 * 1024;

function diskProblem(error: unknown, path: string): FatalError {
  const reason = error instanceof Error ? error.message : String(error);
  return new FatalError(
    `cannot write the ledger ${path}: ${reason}; check the disk's space and permissions, or set CHECKPOINT_DB_PATH`,
    {
      exitCode: 2,
      cause: error,
    },
  );
}

/** A connection that fsyncs every commit. A WAL file reopens at NORMAL, so FULL is set and read back each time. */
export function connect(path: string, options: { readonly: boolean }): Database.Database {
  const db = new Database(path, { readonly: options.readonly, timeout: BUSY_TIMEOUT_MS });
  if (options.readonly) return db;
  try {
    // Heard only by a file that has no page yet.
    db.pragma(`page_size = ${PAGE_BYTES}`);
    db.pragma('journal_mode = WAL');
    db.pragma(`wal_autocheckpoint = ${WAL_BYTES / PAGE_BYTES}`);
    db.pragma(`journal_size_limit = ${WAL_BYTES}`);
    db.pragma('synchronous = FULL');
    if (db.pragma('synchronous', { simple: true }) !== 2) throw new FatalError(`${path}: synchronous=FULL was refused`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Keeps a second process out for as long as this one lives; the system frees it when the process dies.
 * @throws FatalError exit code 2 when another process has it
 */
export function lockLedger(path: string): Database.Database {
  try {
    makeFolder(dirname(path));
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

/** @throws FatalError exit code 2 when the file is sound, and not a ledger of this version */
function checkVersion(db: Database.Database, path: string): void {
  const version = Number(db.pragma('user_version', { simple: true }));
  const refuse = (sentence: string): never => {
    throw new FatalError(sentence, { exitCode: 2 });
  };
  if (version > LEDGER_VERSION) {
    refuse(
      `the ledger ${path} was written by a newer release (version ${version}, this one writes ${LEDGER_VERSION}); upgrade Agent Mesh`,
    );
  }
  if (version !== 0 && version < LEDGER_VERSION) {
    refuse(
      `the ledger ${path} was written by an older release (version ${version}, this one writes ${LEDGER_VERSION}), and there is no ` +
        'migration; move the file away (with its -wal and -shm), or run the older release until its tasks have ended',
    );
  }
  const tables = db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get();
  if (version === 0 && tables !== 0)
    refuse(`${path} is the database of another program; move it away or set CHECKPOINT_DB_PATH`);
}

/** Why the file cannot be read, or null. @throws FatalError */
function unsoundness(path: string): string | null {
  let db: Database.Database | undefined;
  try {
    db = connect(path, { readonly: false });
    checkVersion(db, path);
    const result = db.pragma('quick_check(1)', { simple: true });
    return result === 'ok' ? null : String(result);
  } catch (error) {
    if (error instanceof FatalError) throw error;
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

/** The tables, all of them or none, so that a file is a ledger from its first commit on. Says whether it holds nothing. */
function prepareTables(path: string): { id: string; empty: boolean } {
  const db = connect(path, { readonly: false });
  try {
    db.transaction(() => {
      db.exec(LEDGER_SCHEMA);
      db.pragma(`user_version = ${LEDGER_VERSION}`);
      db.prepare('INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO NOTHING').run(ID_KEY, randomUUID());
    }).immediate();
    const id = String(db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(ID_KEY));
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[];
    const used = tables.some((table) =>
      db.prepare(`SELECT 1 FROM ${table} ${table === 'meta' ? `WHERE key <> '${ID_KEY}'` : ''} LIMIT 1`).get(),
    );
    return { id, empty: !used };
  } finally {
    db.close();
  }
}

/**
 * Checks the file, sets it aside when it cannot be read (S10), and makes the tables.
 * @throws FatalError exit code 2 when the disk refuses, or another release or program wrote the file
 */
export function prepareLedger(path: string): { condition: LedgerCondition; id: string } {
  try {
    makeFolder(dirname(path));
  } catch (error) {
    throw diskProblem(error, path);
  }
  const present = existsSync(path);
  const orphanedWal = !present && existsSync(`${path}-wal`) ? 'a write-ahead log without its database' : null;
  const reason = present ? unsoundness(path) : orphanedWal;
  try {
    const movedTo = reason === null ? null : setAside(path);
    const { id, empty } = prepareTables(path);
    if (reason !== null && movedTo !== null) return { condition: { kind: 'set_aside', movedTo, reason }, id };
    return { condition: { kind: empty ? 'new' : 'intact' }, id };
  } catch (error) {
    throw diskProblem(error, path);
  }
}
