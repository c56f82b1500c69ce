/**
 * A simulated disk with one ledger on it. Owns: when a commit is written and when it is synced, what a killed process
 * and what a lost power supply leave behind, losing the file, and putting back an older one. Does not own: the tables.
 *
 *   commit() → queued → written → synced → the process is told
 *
 * A killed process leaves what was written; lost power leaves what was synced. Nothing is ever half there.
 */
import { FatalError } from '../actors/runtime/errors.ts';
import type { Ledger, LedgerBatch, LedgerCondition, LedgerReads } from '../actors/runtime/ledger/port.ts';
import { DiskTables } from './disk-tables.ts';
import type { Scheduler } from './scheduler.ts';

export interface DiskSpeed {
  writeMs(): number;
  syncMs(): number;
  /** Asked at each commit: true makes the disk refuse it. */
  refuses(): boolean;
  /** Told of each batch that is synced. */
  onSynced?(batch: LedgerBatch): void;
}

/** A ledger's file as it was, its id included. */
export interface DiskCopy {
  readonly tables: DiskTables;
}

/** What a process does to the tables. */
interface Work {
  /** Asked when it is its turn: why it cannot be done, or null. */
  readonly refusal: (tables: DiskTables) => string | null;
  readonly apply: (tables: DiskTables) => number;
  readonly synced?: () => void;
}

/** Such work on its way to the disk. */
interface Change extends Work {
  readonly use: Use;
  written: boolean;
  readonly resolve: (value: number) => void;
  readonly reject: (error: Error) => void;
}

/** One process' use of the file: after a refusal nothing more is stored for it. */
interface Use {
  broken: FatalError | undefined;
  closed: boolean;
}

/** Files made in a simulation, whose ids must be the same with the same seed. */
const made = new WeakMap<Scheduler, number>();

function nextId(scheduler: Scheduler): string {
  const count = (made.get(scheduler) ?? 0) + 1;
  made.set(scheduler, count);
  return `1ed9e400-0000-4000-8000-${count.toString(16).padStart(12, '0')}`;
}

export class Disk {
  readonly #scheduler: Scheduler;
  readonly #speed: DiskSpeed;
  #tables: DiskTables;
  #changes: Change[] = [];
  #busy = false;
  /** Grows when a process ends: what was under way for it is not told to the next. */
  #generation = 0;
  #setAside = false;
  commits = 0;

  constructor(scheduler: Scheduler, speed: DiskSpeed) {
    this.#scheduler = scheduler;
    this.#speed = speed;
    this.#tables = new DiskTables(nextId(scheduler));
  }

  /** What is synced. */
  get tables(): DiskTables {
    return this.#tables;
  }

  /** The process that had it open is gone. */
  crash(how: 'kill' | 'power'): void {
    this.#generation += 1;
    const written = this.#changes.filter((change) => change.written && how === 'kill');
    for (const { apply } of written) apply(this.#tables);
    this.#changes = [];
    this.#busy = false;
  }

  /** Nobody has it open. */
  lose(how: 'deleted' | 'corrupt'): void {
    this.#tables = new DiskTables(nextId(this.#scheduler));
    this.#setAside = how === 'corrupt';
  }

  /** What is synced, to be put back later. */
  copy(): DiskCopy {
    return { tables: this.#tables.copy() };
  }

  /** The file is as it was when the copy was made. Nobody has it open. */
  restore(copy: DiskCopy): void {
    this.#tables = copy.tables.copy();
    this.#setAside = false;
  }

  /** Opens the ledger for a new life. */
  open(): Ledger {
    const tables = this.#tables;
    const condition = this.#condition(tables);
    this.#setAside = false;
    const use: Use = { broken: undefined, closed: false };
    const generation = this.#generation;
    const change = (work: Work): Promise<number> => {
      if (use.closed || generation !== this.#generation) return Promise.reject(new FatalError('the ledger is closed'));
      return use.broken ? Promise.reject(use.broken) : this.#change(use, work);
    };
    return {
      condition,
      id: tables.id,
      commit: async (batch) => {
        const full = this.#speed.refuses();
        await change({
          refusal: (now) => (full ? 'no space left' : now.refusal(batch)),
          apply: (now) => now.apply(batch),
          synced: () => this.#speed.onSynced?.(batch),
        });
        this.commits += 1;
      },
      setAside: (partition, fromN) =>
        change({
          refusal: (now) => (now.partitions[partition] && fromN >= 1 ? null : 'there is no such record'),
          apply: (now) => now.setAside(partition, fromN),
        }),
      prune: (beforeSeq) => change({ refusal: () => null, apply: (now) => now.prune(beforeSeq) }),
      ...readsOf(tables),
      backup: () => Promise.reject(new Error('a simulated disk makes no backups; copy it')),
      close: async () => {
        const idle = !this.#busy || use.broken || use.closed || generation !== this.#generation;
        const last = idle ? undefined : this.#change(use, { refusal: () => null, apply: () => 0 });
        use.closed = true;
        await last;
      },
    };
  }

  #condition(tables: DiskTables): LedgerCondition {
    if (this.#setAside) return { kind: 'set_aside', movedTo: 'aside', reason: 'malformed' };
    return tables.isEmpty ? { kind: 'new' } : { kind: 'intact' };
  }

  #change(use: Use, work: Work): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#changes.push({ ...work, use, written: false, resolve, reject });
      if (!this.#busy) this.#next();
    });
  }

  #next(): void {
    const [change] = this.#changes;
    this.#busy = change !== undefined;
    if (!change) return;
    const { use } = change;
    const reason = use.broken ? null : change.refusal(this.#tables);
    if (reason !== null) use.broken = new FatalError(`the ledger refused a commit: ${reason}`, { exitCode: 2 });
    if (use.broken) {
      this.#changes.shift();
      change.reject(use.broken);
      this.#next();
      return;
    }
    this.#write(change);
  }

  #write(change: Change): void {
    const generation = this.#generation;
    const later = (ms: number, task: () => void) =>
      this.#scheduler.after(ms, () => {
        if (generation === this.#generation) task();
      });
    later(this.#speed.writeMs(), () => {
      change.written = true;
      later(this.#speed.syncMs(), () => {
        this.#changes.shift();
        const value = change.apply(this.#tables);
        change.synced?.();
        later(0, () => change.resolve(value));
        this.#next();
      });
    });
  }
}

function readsOf(tables: DiskTables): LedgerReads {
  return {
    lastRecord: (partition) => tables.partition(partition).last,
    record: (partition, n) => tables.partition(partition).records.get(n) ?? null,
    *records(partition, fromN) {
      for (const record of tables.partition(partition).records.values()) if (record.n >= fromN) yield record;
    },
    checkpointed: (partition) => tables.partition(partition).checkpointed,
    checkpoint(partition) {
      const { checkpointed, snapshots, ended, unsent } = tables.partition(partition);
      if (checkpointed === 0) return null;
      const tasks = [...snapshots].map(([task, body]) => ({ task, body }));
      return { partition, n: checkpointed, tasks, ended: [...ended.values()], unsent };
    },
    unsent: (partition) => tables.partition(partition).unsent,
    tasks: (partition) =>
      [...tables.partition(partition).snapshots]
        .map(([task, body]) => ({ task, body }))
        .sort((a, b) => (a.task < b.task ? -1 : 1)),
    task(partition, task) {
      const body = tables.partition(partition).snapshots.get(task);
      return body === undefined ? null : { task, body };
    },
    ended: (partition, task) => tables.partition(partition).ended.get(task) ?? null,
    begun: () => new Map(tables.begun),
    meta: (key) => tables.meta.get(key) ?? null,
  };
}
