/**
 * Agent2Agent messages of a task. Owns: saying one from outside, and listing what was said. Does not own: relaying; the
 * orchestrator does.
 */
import type { MeshEvent } from '../schemas/events/envelope.ts';
import { isAfter, type Place } from '../schemas/events/fact.ts';
import type { Message, Part } from '../schemas/events/generated.ts';
import { newCorrelationId } from '../schemas/events/ids.ts';
import { isEnded } from '../schemas/events/task-view.ts';
import { openTask } from './access.ts';
import { cursorAt, placeOfCursor } from './cursor.ts';
import { invalidField, MeshError } from './errors.ts';
import type { CallContext, CallerRecord, ClientPorts } from './ports.ts';
import { bytesOf, isNamed, publishMessage } from './requests.ts';
import type { TaskFeeds } from './task-feed.ts';
import { Traced, taskNamed } from './tracing.ts';

/** A message as the log holds it. */
export interface SaidMessage {
  readonly event: MeshEvent<'agent.message'>;
  readonly atMs: number;
}

export interface SaidMessages {
  readonly messages: readonly SaidMessage[];
  /** Null on the last page. */
  readonly nextPageToken: string | null;
}

const TAKEN_WITHIN_MS = 20_000;
const RETRY_AFTER_MS = 1000;
const PAGE_SIZE_DEFAULT = 100;

function notRelayed(): MeshError {
  const message = 'the message is in the log, but nothing has relayed it yet; call again, it is not said twice';
  return new MeshError('unavailable', 'NOT_TAKEN_YET', message, { retryAfterMs: RETRY_AFTER_MS });
}

export interface SendOrder {
  readonly correlationId: string;
  readonly recipientRole: string;
  readonly parts: readonly Part[];
  readonly messageId?: string;
}

export interface ListMessagesOrder {
  readonly correlationId: string;
  readonly pageSize?: number;
  readonly pageToken?: string;
}

export class Messages {
  readonly #ports: ClientPorts;
  readonly #feeds: TaskFeeds;
  readonly #traced: Traced;
  readonly #recordOf: (caller: string) => CallerRecord;

  constructor(ports: ClientPorts, feeds: TaskFeeds, recordOf: (caller: string) => CallerRecord) {
    this.#recordOf = recordOf;
    this.#ports = ports;
    this.#feeds = feeds;
    this.#traced = new Traced(ports.tracing);
  }

  /** Answers when the orchestrator has relayed it. With the same message id it is the same message. */
  send(order: SendOrder, context: CallContext): Promise<SaidMessage> {
    return this.#traced.call(
      'send_message',
      context,
      () => taskNamed(order.correlationId),
      () => this.#send(order, context),
    );
  }

  async #send(order: SendOrder, context: CallContext): Promise<SaidMessage> {
    const { correlationId, recipientRole } = order;
    const { messageRoles } = (await this.#ports.catalog?.()) ?? {};
    if (messageRoles !== undefined && !messageRoles.has(recipientRole)) {
      throw invalidField('recipient_role', `${recipientRole} takes no messages; ${[...messageRoles].join(', ')} do`);
    }
    const messageId = order.messageId ?? newCorrelationId();
    const message: Message = { messageId, taskId: correlationId, role: 'ROLE_USER', parts: [...order.parts] };
    let said: SaidMessage | null = null;
    let release = 1;
    const feed = await openTask(this.#feeds, correlationId, context.caller, {
      steer: true,
      onFact: ({ event, storedAtMs: atMs }) => {
        release = event.release;
        if (isNamed(event, 'agent.message') && event.data.messageId === messageId) said = { event, atMs };
      },
    });
    const read = (): SaidMessage | null => said;
    try {
      if (read() === null) {
        if (isEnded(feed.view.status)) {
          throw new MeshError('failed_precondition', 'TASK_ENDED', `the task has ended; it is ${feed.view.status}`);
        }
        const { caller } = context;
        await this.#ports.shares?.write(caller, bytesOf(message), this.#recordOf(caller.name));
        await publishMessage(
          this.#ports.bus,
          correlationId,
          { recipientRole, message, release },
          context.traceparent ?? feed.traceparent,
        );
        await feed.until((view) => read() !== null || isEnded(view.status), context, {
          ms: TAKEN_WITHIN_MS,
          error: notRelayed,
        });
      }
      const relayed = read();
      if (relayed !== null) return relayed;
      throw new MeshError('failed_precondition', 'TASK_ENDED', 'the task ended before the message was relayed');
    } finally {
      feed.close();
    }
  }

  list(order: ListMessagesOrder, context: CallContext): Promise<SaidMessages> {
    return this.#traced.call(
      'list_messages',
      context,
      () => taskNamed(order.correlationId),
      () => this.#list(order, context),
    );
  }

  async #list(order: ListMessagesOrder, context: CallContext): Promise<SaidMessages> {
    const after = placeOfCursor(order.pageToken ?? '', this.#feeds.mark, 'page_token');
    const pageSize = order.pageSize ?? PAGE_SIZE_DEFAULT;
    const said: { readonly message: SaidMessage; readonly place: Place }[] = [];
    const feed = await openTask(this.#feeds, order.correlationId, context.caller, {
      onFact: (fact) => {
        const { event, storedAtMs: atMs } = fact;
        const wanted = isAfter(fact, after) && said.length <= pageSize && isNamed(event, 'agent.message');
        if (wanted) said.push({ message: { event, atMs }, place: fact });
      },
    });
    feed.close();
    const page = said.slice(0, pageSize);
    const last = page.at(-1);
    const isMore = said.length > page.length && last !== undefined;
    const nextPageToken = isMore ? cursorAt(this.#feeds.mark, last.place) : null;
    return { messages: page.map(({ message }) => message), nextPageToken };
  }
}
