/**
 * The ledger's one writing connection, in a thread of its own, so that fsync never stops the event loop. Owns: the
 * write transaction. Does not own: what is in a batch, or when it comes.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { connect } from './open-database.ts';
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
const insertOutbox = db.prepare('INSERT INTO outbox VALUES (@n, @instance, @eventId, @subject, @msgId, @body, NULL)');
const setAcked = db.prepare('UPDATE outbox SET acked_seq = ? WHERE n = ?');
const upsertEffect = db.prepare('INSERT OR REPLACE INTO effects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
const deleteEffect = db.prepare('DELETE FROM effects WHERE instance = ? AND effect = ?');
const upsertTimer = db.prepare('INSERT OR REPLACE INTO timers VALUES (?, ?, ?, ?, ?)');
const deleteTimer = db.prepare('DELETE FROM timers WHERE instance = ? AND timer = ?');
const setCursor = db.prepare(
  'INSERT INTO cursors VALUES (?, ?) ON CONFLICT (channel) DO UPDATE SET seq = excluded.seq',
);
const setMeta = db.prepare('INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value');

function idBytes(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
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
  return 0;
});

const prune = db.transaction((beforeMs: number, beforeSeq: number): number => {
  const finished = 'SELECT id FROM instances WHERE done = 1 AND updated_at_ms < ?';
  const unsent = 'SELECT instance FROM outbox WHERE acked_seq IS NULL';
  const gone = db.prepare(`${finished} AND id NOT IN (${unsent})`).pluck().all(beforeMs) as number[];
  for (const table of ['inbox', 'outbox', 'effects', 'timers']) {
    const remove = db.prepare(`DELETE FROM ${table} WHERE instance = ?`);
    for (const id of gone) remove.run(id);
  }
  const remove = db.prepare('DELETE FROM instances WHERE id = ?');
  for (const id of gone) remove.run(id);
  db.prepare('DELETE FROM outbox WHERE instance = 0 AND acked_seq < ?').run(beforeSeq);
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
