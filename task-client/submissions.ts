/**
 * Submitting a task. Owns: what a submission says, whose id it has, and attaching to a task that is there already. Does not
 * own: what is asked of a task afterwards (`tasks.ts`), or the wire form of requests (`requests.ts`).
 *
 * Invariants:
 * 1. A submission that is repeated under its id or key is the same task (S5): it attaches to what the log holds, and what it
 *    may write again has the same id.
 * 2. What is not the same is refused, and nothing is passed over in silence: another caller, prompt, workflow, beginning, or
 *    a wish that the task does not have.
 */
import type { Conversation, Priority, TaskSubmittedData } from '../schemas/events/generated.ts';
import { correlationIdOfKey, newCorrelationId } from '../schemas/events/ids.ts';
import { isEnded, type TaskView } from '../schemas/events/task-view.ts';
import { checkId, maySee } from './access.ts';
import type { Asked } from './asked.ts';
import { type Caller, isAdmin } from './caller.ts';
import { invalidField, MeshError, toMeshError } from './errors.ts';
import type { CallContext, CallerRecord, ClientPorts } from './ports.ts';
import { KEEPER_SILENT } from './recall.ts';
import { bytesOf, checkData } from './requests.ts';
import type { TaskFeed, TaskFeeds, TaskNow } from './task-feed.ts';
import { unlike, wishesIn, wishesOf } from './wishes.ts';

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

/** A task to be made. */
export interface NewTask {
  /** Absent: it is made here. */
  readonly id: string | undefined;
  /** What a mistake in it is told by. */
  readonly idField: string;
  readonly data: TaskSubmittedData;
}

/** How a caller is answered. */
export interface Answering {
  readonly context: CallContext;
  /** Told the id of the task at once, when it was made here. */
  readonly onId: ((correlationId: string) => void) | undefined;
  /** The answer is the first view that is enough. */
  readonly isEnough: (view: TaskView) => boolean;
}

/** After it the keeper of tasks is asked whether it knows the task from before, and again while what it says is no answer. */
const SILENCE_MS = 500;
/** The keeper knows a task before the log tells of it: one that goes on and is younger than this is not from before. */
const UNTOLD_MS_MAX = 10_000;

export function isAccepted(view: TaskView): boolean {
  return view.startedAtMs > 0;
}

/** It was taken a moment ago, and the log does not tell of it yet. */
function isUntold(view: TaskView): boolean {
  return !isEnded(view.status) && Date.now() - view.updatedAtMs < UNTOLD_MS_MAX;
}

export interface SubmissionsOptions {
  readonly ports: ClientPorts;
  readonly feeds: TaskFeeds;
  readonly asked: Asked;
  readonly recordOf: (caller: string) => CallerRecord;
}

export class Submissions {
  readonly #options: SubmissionsOptions;

  constructor(options: SubmissionsOptions) {
    this.#options = options;
  }

  /**
   * Whether a submission could be taken, as far as can be said without the mesh; nothing is written.
   * @throws MeshError
   */
  async check(submission: Submission, context: CallContext): Promise<void> {
    const { workflow } = submission;
    if (workflow !== undefined) await this.#checkWorkflow(workflow);
    checkData('task.submitted', dataOf(submission, context));
  }

  async begun(submission: Submission, answering: Answering): Promise<TaskNow> {
    const { context } = answering;
    const { workflow, correlationId, key } = submission;
    if (workflow !== undefined) await this.#checkWorkflow(workflow);
    const id = key === undefined ? correlationId : idOfKey(key, correlationId, context.caller);
    return this.submitted({ id, idField: 'correlation_id', data: dataOf(submission, context) }, answering);
  }

  /** Attaches to the task when the log knows it, submits it when not, and waits. */
  async submitted({ id, idField, data }: NewTask, { context, onId, isEnough }: Answering): Promise<TaskNow> {
    const { ports, feeds } = this.#options;
    if (id !== undefined) checkId(id, idField);
    checkData('task.submitted', data);
    const correlationId = id ?? newCorrelationId();
    const feed = await feeds.open(correlationId, { isNew: id === undefined, isSubmitted: true });
    try {
      if (feed.isKnown) {
        checkSame(feed.view, data, context);
        await checkWishes(ports, correlationId, data);
      }
      // Who chose the id has it already, and does not wait for being told.
      if (id === undefined) onId?.(correlationId);
      if (!feed.isKnown) {
        const kept = await this.#withinShare(data, context, () => this.#submit(feed, data, context));
        if (kept !== null) checkSame(kept.view, data, context);
        if (kept !== null && isEnough(kept.view)) return kept;
      }
      await feed.until(isEnough, context);
      // Somebody else may have taken the id between our look and our submission.
      checkSame(feed.view, data, context);
      return feeds.now(feed);
    } finally {
      feed.close();
    }
  }

  /** @throws MeshError resource_exhausted, before anything is written */
  async #withinShare<T>(data: TaskSubmittedData, { caller }: CallContext, submit: () => Promise<T>): Promise<T> {
    const { ports, recordOf } = this.#options;
    if (ports.shares === undefined) return submit();
    const over = await ports.shares.begin(caller, bytesOf(data), recordOf(caller.name));
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
    const { feeds, asked } = this.#options;
    const request = { name: 'task.submitted', data, discriminator: '' } as const;
    let kept: TaskNow | null = null;
    let isSilent = true;
    let silence: NodeJS.Timeout;
    const ask = (): void => {
      void feeds
        .kept(feed)
        .then((found) => {
          if (!isSilent) return;
          if (found !== null && isUntold(found.view)) silence = setTimeout(ask, SILENCE_MS);
          else kept = found;
          feed.look();
        })
        .catch((thrown: unknown) => {
          if (!isSilent) return;
          const error = toMeshError(thrown);
          if (error.reason === KEEPER_SILENT) silence = setTimeout(ask, SILENCE_MS);
          else feed.fail(error);
        });
    };
    silence = setTimeout(ask, SILENCE_MS);
    try {
      await asked.of(feed, request, (view) => isAccepted(view) || kept !== null, context);
    } finally {
      isSilent = false;
      clearTimeout(silence);
    }
    return feed.isKnown ? null : kept;
  }

  async #checkWorkflow(workflow: string): Promise<void> {
    const { workflows } = (await this.#options.ports.catalog?.()) ?? {};
    if (workflows === undefined || workflows.has(workflow)) return;
    throw invalidField(
      'workflow',
      `there is no workflow ${workflow}; choose one of ${[...workflows.keys()].join(', ')}`,
    );
  }
}

function dataOf(
  { prompt, workflow, key, timeLimitMs: deadlineMs, priority, waitForModel, conversation }: Submission,
  { caller, door }: CallContext,
): TaskSubmittedData {
  return {
    prompt,
    caller: caller.name,
    ...(door === undefined ? {} : { door }),
    ...(workflow === undefined ? {} : { workflow }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...(priority === undefined ? {} : { priority }),
    ...(waitForModel === undefined ? {} : { waitForModel }),
    ...(key === undefined ? {} : { key }),
    ...(conversation === undefined ? {} : { conversation }),
  };
}

/** The task that a caller means by its own name. @throws MeshError when it says an id as well that is another task's */
function idOfKey(key: string, correlationId: string | undefined, { name }: Caller): string {
  const derived = correlationIdOfKey(name, key);
  if (correlationId === undefined || correlationId === derived) return derived;
  throw invalidField('key', 'and correlation_id name different tasks; send one of them');
}

function taken(correlationId: string, what: string): MeshError {
  return new MeshError('already_exists', 'ID_TAKEN', `this correlation id is taken by ${what}; choose another`, {
    metadata: { correlation_id: correlationId },
  });
}

/** The same id must mean the same task. What has left the log cannot be compared. */
function checkSame(view: TaskView, data: TaskSubmittedData, { caller }: CallContext): void {
  const { taskId } = view;
  if (!maySee(caller, view)) throw taken(taskId, 'a task of somebody else');
  if (view.prompt === '') return;
  // Of one that nobody's name stands on, by `mesh.tasks`, the owner is whoever may do everything.
  const isNobodys = view.caller === null && isAdmin(caller);
  if (!isNobodys && view.caller !== (data.caller ?? null))
    throw taken(taskId, `a task of ${view.caller ?? 'somebody else'}`);
  if (view.prompt !== data.prompt) throw taken(taskId, 'a task with another prompt');
  if (view.workflow !== (data.workflow ?? null)) throw taken(taskId, 'a task with another workflow');
  const origin = data.fork?.origin;
  if (view.fork?.correlationId !== origin?.correlationId || view.fork?.hop !== origin?.hop) {
    throw taken(taskId, 'a task that runs another one again, or from another hop');
  }
  if (view.fork?.digest !== origin?.digest) throw taken(taskId, 'a task that begins with another input');
}

/** A wish that the task under this id does not have would be passed over. Only who wishes something costs a look. */
async function checkWishes({ bus }: ClientPorts, correlationId: string, data: TaskSubmittedData): Promise<void> {
  const wishes = wishesIn(data);
  if (Object.keys(wishes).length === 0) return;
  const had = await wishesOf(bus, correlationId);
  const other = had === null ? null : unlike(had, wishes);
  if (other !== null) throw taken(correlationId, `a task with ${other}`);
}
