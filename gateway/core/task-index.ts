/**
 * How tasks look in a list. Owns: a cache of summaries. Does not own: the order of the list (`task-order.ts`), or anything
 * that could be lost; summaries are read from the log.
 */
import type { TaskView } from '../../schemas/events/task-view.ts';
import type { TaskFeeds } from './task-feed.ts';
import type { OrderEntry } from './task-order.ts';

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
  readonly key: string | null;
  /** The context of an A2A client; null for a task that is a context of its own. */
  readonly contextId: string | null;
  readonly route: string | null;
  readonly hops: number;
  readonly loops: TaskView['loops'];
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
}

export class TaskIndex {
  readonly #feeds: TaskFeeds;
  readonly #summaries = new Map<string, { readonly seq: number; readonly summary: TaskSummary }>();

  constructor(feeds: TaskFeeds) {
    this.#feeds = feeds;
  }

  /** The log is another one. */
  reset(): void {
    this.#summaries.clear();
  }

  /** How a task looks in a list; null when it has left the log. @throws BusError */
  async summary({ correlationId, seq }: OrderEntry): Promise<TaskSummary | null> {
    const cached = this.#summaries.get(correlationId);
    if (cached !== undefined && cached.seq >= seq) return cached.summary;
    const feed = await this.#feeds.open(correlationId);
    feed.close();
    if (!feed.isKnown) return null;
    const summary = summaryOf(feed.view);
    this.#summaries.delete(correlationId);
    this.#summaries.set(correlationId, { seq: feed.lastPlace.seq, summary });
    for (const oldest of this.#summaries.keys()) {
      if (this.#summaries.size <= SUMMARIES_MAX) break;
      this.#summaries.delete(oldest);
    }
    return summary;
  }
}

function summaryOf(view: TaskView): TaskSummary {
  return {
    correlationId: view.taskId,
    status: view.status,
    prompt: [...view.prompt.slice(0, 2 * PROMPT_SHOWN_MAX)].slice(0, PROMPT_SHOWN_MAX).join(''),
    workflow: view.workflow,
    caller: view.caller,
    key: view.key,
    contextId: view.conversation?.contextId ?? null,
    route: view.route?.decision ?? null,
    hops: view.hops.length,
    loops: view.loops,
    startedAtMs: view.startedAtMs,
    updatedAtMs: view.updatedAtMs,
  };
}
