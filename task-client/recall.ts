/**
 * A task whose facts have left the log. Owns: asking the host that keeps it, and what a caller is told who wants more
 * than is left. Does not own: how long it is kept.
 */
import type { Bus } from '../bus/port.ts';
import { parseRecalled, recalledView } from '../schemas/events/recalled-task.ts';
import { recallSubject } from '../schemas/events/subjects.ts';
import type { TaskView } from '../schemas/events/task-view.ts';
import { MeshError } from './errors.ts';
import { type Removed, removalNote } from './removal.ts';

/** The keeper answers in a millisecond, unless its process stands still; where nobody listens the server says so at once. */
const ANSWER_WITHIN_MS = 2000;
/** A host that went has a successor within its lease. */
const RETRY_AFTER_MS = 1000;
export const KEEPER_SILENT = 'KEEPER_SILENT';

/**
 * Null when its keeper knows nothing of it. While no host keeps its partition nobody can say that.
 * @throws MeshError when it is only known that it ended, or that it was removed; KEEPER_SILENT when its keeper does not answer
 * @throws BusError while the log is away
 */
export async function recall(bus: Bus, correlationId: string): Promise<TaskView | null> {
  const note = await removalNote(bus, correlationId);
  if (note !== null) throw removed(correlationId, note);
  const until = { answers: 1, limitMs: ANSWER_WITHIN_MS };
  const [answer] = await bus.askVolatile(recallSubject(correlationId), '', until);
  if (answer === undefined) throw silent(correlationId);
  const task = parseRecalled(answer);
  if (task === 'ended') throw forgotten(correlationId);
  return task === null ? null : recalledView(correlationId, task);
}

function silent(correlationId: string): MeshError {
  return new MeshError(
    'unavailable',
    KEEPER_SILENT,
    `the log holds nothing of task ${correlationId}, and the host that would remember it does not answer; call again when the agents run`,
    { retryAfterMs: RETRY_AFTER_MS, metadata: { correlation_id: correlationId } },
  );
}

function removed(correlationId: string, { at, status }: Removed): MeshError {
  return new MeshError(
    'failed_precondition',
    'TASK_REMOVED',
    `the trail of task ${correlationId} was removed on ${at}; it was ${status}, and is not run again: choose another id`,
    { metadata: { correlation_id: correlationId } },
  );
}

function forgotten(correlationId: string): MeshError {
  return new MeshError(
    'failed_precondition',
    'TASK_FORGOTTEN',
    `the task ${correlationId} ended long ago, and only that is still known; it is not run again, so choose another id`,
    { metadata: { correlation_id: correlationId } },
  );
}

export function expired({ taskId, status }: TaskView): MeshError {
  return new MeshError(
    'failed_precondition',
    'TASK_EXPIRED',
    `the events of the task ${taskId} have left the log; it is ${status}, and Get tells what is kept of it`,
    { metadata: { correlation_id: taskId } },
  );
}
