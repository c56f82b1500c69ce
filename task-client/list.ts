/**
 * The list of tasks. Owns: pages and filters as callers name them. Does not own: the index (`task-index.ts`).
 *
 * A page token is the place where the next page begins and the moment of the first page: a task that changes meanwhile
 * keeps the place that it had then, so that no task is left out and none comes twice.
 */
import type { TaskStatus } from '../schemas/events/task-view.ts';
import { seesAll } from './caller.ts';
import { invalidField } from './errors.ts';
import type { TaskFilter } from './index-store.ts';
import type { CallContext } from './ports.ts';
import type { TaskSummary } from './summary.ts';
import type { TaskIndex } from './task-index.ts';

const PAGE_SIZE_DEFAULT = 50;

export interface ListOrder {
  readonly pageSize?: number;
  readonly pageToken?: string;
  /** By the latest change, or by their beginning; the latest first. */
  readonly order?: 'changed' | 'created';
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
  /** All tasks that fit now, on this page and others. */
  readonly total: number;
}

export async function listTasks(
  index: TaskIndex,
  mark: () => string,
  order: ListOrder,
  { caller }: CallContext,
): Promise<TaskPage> {
  const token = readToken(order.pageToken ?? '', mark());
  const store = await index.upToDate();
  const filter = filterOf(order, seesAll(caller) ? null : caller.name);
  const pageSize = order.pageSize ?? PAGE_SIZE_DEFAULT;
  const snapshot = token?.snapshot ?? store.lastSeq;
  const before = token?.before ?? Number.MAX_SAFE_INTEGER;
  // One more tells whether there is another page.
  const some = store.page({ order: order.order ?? 'changed', before, snapshot, limit: pageSize + 1, filter });
  const shown = some.slice(0, pageSize);
  const last = shown.at(-1);
  const isMore = some.length > shown.length && last !== undefined;
  return {
    tasks: shown.map(({ summary }) => summary),
    nextPageToken: isMore ? `${mark()}-${last.place}-${snapshot}` : null,
    total: store.count(filter),
  };
}

/** Null begins anew: without a token, or with one of another log. @throws MeshError for something that is no token */
function readToken(token: string, mark: string): { readonly before: number; readonly snapshot: number } | null {
  if (token === '') return null;
  const [, tokenMark, before, snapshot] = /^([0-9a-f]{8})-(\d{1,15})-(\d{1,15})$/.exec(token) ?? [];
  if (tokenMark === undefined) throw invalidField('page_token', 'must be taken from an earlier response');
  return tokenMark === mark ? { before: Number(before), snapshot: Number(snapshot) } : null;
}

/** @param only the caller whose tasks alone may be seen; null for all */
function filterOf(
  { statuses = [], route, caller, contextId, updatedAfterMs }: ListOrder,
  only: string | null,
): TaskFilter {
  return {
    statuses,
    callers: [only, caller].filter((one) => one !== null && one !== undefined),
    ...(route === undefined ? {} : { route }),
    ...(contextId === undefined ? {} : { contextId }),
    ...(updatedAfterMs === undefined ? {} : { updatedAfterMs }),
  };
}
