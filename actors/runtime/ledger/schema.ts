/**
 * The tables of a ledger. Owns: their form and its version. Does not own: who writes them.
 *
 * Version 1 was the first core's: instances, inbox, outbox, effects and timers. Version 2 holds a journal.
 */
import { partitionNumbers } from '../../../schemas/events/subjects.ts';

/** Raised with every change of the tables. */
export const LEDGER_VERSION = 2;

/** Where a ledger's id is in `meta`. */
export const ID_KEY = 'ledger-id';

/**
 * Bytes. Small pages suit commits of one small record to each of some tables, and ended tasks, whose ids are spread over
 * their table: the write-ahead log gets whole pages (docs/decisions/0075).
 */
export const PAGE_BYTES = 1024;

/**
 * A place in the log is stored as a number that always takes eight bytes: a row that keeps its length is changed in
 * place, and the pages that a long body spills to are not written again when its place becomes known.
 */
export const SEQ_BASE = 2 ** 48;

export function storedSeq(seq: number | null): number {
  return SEQ_BASE + (seq ?? 0);
}

export function loadedSeq(stored: number): number | null {
  return stored === SEQ_BASE ? null : stored - SEQ_BASE;
}

/** A journal has a table of its own, to which rows are only ever appended: its pages are full, and `n` is its key. */
export function recordsTable(partition: number): string {
  return `records_${partition}`;
}

export const LEDGER_SCHEMA = `
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
${partitionNumbers
  .map(
    (partition) => `CREATE TABLE IF NOT EXISTS ${recordsTable(partition)} (
  n INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL,
  form INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;`,
  )
  .join('\n')}
-- For people and tests; the ledger itself asks the journal that it means.
CREATE VIEW IF NOT EXISTS records AS
${partitionNumbers
  .map(
    (partition) =>
      `SELECT ${partition} AS partition, n, nullif(seq - ${SEQ_BASE}, 0) AS seq, form, body FROM ${recordsTable(partition)}`,
  )
  .join(' UNION ALL\n')};
CREATE TABLE IF NOT EXISTS set_aside (
  id INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  partition INTEGER NOT NULL,
  n INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  form INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS checkpoints (
  partition INTEGER PRIMARY KEY,
  n INTEGER NOT NULL,
  form INTEGER NOT NULL,
  unsent BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS snapshots (
  partition INTEGER NOT NULL,
  task BLOB NOT NULL CHECK (length(task) = 16),
  form INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (partition, task)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ended (
  partition INTEGER NOT NULL,
  task BLOB NOT NULL CHECK (length(task) = 16),
  first_n INTEGER NOT NULL,
  last_n INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  seen TEXT NOT NULL,
  PRIMARY KEY (partition, task)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS begun (key TEXT PRIMARY KEY, crashes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;
