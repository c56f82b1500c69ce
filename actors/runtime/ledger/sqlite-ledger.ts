/**
 * The ledger on SQLite. Owns: the lock, a reading connection in this thread, and the writing one in a worker.
 * Does not own: what a batch holds.
 *
 * Invariant: the worker handles commands in order, so a resolved `commit` means that all earlier ones are durable too.
 */
import { renameSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type Database from 'better-sqlite3';
import { FatalError } from '../errors.ts';
import type { EffectRow, EffectState, TimerRow } from '../step.ts';
import { idBytes, uuidOf } from './id-bytes.ts';
import { connect, lockLedger, prepareLedger } from './open-database.ts';
import { unpackBlock } from './packing.ts';
import type { Ledger, LedgerCondition, LoadedInstance, OutboxRow, StoredInstance } from './port.ts';
import type { LedgerCommand, LedgerReply } from './worker.ts';

type Unnumbered = LedgerCommand extends infer C ? (C extends LedgerCommand ? Omit<C, 'id'> : never) : never;

interface Waiting {
  resolve: (value: number) => void;
  reject: (error: Error) => void;
}

/** Opens, checks and locks the ledger; an unreadable one is set aside. @throws FatalError */
export async function openSqliteLedger(path: string): Promise<Ledger> {
  const lock = lockLedger(path);
  const condition = prepareLedger(path);
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { path } });
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let broken: FatalError | undefined;

  const fail = (error: FatalError): void => {
    broken = error;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.on('message', (reply: LedgerReply) => {
    const entry = waiting.get(reply.id);
    waiting.delete(reply.id);
    if ('value' in reply) entry?.resolve(reply.value);
    else {
      const error = new FatalError(
        `the ledger ${path} refused a commit: ${reply.error.message} (${reply.error.code})`,
        { exitCode: 2 },
      );
      entry?.reject(error);
      // What follows would rest on what was not stored.
      fail(error);
    }
  });
  worker.on('error', (error) => fail(new FatalError(`the ledger's thread failed: ${error.message}`, { cause: error })));

  const ask = (command: Unnumbered): Promise<number> =>
    new Promise((resolve, reject) => {
      if (broken) {
        reject(broken);
        return;
      }
      lastId += 1;
      waiting.set(lastId, { resolve, reject });
      worker.postMessage({ ...command, id: lastId } as LedgerCommand);
    });

  const reads = prepareReads(connect(path, { readonly: true }), condition);
  return {
    ...reads,
    commit: async (batch) => {
      await ask({ kind: 'commit', batch });
    },
    prune: (beforeMs, beforeSeq) => ask({ kind: 'prune', beforeMs, beforeSeq }),
    backup: async (to) => {
      await ask({ kind: 'backup', path: `${to}.part` });
      renameSync(`${to}.part`, to);
    },
    close: async () => {
      reads.closeReads();
      if (!broken) await ask({ kind: 'close' });
      await worker.terminate();
      lock.close();
    },
  };
}

type InstanceRecord = Omit<StoredInstance, 'done'> & { done: number };
type EffectRecord = Omit<EffectRow, 'input' | 'started' | 'state'> & { input: string; started: number; state: string };
type TimerRecord = Omit<TimerRow, 'event'> & { event: string };

const INSTANCE_COLUMNS = `id, role, correlation_id AS correlationId, part AS partition, release, machine_since AS machineSince,
  transition_index AS transitionIndex, hop, loops, traceparent, done, updated_at_ms AS updatedAtMs, snapshot`;
const OUTBOX_COLUMNS = 'n, instance, event_id AS eventId, subject, msg_id AS msgId, body';

function prepareReads(db: Database.Database, condition: LedgerCondition) {
  const one = db.prepare(`SELECT ${INSTANCE_COLUMNS} FROM instances WHERE role = ? AND correlation_id = ?`);
  const open = db.prepare(`SELECT ${INSTANCE_COLUMNS} FROM instances WHERE done = 0 AND correlation_id IN (
    SELECT correlation_id FROM instances WHERE id IN (SELECT instance FROM effects UNION SELECT instance FROM timers)
  ) ORDER BY id`);
  const inbox = db.prepare('SELECT event_id AS eventId, digest FROM inbox WHERE instance = ?');
  const effects = db.prepare(`SELECT effect, src, armed_version AS armedVersion, input, state, attempt,
    not_before_ms AS notBeforeMs, started FROM effects WHERE instance = ?`);
  const timers = db.prepare(
    'SELECT timer, armed_version AS armedVersion, due_at_ms AS dueAtMs, event FROM timers WHERE instance = ?',
  );
  const ended = db.prepare('SELECT 1 FROM ended WHERE correlation_id = ? AND role = ?').pluck();
  const meta = db.prepare('SELECT value FROM meta WHERE key = ?').pluck();
  const loaded = (row: InstanceRecord): LoadedInstance => ({
    stored: { ...row, done: row.done === 1 },
    seen: new Map(
      (inbox.all(row.id) as { eventId: Buffer; digest: Buffer }[]).map(({ eventId, digest }) => [
        uuidOf(eventId),
        digest.toString('hex'),
      ]),
    ),
    effects: (effects.all(row.id) as EffectRecord[]).map((effect) => ({
      ...effect,
      input: JSON.parse(effect.input) as unknown,
      state: effect.state as EffectState,
      started: effect.started === 1,
    })),
    timers: (timers.all(row.id) as TimerRecord[]).map((timer) => ({ ...timer, event: JSON.parse(timer.event) })),
  });
  return {
    condition,
    load(role: string, correlationId: string): LoadedInstance | null {
      const row = one.get(role, correlationId) as InstanceRecord | undefined;
      return row ? loaded(row) : null;
    },
    hasEnded: (role: string, correlationId: string): boolean => ended.get(idBytes(correlationId), role) !== undefined,
    open: (): LoadedInstance[] => (open.all() as InstanceRecord[]).map(loaded),
    cursors: (): ReadonlyMap<string, number> =>
      new Map((db.prepare('SELECT channel, seq FROM cursors').raw().all() as [string, number][]).values()),
    meta: (key: string): string | null => (meta.get(key) as string | undefined) ?? null,
    unacked: (): OutboxRow[] =>
      db.prepare(`SELECT ${OUTBOX_COLUMNS} FROM outbox WHERE acked_seq IS NULL ORDER BY n`).all() as OutboxRow[],
    ackedAfter(seq: number): OutboxRow[] {
      const blocks = db
        .prepare('SELECT rows FROM outbox_blocks WHERE max_seq > ? ORDER BY first_n')
        .pluck()
        .all(seq) as Buffer[];
      const packed = blocks.flatMap(unpackBlock).filter((row) => row.seq > seq);
      const loose = db
        .prepare(`SELECT ${OUTBOX_COLUMNS} FROM outbox WHERE acked_seq > ? ORDER BY n`)
        .all(seq) as OutboxRow[];
      return [...packed, ...loose];
    },
    highest: (): { instance: number; outbox: number } => {
      const max = (table: string, column: string) =>
        (db.prepare(`SELECT coalesce(max(${column}), 0) FROM ${table}`).pluck().get() as number) ?? 0;
      return { instance: max('instances', 'id'), outbox: Math.max(max('outbox', 'n'), max('outbox_blocks', 'last_n')) };
    },
    closeReads: () => {
      db.close();
    },
  };
}
