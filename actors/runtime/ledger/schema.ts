/**
 * The tables of a ledger. Owns: their form and its version. Does not own: who writes them.
 */

/** Raised with every change of the tables; a ledger of another version is set aside and folded again from the log. */
export const LEDGER_VERSION = 1;

export const LEDGER_SCHEMA = `
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS cursors (channel TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS instances (
  id INTEGER PRIMARY KEY,
  role TEXT NOT NULL,
  correlation_id TEXT NOT NULL,
  part INTEGER NOT NULL,
  release INTEGER NOT NULL,
  machine_since INTEGER NOT NULL,
  transition_index INTEGER NOT NULL,
  hop INTEGER NOT NULL,
  loops INTEGER NOT NULL,
  traceparent TEXT NOT NULL,
  done INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  snapshot TEXT NOT NULL,
  UNIQUE (correlation_id, role)
) STRICT;
-- Ids and digests are 16 bytes each, so this small-rowed table may go without rowid.
CREATE TABLE IF NOT EXISTS inbox (
  instance INTEGER NOT NULL,
  event_id BLOB NOT NULL,
  digest BLOB NOT NULL,
  PRIMARY KEY (instance, event_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (
  n INTEGER PRIMARY KEY,
  instance INTEGER NOT NULL,
  event_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  msg_id TEXT NOT NULL,
  body TEXT NOT NULL,
  acked_seq INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (n) WHERE acked_seq IS NULL;
-- Actors that were done and have been pruned: all that is remembered of them, for ever.
CREATE TABLE IF NOT EXISTS ended (
  correlation_id BLOB NOT NULL,
  role TEXT NOT NULL,
  PRIMARY KEY (correlation_id, role)
) STRICT, WITHOUT ROWID;
-- Acknowledged outputs, packed (packing.ts).
CREATE TABLE IF NOT EXISTS outbox_blocks (first_n INTEGER PRIMARY KEY, last_n INTEGER NOT NULL, max_seq INTEGER NOT NULL, rows BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS effects (
  instance INTEGER NOT NULL,
  effect TEXT NOT NULL,
  src TEXT NOT NULL,
  armed_version INTEGER NOT NULL,
  input TEXT NOT NULL,
  state TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  not_before_ms INTEGER NOT NULL,
  started INTEGER NOT NULL,
  PRIMARY KEY (instance, effect)
) STRICT;
CREATE TABLE IF NOT EXISTS timers (
  instance INTEGER NOT NULL,
  timer TEXT NOT NULL,
  armed_version INTEGER NOT NULL,
  due_at_ms INTEGER NOT NULL,
  event TEXT NOT NULL,
  PRIMARY KEY (instance, timer)
) STRICT;
`;
