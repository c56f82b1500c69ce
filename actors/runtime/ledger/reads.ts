/**
 * What is read from a ledger, over a connection of its own. Owns: the statements. Does not own: the connection.
 *
 * Each step of an iteration is a query of its own: an open cursor would keep the connection at an old state of the
 * ledger, and the write-ahead log from being emptied, for as long as the caller takes.
 */
import type Database from 'better-sqlite3';
import { partitionNumbers } from '../../../schemas/events/subjects.ts';
import { type StoredBody, unpackBody } from './body-forms.ts';
import { idBytes, uuidOf } from './id-bytes.ts';
import type { Checkpoint, EndedTask, LedgerReads, StoredRecord, TaskSnapshot } from './port.ts';
import { loadedSeq, recordsTable } from './schema.ts';

type PlacedRecord = StoredRecord & { readonly seq: number | null };
type RecordRow = StoredBody & { readonly n: number; readonly seq: number };
type SnapshotRow = StoredBody & { readonly task: Buffer };
type EndedRow = Omit<EndedTask, 'task' | 'seen'> & { readonly seen: string };
type NamedEndedRow = EndedRow & { readonly task: Buffer };

const ENDED = 'first_n AS firstN, last_n AS lastN, at_ms AS atMs, seen';

export function prepareReads(db: Database.Database): LedgerReads {
  const journals = partitionNumbers.map((partition) => {
    const select = `SELECT n, seq, form, body FROM ${recordsTable(partition)}`;
    return {
      last: db.prepare<[], RecordRow>(`${select} ORDER BY n DESC LIMIT 1`),
      at: db.prepare<[number], RecordRow>(`${select} WHERE n = ?`),
      from: db.prepare<[number], RecordRow>(`${select} WHERE n >= ? ORDER BY n LIMIT 1`),
    };
  });
  const journal = (partition: number) => {
    const found = journals[partition];
    if (!found) throw new RangeError(`there is no partition ${partition}`);
    return found;
  };
  const placed = (partition: number, row: RecordRow): PlacedRecord => {
    return { partition, n: row.n, seq: loadedSeq(row.seq), body: unpackBody(row) };
  };
  const snapshot = (row: SnapshotRow): TaskSnapshot => {
    return { task: uuidOf(row.task), body: Buffer.from(unpackBody(row)).toString('utf8') };
  };

  const checkpointed = db.prepare<[number], number>('SELECT n FROM checkpoints WHERE partition = ?').pluck();
  const taskAt = db.prepare<[number, Buffer], SnapshotRow>(
    'SELECT task, form, body FROM snapshots WHERE partition = ? AND task = ?',
  );
  const taskAfter = db.prepare<[number, Buffer], SnapshotRow>(
    'SELECT task, form, body FROM snapshots WHERE partition = ? AND task > ? ORDER BY task LIMIT 1',
  );
  const ended = db.prepare<[number, Buffer], EndedRow>(`SELECT ${ENDED} FROM ended WHERE partition = ? AND task = ?`);
  const allEnded = db.prepare<[number], NamedEndedRow>(`SELECT task, ${ENDED} FROM ended WHERE partition = ?`);
  const allTasks = db.prepare<[number], SnapshotRow>('SELECT task, form, body FROM snapshots WHERE partition = ?');
  const unsentAt = db.prepare<[number], StoredBody>('SELECT form, unsent AS body FROM checkpoints WHERE partition = ?');
  const unsent = (partition: number): string => {
    const row = unsentAt.get(partition);
    return row ? Buffer.from(unpackBody(row)).toString('utf8') : '[]';
  };
  const endedTask = (task: string, { firstN, lastN, atMs, seen }: EndedRow): EndedTask => {
    return { task, firstN, lastN, atMs, seen: JSON.parse(seen) as EndedTask['seen'] };
  };
  /** In one transaction: what is read belongs together. */
  const whole = db.transaction((partition: number): Checkpoint | null => {
    const n = checkpointed.get(partition);
    if (n === undefined) return null;
    return {
      ...{ partition, n, unsent: unsent(partition) },
      tasks: allTasks.all(partition).map(snapshot),
      ended: allEnded.all(partition).map((row) => endedTask(uuidOf(row.task), row)),
    };
  });
  const begun = db.prepare<[], [string, number]>('SELECT key, crashes FROM begun').raw();
  const meta = db.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck();

  return {
    lastRecord(partition) {
      const row = journal(partition).last.get();
      return row ? placed(partition, row) : null;
    },
    record(partition, n) {
      const row = journal(partition).at.get(n);
      return row ? placed(partition, row) : null;
    },
    *records(partition, fromN) {
      const { from } = journal(partition);
      for (let row = from.get(fromN); row; row = from.get(row.n + 1)) yield placed(partition, row);
    },
    checkpointed: (partition) => checkpointed.get(partition) ?? 0,
    checkpoint: (partition) => whole(partition),
    unsent,
    *tasks(partition) {
      for (let row = taskAfter.get(partition, Buffer.alloc(0)); row; row = taskAfter.get(partition, row.task))
        yield snapshot(row);
    },
    task(partition, task) {
      const row = taskAt.get(partition, idBytes(task));
      return row ? snapshot(row) : null;
    },
    ended(partition, task) {
      const row = ended.get(partition, idBytes(task));
      return row ? endedTask(task, row) : null;
    },
    begun: () => new Map(begun.all()),
    meta: (key) => meta.get(key) ?? null,
  };
}
