/**
 * The list of tasks. Owns: one row a task, folded from the facts of all tasks, and its bound. Does not own: reading the
 * log (`hub.ts`), or anything about one task that its row does not show.
 *
 * Invariants:
 * 1. A fact heard twice changes nothing.
 * 2. An end is final.
 * 3. There are at most `max` rows; the one that changed longest ago goes first.
 */
import type { Fact } from '../../schemas/events/fact.ts';
import type { Result, TokenUsage } from '../../schemas/events/generated.ts';
import { isEnd } from '../../schemas/events/task-view.ts';
import type { Board, TaskRow } from '../wire.ts';

const PROMPT_SHOWN_MAX = 240;

type Change = Partial<TaskRow>;

function blank(id: string, atMs: number): TaskRow {
  return {
    ...{ id, seq: 0, status: 'accepted', prompt: '', caller: null, forkOf: null, route: null, hops: 0, retries: 0 },
    ...{ loops: null, outcome: null, engine: null, degraded: null, error: null, question: null },
    ...{ usage: null, startedAtMs: atMs, updatedAtMs: atMs },
  };
}

function isOver({ status }: Pick<TaskRow, 'status'>): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}

export class TaskBoard {
  /** The one that changed last is last. */
  readonly #rows = new Map<string, TaskRow>();
  /** By task, the step that failed last: beginning it again is a retry. */
  readonly #failed = new Map<string, string>();
  readonly #max: number;
  #seq = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get seq(): number {
    return this.#seq;
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Everything of a message of one task; null when it changes nothing. */
  apply(facts: readonly Fact[]): TaskRow | null {
    const [first] = facts;
    if (first === undefined) return null;
    this.#seq = Math.max(this.#seq, first.seq);
    const id = first.event.correlationid;
    const before = this.#rows.get(id) ?? blank(id, first.atMs);
    if (isOver(before)) return null;
    let row = before;
    for (const fact of facts)
      if (!isOver(row)) row = { ...row, ...changeOf(row, fact), retries: this.#retries(row, fact) };
    row = { ...row, seq: first.seq, updatedAtMs: Math.max(row.updatedAtMs, ...facts.map(({ atMs }) => atMs)) };
    this.#rows.delete(id);
    this.#rows.set(id, row);
    const oldest = this.#rows.keys().next().value;
    if (this.#rows.size > this.#max && oldest !== undefined) this.#rows.delete(oldest);
    return row;
  }

  #retries(row: TaskRow, { event }: Fact): number {
    if (event.type === 'dev.agentmesh.hop.finished.v1') {
      const { status, step } = event.data.hop;
      if (status === 'failed' || status === 'unknown') this.#failed.set(row.id, step);
      else this.#failed.delete(row.id);
    } else if (isEnd(event)) this.#failed.delete(row.id);
    const begins = event.type === 'dev.agentmesh.hop.started.v1' && this.#failed.get(row.id) === event.data.step;
    if (begins) this.#failed.delete(row.id);
    return begins ? row.retries + 1 : row.retries;
  }

  row(id: string): TaskRow | null {
    return this.#rows.get(id) ?? null;
  }

  /** What changed after a sequence, the latest change first. */
  since(seq: number, limit = Number.POSITIVE_INFINITY): TaskRow[] {
    const rows: TaskRow[] = [];
    for (const row of [...this.#rows.values()].reverse()) {
      if (row.seq > seq && rows.length < limit) rows.push(row);
    }
    return rows;
  }

  snapshot(log: string): Board {
    return { log, seq: this.#seq, rows: this.since(0) };
  }

  clear(): void {
    this.#rows.clear();
    this.#failed.clear();
    this.#seq = 0;
  }
}

function changeOf(row: TaskRow, { event, atMs }: Fact): Change {
  switch (event.type) {
    case 'dev.agentmesh.task.accepted.v1': {
      const { prompt, caller = null, fork } = event.data;
      return { prompt: begin(prompt), caller, forkOf: fork?.correlationId ?? null, startedAtMs: atMs };
    }
    case 'dev.agentmesh.task.routed.v1': {
      const { route, next = 'begin' } = event.data;
      return { status: 'running', ...(next === 'begin' ? { route: { ...route, reason: begin(route.reason) } } : {}) };
    }
    case 'dev.agentmesh.hop.started.v1': {
      const { index } = event.data;
      return { status: 'running', question: null, hops: Math.max(row.hops, index) };
    }
    case 'dev.agentmesh.hop.finished.v1':
      return { status: 'running', usage: plus(row.usage, event.data.hop.usage) };
    case 'dev.agentmesh.loop.advanced.v1':
      return { loops: event.data.loops };
    case 'dev.agentmesh.task.input.required.v1': {
      const { question: text, reason, choices, questionId = event.id } = event.data;
      const question = { id: questionId, text: begin(text, 2000), reason, choices, askedAtMs: atMs };
      return { status: 'input_required', question };
    }
    case 'dev.agentmesh.task.input.accepted.v1':
      return { status: 'running', question: null };
    case 'dev.agentmesh.task.completed.v1':
      return { status: 'completed', ...endOf(row, event.data.result) };
    case 'dev.agentmesh.task.failed.v1':
      return { status: 'failed', ...endOf(row, event.data.result) };
    case 'dev.agentmesh.task.cancelled.v1':
      return { status: 'cancelled', ...endOf(row, event.data.result) };
    default:
      return {};
  }
}

function endOf(row: TaskRow, result: Result): Change {
  return {
    question: null,
    outcome: result.outcome,
    engine: result.engine,
    loops: result.loops,
    hops: Math.max(row.hops, result.hops.length),
    route: row.route ?? result.route ?? null,
    degraded: result.degraded?.reason ?? null,
    error: result.error ?? null,
    // Its record has all hops, also those whose events have left the log.
    usage: result.hops.reduce<TaskRow['usage']>((sum, { usage }) => plus(sum, usage), null),
  };
}

function plus(sum: TaskRow['usage'], more: TokenUsage | undefined): TaskRow['usage'] {
  if (more === undefined) return sum;
  return { input: (sum?.input ?? 0) + more.input, output: (sum?.output ?? 0) + more.output };
}

function begin(text: string, max = PROMPT_SHOWN_MAX): string {
  return [...text.slice(0, 2 * max)].slice(0, max).join('');
}
