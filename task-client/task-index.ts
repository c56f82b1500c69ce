/**
 * Which tasks the log knows, and how they look in a list. Owns: keeping the index up with the log: what it lacks is read
 * once, what comes is told by the tail. Does not own: the tables (`index-store.ts`), or anything that could be lost.
 *
 * Invariant: a task of which the log held a fact that the tail has heard is known here, or nothing is known at all.
 */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Bus, BusError, type StoredMessage } from '../bus/port.ts';
import { makeFolder } from '../guards/make-folder.ts';
import { factsIn } from '../schemas/events/fact.ts';
import { FACT_FILTER, parseSubject } from '../schemas/events/subjects.ts';
import { logMark } from './cursor.ts';
import type { FactTail } from './fact-tail.ts';
import { INDEX_FORM, type IndexedMessage, IndexStore } from './index-store.ts';
import type { ClientLog } from './ports.ts';

/** After so many messages of facts the tasks that have left the log are forgotten. */
const FORGET_AFTER_MESSAGES = 10_000;
/** A log that could not be read in time is not asked for everything again at once. */
const BUILD_PAUSE_MS = 10_000;
/** Messages applied in one transaction. */
const BATCH_MESSAGES = 500;
/** New messages wait so long for others: a transaction for each would cost more than it tells. */
const BATCH_MS = 50;
/** The index of a log that was not looked at for so long is deleted. */
const LEFT_ALONE_MS = 7 * 86_400_000;

export interface TaskIndexOptions {
  readonly bus: Bus;
  readonly tail: FactTail;
  readonly log: Pick<ClientLog, 'warn'>;
  /** Folder of the files, one for each log; null keeps the index in memory. */
  readonly folder: string | null;
  /** A client that lives for one command reads only what a list needs. */
  readonly onlyForLists?: boolean;
}

export class TaskIndex {
  readonly #options: TaskIndexOptions;
  #store: { readonly store: IndexStore; readonly identity: string } | null = null;
  #building: Promise<void> | null = null;
  #isLive = false;
  #builtBeforeMs = Number.NEGATIVE_INFINITY;
  /** What the tail brings and is not applied yet. */
  #pending: IndexedMessage[] = [];
  readonly #pendingIds = new Set<string>();
  /** A file of before may still have them. */
  readonly #removed = new Set<string>();
  #flushing: NodeJS.Timeout | null = null;
  #heardSinceForgetting = 0;

  constructor(options: TaskIndexOptions) {
    this.#options = options;
    options.tail.onFacts = (correlationId, message) => this.#heard(correlationId, message);
  }

  /** The log is another one. */
  reset(): void {
    this.#isLive = false;
    this.#building = null;
    this.#builtBeforeMs = Number.NEGATIVE_INFINITY;
    this.#clearPending();
  }

  /**
   * False when the log held no fact of the task up to what the tail has heard; whoever listens to the tail by then hears
   * what comes. Null while nobody knows: the log itself has to be asked.
   */
  knows(correlationId: string): boolean | null {
    if (this.#isLive && this.#store !== null) {
      return this.#pendingIds.has(correlationId) || this.#store.store.has(correlationId);
    }
    const mayBuild = this.#building === null && performance.now() >= this.#builtBeforeMs + BUILD_PAUSE_MS;
    if (mayBuild && this.#options.onlyForLists !== true) {
      this.#builtBeforeMs = performance.now();
      // Whoever asks has another way; a list that needs the index reads again and hears the error.
      this.upToDate().catch(() => undefined);
    }
    return null;
  }

  /** The tables, with everything in them that the log held at the call. @throws BusError */
  async upToDate(): Promise<IndexStore> {
    if (!this.#isLive) await this.#build();
    this.#flush();
    if (this.#isLive && this.#store !== null) return this.#store.store;
    throw new BusError('unavailable', 'the log broke off while it was read');
  }

  /** The trail of a task was taken out of the log, by whomever: nobody is shown it any more. */
  forget(correlationId: string): void {
    this.#removed.add(correlationId);
    this.#flush();
    if (this.#isLive) this.#store?.store.drop(correlationId);
  }

  stop(): void {
    this.reset();
    this.#store?.store.close();
    this.#store = null;
  }

  #build(): Promise<void> {
    const building = this.#building ?? this.#catchUp();
    this.#building = building;
    const done = (): void => {
      if (this.#building === building) this.#building = null;
    };
    building.then(done, done);
    return building;
  }

  async #catchUp(): Promise<void> {
    const { bus } = this.#options;
    this.#clearPending();
    const { identity, firstSeq, lastSeq } = await bus.streamInfo();
    const store = this.#opened(identity);
    const from = store.begin(identity, lastSeq);
    if (from < lastSeq) await this.#read(store, identity, from, lastSeq);
    store.dropBefore(firstSeq);
    for (const correlationId of this.#removed) store.drop(correlationId);
    if (this.#options.tail.isOf(identity)) this.#isLive = true;
  }

  async #read(store: IndexStore, identity: string, from: number, lastSeq: number): Promise<void> {
    let some: IndexedMessage[] = [];
    const reader = await this.#options.bus.read({
      filter: FACT_FILTER,
      fromSeq: from + 1,
      onMessage: (message) => {
        const indexed = indexedOf(message);
        if (indexed !== null) some.push(indexed);
        if (some.length < BATCH_MESSAGES) return;
        store.apply(identity, some, message.seq);
        some = [];
      },
    });
    try {
      await reader.caughtUp;
      store.apply(identity, some, Math.max(lastSeq, some.at(-1)?.seq ?? 0));
    } finally {
      void reader.stop();
    }
  }

  #opened(identity: string): IndexStore {
    if (this.#store?.identity === identity) return this.#store.store;
    this.#store?.store.close();
    this.#store = null;
    const store = this.#open(identity);
    this.#store = { store, identity };
    return store;
  }

  /** A file that cannot be used costs time at every start, and nothing else. */
  #open(identity: string): IndexStore {
    const { folder, log } = this.#options;
    if (folder === null) return new IndexStore(null);
    const path = join(folder, `tasks-${INDEX_FORM}-${logMark(identity)}.db`);
    try {
      makeFolder(dirname(path));
      deleteOld(folder, path);
      return openFile(path);
    } catch (error) {
      log.warn({ path, error: String(error) }, 'the index of tasks is kept in memory');
      return new IndexStore(null);
    }
  }

  #heard(correlationId: string, message: StoredMessage): void {
    // Before the first reading it is read with everything else.
    if (!this.#isLive && this.#building === null) return;
    this.#pending.push({ correlationId, seq: message.seq, facts: factsIn(message) });
    this.#pendingIds.add(correlationId);
    if (!this.#isLive) return;
    if (this.#pending.length >= BATCH_MESSAGES) this.#flush();
    else this.#flushing ??= setTimeout(() => this.#flush(), BATCH_MS).unref();
  }

  #flush(): void {
    if (this.#flushing !== null) clearTimeout(this.#flushing);
    this.#flushing = null;
    const last = this.#pending.at(-1);
    if (!this.#isLive || this.#store === null || last === undefined) return;
    const { store, identity } = this.#store;
    store.apply(identity, this.#pending, last.seq);
    this.#heardSinceForgetting += this.#pending.length;
    this.#clearPending();
    if (this.#heardSinceForgetting < FORGET_AFTER_MESSAGES) return;
    this.#heardSinceForgetting = 0;
    void this.#forget(store);
  }

  async #forget(store: IndexStore): Promise<void> {
    try {
      const { firstSeq } = await this.#options.bus.streamInfo();
      if (this.#store?.store === store) store.dropBefore(firstSeq);
    } catch (error) {
      // They are forgotten after as many messages again; until then they only take room.
      if (!(error instanceof BusError)) throw error;
    }
  }

  #clearPending(): void {
    this.#pending = [];
    this.#pendingIds.clear();
  }
}

function indexedOf(message: StoredMessage): IndexedMessage | null {
  const subject = parseSubject(message.subject);
  if (subject.kind !== 'fact') return null;
  return { correlationId: subject.correlationId, seq: message.seq, facts: factsIn(message) };
}

/** A garbled file is made anew. */
function openFile(path: string): IndexStore {
  try {
    return new IndexStore(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code !== 'SQLITE_CORRUPT' && code !== 'SQLITE_NOTADB') throw error;
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
    return new IndexStore(path);
  }
}

function deleteOld(folder: string, path: string): void {
  for (const name of readdirSync(folder)) {
    const other = join(folder, name);
    if (!/^tasks-\d+-[0-9a-f]{8}\.db/.test(name) || other.startsWith(path)) continue;
    if (Date.now() - statSync(other).mtimeMs > LEFT_ALONE_MS) rmSync(other, { force: true });
  }
}
