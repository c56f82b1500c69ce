/**
 * Watching a task. Owns: the stream of facts and generated text that one watcher hears, its bounds and its end. Does not
 * own: how it travels.
 *
 * A watcher that is slower than its task is not waited for and not remembered without end: its queue is bounded, and
 * when it is full the stream ends with an error from which the watcher goes on by its cursor.
 */
import { type Fact, isAfter } from '../schemas/events/fact.ts';
import { isEnded, type TaskView } from '../schemas/events/task-view.ts';
import { absent, checkId, maySee } from './access.ts';
import type { ShownQuestions } from './answers.ts';
import { cursorAt, placeOfCursor } from './cursor.ts';
import { callerLeft, type MeshError, toMeshError } from './errors.ts';
import type { CallContext, ClientPorts } from './ports.ts';
import type { TaskFeed, TaskFeeds } from './task-feed.ts';
import { type TokenItem, TokenTap } from './token-tap.ts';
import { Traced } from './tracing.ts';
import { WatchQueue } from './watch-queue.ts';

export interface WatchOrder {
  readonly correlationId: string;
  /** Empty is from the beginning. */
  readonly cursor?: string;
  /** One that listens already brings what it has heard; the watch closes it. */
  readonly includeTokens?: boolean | TokenTap;
}

export type WatchItem =
  /** `view` is the task after this fact. */
  | { readonly kind: 'fact'; readonly fact: Fact; readonly view: TaskView; readonly cursor: string }
  | { readonly kind: 'token'; readonly token: TokenItem; readonly cursor: string };

export class Watches {
  readonly #ports: ClientPorts;
  readonly #feeds: TaskFeeds;
  readonly #shown: ShownQuestions;

  constructor(ports: ClientPorts, feeds: TaskFeeds, shown: ShownQuestions) {
    this.#ports = ports;
    this.#feeds = feeds;
    this.#shown = shown;
  }

  /** Hears from now on what is written of a task, before a watch takes it; the caller closes it when no watch does. */
  listen(correlationId: string): TokenTap {
    return new TokenTap(this.#ports.bus, correlationId);
  }

  /**
   * Ends after the fact that ends the task, or when the caller leaves.
   * @param onFail told of a failure at once, also while the watcher takes nothing
   * @throws MeshError from the iteration
   */
  async *watch(
    order: WatchOrder,
    context: CallContext,
    onFail?: (error: Error) => void,
  ): AsyncGenerator<WatchItem, void, undefined> {
    checkId(order.correlationId);
    const { mark } = this.#feeds;
    const after = placeOfCursor(order.cursor ?? '', mark);
    const queue = new WatchQueue<WatchItem>(onFail);
    const leave = (): void => queue.fail(callerLeft(context.signal));
    context.signal.addEventListener('abort', leave, { once: true });
    let cursor = cursorAt(mark, after);
    let traceparent: string | null = null;
    const tell = (fact: Fact, view: TaskView): void => {
      traceparent ??= fact.event.traceparent;
      if (!maySee(context.caller, view)) return;
      if (isAfter(fact, after)) {
        cursor = cursorAt(mark, fact);
        queue.push({ kind: 'fact', fact, view, cursor }, JSON.stringify(fact.event.data).length);
      }
      if (isEnded(view.status)) queue.end();
    };
    const { includeTokens = false } = order;
    const tokens = includeTokens === true ? this.listen(order.correlationId) : includeTokens || null;
    tokens?.into((token, bytes) => queue.pushIfRoom({ kind: 'token', token, cursor }, bytes));
    const opened = this.#follow(order.correlationId, tell, queue, context);
    const ended = new Traced(this.#ports.tracing).begin('watch', context);
    let failure: MeshError | null = null;
    try {
      if (context.signal.aborted) leave();
      for await (const item of queue) {
        if (item.kind === 'fact') this.#shown.note(context, item.view);
        yield item;
      }
    } catch (thrown) {
      failure = toMeshError(thrown);
      throw thrown;
    } finally {
      ended({ correlationId: order.correlationId, traceparent }, failure);
      tokens?.close();
      context.signal.removeEventListener('abort', leave);
      queue.close();
      (await opened)?.close();
    }
  }

  /** Reads while the watcher reads: a long history passes through the queue, it does not have to fit in. */
  async #follow(
    correlationId: string,
    onFact: (fact: Fact, view: TaskView) => void,
    queue: WatchQueue<WatchItem>,
    context: CallContext,
  ): Promise<TaskFeed | null> {
    try {
      const feed = await this.#feeds.open(correlationId, { onFact });
      if (!feed.isKnown || !maySee(context.caller, feed.view))
        queue.fail(await absent(this.#feeds, correlationId, context.caller));
      else feed.until((view) => isEnded(view.status), { signal: context.signal, deadlineMs: null }).catch(queue.fail);
      return feed;
    } catch (error) {
      queue.fail(toMeshError(error));
      return null;
    }
  }
}
