/**
 * What the mesh still knows of a task whose facts have left the log. Owns: the form in which its keeper says so, on core
 * NATS, when it is asked. Does not own: keeping it (a ledger does, for as long as it keeps the task).
 */
import { decodeText, parseJson, validateData } from './envelope.ts';
import type { Result, TaskAcceptedData, TaskInputRequiredData } from './generated.ts';
import { emptyView, isEnded, type TaskStatus, type TaskView, viewOfResult } from './task-view.ts';

export interface RecalledTask {
  readonly status: TaskStatus;
  readonly accepted: TaskAcceptedData;
  /** The open question; null when nothing is asked. */
  readonly question: TaskInputRequiredData | null;
  /** Null for a task at work, or for a result that no answer can carry. */
  readonly result: Result | null;
  /** When something happened to it for the last time, milliseconds since the epoch. */
  readonly updatedAtMs: number;
}

const statuses: ReadonlySet<unknown> = new Set<TaskStatus>([
  ...(['accepted', 'running', 'input_required', 'completed', 'failed', 'cancelled'] as const),
]);

function isStatus(value: unknown): value is TaskStatus {
  return statuses.has(value);
}

/** All that is left of a task that ended long ago: it is not run again, and nobody can say what came of it. */
export type EndedTask = 'ended';

/** @param task null says that the keeper of the task's partition does not know it */
export function recalledText(task: RecalledTask | EndedTask | null): string {
  return JSON.stringify(task);
}

/** Null for a task that is not known, and for what is no answer: anybody on the server may send it. */
export function parseRecalled(bytes: Uint8Array): RecalledTask | EndedTask | null {
  const text = decodeText(bytes);
  const json = text.ok ? parseJson(text.value) : text;
  if (json.ok && json.value === 'ended') return 'ended';
  if (!json.ok || typeof json.value !== 'object' || json.value === null) return null;
  const { status, accepted, question, result, updatedAtMs } = json.value as Record<string, unknown>;
  if (!isStatus(status) || typeof updatedAtMs !== 'number') return null;
  const beginning = validateData('task.accepted', accepted);
  const asked = question === null ? null : validateData('task.input.required', question);
  const end = result === null ? null : validateData('task.completed', { result });
  if (!beginning.ok || asked?.ok === false || end?.ok === false) return null;
  return {
    ...{ status, updatedAtMs, accepted: beginning.value },
    question: asked === null ? null : asked.value,
    result: end === null ? null : end.value.result,
  };
}

/** The task as its facts would show it, without what happened on the way. */
export function recalledView(taskId: string, task: RecalledTask): TaskView {
  const { prompt, workflow = null, caller = null, key = null, fork = null, conversation = null } = task.accepted;
  const { status, updatedAtMs, result } = task;
  // A question without a name is the only one that can be meant.
  const question = task.question === null ? null : { questionId: '', ...task.question };
  const begun = { ...emptyView(taskId), prompt, workflow, caller, key, fork, conversation, status, question };
  const view: TaskView = { ...begun, startedAtMs: updatedAtMs, updatedAtMs };
  return result === null || !isEnded(status) ? view : { ...view, ...viewOfResult(view, result) };
}
