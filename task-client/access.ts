/**
 * Whose task is it. Owns: finding a task for a caller who may see it. Does not own: who the caller is.
 *
 * A task of somebody else and one that does not exist get the same answer. What an id tells all the same: who submits a
 * task under an id that is taken hears that it is (ID_TAKEN), since there is one space of ids for all.
 */
import type { Fact } from '../schemas/events/fact.ts';
import { isCorrelationId, whyNoId } from '../schemas/events/subjects.ts';
import type { TaskView } from '../schemas/events/task-view.ts';
import { type Caller, isAdmin, seesAll } from './caller.ts';
import { invalidField, MeshError, unknownTask } from './errors.ts';
import { expired } from './recall.ts';
import type { TaskFeed, TaskFeeds } from './task-feed.ts';

export function maySee(caller: Caller, view: TaskView): boolean {
  return seesAll(caller) || view.caller === caller.name;
}

function maySteer(caller: Caller, view: TaskView): boolean {
  return isAdmin(caller) || view.caller === caller.name;
}

/** Of whoever sees the task. @throws MeshError NOT_YOUR_TASK */
export function checkSteers(caller: Caller, view: TaskView): void {
  if (maySteer(caller, view)) return;
  throw new MeshError(
    'permission_denied',
    'NOT_YOUR_TASK',
    `the task ${view.taskId} belongs to ${view.caller ?? 'nobody known'}; only its caller or an admin may change it`,
  );
}

/** @throws MeshError that names the field */
export function checkId(correlationId: string, field = 'correlation_id'): void {
  if (!isCorrelationId(correlationId)) throw invalidField(field, whyNoId(correlationId));
}

/**
 * The feed of a task that is in the log and that the caller may see; with `steer` also change.
 * @throws MeshError; TASK_EXPIRED when the task is known, but its facts have left the log
 */
export async function openTask(
  feeds: TaskFeeds,
  correlationId: string,
  caller: Caller,
  options: { readonly steer?: boolean; readonly onFact?: (fact: Fact, view: TaskView) => void } = {},
): Promise<TaskFeed> {
  checkId(correlationId);
  const feed = await feeds.open(correlationId, options.onFact === undefined ? {} : { onFact: options.onFact });
  try {
    if (!feed.isKnown || !maySee(caller, feed.view)) throw await absent(feeds, correlationId, caller);
    if (options.steer === true) checkSteers(caller, feed.view);
    return feed;
  } catch (error) {
    feed.close();
    throw error;
  }
}

/** What a caller is told of a task of which the log holds nothing that they may see. Its keeper is asked either way. */
export async function absent(feeds: TaskFeeds, correlationId: string, caller: Caller): Promise<MeshError> {
  const kept = await feeds.recall(correlationId);
  return kept !== null && maySee(caller, kept) ? expired(kept) : unknownTask(correlationId);
}
