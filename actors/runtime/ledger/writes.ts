/**
 * What is written to a ledger, as functions over one connection. Owns: the statements, what a batch does to the tables,
 * and which batch is refused. Does not own: transactions that several batches share, or when a batch comes
 * (`worker.ts`).
 *
 * Invariant: a journal has no gap after its checkpoint. A record follows its journal's end, which is the newest record or
 * the checkpoint, whichever is later; only together with a checkpoint that covers what is left out may one begin later
 * (a partition whose beginning the log has no more).
 */
import type Database from 'better-sqlite3';
import { partitionNumbers } from '../../../schemas/events/subjects.ts';
import { packBody } from './body-forms.ts';
import { idBytes } from './id-bytes.ts';
import type { Checkpoint, LedgerBatch, StoredRecord } from './port.ts';
import { ID_KEY, recordsTable, SEQ_BASE, storedSeq } from './schema.ts';

/** The numbers of a partition's newest record and of its checkpoint; 0 for none. */
interface End {
  newest: number;
  checkpoint: number;
}

interface Writes {
  /** To be called in a transaction. @throws Error, after which the transaction must be rolled back */
  apply(batch: LedgerBatch): void;
  /** What was applied was rolled back. */
  forget(): void;
  setAside(partition: number, fromN: number): number;
  /** Deletes in slices, in between of which others may write. */
  prune(beforeSeq: number): Iterable<number>;
}

/** Records looked at in one transaction of a prune, a few milliseconds' worth. */
const PRUNE_SLICE = 500;

export function prepareWrites(db: Database.Database): Writes {
  const journals = partitionNumbers.map((partition) => journalStatements(db, recordsTable(partition)));
  const insertCheckpoint = checkpointWriter(db);
  const checkpointOf = db.prepare('SELECT n FROM checkpoints WHERE partition = ?').pluck();
  const setBegun = db.prepare('INSERT OR REPLACE INTO begun VALUES (?, ?)');
  const deleteBegun = db.prepare('DELETE FROM begun WHERE key = ?');
  const setMeta = db.prepare('INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value');
  const state = (['checkpoints', 'snapshots', 'ended'] as const).map((table) =>
    db.prepare(`DELETE FROM ${table} WHERE partition = ?`),
  );

  const ends: End[] = [];
  const readEnds = (): void => {
    for (const partition of partitionNumbers) {
      const newest = Number(journal(partition).newest.get() ?? 0);
      ends[partition] = { newest, checkpoint: Number(checkpointOf.get(partition) ?? 0) };
    }
  };
  const journal = (partition: number): JournalStatements => {
    const found = journals[partition];
    if (!found) throw new RangeError(`there is no partition ${partition}`);
    return found;
  };
  readEnds();

  return {
    apply(batch) {
      const begun = new Set<number>();
      for (const record of batch.records) {
        const { insert } = journal(record.partition);
        follow(ends, record, begun.has(record.partition) ? [] : batch.checkpoints);
        begun.add(record.partition);
        const { form, body } = packBody(record.body, record.zstd);
        insert.run(record.n, SEQ_BASE, form, body);
      }
      for (const { partition, n, seq } of batch.logged) journal(partition).setSeq.run(storedSeq(checked(seq)), n);
      for (const checkpoint of batch.checkpoints) {
        journal(checkpoint.partition);
        advance(ends, checkpoint);
        insertCheckpoint(checkpoint);
      }
      for (const { key, crashes } of batch.begun) {
        if (crashes === 0) deleteBegun.run(key);
        else setBegun.run(key, crashes);
      }
      for (const { key, value } of batch.meta) {
        if (key === ID_KEY) throw new RangeError('the id of a ledger stays as it is');
        setMeta.run(key, value);
      }
    },
    forget: readEnds,
    setAside: db.transaction((partition: number, fromN: number) => {
      const { keepApart, deleteFrom } = journal(partition);
      const { changes } = keepApart.run(Date.now(), partition, checked(fromN));
      deleteFrom.run(fromN);
      if (Number(checkpointOf.get(partition) ?? 0) >= fromN) for (const statement of state) statement.run(partition);
      readEnds();
      return changes;
    }).immediate,
    *prune(beforeSeq) {
      for (const partition of partitionNumbers) {
        const { oldest, deletePruned } = journal(partition);
        let from = Number(oldest.get(0) ?? 0);
        while (from < pruneEnd(ends[partition])) {
          const to = Math.min(from + PRUNE_SLICE, pruneEnd(ends[partition]));
          yield deletePruned.run(from, to, storedSeq(beforeSeq)).changes;
          from = Number(oldest.get(to) ?? to);
        }
      }
    },
  };
}

/** Records before this number may go: those of the checkpoint, but not the newest, after which the next is numbered. */
function pruneEnd(end: End | undefined): number {
  return end ? Math.min(end.checkpoint + 1, end.newest) : 0;
}

type JournalStatements = ReturnType<typeof journalStatements>;

function journalStatements(db: Database.Database, table: string) {
  return {
    insert: db.prepare(`INSERT INTO ${table} VALUES (?, ?, ?, ?)`),
    setSeq: db.prepare(`UPDATE ${table} SET seq = ? WHERE n = ?`),
    newest: db.prepare(`SELECT max(n) FROM ${table}`).pluck(),
    oldest: db.prepare(`SELECT min(n) FROM ${table} WHERE n >= ?`).pluck(),
    keepApart: db.prepare(`INSERT INTO set_aside (at_ms, partition, n, seq, form, body)
      SELECT ?, ?, n, seq, form, body FROM ${table} WHERE n >= ? ORDER BY n`),
    deleteFrom: db.prepare(`DELETE FROM ${table} WHERE n >= ?`),
    deletePruned: db.prepare(`DELETE FROM ${table} WHERE n >= ? AND n < ? AND seq > ${SEQ_BASE} AND seq < ?`),
  };
}

function checkpointWriter(db: Database.Database): (checkpoint: Checkpoint) => void {
  const setCheckpoint = db.prepare('INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?)');
  const setSnapshot = db.prepare('INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)');
  const deleteSnapshot = db.prepare('DELETE FROM snapshots WHERE partition = ? AND task = ?');
  const setEnded = db.prepare('INSERT OR REPLACE INTO ended VALUES (?, ?, ?, ?, ?, ?)');
  return ({ partition, n, tasks, ended, unsent }) => {
    for (const { task, body } of sorted(tasks)) {
      const packed = packBody(Buffer.from(body));
      setSnapshot.run(partition, idBytes(task), packed.form, packed.body);
    }
    for (const { task, firstN, lastN, atMs, seen } of sorted(ended)) {
      const id = idBytes(task);
      setEnded.run(partition, id, firstN, lastN, atMs, JSON.stringify(seen));
      deleteSnapshot.run(partition, id);
    }
    const left = packBody(Buffer.from(unsent));
    setCheckpoint.run(partition, n, left.form, left.body);
  };
}

/** In the order of the table, so that neighbours are written to one page while it is at hand. */
function sorted<T extends { readonly task: string }>(rows: readonly T[]): readonly T[] {
  return [...rows].sort((a, b) => (a.task === b.task ? 0 : a.task < b.task ? -1 : 1));
}

function checked(n: number): number {
  if (!Number.isSafeInteger(n) || n < 1) throw new RangeError(`not a number of a record: ${n}`);
  return n;
}

/** @param covering checkpoints of the same batch, which may cover what is left out before the record */
function follow(ends: readonly End[], { partition, n }: StoredRecord, covering: readonly Checkpoint[]): void {
  const end = ends[partition];
  if (!end) throw new RangeError(`there is no partition ${partition}`);
  const after = Math.max(end.newest, end.checkpoint);
  const covered = covering.some((checkpoint) => checkpoint.partition === partition && checkpoint.n >= n - 1);
  if (checked(n) !== after + 1 && !(n > after && covered))
    throw new RangeError(`record ${n} of partition ${partition} does not follow ${after}`);
  end.newest = n;
}

function advance(ends: readonly End[], { partition, n }: Checkpoint): void {
  const end = ends[partition];
  if (!end) throw new RangeError(`there is no partition ${partition}`);
  if (checked(n) < end.checkpoint)
    throw new RangeError(`checkpoint ${n} of partition ${partition} is before ${end.checkpoint}`);
  end.checkpoint = n;
}
