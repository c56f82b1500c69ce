/**
 * The ledger's one writing connection, in a thread of its own, so that fsync never stops the event loop. Owns: the
 * write transaction. Does not own: what is in a batch, or when it comes.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { idBytes } from './id-bytes.ts';
import { connect } from './open-database.ts';
import { type AckedRow, BLOCK_ROWS, packBlock } from './packing.ts';
import type { LedgerBatch } from './port.ts';

export type LedgerCommand =
  | { id: number; kind: 'commit'; batch: LedgerBatch }
  | { id: number; kind: 'prune'; beforeMs: number; beforeSeq: number }
  | { id: number; kind: 'backup'; path: string }
  | { id: number; kind: 'close' };

export type LedgerReply = { id: number; value: number } | { id: number; error: { message: string; code: string } };

const db = connect((workerData as { path: string }).path, { readonly: false });

const upsertInstance = db.prepare(`
  INSERT INTO instances VALUES (@id, @role, @correlationId, @partition, @release, @machineSince, @transitionIndex, @hop,
    @loops, @traceparent, @done, @updatedAtMs, @snapshot)
  ON CONFLICT (id) DO UPDATE SET transition_index = excluded.transition_index, hop = excluded.hop, loops = excluded.loops,
    done = excluded.done, updated_at_ms = excluded.updated_at_ms, snapshot = excluded.snapshot`);
const insertInbox = db.prepare('INSERT OR REPLACE INTO inbox VALUES (?, ?, ?)');
const insertOutbox = db.prepare('INSERT INTO outbox VALUES (@n, @instance, @eventId, @subject, @msgId, @body, @seq)');
const setAcked = db.prepare('UPDATE outbox SET acked_seq = ? WHERE n = ?');
const oldest = db.prepare(`SELECT n, instance, event_id AS eventId, subject, msg_id AS msgId, body, acked_seq AS seq
  FROM outbox ORDER BY n LIMIT ?`);
const insertBlock = db.prepare('INSERT INTO outbox_blocks VALUES (?, ?, ?, ?)');
const deleteOutbox = db.prepare('DELETE FROM outbox WHERE n <= ?');
/** Outputs not yet packed. */
let loose = db.prepare('SELECT count(*) FROM outbox').pluck().get() as number;
const upsertEffect = db.prepare('INSERT OR REPLACE INTO effects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
const deleteEffect = db.prepare('DELETE FROM effects WHERE instance = ? AND effect = ?');
const upsertTimer = db.prepare('INSERT OR REPLACE INTO timers VALUES (?, ?, ?, ?, ?)');
const deleteTimer = db.prepare('DELETE FROM timers WHERE instance = ? AND timer = ?');
const setCursor = db.prepare(
  'INSERT INTO cursors VALUES (?, ?) ON CONFLICT (channel) DO UPDATE SET seq = excluded.seq',
);
const setMeta = db.prepare('INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value');

/** Packing takes part of a millisecond a block; a commit must not wait long for it. */
const BLOCKS_PER_COMMIT = 4;

/** Packs the oldest outputs, if the log has acknowledged all of them; else a later commit tries again. */
function packOldest(): boolean {
  const rows = oldest.all(BLOCK_ROWS) as (Omit<AckedRow, 'seq'> & { seq: number | null })[];
  const acked = rows.filter((row): row is AckedRow => row.seq !== null);
  const [first] = acked;
  const last = acked.at(-1);
  if (!first || !last || acked.length < rows.length) return false;
  insertBlock.run(first.n, last.n, Math.max(...acked.map(({ seq }) => seq)), packBlock(acked));
  deleteOutbox.run(last.n);
  loose -= acked.length;
  return true;
}

const commit = db.transaction((batch: LedgerBatch): number => {
  for (const row of batch.instances) upsertInstance.run({ ...row, done: row.done ? 1 : 0 });
  for (const { instance, eventId, digest } of batch.inbox)
    insertInbox.run(instance, idBytes(eventId), Buffer.from(digest, 'hex'));
  for (const row of batch.outbox) insertOutbox.run(row);
  for (const { n, seq } of batch.acked) setAcked.run(seq, n);
  for (const { instance, effect, row } of batch.effects) {
    if (row === null) deleteEffect.run(instance, effect);
    else {
      const { src, armedVersion, input, state, attempt, notBeforeMs, started } = row;
      upsertEffect.run(
        instance,
        effect,
        src,
        armedVersion,
        JSON.stringify(input),
        state,
        attempt,
        notBeforeMs,
        started ? 1 : 0,
      );
    }
  }
  for (const { instance, timer, row } of batch.timers) {
    if (row === null) deleteTimer.run(instance, timer);
    else upsertTimer.run(instance, timer, row.armedVersion, row.dueAtMs, JSON.stringify(row.event));
  }
  for (const { channel, seq } of batch.cursors) setCursor.run(channel, seq);
  for (const { key, value } of batch.meta) setMeta.run(key, value);
  loose += batch.outbox.length;
  for (let blocks = 0; blocks < BLOCKS_PER_COMMIT && loose >= 2 * BLOCK_ROWS; blocks += 1) if (!packOldest()) break;
  return 0;
});

const prune = db.transaction((beforeMs: number, beforeSeq: number): number => {
  const waiting = 'SELECT instance FROM effects UNION SELECT instance FROM timers';
  const finished = `SELECT id FROM instances WHERE updated_at_ms < ? AND id NOT IN (${waiting})`;
  const unsent = 'SELECT instance FROM outbox WHERE acked_seq IS NULL';
  const gone = db.prepare(`${finished} AND id NOT IN (${unsent})`).pluck().all(beforeMs) as number[];
  for (const table of ['inbox', 'effects', 'timers']) {
    const remove = db.prepare(`DELETE FROM ${table} WHERE instance = ?`);
    for (const id of gone) remove.run(id);
  }
  const ended = db.prepare('SELECT role, correlation_id AS correlationId FROM instances WHERE id = ? AND done = 1');
  const insertEnded = db.prepare('INSERT OR IGNORE INTO ended VALUES (?, ?)');
  const remove = db.prepare('DELETE FROM instances WHERE id = ?');
  for (const id of gone) {
    const row = ended.get(id) as { role: string; correlationId: string } | undefined;
    if (row) insertEnded.run(idBytes(row.correlationId), row.role);
    remove.run(id);
  }
  db.prepare('DELETE FROM outbox WHERE acked_seq < ?').run(beforeSeq);
  db.prepare('DELETE FROM outbox_blocks WHERE max_seq < ?').run(beforeSeq);
  loose = db.prepare('SELECT count(*) FROM outbox').pluck().get() as number;
  return gone.length;
});

async function carryOut(command: LedgerCommand): Promise<number> {
  switch (command.kind) {
    case 'commit':
      return commit.immediate(command.batch);
    case 'prune':
      return prune.immediate(command.beforeMs, command.beforeSeq);
    case 'backup':
      await db.backup(command.path);
      return 0;
    case 'close':
      db.pragma('wal_checkpoint(TRUNCATE)');
      db.close();
      return 0;
    default:
      throw new Error(`unknown command ${JSON.stringify(command satisfies never)}`);
  }
}

if (!parentPort) throw new Error('worker.ts runs as a worker thread');
const port = parentPort;
port.on('message', (command: LedgerCommand) => {
  carryOut(command).then(
    (value) => port.postMessage({ id: command.id, value } satisfies LedgerReply),
    (error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      port.postMessage({ id: command.id, error: { message, code } } satisfies LedgerReply);
    },
  );
});
