/**
 * Filters of the task list. Owns: their form in the address, and which rows pass. Does not own: the list.
 */
import type { TaskRow } from '../../../wire.ts';

export const groups = ['running', 'waiting', 'done', 'failed', 'cancelled'] as const;
export type Group = (typeof groups)[number];

export interface Filter {
  readonly text: string;
  /** Empty: every state. */
  readonly groups: readonly Group[];
  readonly route: string;
  /** Only answers that are less than what was asked for. */
  readonly degraded: boolean;
}

export const noFilter: Filter = { text: '', groups: [], route: '', degraded: false };

function groupOf({ status }: Pick<TaskRow, 'status'>): Group {
  switch (status) {
    case 'accepted':
    case 'running':
      return 'running';
    case 'input_required':
      return 'waiting';
    case 'completed':
      return 'done';
    case 'failed':
    case 'cancelled':
      return status;
    default:
      throw new Error(`no such state: ${status satisfies never}`);
  }
}

/** What is not understood is passed over: a link of another release still opens. */
export function parseFilter(params: Pick<URLSearchParams, 'get'>): Filter {
  const wanted = (params.get('state') ?? '').split(',');
  return {
    text: params.get('q') ?? '',
    groups: groups.filter((group) => wanted.includes(group)),
    route: params.get('route') ?? '',
    degraded: params.get('less') === '1',
  };
}

/** Changes only its own parameters. */
export function writeFilter(params: { toString(): string }, filter: Filter): URLSearchParams {
  const next = new URLSearchParams(params.toString());
  const put = (name: string, value: string): void => {
    if (value === '') next.delete(name);
    else next.set(name, value);
  };
  put('q', filter.text);
  put('state', filter.groups.join(','));
  put('route', filter.route);
  put('less', filter.degraded ? '1' : '');
  return next;
}

export function isFiltered(filter: Filter): boolean {
  return filter.text !== '' || filter.groups.length > 0 || filter.route !== '' || filter.degraded;
}

/** Every word has to be somewhere: in the prompt, the id, the route, the engine, the caller or the error. */
export function passes(row: TaskRow, filter: Filter): boolean {
  if (filter.groups.length > 0 && !filter.groups.includes(groupOf(row))) return false;
  if (filter.route !== '' && row.route?.decision !== filter.route) return false;
  if (filter.degraded && row.degraded === null) return false;
  if (filter.text === '') return true;
  const text = [row.id, row.prompt, row.route?.decision, row.engine, row.caller, row.outcome, row.error?.message]
    .join('\n')
    .toLowerCase();
  return filter.text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

export function countGroups(rows: readonly TaskRow[]): Readonly<Record<Group, number>> {
  const counts = { running: 0, waiting: 0, done: 0, failed: 0, cancelled: 0 };
  for (const row of rows) counts[groupOf(row)] += 1;
  return counts;
}
