/**
 * A task as its machine remembers it, for somebody who finds no facts of it in the log any more. Owns: reading the
 * snapshot. Does not own: keeping it, or asking.
 */
import type { TaskAcceptedData } from '../../../schemas/events/generated.ts';
import type { RecalledTask } from '../../../schemas/events/recalled-task.ts';
import type { TaskStatus } from '../../../schemas/events/task-view.ts';
import type { TaskContext } from './context.ts';
import { requiredData } from './questions.ts';
import { resultOf } from './result.ts';

/** States of the task machine; inside of `working` a task runs. */
const statuses: Readonly<Record<string, TaskStatus>> = {
  asking: 'input_required',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
};

/**
 * @param snapshot of the task machine
 * @returns null for a task that was not submitted yet
 */
export function recalledTask(
  { value, context }: { readonly value: unknown; readonly context: TaskContext },
  updatedAtMs: number,
): RecalledTask | null {
  if (value === 'waiting') return null;
  const status = (typeof value === 'string' ? statuses[value] : undefined) ?? 'running';
  const { question } = context;
  const isOver = status !== 'running' && status !== 'input_required';
  return {
    ...{ status, updatedAtMs, accepted: acceptedOf(context) },
    question: question === null ? null : requiredData(question),
    result: isOver ? resultOf(context) : null,
  };
}

function acceptedOf({ prompt, wish, caller, key, fork }: TaskContext): TaskAcceptedData {
  return {
    prompt,
    ...(wish === null ? {} : { workflow: wish }),
    ...(caller === null ? {} : { caller }),
    ...(key === undefined ? {} : { key }),
    ...(fork === undefined ? {} : { fork: fork.origin }),
  };
}
