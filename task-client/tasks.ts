/**
 * Calls about one task: what each of them asks, and which fact answers it. Does not own: the task, of which everything said
 * here is read from the log, so that a gateway that is killed loses nothing; submitting (`submissions.ts`), the judgement of
 * answers (`answers.ts`), or how a request is written (`asked.ts`).
 *
 * Invariant: nothing is told before the log told it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { BusError } from '../bus/port.ts';
import type { Fact } from '../schemas/events/fact.ts';
import type { TaskSubmittedData } from '../schemas/events/generated.ts';
import { isEnded, type TaskView } from '../schemas/events/task-view.ts';
import { checkId, checkSteers, maySee, openTask } from './access.ts';
import { type AnswerOrder, answerOf, forPeople, nothingAsked, type ShownQuestions, verdictOn } from './answers.ts';
import { Asked } from './asked.ts';
import { callerLeft, MeshError, taskEnded, toMeshError, unknownTask } from './errors.ts';
import { type ForkInput, forkOf } from './fork.ts';
import type { CallContext, CallerRecord, ClientPorts } from './ports.ts';
import type { RefusedMessages } from './refused-messages.ts';
import { bytesOf } from './requests.ts';
import { isAccepted, type NewTask, type Submission, Submissions } from './submissions.ts';
import type { TaskFeed, TaskFeeds, TaskNow } from './task-feed.ts';
import { type AboutTask, Traced, taskNamed } from './tracing.ts';

export interface ForkOrder {
  readonly correlationId: string;
  /** Counted from 1. */
  readonly hop: number;
  readonly prompt?: string;
  /** What the hop is to be given otherwise than before. */
  readonly input?: ForkInput;
  readonly newCorrelationId?: string;
}

/** A log that is away is asked for again after this time. */
const REOPEN_MS = 250;

/** True when nothing more happens without a person. */
export function isSettled(view: TaskView): boolean {
  return isEnded(view.status) || view.status === 'input_required';
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
  readonly recordOf: (caller: string) => CallerRecord;
}

export class Tasks {
  readonly #ports: ClientPorts;
  readonly #feeds: TaskFeeds;
  readonly #asked: Asked;
  readonly #submissions: Submissions;
  readonly #shown: ShownQuestions;
  readonly #recordOf: Memory['recordOf'];
  readonly #traced: Traced;

  constructor(ports: ClientPorts, feeds: TaskFeeds, { refused, shown, recordOf }: Memory) {
    this.#ports = ports;
    this.#feeds = feeds;
    this.#asked = new Asked(ports.bus, refused);
    this.#submissions = new Submissions({ ports, feeds, asked: this.#asked, recordOf });
    this.#recordOf = recordOf;
    this.#shown = shown;
    this.#traced = new Traced(ports.tracing);
  }

  /**
   * Answers when the task has ended or asks a person.
   * @param onId told the id of the task at once, when it was made here
   */
  async run(submission: Submission, context: CallContext, onId?: (correlationId: string) => void): Promise<TaskNow> {
    return this.#traced.call('run', context, taskIn(submission.correlationId), async () =>
      this.#showing(await this.#submissions.begun(submission, { context, onId, isEnough: isSettled }), context),
    );
  }

  /** Answers when the mesh has the task on disk. */
  async submit(submission: Submission, context: CallContext, onId?: (correlationId: string) => void): Promise<TaskNow> {
    return this.#traced.call('submit', context, taskIn(submission.correlationId), async () =>
      this.#showing(await this.#submissions.begun(submission, { context, onId, isEnough: isAccepted }), context),
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
  check(submission: Submission, context: CallContext): Promise<void> {
    return this.#submissions.check(submission, context);
  }

  async #get(correlationId: string, context: CallContext): Promise<TaskNow> {
    checkId(correlationId);
    const feed = await this.#feeds.open(correlationId);
    feed.close();
    if (feed.isKnown && maySee(context.caller, feed.view)) return this.#feeds.now(feed);
    const kept = await this.#feeds.kept(feed);
    if (kept === null || !maySee(context.caller, kept.view)) throw unknownTask(correlationId);
    return kept;
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
        return this.#showing(this.#feeds.now(feed), context);
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

  /**
   * Stops a task. Cancelling twice is no error.
   * @throws MeshError TASK_ENDED for one that ended another way, before the cancel or meanwhile: it was not cancelled
   */
  cancel(correlationId: string, reason: string | undefined, context: CallContext): Promise<TaskNow> {
    return this.#traced.call('cancel', context, taskIn(correlationId), () =>
      this.#cancel(correlationId, reason, context),
    );
  }

  async #cancel(correlationId: string, reason: string | undefined, context: CallContext): Promise<TaskNow> {
    const feed = await openTask(this.#feeds, correlationId, context.caller, { steer: true });
    try {
      if (!isEnded(feed.view.status)) {
        const data = await this.#reasonWithinShare(reason, context);
        const request = { name: 'task.cancel.requested', data, discriminator: data.reason ?? '' } as const;
        await this.#asked.of(feed, request, (view) => isEnded(view.status), context);
      }
      if (feed.view.status !== 'cancelled') throw taskEnded(feed.view);
      return this.#feeds.now(feed);
    } finally {
      feed.close();
    }
  }

  /**
   * A cancel is never kept back by a share, since it makes room. Of who has none left it goes without its reason: then it is
   * the same one every time, which the log stores once.
   */
  async #reasonWithinShare(reason = '', { caller }: CallContext): Promise<{ readonly reason?: string }> {
    if (reason === '') return {};
    try {
      await this.#ports.shares?.write(caller, bytesOf({ reason }), this.#recordOf(caller.name));
      return { reason };
    } catch (thrown) {
      if (thrown instanceof MeshError && thrown.code === 'resource_exhausted') return {};
      throw thrown;
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
      const answer = answerOf(order, feed.view, caller, this.#shown.of(context, correlationId));
      if (verdictOn(feed.view, answer) === null) {
        if (feed.view.question === null) throw nothingAsked(feed.view);
        if (context.door === 'mcp' && feed.view.question.reason === 'consent') throw forPeople(feed.view);
        const { messageId, questionId, text, about } = answer;
        const data = { text, messageId, caller: caller.name, ...(questionId === null ? {} : { questionId }) };
        const request = { name: 'task.input.provided', data, discriminator: `${messageId}/${about}/${text}` } as const;
        await this.#ports.shares?.write(caller, bytesOf(data), this.#recordOf(caller.name));
        await this.#asked.of(feed, request, (view) => verdictOn(view, answer) !== null, context);
      }
      const verdict = verdictOn(feed.view, answer);
      if (verdict instanceof MeshError) throw verdict;
      return this.#showing(this.#feeds.now(feed), context);
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
    const task: NewTask = { id: order.newCorrelationId, idField: 'new_correlation_id', data };
    return this.#showing(await this.#submissions.submitted(task, { context, onId, isEnough: isAccepted }), context);
  }

  /** What a caller is told counts as shown to that caller. */
  #showing(now: TaskNow, context: CallContext): TaskNow {
    this.#shown.note(context, now.view);
    return now;
  }
}

/** The log is away, or another one: whoever asks again hears it. */
function isPassing(thrown: unknown): boolean {
  const { reason, cause } = toMeshError(thrown);
  return reason === 'LOG_UNAVAILABLE' && !(cause instanceof BusError && cause.code === 'closed');
}
