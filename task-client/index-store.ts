/**
 * The index of tasks in SQLite: a line for each task of the log, where in the log it changed, and how much each caller has
 * written in each hour. Owns: the tables, and
 * answering pages from them. Does not own: reading the log (`task-index.ts`); what stands here is derived from it, so the
 * file may be deleted at any time, and it is shared by the processes of a machine.
 *
 * Invariants:
 * 1. It holds what follows from the messages of facts up to `lastSeq`, of one log. A message is applied once, whoever
 *    applies it: in one transaction with that place.
 * 2. Paging by the latest change is of one moment, that of the first page: a task that changes meanwhile keeps the place
 *    that it had then, and is on one page, once.
 */
import Database from 'better-sqlite3';
import { useWal } from '../resilience/sqlite-wal.ts';
import type { Fact } from '../schemas/events/fact.ts';
import { isEnded, type TaskStatus } from '../schemas/events/task-view.ts';
import { emptySummary, type FoldedSummary, foldSummary, type TaskSummary } from './summary.ts';
import { type Writing, writingIn } from './writing.ts';

/** A message of facts of one task. */
export interface IndexedMessage {
  readonly correlationId: string;
  readonly seq: number;
  /** Empty when none of them is understood here: the task is known all the same. */
  readonly facts: readonly Fact[];
}

export interface PageQuery {
  readonly order: 'changed' | 'created';
  /** Only places before this one. */
  readonly before: number;
  /** The last sequence at the time of the first page. */
  readonly snapshot: number;
  readonly limit: number;
  readonly filter: TaskFilter;
}

export interface TaskFilter {
  /** Empty means all. */
  readonly statuses: readonly TaskStatus[];
  readonly route?: string;
  readonly callers: readonly string[];
  /** A task that is a context of its own has its id as the context. */
  readonly contextId?: string;
  readonly updatedAfterMs?: number;
}

/** What a caller has written in an hour. */
export interface WrittenInHour {
  /** Its beginning, milliseconds since the epoch. */
  readonly fromMs: number;
  readonly tasks: number;
  /** As JSON. */
  readonly bytes: number;
}

export interface PlacedSummary {
  readonly summary: TaskSummary;
  readonly place: number;
}

/** Raised with the tables: a file of another form is another file (`task-index.ts`). */
export const INDEX_FORM = 3;
const BUSY_MS = 5000;
const HOUR_MS = 3_600_000;
/** What a caller wrote before is asked about by nobody. */
const WRITTEN_HOURS = 48;
const UNFINISHED: readonly TaskStatus[] = ['accepted', 'running', 'input_required'];

const SCHEMA = `
CREATE TABLE IF NOT EXISTS log (one INTEGER PRIMARY KEY CHECK (one = 1), identity TEXT NOT NULL, last_seq INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS tasks (
  n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
  status TEXT NOT NULL, prompt TEXT NOT NULL, workflow TEXT, caller TEXT, key TEXT, context TEXT, route TEXT,
  hops INTEGER NOT NULL, loops_used INTEGER, loops_max INTEGER, question_id TEXT, question TEXT,
  started INTEGER NOT NULL, updated INTEGER NOT NULL, seen TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS tasks_changed ON tasks (last_seq);
CREATE INDEX IF NOT EXISTS tasks_created ON tasks (first_seq);
CREATE INDEX IF NOT EXISTS tasks_status ON tasks (status, last_seq);
CREATE INDEX IF NOT EXISTS tasks_caller ON tasks (caller, last_seq);
CREATE TABLE IF NOT EXISTS moves (task INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (task, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS written (
  caller TEXT NOT NULL, hour INTEGER NOT NULL, tasks INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (caller, hour)
) WITHOUT ROWID;
`;

interface Row {
  readonly n: number;
  readonly id: string;
  readonly first_seq: number;
  readonly last_seq: number;
  readonly status: TaskStatus;
  readonly prompt: string;
  readonly workflow: string | null;
  readonly caller: string | null;
  readonly key: string | null;
  readonly context: string | null;
  readonly route: string | null;
  readonly hops: number;
  readonly loops_used: number | null;
  readonly loops_max: number | null;
  readonly question_id: string | null;
  readonly question: string | null;
  readonly started: number;
  readonly updated: number;
  readonly seen: string;
  readonly place?: number;
}

const COLUMNS =
  'id, first_seq, last_seq, status, prompt, workflow, caller, key, context, route, hops, loops_used, loops_max, question_id, question, started, updated, seen';

export class IndexStore {
  readonly #database: Database.Database;
  readonly #find: Database.Statement<[string], Row>;
  readonly #write: Database.Statement;
  readonly #move: Database.Statement<[number, number]>;
  readonly #writes: Database.Statement<[string, number, number, number]>;

  /** @param path null keeps it in memory. @throws SqliteError */
  constructor(path: string | null) {
    this.#database = new Database(path ?? ':memory:', { timeout: BUSY_MS });
    useWal(this.#database);
    // It is derived: a power loss may cost the last lines, never their order.
    this.#database.pragma('synchronous = NORMAL');
    this.#database.exec(SCHEMA);
    this.#find = this.#database.prepare<[string], Row>('SELECT * FROM tasks WHERE id = ?');
    const values = COLUMNS.split(', ').map((column) => `@${column}`);
    const changes = COLUMNS.split(', ').filter((column) => column !== 'id' && column !== 'first_seq');
    this.#write = this.#database.prepare(
      `INSERT INTO tasks (${COLUMNS}) VALUES (${values.join(', ')})
       ON CONFLICT (id) DO UPDATE SET ${changes.map((column) => `${column} = excluded.${column}`).join(', ')}`,
    );
    this.#move = this.#database.prepare('INSERT OR IGNORE INTO moves (task, seq) VALUES (?, ?)');
    this.#writes = this.#database.prepare(
      `INSERT INTO written (caller, hour, tasks, bytes) VALUES (?, ?, ?, ?)
       ON CONFLICT (caller, hour) DO UPDATE SET tasks = tasks + excluded.tasks, bytes = bytes + excluded.bytes`,
    );
  }

  /** Belongs to that log from now on; what was of another one goes. Returns up to which sequence it is applied. */
  begin(identity: string, logLastSeq: number): number {
    return this.#inOne(() => {
      const known = this.#log();
      if (known?.identity === identity && known.last_seq <= logLastSeq) return known.last_seq;
      this.#database.exec('DELETE FROM tasks; DELETE FROM moves; DELETE FROM written; DELETE FROM log;');
      this.#database.prepare('INSERT INTO log (one, identity, last_seq) VALUES (1, ?, 0)').run(identity);
      return 0;
    });
  }

  /** Applies messages in the order of the log, and says that nothing else is there up to a sequence. */
  apply(identity: string, messages: readonly IndexedMessage[], upToSeq: number): void {
    this.#inOne(() => {
      const known = this.#log();
      // Another process has begun with another log meanwhile: this one finds out by its own reader.
      if (known?.identity !== identity || upToSeq <= known.last_seq) return;
      for (const message of messages) if (message.seq > known.last_seq) this.#applyOne(message);
      this.#database.prepare('UPDATE log SET last_seq = ?').run(upToSeq);
    });
  }

  get lastSeq(): number {
    return this.#log()?.last_seq ?? 0;
  }

  has(correlationId: string): boolean {
    return this.#find.get(correlationId) !== undefined;
  }

  /** Ids that begin so, at most so many. */
  beginningWith(prefix: string, limit: number): string[] {
    const sql = 'SELECT id FROM tasks WHERE id >= ? AND id < ? ORDER BY id LIMIT ?';
    const rows = this.#database.prepare<[string, string, number], { id: string }>(sql);
    return rows.all(prefix, `${prefix}g`, limit).map(({ id }) => id);
  }

  page({ order, before, snapshot, limit, filter }: PageQuery): PlacedSummary[] {
    const { where, values } = conditions(filter);
    if (order === 'created') {
      const sql = `SELECT *, first_seq AS place FROM tasks WHERE first_seq < ? AND ${where} ORDER BY first_seq DESC LIMIT ?`;
      return placed(this.#database.prepare<unknown[], Row>(sql).all(before, ...values, limit));
    }
    const still = `SELECT *, last_seq AS place FROM tasks WHERE last_seq < ? AND last_seq <= ? AND ${where}
      ORDER BY last_seq DESC LIMIT ?`;
    const moved = `SELECT * FROM (
        SELECT *, (SELECT max(seq) FROM moves WHERE task = tasks.n AND seq <= ?) AS place
        FROM tasks WHERE last_seq > ? AND first_seq <= ? AND ${where}
      ) WHERE place < ? ORDER BY place DESC LIMIT ?`;
    const rows = [
      ...this.#database.prepare<unknown[], Row>(still).all(before, snapshot, ...values, limit),
      ...this.#database.prepare<unknown[], Row>(moved).all(snapshot, snapshot, snapshot, ...values, before, limit),
    ];
    return placed(rows.sort((a, b) => (b.place ?? 0) - (a.place ?? 0)).slice(0, limit));
  }

  count(filter: TaskFilter): number {
    const { where, values } = conditions(filter);
    const sql = `SELECT count(*) AS total FROM tasks WHERE ${where}`;
    return this.#database.prepare<unknown[], { total: number }>(sql).get(...values)?.total ?? 0;
  }

  /** Tasks of a caller that have not ended. They are few among all: the index of states finds them, not the one of callers. */
  unfinishedOf(caller: string): number {
    const marks = UNFINISHED.map(() => '?').join(', ');
    const sql = `SELECT count(*) AS total FROM tasks INDEXED BY tasks_status WHERE status IN (${marks}) AND caller = ?`;
    return this.#database.prepare<unknown[], { total: number }>(sql).get(...UNFINISHED, caller)?.total ?? 0;
  }

  /** How much a caller has written since then, by the hours in which the mesh took it; what is removed meanwhile counts. */
  writtenBy(caller: string, sinceMs: number): WrittenInHour[] {
    const sql = 'SELECT hour, tasks, bytes FROM written WHERE caller = ? AND hour >= ? ORDER BY hour';
    const rows = this.#database.prepare<[string, number], { hour: number; tasks: number; bytes: number }>(sql);
    const since = Math.floor(sinceMs / HOUR_MS);
    return rows.all(caller, since).map(({ hour, ...written }) => ({ fromMs: hour * HOUR_MS, ...written }));
  }

  /** Tasks whose last fact has left the log. */
  dropBefore(firstSeq: number): void {
    this.#inOne(() => {
      this.#database.prepare('DELETE FROM moves WHERE task IN (SELECT n FROM tasks WHERE last_seq < ?)').run(firstSeq);
      this.#database.prepare('DELETE FROM tasks WHERE last_seq < ?').run(firstSeq);
      const last = 'SELECT coalesce(max(hour), 0) FROM written';
      this.#database.prepare(`DELETE FROM written WHERE hour < (${last}) - ?`).run(WRITTEN_HOURS);
    });
  }

  /** A task that was taken out of the log. */
  drop(correlationId: string): void {
    this.#inOne(() => {
      this.#database.prepare('DELETE FROM moves WHERE task = (SELECT n FROM tasks WHERE id = ?)').run(correlationId);
      this.#database.prepare('DELETE FROM tasks WHERE id = ?').run(correlationId);
    });
  }

  close(): void {
    this.#database.close();
  }

  #applyOne({ correlationId, seq, facts }: IndexedMessage): void {
    const row = this.#find.get(correlationId);
    let folded = row === undefined ? emptySummary(correlationId) : foldedOf(row);
    for (const fact of facts) {
      const before = folded;
      folded = foldSummary(before, fact);
      // Of a task that has ended it is not known any more whether a fact comes again.
      if (folded !== before && !isEnded(before.status)) this.#count(writingIn(fact.event, folded.caller), fact.atMs);
    }
    const { lastInsertRowid } = this.#write.run(rowOf(folded, row?.first_seq ?? seq, seq));
    this.#move.run(row?.n ?? Number(lastInsertRowid), seq);
  }

  /** @param atMs when it was written: a log that was lost is told everything again */
  #count(writing: Writing | null, atMs: number): void {
    if (writing === null) return;
    const { caller, isTask, bytes } = writing;
    this.#writes.run(caller, Math.floor(atMs / HOUR_MS), isTask ? 1 : 0, bytes);
  }

  #log(): { identity: string; last_seq: number } | undefined {
    return this.#database.prepare<[], { identity: string; last_seq: number }>('SELECT * FROM log').get();
  }

  #inOne<T>(work: () => T): T {
    return this.#database.transaction(work).immediate();
  }
}

function conditions({ statuses, route, callers, contextId, updatedAfterMs }: TaskFilter): {
  where: string;
  values: unknown[];
} {
  // A task of which no fact is understood is known, and shows nothing.
  const parts: string[] = ['started > 0'];
  const values: unknown[] = [];
  const and = (sql: string, ...given: unknown[]): void => {
    parts.push(sql);
    values.push(...given);
  };
  if (statuses.length > 0) and(`status IN (${statuses.map(() => '?').join(', ')})`, ...statuses);
  for (const caller of callers) and('caller = ?', caller);
  if (route !== undefined) and('route = ?', route);
  if (contextId !== undefined) and('coalesce(context, id) = ?', contextId);
  if (updatedAfterMs !== undefined) and('updated > ?', updatedAfterMs);
  return { where: parts.join(' AND '), values };
}

function placed(rows: readonly Row[]): PlacedSummary[] {
  return rows.map((row) => {
    const { seen: _seen, ...summary } = foldedOf(row);
    return { summary, place: row.place ?? 0 };
  });
}

function foldedOf(row: Row): FoldedSummary {
  const { loops_used: used, loops_max: max } = row;
  return {
    correlationId: row.id,
    status: row.status,
    prompt: row.prompt,
    workflow: row.workflow,
    caller: row.caller,
    key: row.key,
    contextId: row.context,
    route: row.route,
    hops: row.hops,
    loops: used === null || max === null ? null : { used, max },
    questionId: row.question_id,
    question: row.question,
    startedAtMs: row.started,
    updatedAtMs: row.updated,
    seen: row.seen,
  };
}

function rowOf(folded: FoldedSummary, firstSeq: number, lastSeq: number): Omit<Row, 'n' | 'place'> {
  return {
    id: folded.correlationId,
    first_seq: firstSeq,
    last_seq: lastSeq,
    status: folded.status,
    prompt: folded.prompt,
    workflow: folded.workflow,
    caller: folded.caller,
    key: folded.key,
    context: folded.contextId,
    route: folded.route,
    hops: folded.hops,
    loops_used: folded.loops?.used ?? null,
    loops_max: folded.loops?.max ?? null,
    question_id: folded.questionId,
    question: folded.question,
    started: folded.startedAtMs,
    updated: folded.updatedAtMs,
    seen: folded.seen,
  };
}
