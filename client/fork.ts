/**
 * Running a task again from one of its hops. Owns: finding in the log what a hop was given. Does not own: the new task.
 *
 * What the orchestrator asked of a role at a hop carries everything that the hops before had made, so that one event is
 * the whole beginning of the new task.
 */
import type { Bus, StoredMessage } from '../bus/port.ts';
import { type MeshEvent, parseEvent, validateData } from '../schemas/events/envelope.ts';
import { factsIn } from '../schemas/events/fact.ts';
import type { TaskSubmittedData } from '../schemas/events/generated.ts';
import { eventsBehind } from '../schemas/events/journal.ts';
import { factSubject, taskInboxFilter } from '../schemas/events/subjects.ts';
import type { TaskView } from '../schemas/events/task-view.ts';
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

type HopRequest = Pick<MeshEvent<'hop.requested'>, 'data' | 'remainingloops'>;

/** As it was sent to a role elsewhere, or as it stands in the record that the beginning of the hop rests on. */
async function requestOfHop(bus: Bus, correlationId: string, hop: number): Promise<HopRequest | null> {
  return (await sentRequest(bus, correlationId, hop)) ?? (await recordedRequest(bus, correlationId, hop));
}

async function recordedRequest(bus: Bus, correlationId: string, hop: number): Promise<HopRequest | null> {
  const began = await lastMessage(bus, factSubject(correlationId), (message) =>
    factsIn(message).some(({ event }) => isNamed(event, 'hop.started') && event.data.index === hop),
  );
  if (began === null) return null;
  const events = await eventsBehind(bus, began, correlationId);
  const found = events.find(({ type, hopindex }) => type === 'dev.agentmesh.hop.requested.v1' && hopindex === hop);
  const data = found === undefined ? null : validateData('hop.requested', found.data);
  return data?.ok ? { data: data.value, remainingloops: found?.remainingloops ?? 0 } : null;
}

async function sentRequest(bus: Bus, correlationId: string, hop: number): Promise<HopRequest | null> {
  const isIt = (event: MeshEvent): event is MeshEvent<'hop.requested'> =>
    isNamed(event, 'hop.requested') && event.hopindex === hop;
  const message = await lastMessage(bus, taskInboxFilter(correlationId), ({ data }) => {
    const parsed = parseEvent(data);
    return parsed.ok && isIt(parsed.value);
  });
  const parsed = message === null ? null : parseEvent(message.data);
  return parsed?.ok && isIt(parsed.value) ? parsed.value : null;
}

async function lastMessage(
  bus: Bus,
  filter: string,
  isIt: (message: StoredMessage) => boolean,
): Promise<StoredMessage | null> {
  let found: StoredMessage | null = null;
  const reader = await bus.read({
    filter,
    fromSeq: 1,
    onMessage: (message) => {
      if (isIt(message)) found = message;
    },
  });
  try {
    await reader.caughtUp;
  } finally {
    void reader.stop();
  }
  return found;
}
