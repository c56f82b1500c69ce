/**
 * Calls about one task. Owns: how a call becomes a request in the log, and which fact answers it. Does not own: the task;
 * everything said here is read from the log, so that a gateway that is killed loses nothing.
 *
 * Invariants:
 * 1. A call that is repeated with the same correlation id is the same task (S5): it attaches to what the log holds, and
 *    what it may write again has the same id.
 * 2. Nothing is told before the log told it.
 */
import { BEGINNING, isAfter } from '../../schemas/events/fact.ts';
import type { Conversation, Priority, TaskSubmittedData } from '../../schemas/events/generated.ts';
import { newCorrelationId } from '../../schemas/events/ids.ts';
import { isEnded, type TaskView } from '../../schemas/events/task-view.ts';
import { checkId, maySee, openTask } from './access.ts';
import { invalidField, MeshError, unknownTask } from './errors.ts';
import { forkOf } from './fork.ts';
import type { CallContext, GatewayPorts } from './ports.ts';
import { checkData, isNamed, publishRequest } from './requests.ts';
import type { TaskFeed, TaskFeeds } from './task-feed.ts';
import { Traced } from './tracing.ts';

export interface Submission {
  readonly prompt: string;
  readonly workflow?: string;
  /** Chosen by the caller, so that it can call again; made here when absent. */
  readonly correlationId?: string;
  /** Time the mesh may work on the task, milliseconds. */
  readonly timeLimitMs?: number;
  readonly priority?: Priority;
  /** Rather wait for the language model than have an answer without it. */
  readonly waitForModel?: boolean;
  /** The A2A message it comes in. */
  readonly conversation?: Conversation;
}

export interface ForkOrder {
  readonly correlationId: string;
  /** Counted from 1. */
  readonly hop: number;
  readonly prompt?: string;
  readonly newCorrelationId?: string;
}

/** A task as it is now, and where in the log that is. */
export interface TaskNow {
  readonly view: TaskView;
  /** For `watch`. */
  readonly cursor: string;
  readonly traceparent: string | null;
}

/** A mesh that works takes a request in milliseconds; what is not taken by then may still be taken later. */
const TAKEN_WITHIN_MS = 20_000;
const RETRY_AFTER_MS = 1000;
/** After it the keeper of tasks is asked whether it knows the task from before. */
const SILENCE_MS = 500;

/** True when nothing more happens without a person. */
export function isSettled(view: TaskView): boolean {
  return isEnded(view.status) || view.status === 'input_required';
}

function isAccepted(view: TaskView): boolean {
  return view.startedAtMs > 0;
}

/** The task of a call: of the answer, else as the caller named it. */
function idIn(named: string | undefined): (answer: TaskNow | null) => string | null {
  return (answer) => answer?.view.taskId ?? named ?? null;
}

export class Tasks {
  readonly #ports: GatewayPorts;
  readonly #feeds: TaskFeeds;
  readonly #traced: Traced;

  constructor(ports: GatewayPorts, feeds: TaskFeeds) {
    this.#ports = ports;
    this.#feeds = feeds;
    this.#traced = new Traced(ports.tracing);
  }

  /**
   * Answers when the task has ended or asks a person.
   * @param onId told the id of the task at once, when it was made here
   */
  async run(submission: Submission, context: CallContext, onId?: (correlationId: string) => void): Promise<TaskNow> {
    return this.#traced.call('run', context, idIn(submission.correlationId), () =>
      this.#begun(submission, context, onId, isSettled),
    );
  }

  /** Answers when the mesh has the task on disk. */
  async submit(submission: Submission, context: CallContext, onId?: (correlationId: string) => void): Promise<TaskNow> {
    return this.#traced.call('submit', context, idIn(submission.correlationId), () =>
      this.#begun(submission, context, onId, isAccepted),
    );
  }

  /** Also a task whose facts have left the log, with what is kept of it. */
  get(correlationId: string, context: CallContext): Promise<TaskNow> {
    return this.#traced.call('get', context, idIn(correlationId), () => this.#get(correlationId, context));
  }

  async #get(correlationId: string, context: CallContext): Promise<TaskNow> {
    checkId(correlationId);
    const feed = await this.#feeds.open(correlationId);
    feed.close();
    const now = feed.isKnown ? this.#now(feed) : await this.#kept(feed);
    if (now === null || !maySee(context.caller, now.view)) throw unknownTask(correlationId);
    return now;
  }

  /** Stops a task; one that has ended stays as it is. `view.status` tells which. */
  cancel(correlationId: string, reason: string | undefined, context: CallContext): Promise<TaskNow> {
    return this.#traced.call('cancel', context, idIn(correlationId), () =>
      this.#cancel(correlationId, reason, context),
    );
  }

  async #cancel(correlationId: string, reason: string | undefined, context: CallContext): Promise<TaskNow> {
    const feed = await openTask(this.#feeds, correlationId, context.caller, { steer: true });
    try {
      if (!isEnded(feed.view.status)) {
        const data = reason === undefined || reason === '' ? {} : { reason };
        const request = { name: 'task.cancel.requested', data, discriminator: reason ?? '' } as const;
        await publishRequest(this.#ports.bus, correlationId, request, context.traceparent);
        await this.#taken(feed, (view) => isEnded(view.status), context);
      }
      return this.#now(feed);
    } finally {
      feed.close();
    }
  }

  /**
   * Answers the open question. The same answer again, after it was taken, changes nothing.
   * @param messageId of the A2A message that it comes in
   */
  respond(correlationId: string, text: string, context: CallContext, messageId?: string): Promise<TaskNow> {
    return this.#traced.call('respond', context, idIn(correlationId), () =>
      this.#respond(correlationId, text, context, messageId),
    );
  }

  async #respond(
    correlationId: string,
    text: string,
    context: CallContext,
    messageId: string | undefined,
  ): Promise<TaskNow> {
    let asked = { id: '', place: BEGINNING };
    let taken = { text: '', place: BEGINNING };
    const feed = await openTask(this.#feeds, correlationId, context.caller, {
      steer: true,
      onFact: (fact) => {
        const { event } = fact;
        if (isNamed(event, 'task.input.required')) asked = { id: event.id, place: fact };
        if (isNamed(event, 'task.input.accepted')) taken = { text: event.data.text, place: fact };
      },
    });
    try {
      const isTaken = isAfter(taken.place, asked.place) && taken.text === text;
      if (feed.view.question === null && isTaken) return this.#now(feed);
      if (feed.view.question === null) {
        throw new MeshError('failed_precondition', 'NOTHING_ASKED', `the task asks nothing; it is ${feed.view.status}`);
      }
      const question = asked;
      // The question is part of the id: the same answer to a later question is another request.
      const data = { text, ...(messageId === undefined ? {} : { messageId }) };
      const request = { name: 'task.input.provided', data, discriminator: `${question.id}/${text}` } as const;
      await publishRequest(this.#ports.bus, correlationId, request, context.traceparent);
      await this.#taken(feed, (view) => isAfter(taken.place, question.place) || isEnded(view.status), context);
      return this.#now(feed);
    } finally {
      feed.close();
    }
  }

  /** Runs a task again from one of its hops, as a new task; answers when the mesh has that on disk. */
  fork(order: ForkOrder, context: CallContext, onId?: (correlationId: string) => void): Promise<TaskNow> {
    return this.#traced.call('fork', context, idIn(order.newCorrelationId), () => this.#fork(order, context, onId));
  }

  async #fork(
    order: ForkOrder,
    context: CallContext,
    onId: ((correlationId: string) => void) | undefined,
  ): Promise<TaskNow> {
    const source = await this.#get(order.correlationId, context);
    const { fork, workflow } = await forkOf(this.#ports.bus, source.view, order.hop);
    const data: TaskSubmittedData = {
      prompt: order.prompt ?? source.view.prompt,
      workflow,
      caller: context.caller.name,
      fork,
    };
    const task = { id: order.newCorrelationId, idField: 'new_correlation_id', data };
    return this.#submitted(task, context, onId, isAccepted);
  }

  async #begun(
    { prompt, workflow, correlationId, timeLimitMs, priority, waitForModel, conversation }: Submission,
    context: CallContext,
    onId: ((correlationId: string) => void) | undefined,
    isEnough: (view: TaskView) => boolean,
  ): Promise<TaskNow> {
    if (workflow !== undefined) await this.#checkWorkflow(workflow);
    const data: TaskSubmittedData = {
      prompt,
      caller: context.caller.name,
      ...(workflow === undefined ? {} : { workflow }),
      ...(timeLimitMs === undefined ? {} : { deadlineMs: timeLimitMs }),
      ...(priority === undefined ? {} : { priority }),
      ...(waitForModel === undefined ? {} : { waitForModel }),
      ...(conversation === undefined ? {} : { conversation }),
    };
    return this.#submitted({ id: correlationId, idField: 'correlation_id', data }, context, onId, isEnough);
  }

  /** Attaches to the task when the log knows it, submits it when not, and waits. */
  async #submitted(
    task: { readonly id: string | undefined; readonly idField: string; readonly data: TaskSubmittedData },
    context: CallContext,
    onId: ((correlationId: string) => void) | undefined,
    isEnough: (view: TaskView) => boolean,
  ): Promise<TaskNow> {
    const { data } = task;
    if (task.id !== undefined) checkId(task.id, task.idField);
    checkData('task.submitted', data);
    const correlationId = task.id ?? newCorrelationId();
    const feed = await this.#feeds.open(correlationId, { isNew: task.id === undefined });
    try {
      if (feed.isKnown) checkSame(feed.view, data, context);
      // Who chose the id has it already, and does not wait for being told.
      if (task.id === undefined) onId?.(correlationId);
      if (!feed.isKnown) {
        const request = { name: 'task.submitted', data, discriminator: '' } as const;
        await publishRequest(this.#ports.bus, correlationId, request, context.traceparent);
        const kept = await this.#keptInstead(feed, context);
        if (kept !== null) checkSame(kept.view, data, context);
        if (kept !== null && isEnough(kept.view)) return kept;
        if (kept === null) await this.#taken(feed, isAccepted, context);
      }
      await feed.until(isEnough, context);
      // Somebody else may have taken the id between our look and our submission.
      checkSame(feed.view, data, context);
      return this.#now(feed);
    } finally {
      feed.close();
    }
  }

  /**
   * A submission that nothing says a word about for a while may be of a task that ran once and has left the log: the
   * orchestrator knows its id, does nothing twice, and does not tell again what it told then.
   */
  async #keptInstead(feed: TaskFeed, context: CallContext): Promise<TaskNow | null> {
    const silence = new MeshError('unavailable', 'SILENCE', 'nothing was heard of the task yet');
    try {
      await feed.until(() => feed.isKnown, context, { ms: SILENCE_MS, error: () => silence });
      return null;
    } catch (error) {
      if (error !== silence) throw error;
    }
    const kept = await this.#kept(feed);
    return feed.isKnown ? null : kept;
  }

  async #kept(feed: TaskFeed): Promise<TaskNow | null> {
    const view = await this.#feeds.recall(feed.correlationId);
    return view === null ? null : { view, cursor: this.#feeds.cursorOf(feed), traceparent: null };
  }

  async #checkWorkflow(workflow: string): Promise<void> {
    const { workflows } = await this.#ports.catalog();
    if (workflows.has(workflow)) return;
    throw invalidField(
      'workflow',
      `there is no workflow ${workflow}; choose one of ${[...workflows.keys()].join(', ')}`,
    );
  }

  /** Waits for the fact that shows that a request was taken. */
  async #taken(feed: TaskFeed, wanted: (view: TaskView) => boolean, context: CallContext): Promise<void> {
    const error = (): MeshError =>
      new MeshError(
        'unavailable',
        'NOT_TAKEN_YET',
        `the request is in the log, but nothing has taken it within ${TAKEN_WITHIN_MS / 1000} s; call again, it is not done twice`,
        { retryAfterMs: RETRY_AFTER_MS, metadata: { correlation_id: feed.correlationId } },
      );
    await feed.until(wanted, context, { ms: TAKEN_WITHIN_MS, error });
  }

  #now(feed: TaskFeed): TaskNow {
    return { view: feed.view, cursor: this.#feeds.cursorOf(feed), traceparent: feed.traceparent };
  }
}

/** The same id must mean the same task. What has left the log cannot be compared. */
function checkSame(view: TaskView, data: TaskSubmittedData, { caller }: CallContext): void {
  const taken = (what: string): MeshError =>
    new MeshError('already_exists', 'ID_TAKEN', `this correlation id is taken by ${what}; choose another`, {
      metadata: { correlation_id: view.taskId },
    });
  if (!maySee(caller, view)) throw taken('a task of somebody else');
  if (view.prompt === '') return;
  if (view.caller !== (data.caller ?? null)) throw taken(`a task of ${view.caller ?? 'somebody else'}`);
  if (view.prompt !== data.prompt) throw taken('a task with another prompt');
  if (view.workflow !== (data.workflow ?? null)) throw taken('a task with another workflow');
  const origin = data.fork?.origin;
  if (view.fork?.correlationId !== origin?.correlationId || view.fork?.hop !== origin?.hop) {
    throw taken('a task that runs another one again, or from another hop');
  }
}
