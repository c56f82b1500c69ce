/**
 * The durable memory of a host. Owns: what is remembered. Does not own: how; `sqlite-ledger.ts` is the real one, tests
 * bring a simulated disk.
 *
 * It holds the journal of each partition (records, in order, with the very bytes that the log has), and what shortens
 * folding it: the state of open tasks at the partition's last checkpoint, and which tasks have ended.
 *
 * Invariants:
 * 1. A batch is committed whole or not at all, and is durable when `commit` resolves (J1).
 * 2. Batches are committed in the order of the calls.
 * 3. Reads see committed batches only.
 * 4. A record that is stored is never changed; its number is used again only after `setAside`.
 */

/** One record of a partition's journal. */
export interface StoredRecord {
  readonly partition: number;
  /** From 1, without gaps. */
  readonly n: number;
  /** A JSON array of CloudEvents, UTF-8: the bytes that the log has too. */
  readonly body: Uint8Array;
  /** The body as zstd made it, where that is known already: a ledger that compresses takes it as it is. */
  readonly zstd?: Uint8Array | undefined;
}

/** Where a record is in the log. */
export interface LoggedRecord {
  readonly partition: number;
  readonly n: number;
  readonly seq: number;
}

/** The actors of an open task as they were at a checkpoint. */
export interface TaskSnapshot {
  readonly task: string;
  /** JSON (`snapshot.ts`). */
  readonly body: string;
}

/** A task of which nothing is left to do: what comes for it came before, or comes too late (S5, for ever). */
export interface EndedTask {
  readonly task: string;
  /** The records that speak of it are among these. */
  readonly firstN: number;
  readonly lastN: number;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  /** Content digests of the events that came from elsewhere, by id: tells a repetition from a contradiction. */
  readonly seen: Readonly<Record<string, string>>;
}

/** What a partition was after a record: with the snapshots of earlier checkpoints it is the whole state. */
export interface Checkpoint {
  readonly partition: number;
  readonly n: number;
  /** Open tasks that have changed since the last checkpoint. */
  readonly tasks: readonly TaskSnapshot[];
  /** Tasks that have ended since then; their snapshots go. */
  readonly ended: readonly EndedTask[];
  /** JSON: what follows from records up to `n` and was not known to be in the log. */
  readonly unsent: string;
}

export interface LedgerBatch {
  /** In order; those of one partition without gaps. */
  readonly records: readonly StoredRecord[];
  readonly logged: readonly LoggedRecord[];
  readonly checkpoints: readonly Checkpoint[];
  /** How often an effect was found begun after a crash, by its key; 0 deletes. */
  readonly begun: readonly { readonly key: string; readonly crashes: number }[];
  readonly meta: readonly { readonly key: string; readonly value: string }[];
}

export const emptyBatch: LedgerBatch = { records: [], logged: [], checkpoints: [], begun: [], meta: [] };

/** What a ledger was found to be when it was opened. */
export type LedgerCondition =
  | { readonly kind: 'intact' }
  | { readonly kind: 'new' }
  /** Unreadable: the files were renamed and a new ledger begun. */
  | { readonly kind: 'set_aside'; readonly movedTo: string; readonly reason: string };

export interface Ledger {
  readonly condition: LedgerCondition;
  /** A UUID given at its making: who writes the journal. A copy of the file has the same. */
  readonly id: string;
  /** @throws FatalError when the disk refuses: nothing of the batch is stored */
  commit(batch: LedgerBatch): Promise<void>;
  /** The newest record of a partition, with its place in the log when that is known. */
  lastRecord(partition: number): (StoredRecord & { readonly seq: number | null }) | null;
  /** One record, or null when it was never there or has been pruned. */
  record(partition: number, n: number): (StoredRecord & { readonly seq: number | null }) | null;
  /** Records of a partition from `fromN` on, in order. */
  records(partition: number, fromN: number): Iterable<StoredRecord & { readonly seq: number | null }>;
  /** Number of the record that the partition's snapshots reach to; 0 when there was no checkpoint. */
  checkpointed(partition: number): number;
  /** Snapshots of the partition's open tasks. */
  tasks(partition: number): Iterable<TaskSnapshot>;
  task(partition: number, task: string): TaskSnapshot | null;
  ended(partition: number, task: string): EndedTask | null;
  /** The whole of the partition's last checkpoint, as of one moment; null when there was none. */
  checkpoint(partition: number): Checkpoint | null;
  /** `unsent` of the partition's last checkpoint; `[]` when there was none. */
  unsent(partition: number): string;
  /** Effects found begun after a crash, with how often. */
  begun(): ReadonlyMap<string, number>;
  meta(key: string): string | null;
  /**
   * Takes the records of a partition from `fromN` on out of the journal and keeps them apart; where the checkpoint is
   * later than that, all snapshots and ended tasks of the partition go too. Returns how many records went.
   */
  setAside(partition: number, fromN: number): Promise<number>;
  /**
   * Deletes records up to each partition's checkpoint that the log has no more (`seq` before `beforeSeq`). Returns how
   * many went.
   */
  prune(beforeSeq: number): Promise<number>;
  /** A consistent copy, made while the ledger is in use. */
  backup(path: string): Promise<void>;
  /** Checkpoints the write-ahead log and closes. */
  close(): Promise<void>;
}

/** What is asked of a ledger while it is open; nothing is changed by it. */
export type LedgerReads = Pick<
  Ledger,
  | 'lastRecord'
  | 'record'
  | 'records'
  | 'checkpointed'
  | 'checkpoint'
  | 'unsent'
  | 'tasks'
  | 'task'
  | 'ended'
  | 'begun'
  | 'meta'
>;
