/**
 * Calls about one task. Owns: how a call becomes a request in the log, and which fact answers it. Does not own: the task;
 * everything said here is read from the log, so that a gateway that is killed loses nothing.
 *
 * Invariants:
 * 1. A call that is repeated with the same correlation id is the same task (S5): it attaches to what the log holds, and
 *    what it may write again has the same id.
 * 2. Nothing is told before the log told it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { BusError } from '../bus/port.ts';
import type { Fact } from '../schemas/events/fact.ts';
import type { Conversation, DataByName, Priority, TaskSubmittedData } from '../schemas/events/generated.ts';
import { correlationIdOfKey, newCorrelationId } from '../schemas/events/ids.ts';
import { isEnded, type TaskView } from '../schemas/events/task-view.ts';
import { checkId, checkSteers, maySee, openTask } from './access.ts';
import {
  type AnswerOrder,
  answerOf,
  forPeople,
  nothingAsked,
  quarantined,
  type ShownQuestions,
  verdictOn,
} from './answers.ts';
import type { Caller } from './caller.ts';
import { callerLeft, invalidField, MeshError, toMeshError, unknownTask } from './errors.ts';
import { type ForkInput, forkOf } from './fork.ts';
import type { CallContext, ClientPorts } from './ports.ts';
import type { RefusedMessages } from './refused-messages.ts';
import { bytesOf, checkData, publishRequest, type RequestName } from './requests.ts';
import type { TaskFeed, TaskFeeds } from './task-feed.ts';
import { type AboutTask, Traced, taskNamed } from './tracing.ts';

export interface Submission {
  readonly prompt: string;
  readonly workflow?: string;
  /** Chosen by the caller, so that it can call again; made here when absent. */
  readonly correlationId?: string;
  /** In its place, the caller's own name of the task. */
  readonly key?: string;
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
  /** What the hop is to be given otherwise than before. */
  readonly input?: ForkInput;
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
/** A log that is away is asked for again after this time. */
const REOPEN_MS = 250;
/** After it the keeper of tasks is asked whether it knows the task from before, and again while what it says is no answer. */
const SILENCE_MS = 500;
/** The keeper knows a task before the log tells of it: one that goes on and is younger than this is not from before. */
const UNTOLD_MS_MAX = 10_000;

/** True when nothing more happens without a person. */
export function isSettled(view: TaskView): boolean {
  return isEnded(view.status) || view.status === 'input_required';
}

function isAccepted(view: TaskView): boolean {
  return view.startedAtMs > 0;
}

/** It was taken a moment ago, and the log does not tell of it yet. */
function isUntold(view: TaskView): boolean {
  return !isEnded(view.status) && Date.now() - view.updatedAtMs < UNTOLD_MS_MAX;
}

/** The task of a call: of the answer, else as the caller named it. */
function taskIn(named: string | undefined): (answer: TaskNow | null) => AboutTask | null {
  return (answer) =>
    answer === null ? taskNamed(named) : { correlationId: answer.view.taskId, traceparent: answer.traceparent };
}

/** What the calls of one client share. */
interface Memory {
  readonly refused: RefusedMessages;
  readonly shown: ShownQuestions;
  /** Tasks of a caller that have not ended. */
  readonly unfinishedOf: (caller: string) => Promise<number>;
}

export class Tasks {
  readonly #ports: ClientPorts;
  readonly #feeds: TaskFeeds;
  readonly #refused: RefusedMessages;
  readonly #shown: ShownQuestions;
  readonly #unfinishedOf: Memory['unfinishedOf'];
  readonly #traced: Traced;

  constructor(ports: ClientPorts, feeds: TaskFeeds, memory: Memory) {
    this.#ports = ports;
    this.#feeds = feeds;
    this.#refused = memory.refused;
    this.#shown = memory.shown;
    this.#unfinishedOf = memory.unfinishedOf;
    this.#traced = new Traced(ports.tracing);
  }

  /**
   * Answers when the task has ended or asks a person.
   * @param onId told the id of the task at once, when it was made here
   */
  async run(submission: Submission, context: CallContext, onId?: (correlationId: string) => void): Promise<TaskNow> {
    return this.#traced.call('run', context, taskIn(submission.correlationId), () =>
      this.#begun(submission, context, onId, isSettled),
    );
  }

  /** Answers when the mesh has the task on disk. */
  async submit(submission: Submission, context: CallContext, onId?: (correlationId: string) => void): Promise<TaskNow> {
    return this.#traced.call('submit', context, taskIn(submission.correlationId), () =>
      this.#begun(submission, context, onId, isAccepted),
    );
  }

  /** Also a task whose facts have left the log, with what is kept of it. The caller sees it, and what it asks. */
  async get(correlationId: string, context: CallContext): Promise<TaskNow> {
    return this.#showing(await this.peek(correlationId, context), context);
  }

  /** The same for a door that looks for itself: what the task asks does not count as shown to the caller. */
  peek(correlationId: string, context: CallContext): Promise<TaskNow> {
    return this.#traced.call('get', context, taskIn(correlationId), () => this.#get(correlationId, context));
  }

  /** The same for a door that changes something of the task itself. @throws MeshError NOT_YOUR_TASK */
  async peekToSteer(correlationId: string, context: CallContext): Promise<TaskNow> {
    const now = await this.peek(correlationId, context);
    checkSteers(context.caller, now.view);
    return now;
  }

  /**
   * Whether a submission could be taken, as far as can be said without the mesh; nothing is written.
   * @throws MeshError
   */
  async check({ workflow, ...submission }: Submission, context: CallContext): Promise<void> {
    if (workflow !== undefined) await this.#checkWorkflow(workflow);
    checkData('task.submitted', dataOf({ ...submission, ...(workflow === undefined ? {} : { workflow }) }, context));
  }

  async #get(correlationId: string, context: CallContext): Promise<TaskNow> {
    checkId(correlationId);
    const feed = await this.#feeds.open(correlationId);
    feed.close();
    const now = feed.isKnown ? this.#now(feed) : await this.#kept(feed);
    if (now === null || !maySee(context.caller, now.view)) throw unknownTask(correlationId);
    return now;
  }

  /**
   * Tells every fact of a task once, in order, and answers when the task is as wanted after a whole message: what was
   * asked and answered before is not taken for what is asked now. A log that breaks off is opened again.
   */
  async follow(
    correlationId: string,
    context: CallContext,
    how: { readonly until: (view: TaskView) => boolean; readonly onFact: (fact: Fact, view: TaskView) => void },
  ): Promise<TaskNow> {
    const heard = new Set<string>();
    const onFact = (fact: Fact, view: TaskView): void => {
      if (heard.has(fact.event.id)) return;
      heard.add(fact.event.id);
      how.onFact(fact, view);
    };
    for (;;) {
      const feed = await this.#reopened(correlationId, context, onFact);
      try {
        await feed.until(how.until, context);
        return this.#showing(this.#now(feed), context);
      } catch (thrown) {
        if (!isPassing(thrown)) throw thrown;
      } finally {
        feed.close();
      }
    }
  }

  async #reopened(
    correlationId: string,
    context: CallContext,
    onFact: (fact: Fact, view: TaskView) => void,
  ): Promise<TaskFeed> {
    for (;;) {
      try {
        return await openTask(this.#feeds, correlationId, context.caller, { onFact });
      } catch (thrown) {
        if (!isPassing(thrown)) throw thrown;
        await sleep(REOPEN_MS, undefined, { signal: context.signal }).catch(() => {
          throw callerLeft(context.signal);
        });
      }
    }
  }

  /** Stops a task; one that has ended stays as it is. `view.status` tells which. */
  cancel(correlationId: string, reason: string | undefined, context: CallContext): Promise<TaskNow> {
    return this.#traced.call('cancel', context, taskIn(correlationId), () =>
      this.#cancel(correlationId, reason, context),
    );
  }

  async #cancel(correlationId: string, reason: string | undefined, context: CallContext): Promise<TaskNow> {
    const feed = await openTask(this.#feeds, correlationId, context.caller, { steer: true });
    try {
      if (!isEnded(feed.view.status)) {
        const data = reason === undefined || reason === '' ? {} : { reason };
        const request = { name: 'task.cancel.requested', data, discriminator: reason ?? '' } as const;
        // Never kept back by a share: it makes room.
        await this.#requested(feed, request, (view) => isEnded(view.status), context);
      }
      return this.#now(feed);
    } finally {
      feed.close();
    }
  }

  /**
   * Answers a question, and returns when the task has taken the answer. The same answer again changes nothing.
   * @throws MeshError when it is not taken: NOT_A_CHOICE, OTHER_QUESTION, QUESTION_NOT_NAMED, ANSWERED_ALREADY (with who
   * answered what), NOTHING_ASKED or FOR_PEOPLE
   */
  respond(order: AnswerOrder, context: CallContext): Promise<TaskNow> {
    return this.#traced.call('respond', context, taskIn(order.correlationId), () => this.#respond(order, context));
  }

  async #respond(order: AnswerOrder, context: CallContext): Promise<TaskNow> {
    const { correlationId } = order;
    const { caller } = context;
    const feed = await openTask(this.#feeds, correlationId, caller, { steer: true });
    try {
      const answer = answerOf(order, feed.view, caller, this.#shown.of(caller, correlationId));
      if (verdictOn(feed.view, answer) === null) {
        if (feed.view.question === null) throw nothingAsked(feed.view);
        if (context.door === 'mcp' && feed.view.question.reason === 'consent') throw forPeople(feed.view);
        const { messageId, questionId, text, about } = answer;
        const data = { text, messageId, caller: caller.name, ...(questionId === null ? {} : { questionId }) };
        const request = { name: 'task.input.provided', data, discriminator: `${messageId}/${about}/${text}` } as const;
        await this.#ports.shares?.write(caller, bytesOf(data));
        await this.#requested(feed, request, (view) => verdictOn(view, answer) !== null, context);
      }
      const verdict = verdictOn(feed.view, answer);
      if (verdict instanceof MeshError) throw verdict;
      return this.#showing(this.#now(feed), context);
    } finally {
      feed.close();
    }
  }

  /** Runs a task again from one of its hops, as a new task; answers when the mesh has that on disk. */
  fork(order: ForkOrder, context: CallContext, onId?: (correlationId: string) => void): Promise<TaskNow> {
    return this.#traced.call('fork', context, taskIn(order.newCorrelationId), () => this.#fork(order, context, onId));
  }

  async #fork(
    order: ForkOrder,
    context: CallContext,
    onId: ((correlationId: string) => void) | undefined,
  ): Promise<TaskNow> {
    const source = await this.#get(order.correlationId, context);
    // What the hops had made goes on in another task, which may do things again: that is not looking.
    checkSteers(context.caller, source.view);
    const data: TaskSubmittedData = {
      ...(await forkOf(this.#ports.bus, source, order)),
      caller: context.caller.name,
      ...(context.door === undefined ? {} : { door: context.door }),
    };
    const task = { id: order.newCorrelationId, idField: 'new_correlation_id', data };
    return this.#submitted(task, context, onId, isAccepted);
  }

  async #begun(
    submission: Submission,
    context: CallContext,
    onId: ((correlationId: string) => void) | undefined,
    isEnough: (view: TaskView) => boolean,
  ): Promise<TaskNow> {
    const { workflow, correlationId, key } = submission;
    if (workflow !== undefined) await this.#checkWorkflow(workflow);
    const data = dataOf(submission, context);
    const id = key === undefined ? correlationId : idOfKey(key, correlationId, context.caller);
    return this.#submitted({ id, idField: 'correlation_id', data }, context, onId, isEnough);
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
        const kept = await this.#withinShare(data, context, () => this.#submit(feed, data, context));
        if (kept !== null) checkSame(kept.view, data, context);
        if (kept !== null && isEnough(kept.view)) return kept;
      }
      await feed.until(isEnough, context);
      // Somebody else may have taken the id between our look and our submission.
      checkSame(feed.view, data, context);
      return this.#showing(this.#now(feed), context);
    } finally {
      feed.close();
    }
  }

  /** @throws MeshError resource_exhausted, before anything is written */
  async #withinShare<T>(data: TaskSubmittedData, { caller }: CallContext, submit: () => Promise<T>): Promise<T> {
    const { shares } = this.#ports;
    if (shares === undefined) return submit();
    const over = await shares.begin(caller, bytesOf(data), () => this.#unfinishedOf(caller.name));
    try {
      return await submit();
    } finally {
      over();
    }
  }

  /**
   * Writes a submission and waits until it is taken. One that nothing says a word about for a while may be of a task that
   * ran once and has left the log: the orchestrator knows its id, does nothing twice, and does not tell again what it told
   * then. Returns that task; null when the log tells of it.
   */
  async #submit(feed: TaskFeed, data: TaskSubmittedData, context: CallContext): Promise<TaskNow | null> {
    const request = { name: 'task.submitted', data, discriminator: '' } as const;
    let kept: TaskNow | null = null;
    let isSilent = true;
    let silence: NodeJS.Timeout;
    const ask = (): void => {
      void this.#kept(feed)
        .then((found) => {
          if (!isSilent) return;
          if (found !== null && isUntold(found.view)) silence = setTimeout(ask, SILENCE_MS);
          else kept = found;
          feed.look();
        })
        .catch((error: unknown) => {
          if (isSilent) feed.fail(toMeshError(error));
        });
    };
    silence = setTimeout(ask, SILENCE_MS);
    try {
      await this.#requested(feed, request, (view) => isAccepted(view) || kept !== null, context);
    } finally {
      isSilent = false;
      clearTimeout(silence);
    }
    return feed.isKnown ? null : kept;
  }

  async #kept(feed: TaskFeed): Promise<TaskNow | null> {
    const view = await this.#feeds.recall(feed.correlationId);
    return view === null ? null : { view, cursor: this.#feeds.cursorOf(feed), traceparent: null };
  }

  async #checkWorkflow(workflow: string): Promise<void> {
    const { workflows } = (await this.#ports.catalog?.()) ?? {};
    if (workflows === undefined || workflows.has(workflow)) return;
    throw invalidField(
      'workflow',
      `there is no workflow ${workflow}; choose one of ${[...workflows.keys()].join(', ')}`,
    );
  }

  /**
   * Writes a request and waits for the fact that shows that it was taken.
   * @throws MeshError also when the mesh put it into quarantine
   */
  async #requested<N extends RequestName>(
    feed: TaskFeed,
    request: { readonly name: N; readonly data: DataByName[N]; readonly discriminator: string },
    wanted: (view: TaskView) => boolean,
    context: CallContext,
  ): Promise<void> {
    const { correlationId } = feed;
    await this.#refused.ready();
    const { seq } = await publishRequest(this.#ports.bus, correlationId, request, context.traceparent);
    let refusal: MeshError | null = null;
    const unlisten = this.#refused.listen(seq, (refused) => {
      refusal = quarantined(refused, correlationId);
      feed.look();
    });
    const error = (): MeshError => notTaken(feed.correlationId);
    const { takenWithinMs: ms = TAKEN_WITHIN_MS } = context;
    try {
      await feed.until((view) => refusal !== null || wanted(view), context, { ms, error });
    } finally {
      unlisten();
    }
    if (refusal !== null && !wanted(feed.view)) throw refusal;
  }

  /** What a caller is told counts as shown to that caller. */
  #showing(now: TaskNow, { caller }: CallContext): TaskNow {
    this.#shown.note(caller, now.view);
    return now;
  }

  #now(feed: TaskFeed): TaskNow {
    return { view: feed.view, cursor: this.#feeds.cursorOf(feed), traceparent: feed.traceparent };
  }
}

function dataOf(
  { prompt, workflow, key, timeLimitMs, priority, waitForModel, conversation }: Submission,
  { caller, door }: CallContext,
): TaskSubmittedData {
  return {
    prompt,
    caller: caller.name,
    ...(door === undefined ? {} : { door }),
    ...(workflow === undefined ? {} : { workflow }),
    ...(timeLimitMs === undefined ? {} : { deadlineMs: timeLimitMs }),
    ...(priority === undefined ? {} : { priority }),
    ...(waitForModel === undefined ? {} : { waitForModel }),
    ...(key === undefined ? {} : { key }),
    ...(conversation === undefined ? {} : { conversation }),
  };
}

function notTaken(correlationId: string): MeshError {
  return new MeshError(
    'unavailable',
    'NOT_TAKEN_YET',
    `the request is in the log, but nothing has taken it within ${TAKEN_WITHIN_MS / 1000} s; call again, it is not done twice`,
    { retryAfterMs: RETRY_AFTER_MS, metadata: { correlation_id: correlationId } },
  );
}

/** The log is away, or another one: whoever asks again hears it. */
function isPassing(thrown: unknown): boolean {
  const { reason, cause } = toMeshError(thrown);
  return reason === 'LOG_UNAVAILABLE' && !(cause instanceof BusError && cause.code === 'closed');
}

/** The task that a caller means by its own name. @throws MeshError when it says an id as well that is another task's */
function idOfKey(key: string, correlationId: string | undefined, { name }: Caller): string {
  const derived = correlationIdOfKey(name, key);
  if (correlationId === undefined || correlationId === derived) return derived;
  throw invalidField('key', 'and correlation_id name different tasks; send one of them');
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
  if (view.fork?.digest !== origin?.digest) throw taken('a task that begins with another input');
}
