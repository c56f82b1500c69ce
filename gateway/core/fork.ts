/**
 * Running a task again from one of its hops. Owns: finding in the log what a hop was given. Does not own: the new task.
 *
 * What the orchestrator asked of a role at a hop carries everything that the hops before had made, so that one event is
 * the whole beginning of the new task.
 */
import type { Bus } from '../../bus/port.ts';
import { type MeshEvent, parseEvent } from '../../schemas/events/envelope.ts';
import type { TaskSubmittedData } from '../../schemas/events/generated.ts';
import { taskInboxFilter } from '../../schemas/events/subjects.ts';
import type { TaskView } from '../../schemas/events/task-view.ts';
import { invalidField, MeshError } from './errors.ts';
import { isNamed } from './requests.ts';

type Fork = NonNullable<TaskSubmittedData['fork']>;

/** @throws MeshError when the task has no such hop, or the log does not hold it any more */
export async function forkOf(bus: Bus, view: TaskView, hop: number): Promise<{ fork: Fork; workflow: string }> {
  if (view.route === null) {
    throw new MeshError('failed_precondition', 'NOT_ROUTED', `the task has no hops yet; it is ${view.status}`);
  }
  const known = view.hops.map(({ index }) => index);
  if (!known.includes(hop)) {
    throw invalidField('hop', known.length === 0 ? 'the task has no hops' : `the task has hops ${known.join(', ')}`);
  }
  const request = await requestOfHop(bus, view.taskId, hop);
  if (request === null) {
    throw new MeshError('failed_precondition', 'HOP_EXPIRED', `hop ${hop} has left the log`);
  }
  const { prompt: _prompt, ...artifacts } = request.data.input;
  const author = view.hops.findLast(
    (one) => one.index < hop && one.status === 'completed' && one.role !== 'reviewer' && one.engine !== '',
  );
  const fork: Fork = {
    origin: { correlationId: view.taskId, hop },
    step: request.data.step,
    remainingLoops: request.remainingloops,
    ...(author === undefined ? {} : { engine: author.engine }),
    artifacts,
  };
  return { fork, workflow: view.route.decision };
}

async function requestOfHop(bus: Bus, correlationId: string, hop: number): Promise<MeshEvent<'hop.requested'> | null> {
  let found: MeshEvent<'hop.requested'> | null = null;
  const reader = await bus.read({
    filter: taskInboxFilter(correlationId),
    fromSeq: 1,
    onMessage: ({ data }) => {
      const parsed = parseEvent(data);
      if (!parsed.ok || !isNamed(parsed.value, 'hop.requested') || parsed.value.hopindex !== hop) return;
      found = parsed.value;
    },
  });
  try {
    await reader.caughtUp;
  } finally {
    void reader.stop();
  }
  return found;
}
