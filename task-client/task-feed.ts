/**
 * One task as a call follows it: what is stored, then what comes. Owns: joining history and tail without a gap or a
 * double, and waiting for a state. Does not own: the shared reader (`fact-tail.ts`), or who may see the task.
 *
 * Invariants:
 * 1. `onFact` is called once per fact (by event id), in the order of the log.
 * 2. Who waits sees the task as it is after a whole message: what a commit told together is not taken apart.
 * 3. A wait settles: the state, the caller's deadline, the caller's leaving, or the log breaking off.
 */
import type { Bus, StoredMessage } from '../bus/port.ts';
import { Semaphore } from '../resilience/semaphore.ts';
import { BEGINNING, type Fact, factsIn, type Place } from '../schemas/events/fact.ts';
import { factSubject } from '../schemas/events/subjects.ts';
import { emptyView, nextView, type TaskView } from '../schemas/events/task-view.ts';
import { cursorAt } from './cursor.ts';
import { callerLeft, MeshError, toMeshError } from './errors.ts';
import type { FactTail } from './fact-tail.ts';
import { recall } from './recall.ts';
import type { TaskIndex } from './task-index.ts';

/** Reads of old facts at a time: each is a consumer in the log server. */
const HISTORY_READS_AT_ONCE = 32;
/** A call is answered this long before its deadline: afterwards the client has hung up and hears nothing. */
const ANSWER_EARLY_MS_MAX = 150;
const ANSWER_EARLY_SHARE = 0.2;
/** `setTimeout` cannot wait longer. */
const TIMEOUT_MAX_MS = 2_147_483_647;

/** Whom a call waits for, and how long. */
export interface Patience {
  /** Aborted when the caller has left. */
  readonly signal: AbortSignal;
  /** Deadline of the call, milliseconds since the epoch; null for none. */
  readonly deadlineMs: number | null;
}

/** A task as it is now, and where in the log that is. */
export interface TaskNow {
  readonly view: TaskView;
  /** For `watch`. */
  readonly cursor: string;
  readonly traceparent: string | null;
}

/** Opens feeds. */
export class TaskFeeds {
  readonly #bus: Bus;
  readonly #tail: FactTail;
  readonly #index: Pick<TaskIndex, 'knows'>;
  readonly #history = new Semaphore(HISTORY_READS_AT_ONCE);

  constructor(bus: Bus, tail: FactTail, index: Pick<TaskIndex, 'knows'>) {
    this.#bus = bus;
    this.#tail = tail;
    this.#index = index;
  }

  /** The mark of the log for cursors. @throws BusError while the log is away */
  get mark(): string {
    return this.#tail.mark;
  }

  /** A task of which the log holds nothing any more, as its keeper remembers it. @throws BusError */
  recall(correlationId: string): Promise<TaskView | null> {
    return recall(this.#bus, correlationId);
  }

  /** The same, for whoever has looked into the log already. @throws MeshError, BusError */
  async kept(feed: TaskFeed): Promise<TaskNow | null> {
    const view = await this.recall(feed.correlationId);
    return view === null ? null : { view, cursor: this.cursorOf(feed), traceparent: null };
  }

  now(feed: TaskFeed): TaskNow {
    return { view: feed.view, cursor: this.cursorOf(feed), traceparent: feed.traceparent };
  }

  /** For a watcher that has heard all that this feed has. */
  cursorOf(feed: TaskFeed): string {
    return cursorAt(this.#tail.mark, feed.lastPlace);
  }

  /**
   * Resolves when everything stored so far has been heard.
   * @param how `isNew`: the task cannot be in the log yet, its id was made a moment ago. `isSubmitted`: it is submitted next,
   * so what the index does not know need not be looked for; for anybody else the log is asked, since the tail may be behind
   * what a task's submitter was told
   * @throws BusError
   */
  async open(
    correlationId: string,
    how: {
      readonly isNew?: boolean;
      readonly isSubmitted?: boolean;
      readonly onFact?: (fact: Fact, view: TaskView) => void;
    } = {},
  ): Promise<TaskFeed> {
    const feed = new TaskFeed(correlationId, how.onFact);
    feed.unlisten = this.#tail.listen(correlationId, {
      onMessage: (message) => feed.fromTail(message),
      onBreak: (error) => feed.fail(toMeshError(error)),
    });
    try {
      // Asked after listening: what the index does not know by now, the tail brings.
      const known = how.isNew !== true && this.#index.knows(correlationId);
      if (known !== false || (how.isNew !== true && how.isSubmitted !== true))
        await this.#readHistory(correlationId, feed, known);
      feed.goLive();
      return feed;
    } catch (error) {
      feed.close();
      throw error;
    }
  }

  async #readHistory(correlationId: string, feed: TaskFeed, known: boolean | null): Promise<void> {
    const filter = factSubject(correlationId);
    if (known !== true && (await this.#bus.getLast(filter)) === null) return;
    await this.#history.run(async () => {
      const reader = await this.#bus.read({ filter, fromSeq: 1, onMessage: (message) => feed.offer(message) });
      try {
        await reader.caughtUp;
      } finally {
        // Nobody has to wait until the server has dropped the consumer.
        void reader.stop();
      }
    });
  }
}

export class TaskFeed {
  readonly correlationId: string;
  unlisten: () => void = () => undefined;
  readonly #onFact: (fact: Fact, view: TaskView) => void;
  readonly #waiting = new Set<() => void>();
  /** What the tail brings while history is being read. */
  #held: StoredMessage[] | null = [];
  readonly #seenIds = new Set<string>();
  #lastPlace = BEGINNING;
  #view: TaskView;
  #traceparent: string | null = null;
  #failure: MeshError | null = null;

  constructor(correlationId: string, onFact: (fact: Fact, view: TaskView) => void = () => undefined) {
    this.correlationId = correlationId;
    this.#onFact = onFact;
    this.#view = emptyView(correlationId);
  }

  get view(): TaskView {
    return this.#view;
  }

  /** True when the log holds anything about the task. */
  get isKnown(): boolean {
    return this.#lastPlace.seq > 0;
  }

  /** Place of the last fact; the beginning when there is none. */
  get lastPlace(): Place {
    return this.#lastPlace;
  }

  /** W3C Trace Context of the task; null before its first fact. */
  get traceparent(): string | null {
    return this.#traceparent;
  }

  fromTail(message: StoredMessage): void {
    if (this.#held === null) this.offer(message);
    else this.#held.push(message);
  }

  goLive(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const message of held) this.offer(message);
  }

  offer(message: StoredMessage): void {
    if (message.seq <= this.#lastPlace.seq) return;
    // What another release wrote, or nobody of ours, tells nothing about this task.
    const facts = factsIn(message);
    for (const fact of facts) this.#heard(fact);
    if (facts.length > 0) this.#tell();
  }

  #heard(fact: Fact): void {
    this.#lastPlace = { seq: fact.seq, index: fact.index };
    const { id, traceparent, correlationid } = fact.event;
    if (correlationid !== this.correlationId || this.#seenIds.has(id)) return;
    this.#seenIds.add(id);
    this.#traceparent ??= traceparent;
    this.#view = nextView(this.#view, fact);
    this.#onFact(fact, this.#view);
  }

  fail(error: MeshError): void {
    this.#failure ??= error;
    this.#tell();
  }

  /** Something else that is waited for may have happened. */
  look(): void {
    this.#tell();
  }

  close(): void {
    this.unlisten();
  }

  /**
   * Resolves with the first view, now or later, that is wanted.
   * @param limit a deadline of the wait itself, and what it means when it is over
   * @throws MeshError
   */
  until(
    wanted: (view: TaskView) => boolean,
    patience: Patience,
    limit?: { readonly ms: number; readonly error: () => MeshError },
  ): Promise<TaskView> {
    return new Promise<TaskView>((resolve, reject) => {
      const timers: NodeJS.Timeout[] = [];
      const settle = (act: () => void): void => {
        for (const timer of timers) clearTimeout(timer);
        patience.signal.removeEventListener('abort', left);
        this.#waiting.delete(look);
        act();
      };
      const left = (): void => settle(() => reject(callerLeft(patience.signal)));
      const look = (): void => {
        const failure = this.#failure;
        if (wanted(this.#view)) settle(() => resolve(this.#view));
        else if (failure !== null) settle(() => reject(failure));
      };
      patience.signal.addEventListener('abort', left, { once: true });
      if (patience.signal.aborted) return left();
      this.#waiting.add(look);
      if (patience.deadlineMs !== null) {
        const late = (): void => settle(() => reject(this.#deadlineExceeded()));
        timers.push(setTimeout(late, answerWithinMs(patience.deadlineMs)));
      }
      if (limit !== undefined) {
        const lateAfterMs = Math.min(limit.ms, TIMEOUT_MAX_MS);
        timers.push(setTimeout(() => settle(() => reject(limit.error())), lateAfterMs));
      }
      look();
    });
  }

  #deadlineExceeded(): MeshError {
    const state = this.isKnown ? `the task is ${this.#view.status} and goes on` : 'nothing has taken the task yet';
    return new MeshError(
      'deadline_exceeded',
      'TASK_GOES_ON',
      `${state}; fetch it with Get or Watch, or call again with correlation_id ${this.correlationId}`,
      { metadata: { correlation_id: this.correlationId } },
    );
  }

  #tell(): void {
    for (const look of [...this.#waiting]) look();
  }
}

/** Milliseconds from now until a call has to be answered, so that the answer arrives before its deadline. */
function answerWithinMs(deadlineMs: number): number {
  const leftMs = deadlineMs - Date.now();
  const earlyMs = Math.min(ANSWER_EARLY_MS_MAX, leftMs * ANSWER_EARLY_SHARE);
  return Math.min(TIMEOUT_MAX_MS, Math.max(0, leftMs - earlyMs));
}
