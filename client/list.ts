/**
 * The list of tasks. Owns: pages and filters. Does not own: the order (`task-order.ts`).
 *
 * A page token is the place in the order of change where the next page begins: a task that changes meanwhile moves to
 * the front and is not missed by somebody who begins again. No two tasks share a message of facts, so that its sequence is
 * a place of one task.
 */
import type { TaskStatus } from '../schemas/events/task-view.ts';
import { seesAll } from './caller.ts';
import { cursorAt, placeOfCursor } from './cursor.ts';
import type { CallContext } from './ports.ts';
import type { TaskFeeds } from './task-feed.ts';
import type { TaskIndex, TaskSummary } from './task-index.ts';
import type { OrderEntry, TaskOrder } from './task-order.ts';

const PAGE_SIZE_DEFAULT = 50;
/** Tasks looked at for one page; then the page is short and the caller asks for the next one. */
const LOOKED_AT_MAX = 500;
/** Tasks read at a time. */
const READ_AT_ONCE = 16;

export interface ListOrder {
  readonly pageSize?: number;
  readonly pageToken?: string;
  /** Empty means all. */
  readonly statuses?: readonly TaskStatus[];
  readonly route?: string;
  readonly caller?: string;
  /** A task that is a context of its own has its id as the context. */
  readonly contextId?: string;
  /** Milliseconds since the epoch. */
  readonly updatedAfterMs?: number;
}

export interface TaskPage {
  readonly tasks: readonly TaskSummary[];
  /** Null on the last page. */
  readonly nextPageToken: string | null;
}

interface ListPorts {
  readonly feeds: TaskFeeds;
  readonly index: TaskIndex;
  readonly order: TaskOrder;
}

export async function listTasks(
  { feeds, index, order: tasksInOrder }: ListPorts,
  order: ListOrder,
  { caller }: CallContext,
): Promise<TaskPage> {
  const { mark } = feeds;
  const beforeSeq = placeOfCursor(order.pageToken ?? '', mark, 'page_token').seq || Number.MAX_SAFE_INTEGER;
  const pageSize = order.pageSize ?? PAGE_SIZE_DEFAULT;
  const fits = filterOf(order, seesAll(caller) ? null : caller.name);
  const entries = await tasksInOrder.latest(beforeSeq);
  const tasks: TaskSummary[] = [];
  let at = 0;
  while (at < Math.min(entries.length, LOOKED_AT_MAX) && tasks.length < pageSize) {
    const some = entries.slice(at, at + Math.min(READ_AT_ONCE, pageSize - tasks.length));
    const summaries = await Promise.all(some.map((entry) => index.summary(entry)));
    at += some.length;
    const tooOld = summaries.some((one) => one !== null && isBefore(one, order.updatedAfterMs));
    tasks.push(...summaries.filter((one): one is TaskSummary => one !== null && fits(one)));
    // The order is by change: whatever follows is older still.
    if (tooOld) return { tasks, nextPageToken: null };
  }
  return { tasks, nextPageToken: nextPage(entries, at, mark) };
}

function nextPage(entries: readonly OrderEntry[], at: number, mark: string): string | null {
  const last = entries[at - 1];
  return at < entries.length && last !== undefined ? cursorAt(mark, { seq: last.seq, index: 0 }) : null;
}

function isBefore({ updatedAtMs }: TaskSummary, updatedAfterMs: number | undefined): boolean {
  return updatedAfterMs !== undefined && updatedAtMs <= updatedAfterMs;
}

/** @param only the caller whose tasks alone may be seen; null for all */
function filterOf(order: ListOrder, only: string | null): (summary: TaskSummary) => boolean {
  const statuses = new Set(order.statuses ?? []);
  return (one) =>
    (only === null || one.caller === only) &&
    (statuses.size === 0 || statuses.has(one.status)) &&
    (order.route === undefined || one.route === order.route) &&
    (order.caller === undefined || one.caller === order.caller) &&
    (order.contextId === undefined || (one.contextId ?? one.correlationId) === order.contextId) &&
    !isBefore(one, order.updatedAfterMs);
}
