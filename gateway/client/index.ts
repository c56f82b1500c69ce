/**
 * A client of the gateway for TypeScript. Owns: ids that make a repeated call the same call, calling again, and a watch
 * that goes on by itself. Does not own: bytes and connections (`channel.ts`).
 *
 *   const mesh = createMeshClient({ address: '127.0.0.1:7443' });
 *   const { task } = await mesh.run({ prompt: 'How does a task survive a crash?' });
 *
 * Invariants:
 * 1. Every call may be lost and made again, over restarts of the gateway, and is done once.
 * 2. A watch tells every fact once, in order.
 */
import { randomUUID } from 'node:crypto';
import type { DescMessage, DescMethod, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import {
  type ForkRequestSchema,
  type GetResponse,
  type ListMessagesRequestSchema,
  type ListMessagesResponse,
  type ListRequestSchema,
  type ListResponse,
  MeshService,
  Mode,
  Priority,
  type RegistryResponse,
  type RunRequestSchema,
  type SearchRequestSchema,
  type SearchResponse,
  type SendMessageRequestSchema,
  type SendMessageResponse,
  type WatchResponse,
} from '../gen/mesh/v1/mesh_service_pb.ts';
import { type Task, TaskState } from '../gen/mesh/v1/task_pb.ts';
import { type Answer, type CallOptions, Channel, type ChannelOptions } from './channel.ts';
import { MeshCallError } from './errors.ts';
import { mayPass, waitBefore } from './retry.ts';

export type { CallOptions } from './channel.ts';
export { MeshCallError } from './errors.ts';
export { Mode, Priority, type Task, TaskState, type WatchResponse };

export type MeshClientOptions = ChannelOptions;

export interface TaskAnswer {
  readonly task: Task;
  /** `mesh-route`, `mesh-route-confidence`, `mesh-fallback-reason`, `mesh-loops-used`, `traceparent` and the like. */
  readonly metadata: ReadonlyMap<string, string>;
}

export interface WatchOptions extends CallOptions {
  /** Of an item that was heard before; absent is from the beginning. */
  readonly cursor?: string;
  readonly includeTokens?: boolean;
}

export interface RespondOptions extends CallOptions {
  /** The question that the person saw, `Task.question.id`. */
  readonly questionId?: string;
  /** Names the answer; without it the same text for the same question is the same answer. */
  readonly messageId?: string;
}

type RunOrder = MessageInitShape<typeof RunRequestSchema>;

/** A task takes ten minutes at most unless it is given more. */
const TIMEOUT_MS_DEFAULT = 11 * 60_000;

/** Tasks whose question is remembered: some hundred bytes each. */
const SHOWN_MAX = 10_000;
const QUESTION_TYPE = 'dev.agentmesh.task.input.required.v1';

const { method } = MeshService;

export function createMeshClient(options: MeshClientOptions): MeshClient {
  return new MeshClient(options);
}

export class MeshClient {
  readonly #channel: Channel;
  /** The question of each task that was shown last. */
  readonly #shown = new Map<string, string>();

  constructor(options: MeshClientOptions) {
    this.#channel = new Channel(options);
  }

  /** Resolves when the task has ended or asks a person. @throws MeshCallError; its `correlationId` names the task */
  async run(order: RunOrder, options: CallOptions = {}): Promise<TaskAnswer> {
    return this.#answered(await this.#call(method.run, named(order), options));
  }

  /** Resolves when the mesh has the task on disk. */
  async submit(order: RunOrder, options: CallOptions = {}): Promise<TaskAnswer> {
    const { $typeName: _run, cancelWithCall: _ends, ...fields } = named(order);
    return this.#answered(await this.#call(method.submit, fields, options));
  }

  async get(correlationId: string, options: CallOptions = {}): Promise<TaskAnswer> {
    return this.#answered<GetResponse>(await this.#call(method.get, { correlationId }, options));
  }

  async list(order: MessageInitShape<typeof ListRequestSchema> = {}, options: CallOptions = {}): Promise<ListResponse> {
    return (await this.#call(method.list, order, options)).message;
  }

  async cancel(correlationId: string, reason = '', options: CallOptions = {}): Promise<TaskAnswer> {
    return this.#answered(await this.#call(method.cancel, { correlationId, reason }, options));
  }

  /**
   * Answers the question that is named, else the one of this task that this client has shown last: by any call but this one,
   * so that an answer that is given twice is never for a question that was asked in between.
   * @throws MeshCallError when it is not taken; its `reason` and message say why, and who answered what
   */
  async respond(correlationId: string, text: string, options: RespondOptions = {}): Promise<TaskAnswer> {
    const questionId = options.questionId ?? this.#shown.get(correlationId) ?? '';
    const request = { correlationId, text, questionId, messageId: options.messageId ?? '' };
    return taskOf(await this.#call(method.respond, request, options));
  }

  async sendMessage(
    order: MessageInitShape<typeof SendMessageRequestSchema>,
    options: CallOptions = {},
  ): Promise<SendMessageResponse> {
    const request = { ...order, messageId: order.messageId || randomUUID() };
    return (await this.#call(method.sendMessage, request, options)).message;
  }

  async listMessages(
    order: MessageInitShape<typeof ListMessagesRequestSchema>,
    options: CallOptions = {},
  ): Promise<ListMessagesResponse> {
    return (await this.#call(method.listMessages, order, options)).message;
  }

  /** Runs a task again from a hop; resolves when the mesh has the new task on disk. */
  async fork(order: MessageInitShape<typeof ForkRequestSchema>, options: CallOptions = {}): Promise<TaskAnswer> {
    const request = { ...order, newCorrelationId: order.newCorrelationId || randomUUID() };
    return this.#answered(await this.#call(method.fork, request, options));
  }

  async search(
    order: MessageInitShape<typeof SearchRequestSchema>,
    options: CallOptions = {},
  ): Promise<SearchResponse> {
    return (await this.#call(method.search, order, options)).message;
  }

  async registry(options: CallOptions = {}): Promise<RegistryResponse> {
    return (await this.#call(method.registry, {}, options)).message;
  }

  async setMode(mode: Mode, options: CallOptions = {}): Promise<void> {
    await this.#call(method.setMode, { mode }, options);
  }

  /** Opens a window of full telemetry for that long, a second to an hour, or closes the one that is open with null. */
  async setWindow(openForMs: number | null, options: CallOptions = {}): Promise<void> {
    const request = openForMs === null ? {} : { openFor: durationFromMs(openForMs) };
    await this.#call(method.setWindow, request, options);
  }

  /**
   * Every fact of a task once and in order, and its text as it appears where that is wanted, until the task has ended.
   * A gateway that goes away meanwhile is found again; `timeoutMs` is the longest time without it.
   */
  async *watch(correlationId: string, options: WatchOptions = {}): AsyncGenerator<WatchResponse, void, undefined> {
    const heard = new Set<string>();
    let cursor = options.cursor ?? '';
    let attempt = 0;
    let aloneSinceMs = Date.now();
    for (;;) {
      const request = { correlationId, cursor, includeTokens: options.includeTokens ?? false };
      const stream = this.#channel.stream(method.watch, request, options);
      try {
        for await (const response of items(stream, options.signal)) {
          attempt = 0;
          aloneSinceMs = Date.now();
          cursor = response.cursor;
          // After the log was made anew a task is told from its beginning again, each fact under its old id.
          if (response.item.case === 'fact' && heard.has(response.item.value.id)) continue;
          if (response.item.case === 'fact') {
            heard.add(response.item.value.id);
            if (response.item.value.type === QUESTION_TYPE) {
              const named = response.item.value.data?.questionId;
              this.#show(correlationId, named ?? response.item.value.id);
            }
          }
          yield response;
        }
        return;
      } catch (thrown) {
        const deadlineMs = aloneSinceMs + (options.timeoutMs ?? TIMEOUT_MS_DEFAULT);
        await beforeNextAttempt(thrown, attempt, deadlineMs, options);
        attempt += 1;
      } finally {
        stream.cancel();
      }
    }
  }

  close(): void {
    this.#channel.close();
  }

  /** What a task asks is shown to the caller with the task. */
  #answered<M extends WithTask>(answer: Answer<M>): TaskAnswer {
    const told = taskOf(answer);
    this.#show(told.task.correlationId, told.task.question?.id);
    return told;
  }

  #show(correlationId: string, questionId: unknown): void {
    if (typeof questionId !== 'string' || questionId === '') return;
    this.#shown.delete(correlationId);
    this.#shown.set(correlationId, questionId);
    for (const oldest of this.#shown.keys()) {
      if (this.#shown.size <= SHOWN_MAX) break;
      this.#shown.delete(oldest);
    }
  }

  async #call<I extends DescMessage, O extends DescMessage>(
    rpc: DescMethod & { readonly input: I; readonly output: O },
    request: MessageInitShape<I>,
    options: CallOptions,
  ): Promise<Answer<MessageShape<O>>> {
    const deadlineMs = Date.now() + (options.timeoutMs ?? TIMEOUT_MS_DEFAULT);
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#channel.unary(rpc, request, deadlineMs, options);
      } catch (thrown) {
        await beforeNextAttempt(thrown, attempt, deadlineMs, options);
      }
    }
  }
}

interface WithTask {
  readonly task?: Task | undefined;
}

function taskOf<M extends WithTask>({ message: { task }, metadata }: Answer<M>): TaskAnswer {
  if (task === undefined) throw new TypeError('the gateway has answered without a task');
  return { task, metadata };
}

/** Waits as long as the failure asks for. @throws what was thrown when there is no next attempt */
async function beforeNextAttempt(
  thrown: unknown,
  attempt: number,
  deadlineMs: number,
  { signal, attemptsMax = Number.POSITIVE_INFINITY }: CallOptions,
): Promise<void> {
  const again = thrown instanceof MeshCallError && mayPass(thrown) && attempt + 1 < attemptsMax;
  if (!again || !(await waitBefore(thrown, attempt, { deadlineMs, signal }))) throw thrown;
}

/** With an id, so that a second attempt is the same task; a key says the same. */
function named(order: RunOrder): RunOrder {
  if (order.key) return order;
  return { ...order, correlationId: order.correlationId || randomUUID() };
}

async function* items<M>(stream: ClientReadableStream<M>, signal: AbortSignal | undefined): AsyncGenerator<M> {
  const leave = (): void => stream.cancel();
  signal?.addEventListener('abort', leave, { once: true });
  try {
    signal?.throwIfAborted();
    for await (const message of stream) yield message as M;
  } catch (thrown) {
    signal?.throwIfAborted();
    throw isServiceError(thrown) ? new MeshCallError(thrown, null) : thrown;
  } finally {
    signal?.removeEventListener('abort', leave);
  }
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && 'code' in thrown && 'details' in thrown && 'metadata' in thrown;
}
