/**
 * The list of tasks as A2A has it (specification, section 3.1.4). Owns: its filters, its size and its whole tasks. Does
 * not own: the order and the pages (`core/list.ts`).
 */
import { type ListTasksRequest, type ListTasksResponse, type Task, TaskState } from '@a2a-js/sdk';
import { MeshError } from '../../task-client/errors.ts';
import type { ListOrder } from '../../task-client/list.ts';
import type { Mesh } from '../core/mesh.ts';
import type { A2aCall } from './call.ts';
import { statusesOf, taskOf } from './convert.ts';
import { malformed } from './errors.ts';

const PAGE_SIZE_DEFAULT = 50;
const PAGE_SIZE_MAX = 100;

export async function listOf(mesh: Mesh, request: ListTasksRequest, call: A2aCall): Promise<ListTasksResponse> {
  const { pageSize = PAGE_SIZE_DEFAULT, pageToken, historyLength, includeArtifacts = false } = request;
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > PAGE_SIZE_MAX)
    throw malformed('pageSize', `must be a whole number from 1 to ${PAGE_SIZE_MAX}`);
  const order = orderOf(request);
  if (order === null) return { tasks: [], nextPageToken: '', pageSize, totalSize: 0 };
  const page = await mesh.list({ ...order, pageSize, pageToken }, call.context);
  const parts = { historyLength, includeArtifacts };
  const tasks = await Promise.all(
    page.tasks.map(async ({ correlationId }): Promise<Task | null> => {
      try {
        return taskOf((await mesh.tasks.get(correlationId, call.context)).view, parts);
      } catch (error) {
        // It has left the log between the two looks.
        if (error instanceof MeshError && error.code === 'not_found') return null;
        throw error;
      }
    }),
  );
  const found = tasks.filter((task) => task !== null);
  return { tasks: found, nextPageToken: page.nextPageToken ?? '', pageSize, totalSize: page.total };
}

/** Null when no task can fit. @throws A2AError */
function orderOf({ contextId, status, statusTimestampAfter }: ListTasksRequest): ListOrder | null {
  if (status === TaskState.UNRECOGNIZED) throw malformed('status', 'is no state of a task');
  const statuses = status === TaskState.TASK_STATE_UNSPECIFIED ? [] : statusesOf(status);
  if (status !== TaskState.TASK_STATE_UNSPECIFIED && statuses.length === 0) return null;
  const afterMs = statusTimestampAfter === undefined ? undefined : Date.parse(statusTimestampAfter);
  if (Number.isNaN(afterMs)) throw malformed('statusTimestampAfter', 'must be a time such as 2026-01-31T12:00:00.000Z');
  return {
    statuses,
    ...(contextId === '' ? {} : { contextId }),
    ...(afterMs === undefined ? {} : { updatedAfterMs: afterMs }),
  };
}
