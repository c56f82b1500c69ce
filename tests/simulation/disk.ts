/**
 * A simulated disk with one ledger on it. Owns: when a commit is written and when it is synced, what a killed process
 * and what a lost power supply leave behind, losing the file. Does not own: the tables.
 *
 *   commit() → queued → written → synced → the process is told
 *
 * A killed process leaves what was written; lost power leaves what was synced. Nothing is ever half there.
 */
import { FatalError } from '../../actors/runtime/errors.ts';
import type { Ledger, LedgerBatch, LedgerCondition } from '../../actors/runtime/ledger/port.ts';
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

interface Commit {
  readonly batch: LedgerBatch;
  written: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Disk {
  readonly #scheduler: Scheduler;
  readonly #speed: DiskSpeed;
  #tables = new DiskTables();
  #commits: Commit[] = [];
  #busy = false;
  /** Grows when a process ends: what was under way for it is not told to the next. */
  #generation = 0;
  #setAside = false;
  commits = 0;

  constructor(scheduler: Scheduler, speed: DiskSpeed) {
    this.#scheduler = scheduler;
    this.#speed = speed;
  }

  /** What is synced. */
  get tables(): DiskTables {
    return this.#tables;
  }

  /** The process that had it open is gone. */
  crash(how: 'kill' | 'power'): void {
    this.#generation += 1;
    const written = this.#commits.filter((commit) => commit.written && how === 'kill');
    for (const { batch } of written) this.#tables.apply(batch);
    this.#commits = [];
    this.#busy = false;
  }

  lose(how: 'deleted' | 'corrupt'): void {
    this.#tables = new DiskTables();
    this.#setAside = how === 'corrupt';
  }

  /** Opens the ledger for a new life. */
  open(): Ledger {
    const tables = this.#tables;
    const condition = this.#condition(tables);
    this.#setAside = false;
    const generation = this.#generation;
    let broken: FatalError | undefined;
    return {
      condition,
      commit: (batch) => {
        if (broken || generation !== this.#generation) return Promise.reject(broken ?? new FatalError('closed'));
        const reason = this.#speed.refuses() ? 'no space left' : tables.refusal(batch);
        if (reason === null) return this.#commit(batch);
        broken = new FatalError(`the ledger refused a commit: ${reason}`, { exitCode: 2 });
        return Promise.reject(broken);
      },
      load: (role, correlationId) => tables.load(role, correlationId),
      hasEnded: (role, correlationId) => tables.hasEnded(role, correlationId),
      open: () => tables.open(),
      cursors: () => new Map(tables.cursors),
      meta: (key) => tables.meta.get(key) ?? null,
      unacked: () => tables.sent((seq) => seq === null),
      ackedAfter: (after) => tables.sent((seq) => seq !== null && seq > after),
      highest: () => ({
        instance: Math.max(0, ...tables.instances.keys()),
        outbox: Math.max(0, ...tables.outbox.keys()),
      }),
      prune: async (beforeMs, beforeSeq) => tables.prune(beforeMs, beforeSeq),
      backup: () => Promise.reject(new Error('a simulated disk makes no backups')),
      close: async () => undefined,
    };
  }

  #condition(tables: DiskTables): LedgerCondition {
    if (this.#setAside) return { kind: 'set_aside', movedTo: 'aside', reason: 'malformed' };
    return tables.cursors.size === 0 ? { kind: 'new' } : { kind: 'intact' };
  }

  #commit(batch: LedgerBatch): Promise<void> {
    this.commits += 1;
    return new Promise((resolve, reject) => {
      this.#commits.push({ batch, written: false, resolve, reject });
      if (!this.#busy) this.#next();
    });
  }

  #next(): void {
    const [commit] = this.#commits;
    this.#busy = commit !== undefined;
    if (!commit) return;
    const generation = this.#generation;
    const later = (ms: number, task: () => void) =>
      this.#scheduler.after(ms, () => {
        if (generation === this.#generation) task();
      });
    later(this.#speed.writeMs(), () => {
      commit.written = true;
      later(this.#speed.syncMs(), () => {
        this.#commits.shift();
        this.#tables.apply(commit.batch);
        this.#speed.onSynced?.(commit.batch);
        later(0, commit.resolve);
        this.#next();
      });
    });
  }
}
