/**
 * A ledger's file as a test looks at it, from outside of the process that owns it. Owns: reading instances in a form
 * that compares, and damaging files. Does not own: the tables (`actors/runtime/ledger/schema.ts`).
 */
import { hash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { rm, truncate, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import Database from 'better-sqlite3';
import { canonicalJson } from '../../schemas/events/envelope.ts';

export interface LedgerInstance {
  readonly role: string;
  readonly correlationId: string;
  readonly transitionIndex: number;
  readonly done: number;
  /** XState's persisted snapshot. */
  readonly snapshot: { readonly value: unknown; readonly status: string };
}

function instancesIn(path: string): LedgerInstance[] {
  const db = new Database(path, { readonly: true });
  try {
    const rows = db
      .prepare<[], Omit<LedgerInstance, 'snapshot'> & { snapshot: string }>(
        `SELECT role, correlation_id AS correlationId, transition_index AS transitionIndex, done, snapshot
         FROM instances ORDER BY role, correlation_id`,
      )
      .all();
    return rows.map((row) => ({ ...row, snapshot: JSON.parse(row.snapshot) as LedgerInstance['snapshot'] }));
  } finally {
    db.close();
  }
}

/** The state of every actor in these ledgers, as one number: equal when every actor is where it was. */
export function stateHash(paths: readonly string[]): string {
  return hash('sha256', canonicalJson(paths.map(instancesIn)), 'hex');
}

/** `role:state` of everything that is under way, such as `orchestrator:working.hop`. */
export function statesUnderWay(path: string): string[] {
  return instancesIn(path)
    .filter(({ done }) => done === 0)
    .map(({ role, snapshot }) => `${role}:${stateName(snapshot.value)}`);
}

function stateName(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([parent, child]) => `${parent}.${stateName(child)}`)
    .join('+');
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
    await truncate(path, 4096 * 3);
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
