/**
 * A ledger's file as a test looks at it, from outside of the process that owns it. Owns: reading journals, snapshots and
 * ended tasks in a form that compares, and damaging files. Does not own: the tables (`actors/runtime/ledger/schema.ts`).
 */
import { hash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { rm, stat, truncate, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import Database from 'better-sqlite3';
import { packBody, unpackBody } from '../../actors/runtime/ledger/body-forms.ts';
import { idBytes, uuidOf } from '../../actors/runtime/ledger/id-bytes.ts';
import type { EndedTask } from '../../actors/runtime/ledger/port.ts';

export interface JournalRecord {
  readonly partition: number;
  readonly n: number;
  /** Where the log has it, when the ledger knows. */
  readonly seq: number | null;
  /** The CloudEvents of its body. */
  readonly events: readonly unknown[];
}

export interface OpenTask {
  readonly partition: number;
  readonly task: string;
  /** Its actors at the partition's last checkpoint that it had changed before. */
  readonly state: unknown;
}

interface Body {
  readonly form: number;
  readonly body: Buffer;
}

function rowsOf<Row>(path: string, select: string): Row[] {
  const db = new Database(path, { readonly: true });
  try {
    return db.prepare<[], Row>(select).all();
  } finally {
    db.close();
  }
}

function decoded(row: Body): unknown {
  return JSON.parse(Buffer.from(unpackBody(row)).toString('utf8'));
}

/** The records of a partition, or of all, in order. */
export function journal(path: string, partition?: number): JournalRecord[] {
  const rows = rowsOf<Omit<JournalRecord, 'events'> & Body>(path, 'SELECT * FROM records ORDER BY partition, n');
  return rows
    .filter((row) => partition === undefined || row.partition === partition)
    .map((row) => ({ partition: row.partition, n: row.n, seq: row.seq, events: decoded(row) as unknown[] }));
}

/** The bytes that stand for the records of a partition, or of all, in order. */
export function storedBodies(path: string): Buffer[] {
  return rowsOf<Body>(path, 'SELECT * FROM records ORDER BY partition, n').map(({ body }) => body);
}

/** Open tasks as the checkpoints have them. */
export function snapshots(path: string): OpenTask[] {
  const select = 'SELECT partition, task, form, body FROM snapshots ORDER BY partition, task';
  return rowsOf<{ partition: number; task: Buffer } & Body>(path, select).map((row) => ({
    partition: row.partition,
    task: uuidOf(row.task),
    state: decoded(row),
  }));
}

/** Changes the text of an open task's snapshot, as another release might have left it. */
export function changeSnapshot(path: string, task: string, from: RegExp, to: string): void {
  const db = new Database(path);
  try {
    const row = db.prepare<[Buffer], Body>('SELECT form, body FROM snapshots WHERE task = ?').get(idBytes(task));
    if (!row) throw new Error(`${path} has no snapshot of ${task}`);
    const before = Buffer.from(unpackBody(row)).toString('utf8');
    const after = before.replace(from, to);
    if (after === before) throw new Error(`the snapshot of ${task} does not have ${from}: ${before.slice(0, 500)}`);
    const { form, body } = packBody(Buffer.from(after));
    db.prepare('UPDATE snapshots SET form = ?, body = ? WHERE task = ?').run(form, body, idBytes(task));
  } finally {
    db.close();
  }
}

/** Tasks that had ended by the checkpoints. */
export function endedTasks(path: string): (EndedTask & { readonly partition: number })[] {
  const select =
    'SELECT partition, task, first_n AS firstN, last_n AS lastN, at_ms AS atMs, seen FROM ended ORDER BY partition, task';
  const rows = rowsOf<Omit<EndedTask, 'task' | 'seen'> & { partition: number; task: Buffer; seen: string }>(
    path,
    select,
  );
  return rows.map((row) => ({ ...row, task: uuidOf(row.task), seen: JSON.parse(row.seen) as EndedTask['seen'] }));
}

/**
 * The journals of these ledgers as one number: equal when every record is what it was, from which every actor's state
 * follows (J1). Where the log has the records is left out.
 */
export function stateHash(paths: readonly string[]): string {
  const select = 'SELECT partition, n, form, body FROM records ORDER BY partition, n';
  const journals = paths.map((path) =>
    rowsOf<{ partition: number; n: number } & Body>(path, select).map((row) => [
      row.partition,
      row.n,
      hash('sha256', unpackBody(row), 'hex'),
    ]),
  );
  return hash('sha256', JSON.stringify(journals), 'hex');
}

export const damages = {
  async deleted(path: string): Promise<void> {
    await Promise.all(['', '-wal', '-shm'].map((suffix) => rm(path + suffix, { force: true })));
  },
  async garbage(path: string): Promise<void> {
    await writeFile(path, Buffer.from('no database at all, '.repeat(500)));
  },
  /** Half of the file is gone, and so is what had not been moved into it. */
  async truncated(path: string): Promise<void> {
    const db = new Database(path);
    db.pragma('wal_checkpoint(TRUNCATE)');
    db.close();
    await truncate(path, (await stat(path)).size >> 1);
  },
  /** The write-ahead log is there, the database is not. */
  async walOnly(path: string): Promise<void> {
    await writeFile(`${path}-wal`, Buffer.alloc(8192, 7));
    await rm(path, { force: true });
  },
} as const;

/** Names of what was set aside beside a ledger. */
export function setAside(path: string): string[] {
  return readdirSync(dirname(path)).filter((name) => name.startsWith(`${basename(path)}.aside-`));
}
