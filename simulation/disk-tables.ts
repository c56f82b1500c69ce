/**
 * What a simulated disk holds: a ledger as plain maps. Owns: what a batch does to it, and which batch is refused. Does not
 * own: when a batch becomes durable (`disk.ts`).
 *
 * It is written from the port's words, not from the SQLite code; one contract suite holds both to them.
 */
import type { EndedTask, LedgerBatch, StoredRecord } from '../actors/runtime/ledger/port.ts';
import { PARTITIONS } from '../schemas/events/subjects.ts';

const ID_KEY = 'ledger-id';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

type DiskRecord = StoredRecord & { readonly seq: number | null };

/** What a ledger has of one partition. What is in the maps is never changed, only replaced, so a copy may share it. */
class DiskPartition {
  /** By number, which is the order of insertion too. */
  readonly records = new Map<number, DiskRecord>();
  /** Bodies by task. */
  readonly snapshots = new Map<string, string>();
  readonly ended = new Map<string, EndedTask>();
  checkpointed = 0;
  unsent = '[]';
  /** Number of the newest record; 0 when there is none. */
  newest = 0;

  get last(): DiskRecord | null {
    return this.records.get(this.newest) ?? null;
  }

  copy(): DiskPartition {
    const copy = new DiskPartition();
    for (const [n, record] of this.records) copy.records.set(n, record);
    for (const [task, body] of this.snapshots) copy.snapshots.set(task, body);
    for (const [task, row] of this.ended) copy.ended.set(task, row);
    copy.checkpointed = this.checkpointed;
    copy.unsent = this.unsent;
    copy.newest = this.newest;
    return copy;
  }
}

export class DiskTables {
  readonly id: string;
  readonly meta = new Map<string, string>();
  readonly begun = new Map<string, number>();
  /** Records that were taken out of their journals, oldest first. */
  readonly setAsideRecords: DiskRecord[] = [];
  #partitions = Array.from({ length: PARTITIONS }, () => new DiskPartition());

  constructor(id: string) {
    this.id = id;
    this.meta.set(ID_KEY, id);
  }

  get partitions(): readonly DiskPartition[] {
    return this.#partitions;
  }

  /** @throws RangeError when there is no such partition */
  partition(partition: number): DiskPartition {
    const found = this.#partitions[partition];
    if (!found) throw new RangeError(`there is no partition ${partition}`);
    return found;
  }

  /** Nothing was ever committed. */
  get isEmpty(): boolean {
    const unused = ({ records, checkpointed }: DiskPartition) => records.size === 0 && checkpointed === 0;
    const apart = this.setAsideRecords.length + this.begun.size;
    return this.meta.size === 1 && apart === 0 && this.#partitions.every(unused);
  }

  /** Why the batch cannot be stored, or null. */
  refusal(batch: LedgerBatch): string | null {
    const strange = [...batch.records, ...batch.logged, ...batch.checkpoints].find(
      ({ partition }) => this.#partitions[partition] === undefined,
    );
    if (strange) return `there is no partition ${strange.partition}`;
    if (batch.logged.some(({ seq }) => !isNumber(seq))) return 'a place in the log that cannot be';
    if (batch.meta.some(({ key }) => key === ID_KEY)) return 'the id of a ledger stays as it is';
    for (const [partition] of this.#partitions.entries()) {
      const reason = this.#gap(partition, batch) ?? this.#wrongCheckpoint(partition, batch);
      if (reason !== null) return reason;
    }
    return null;
  }

  /** Returns 0, as a commit does. */
  apply(batch: LedgerBatch): number {
    for (const { partition, n, body } of batch.records) {
      const journal = this.partition(partition);
      journal.records.set(n, { partition, n, body: new Uint8Array(body), seq: null });
      journal.newest = n;
    }
    for (const { partition, n, seq } of batch.logged) {
      const { records } = this.partition(partition);
      const record = records.get(n);
      if (record) records.set(n, { ...record, seq });
    }
    for (const { partition, n, tasks, ended, unsent } of batch.checkpoints) {
      const journal = this.partition(partition);
      journal.checkpointed = n;
      journal.unsent = unsent;
      for (const { task, body } of tasks) journal.snapshots.set(task, body);
      for (const row of ended) {
        journal.ended.set(row.task, row);
        journal.snapshots.delete(row.task);
      }
    }
    for (const { key, crashes } of batch.begun) {
      if (crashes === 0) this.begun.delete(key);
      else this.begun.set(key, crashes);
    }
    for (const { key, value } of batch.meta) this.meta.set(key, value);
    return 0;
  }

  setAside(partition: number, fromN: number): number {
    const journal = this.partition(partition);
    const gone = [...journal.records.values()].filter(({ n }) => n >= fromN);
    for (const record of gone) {
      journal.records.delete(record.n);
      this.setAsideRecords.push(record);
    }
    journal.newest = [...journal.records.keys()].at(-1) ?? 0;
    if (journal.checkpointed >= fromN) {
      journal.checkpointed = 0;
      journal.unsent = '[]';
      journal.snapshots.clear();
      journal.ended.clear();
    }
    return gone.length;
  }

  prune(beforeSeq: number): number {
    let gone = 0;
    for (const { records, checkpointed, newest } of this.#partitions) {
      for (const { n, seq } of records.values()) {
        // The newest stays: it says which number is next.
        if (n > checkpointed || n === newest || seq === null || seq >= beforeSeq) continue;
        records.delete(n);
        gone += 1;
      }
    }
    return gone;
  }

  copy(): DiskTables {
    const copy = new DiskTables(this.id);
    for (const [key, value] of this.meta) copy.meta.set(key, value);
    for (const [key, crashes] of this.begun) copy.begun.set(key, crashes);
    copy.setAsideRecords.push(...this.setAsideRecords);
    copy.#partitions = this.#partitions.map((partition) => partition.copy());
    return copy;
  }

  /** A journal has no gap, save before what a checkpoint covers. */
  #gap(partition: number, batch: LedgerBatch): string | null {
    const numbers = batch.records.filter((record) => record.partition === partition).map(({ n }) => n);
    const [first] = numbers;
    if (first === undefined) return null;
    const hole = numbers.find((n, at) => n !== first + at);
    if (hole !== undefined) return `record ${hole} of partition ${partition} does not follow the one before`;
    const { newest, checkpointed } = this.partition(partition);
    const end = Math.max(newest, checkpointed);
    const covered = Math.max(0, ...checkpointsOf(batch, partition));
    if (isNumber(first) && (first === end + 1 || (first > end && covered >= first - 1))) return null;
    return `record ${first} of partition ${partition} does not follow ${end}`;
  }

  #wrongCheckpoint(partition: number, batch: LedgerBatch): string | null {
    let last = this.partition(partition).checkpointed;
    for (const n of checkpointsOf(batch, partition)) {
      if (!isNumber(n) || n < last) return `checkpoint ${n} of partition ${partition} is before ${last}`;
      last = n;
    }
    const tasks = batch.checkpoints.flatMap((checkpoint) => [...checkpoint.tasks, ...checkpoint.ended]);
    const nameless = tasks.find(({ task }) => !UUID.test(task));
    return nameless ? `${nameless.task} is not the id of a task` : null;
  }
}

function checkpointsOf(batch: LedgerBatch, partition: number): number[] {
  return batch.checkpoints.filter((checkpoint) => checkpoint.partition === partition).map(({ n }) => n);
}

/** Of a record, or of a place in the log. */
function isNumber(n: number): boolean {
  return Number.isSafeInteger(n) && n > 0;
}
