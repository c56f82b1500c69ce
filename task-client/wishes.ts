/**
 * What a caller wishes of a task beside its prompt: its time, its priority, and whether it waits for the model. Owns: finding
 * it of a task that is in the log, and comparing it. Does not own: what wishes mean (the orchestrator and the queues).
 */
import type { Bus } from '../bus/port.ts';
import { validateData } from '../schemas/events/envelope.ts';
import { factsIn } from '../schemas/events/fact.ts';
import type { TaskSubmittedData } from '../schemas/events/generated.ts';
import { eventsBehind } from '../schemas/events/journal.ts';
import { factSubject } from '../schemas/events/subjects.ts';
import { lastMessage } from './last-message.ts';
import { isNamed } from './requests.ts';

export type Wishes = Pick<TaskSubmittedData, 'deadlineMs' | 'priority' | 'waitForModel'>;

export function wishesIn({ deadlineMs, priority, waitForModel }: Wishes): Wishes {
  return {
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...(priority === undefined ? {} : { priority }),
    ...(waitForModel === undefined ? {} : { waitForModel }),
  };
}

/** As the task was submitted, in the record that its first fact rests on; null when that has left the log. */
export async function wishesOf(bus: Bus, correlationId: string): Promise<Wishes | null> {
  const message = await lastMessage(bus, factSubject(correlationId), (one) =>
    factsIn(one).some(({ event }) => isNamed(event, 'task.accepted')),
  );
  const behind = message === null ? [] : await eventsBehind(bus, message, correlationId);
  const submitted = behind.find(({ type }) => type === 'dev.agentmesh.task.submitted.v1');
  const data = submitted === undefined ? null : validateData('task.submitted', submitted.data);
  return data?.ok ? wishesIn(data.value) : null;
}

/**
 * What a caller wishes that the task does not have, in words; null when there is nothing. What a call does not say is as
 * the task has it: who only wants to know how it ended need not repeat it all.
 */
export function unlike(task: Wishes, { deadlineMs, priority, waitForModel }: Wishes): string | null {
  if (deadlineMs !== undefined && deadlineMs !== task.deadlineMs)
    return `another time limit (${task.deadlineMs === undefined ? 'the mesh’s own' : `${task.deadlineMs} ms`})`;
  if (priority !== undefined && priority !== (task.priority ?? 'normal'))
    return `another priority (${task.priority ?? 'normal'})`;
  if (waitForModel !== undefined && waitForModel !== (task.waitForModel ?? false))
    return task.waitForModel === true ? 'the wish to wait for the model' : 'no wish to wait for the model';
  return null;
}
