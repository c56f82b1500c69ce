/**
 * Which tasks there are, the latest change first. Owns: the order, kept up by the tail, and a cache of how tasks look in
 * a list. Does not own: anything that could be lost; both are read from the log at the first list after a start.
 *
 * Invariant: the order holds the last sequence of every task that the log holds, or nothing at all.
 */
import type { Bus } from '../../bus/port.ts';
import { FACT_FILTER, parseSubject } from '../../schemas/events/subjects.ts';
import type { TaskView } from '../../schemas/events/task-view.ts';
import type { FactTail } from './fact-tail.ts';
import type { TaskFeeds } from './task-feed.ts';

/** About a kilobyte each. */
const SUMMARIES_MAX = 5000;
/** A prompt in a list. */
const PROMPT_SHOWN_MAX = 200;

export interface TaskSummary {
  readonly correlationId: string;
  readonly status: TaskView['status'];
  /** Its beginning. */
  readonly prompt: string;
  readonly workflow: string | null;
  readonly caller: string | null;
  /** The context of an A2A client; null for a task that is a context of its own. */
  readonly contextId: string | null;
  readonly route: string | null;
  readonly hops: number;
  readonly loops: TaskView['loops'];
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
}

export interface IndexEntry {
  readonly correlationId: string;
  readonly seq: number;
}

export class TaskIndex {
  readonly #bus: Bus;
  readonly #feeds: TaskFeeds;
  /** Insertion order is order of change, the oldest first; null until the first list. */
  #order: Map<string, number> | null = null;
  #building: Promise<Map<string, number>> | null = null;
  /** What the tail brings while the order is being read. */
  #movedMeanwhile: Map<string, number> | null = null;
  readonly #summaries = new Map<string, { readonly seq: number; readonly summary: TaskSummary }>();

  constructor(bus: Bus, tail: FactTail, feeds: TaskFeeds) {
    this.#bus = bus;
    this.#feeds = feeds;
    tail.onFact = (correlationId, { seq }) => this.#moved(correlationId, seq);
    tail.onBreak = () => {
      this.#order = null;
      this.#movedMeanwhile = null;
      this.#summaries.clear();
    };
  }

  /** The latest change first, of those that changed before a sequence. @throws BusError */
  async latest(beforeSeq: number): Promise<IndexEntry[]> {
    const order = this.#order ?? (await this.#build());
    const entries: IndexEntry[] = [];
    for (const [correlationId, seq] of order) if (seq < beforeSeq) entries.push({ correlationId, seq });
    return entries.reverse();
  }

  /** How a task looks in a list; null when it has left the log. @throws BusError */
  async summary({ correlationId, seq }: IndexEntry): Promise<TaskSummary | null> {
    const cached = this.#summaries.get(correlationId);
    if (cached !== undefined && cached.seq >= seq) return cached.summary;
    const feed = await this.#feeds.open(correlationId);
    feed.close();
    if (!feed.isKnown) return null;
    const summary = summaryOf(feed.view);
    this.#summaries.delete(correlationId);
    this.#summaries.set(correlationId, { seq: feed.lastSeq, summary });
    for (const oldest of this.#summaries.keys()) {
      if (this.#summaries.size <= SUMMARIES_MAX) break;
      this.#summaries.delete(oldest);
    }
    return summary;
  }

  #moved(correlationId: string, seq: number): void {
    for (const order of [this.#order, this.#movedMeanwhile]) {
      order?.delete(correlationId);
      order?.set(correlationId, seq);
    }
  }

  #build(): Promise<Map<string, number>> {
    this.#building ??= this.#readOrder().finally(() => {
      this.#building = null;
      this.#movedMeanwhile = null;
    });
    return this.#building;
  }

  async #readOrder(): Promise<Map<string, number>> {
    const moved = new Map<string, number>();
    this.#movedMeanwhile = moved;
    const order = new Map<string, number>();
    for (const { subject, seq } of await this.#bus.readLast(FACT_FILTER)) {
      const parsed = parseSubject(subject);
      if (parsed.kind === 'fact') order.set(parsed.correlationId, seq);
    }
    for (const [correlationId, seq] of moved) {
      order.delete(correlationId);
      order.set(correlationId, seq);
    }
    // When the log broke off meanwhile, this order is of another log than the next list's.
    if (this.#movedMeanwhile === moved) this.#order = order;
    return order;
  }
}

function summaryOf(view: TaskView): TaskSummary {
  return {
    correlationId: view.taskId,
    status: view.status,
    prompt: [...view.prompt.slice(0, 2 * PROMPT_SHOWN_MAX)].slice(0, PROMPT_SHOWN_MAX).join(''),
    workflow: view.workflow,
    caller: view.caller,
    contextId: view.conversation?.contextId ?? null,
    route: view.route?.decision ?? null,
    hops: view.hops.length,
    loops: view.loops,
    startedAtMs: view.startedAtMs,
    updatedAtMs: view.updatedAtMs,
  };
}
