/**
 * The one handler behind the three bindings of A2A. Owns: what each operation asks of the mesh. Does not own: the mesh
 * (`core/`), the wire (the SDK), or how facts look in A2A (`convert.ts`, `events.ts`).
 *
 * It takes the place of the SDK's DefaultRequestHandler, which keeps tasks in a store of its own: here the log has them
 * (docs/decisions/0065-a2a-on-the-log.md).
 *
 * Invariants:
 * 1. The same message of the same caller is the same task, also after a restart (S5). Messages are the same when their id
 *    and what they ask are: a client that uses an id twice for two questions has asked twice.
 * 2. Nothing is told before the log told it.
 */
import type {
  AgentCard,
  CancelTaskRequest,
  DeleteTaskPushNotificationConfigRequest,
  GetTaskPushNotificationConfigRequest,
  GetTaskRequest,
  ListTaskPushNotificationConfigsRequest,
  ListTaskPushNotificationConfigsResponse,
  ListTasksRequest,
  ListTasksResponse,
  Message,
  SendMessageRequest,
  StreamResponse,
  SubscribeToTaskRequest,
  Task,
  TaskPushNotificationConfig,
} from '@a2a-js/sdk';
import { type A2AError, TaskNotCancelableError, UnsupportedOperationError } from '@a2a-js/sdk/errors';
import type { A2ARequestHandler, ServerCallContext } from '@a2a-js/sdk/server';
import { canonicalJson } from '../../schemas/events/envelope.ts';
import { contentHash, correlationIdOfMessage } from '../../schemas/events/ids.ts';
import { readCorrelationId } from '../../schemas/events/subjects.ts';
import { isEnded } from '../../schemas/events/task-view.ts';
import { MeshError, unknownTask } from '../../task-client/errors.ts';
import type { ClientLog } from '../../task-client/ports.ts';
import type { Submission } from '../../task-client/submissions.ts';
import type { TaskNow } from '../../task-client/task-feed.ts';
import { isSettled } from '../../task-client/tasks.ts';
import type { TokenTap } from '../../task-client/token-tap.ts';
import type { Mesh } from '../core/mesh.ts';
import { AnswerText } from './answer-text.ts';
import { type A2aCall, type A2aMethod, callOf } from './call.ts';
import { contextIdOf, taskOf } from './convert.ts';
import { BindingError, malformed, toA2aError } from './errors.ts';
import { eventsOf, snapshotOf } from './events.ts';
import { listOf } from './list.ts';
import { checkMessage, checkOutputModes, promptOf, wishesOf } from './prompt.ts';
import type { PushConfigs } from './push/configs.ts';

export interface HandlerPorts {
  readonly mesh: Mesh;
  readonly push: PushConfigs;
  readonly card: () => Promise<AgentCard>;
  readonly log: ClientLog;
}

export class A2aHandler implements A2ARequestHandler {
  readonly #mesh: Mesh;
  readonly #push: PushConfigs;
  readonly #card: () => Promise<AgentCard>;
  readonly #log: ClientLog;

  constructor({ mesh, push, card, log }: HandlerPorts) {
    this.#mesh = mesh;
    this.#push = push;
    this.#card = card;
    this.#log = log;
  }

  getAgentCard(): Promise<AgentCard> {
    return this.#card();
  }

  async getAuthenticatedExtendedAgentCard(): Promise<AgentCard> {
    throw new UnsupportedOperationError('there is one agent card for everybody; it is at the well-known path');
  }

  sendMessage(request: SendMessageRequest, context: ServerCallContext): Promise<Task> {
    return this.#guarded(context, 'SendMessage', async (call) => {
      const historyLength = checkHistoryLength(request.configuration?.historyLength);
      const now = await this.#sent(request, call);
      const wanted = request.configuration?.returnImmediately === true ? now : await this.#settled(now, call);
      return taskOf(wanted.view, { historyLength });
    });
  }

  async *sendMessageStream(
    request: SendMessageRequest,
    context: ServerCallContext,
  ): AsyncGenerator<StreamResponse, void, undefined> {
    // Before the message is sent: what is written of its answer from then on is heard.
    const heard: { tokens?: TokenTap } = {};
    const listen = (taskId: string): void => {
      heard.tokens = this.#mesh.watches.listen(taskId);
    };
    try {
      const now = await this.#guarded(context, 'SendStreamingMessage', (call) => this.#sent(request, call, listen));
      yield* this.#followed(now, callOf(context), heard);
    } finally {
      heard.tokens?.close();
    }
  }

  async *resubscribe(
    { id }: SubscribeToTaskRequest,
    context: ServerCallContext,
  ): AsyncGenerator<StreamResponse, void, undefined> {
    const now = await this.#guarded(context, 'SubscribeToTask', async (call) => {
      const found = await this.#found(id, call);
      if (isEnded(found.view.status)) {
        throw new UnsupportedOperationError(`the task ${id} has ended (${found.view.status}); get it instead`);
      }
      return this.#mesh.tasks.get(found.view.taskId, call.context);
    });
    // Who subscribes to a task that asks wants to hear how it goes on: the stream closes when it asks again.
    yield* this.#followed(now, callOf(context), { fromNowOn: true });
  }

  getTask({ id, historyLength }: GetTaskRequest, context: ServerCallContext): Promise<Task> {
    return this.#guarded(context, 'GetTask', async (call) => {
      checkHistoryLength(historyLength);
      const { view } = await this.#found(id, call);
      return taskOf((await this.#mesh.tasks.get(view.taskId, call.context)).view, { historyLength });
    });
  }

  cancelTask({ id, metadata }: CancelTaskRequest, context: ServerCallContext): Promise<Task> {
    return this.#guarded(context, 'CancelTask', async (call) => {
      const before = (await this.#found(id, call)).view;
      if (isEnded(before.status)) throw notCancelable(id, before.status);
      const reason: unknown = metadata?.reason;
      const text = typeof reason === 'string' ? reason : undefined;
      return taskOf((await this.#mesh.tasks.cancel(before.taskId, text, call.context)).view);
    });
  }

  listTasks(request: ListTasksRequest, context: ServerCallContext): Promise<ListTasksResponse> {
    return this.#guarded(context, 'ListTasks', (call) => {
      checkHistoryLength(request.historyLength);
      return listOf(this.#mesh, request, call);
    });
  }

  createTaskPushNotificationConfig(
    config: TaskPushNotificationConfig,
    context: ServerCallContext,
  ): Promise<TaskPushNotificationConfig> {
    return this.#guarded(context, 'CreateTaskPushNotificationConfig', async (call) => {
      const { cursor, view } = await this.#steered(config.taskId, call);
      return this.#push.create({ ...config, taskId: view.taskId }, call.context.caller, cursor);
    });
  }

  getTaskPushNotificationConfig(
    { taskId, id }: GetTaskPushNotificationConfigRequest,
    context: ServerCallContext,
  ): Promise<TaskPushNotificationConfig> {
    return this.#guarded(context, 'GetTaskPushNotificationConfig', async (call) => {
      const { view } = await this.#steered(taskId, call);
      const config = await this.#push.get(view.taskId, id);
      if (config !== null) return config;
      throw new MeshError('not_found', 'UNKNOWN_TASK', `the task ${taskId} has no push notification config ${id}`);
    });
  }

  listTaskPushNotificationConfigs(
    { taskId }: ListTaskPushNotificationConfigsRequest,
    context: ServerCallContext,
  ): Promise<ListTaskPushNotificationConfigsResponse> {
    return this.#guarded(context, 'ListTaskPushNotificationConfigs', async (call) => {
      const { view } = await this.#steered(taskId, call);
      return { configs: await this.#push.list(view.taskId), nextPageToken: '' };
    });
  }

  deleteTaskPushNotificationConfig(
    { taskId, id }: DeleteTaskPushNotificationConfigRequest,
    context: ServerCallContext,
  ): Promise<void> {
    return this.#guarded(context, 'DeleteTaskPushNotificationConfig', async (call) => {
      const { view } = await this.#steered(taskId, call);
      await this.#push.delete(view.taskId, id);
    });
  }

  async #guarded<T>(context: ServerCallContext, method: A2aMethod, work: (call: A2aCall) => Promise<T>): Promise<T> {
    const call = callOf(context).named(method);
    try {
      return await work(call);
    } catch (thrown) {
      throw this.#told(thrown, call);
    }
  }

  /** What nobody foresaw is in the log with its cause. */
  #told(thrown: unknown, call: A2aCall): A2AError {
    const { binding, context } = call;
    const error = toA2aError(thrown, binding);
    if (error instanceof BindingError) call.refusal = { info: error.toErrorInfo(), retryAfterMs: error.retryAfterMs };
    if (error instanceof BindingError && error.reason === 'UNEXPECTED') {
      const cause = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
      this.#log.error({ binding, caller: context.caller.name, cause }, 'a call of A2A failed unexpectedly');
    }
    return error;
  }

  #found(id: string, { context }: A2aCall): Promise<TaskNow> {
    return this.#mesh.tasks.peek(taskIdOf(id), context);
  }

  /** Who may only look at a task has nothing to do with where it is told of. */
  async #steered(id: string, { context }: A2aCall): Promise<TaskNow> {
    return this.#mesh.tasks.peekToSteer(taskIdOf(id), context);
  }

  /** @param onTask called with the id of the task before it hears of the message */
  async #sent(
    request: SendMessageRequest,
    call: A2aCall,
    onTask: (taskId: string) => void = () => undefined,
  ): Promise<TaskNow> {
    const message = checkMessage(request.message);
    checkOutputModes(request.configuration?.acceptedOutputModes ?? []);
    const config = request.configuration?.taskPushNotificationConfig;
    if (message.taskId === '') return this.#begun(message, config, call, onTask);
    if (config === undefined) return this.#continued(message, call, onTask);
    const { cursor, view } = await this.#steered(message.taskId, call);
    const order = { ...config, taskId: view.taskId };
    return this.#push.createBefore(order, call.context.caller, cursor, () => this.#continued(message, call, onTask));
  }

  async #begun(
    message: Message,
    config: TaskPushNotificationConfig | undefined,
    { context }: A2aCall,
    onTask: (taskId: string) => void,
  ): Promise<TaskNow> {
    const { messageId, contextId } = message;
    const wishes = { ...wishesOf(message), prompt: promptOf(message) };
    const said = contentHash(canonicalJson({ ...wishes, contextId }));
    const correlationId = correlationIdOfMessage('a2a', context.caller.name, JSON.stringify([messageId, said]));
    const submission: Submission = {
      ...wishes,
      correlationId,
      conversation: { messageId, ...(contextId === '' ? {} : { contextId }) },
    };
    const submit = () => {
      onTask(correlationId);
      return this.#mesh.tasks.submit(submission, context);
    };
    if (config === undefined) return submit();
    await this.#mesh.tasks.check(submission, context);
    return this.#push.createBefore({ ...config, taskId: correlationId }, context.caller, '', submit);
  }

  async #continued(message: Message, call: A2aCall, onTask: (taskId: string) => void): Promise<TaskNow> {
    const { taskId, contextId, messageId } = message;
    const now = await this.#found(taskId, call);
    const { view } = now;
    if (contextId !== '' && contextId !== contextIdOf(view)) {
      throw malformed('message.contextId', `is not the context of the task ${taskId}`);
    }
    const text = promptOf(message);
    const asked = view.conversation?.messageId === messageId && view.prompt === text;
    if (asked || view.turns.some((turn) => turn.messageId === messageId && turn.text === text)) return now;
    if (isEnded(view.status)) {
      throw new UnsupportedOperationError(`the task ${taskId} has ended (${view.status}) and takes no more messages`);
    }
    const order = { correlationId: view.taskId, text, messageId, ...questionOf(message) };
    onTask(view.taskId);
    return this.#mesh.tasks.respond(order, call.context);
  }

  /** The task when it has ended or asks a person. */
  async #settled(now: TaskNow, { context }: A2aCall): Promise<TaskNow> {
    if (isSettled(now.view)) return now;
    const order = { correlationId: now.view.taskId, cursor: now.cursor };
    for await (const item of this.#mesh.watches.watch(order, context)) {
      if (item.kind === 'fact' && isSettled(item.view)) return { ...now, view: item.view, cursor: item.cursor };
    }
    return this.#mesh.tasks.get(now.view.taskId, context);
  }

  /**
   * The task as it is, then what happens to it and its answer as it is written, until it ends, asks a person, or the caller
   * leaves (section 11.7: a stream closes at a terminal or interrupted state).
   */
  async *#followed(
    now: TaskNow,
    call: A2aCall,
    { fromNowOn = false, tokens }: { readonly fromNowOn?: boolean; readonly tokens?: TokenTap } = {},
  ): AsyncGenerator<StreamResponse, void, undefined> {
    // Before the caller is told: who goes on with the task then hears what is written.
    const heard = tokens ?? this.#mesh.watches.listen(now.view.taskId);
    try {
      yield snapshotOf(now.view);
      if (isEnded(now.view.status) || (isSettled(now.view) && !fromNowOn)) return;
      const order = { correlationId: now.view.taskId, cursor: now.cursor, includeTokens: heard };
      const answer = new AnswerText({ taskId: now.view.taskId, contextId: contextIdOf(now.view) });
      for await (const item of this.#mesh.watches.watch(order, call.context, call.tooSlow)) {
        for (const event of item.kind === 'token' ? answer.chunk(item.token) : answer.after(eventsOf(item))) {
          await call.drained();
          yield event;
        }
        if (item.kind === 'fact' && isSettled(item.view)) return;
      }
    } catch (thrown) {
      const { signal } = call.context;
      // Who has left hears nothing; who may not go on is told.
      if (!signal.aborted || signal.reason instanceof MeshError) throw this.#told(thrown, call);
    } finally {
      heard.close();
    }
  }
}

/** @throws A2AError or MeshError: what has another form is the id of no task */
function taskIdOf(id: string): string {
  if (id === '') throw malformed('id', 'is required');
  const taskId = readCorrelationId(id);
  if (taskId === null) throw unknownTask(id);
  return taskId;
}

/** The question that the client names; without it the answer is for the one that it was told last. */
function questionOf({ metadata }: Message): { questionId?: string } {
  const named: unknown = metadata?.questionId;
  if (named === undefined) return {};
  if (typeof named !== 'string' || named === '') throw malformed('message.metadata.questionId', 'must be a text');
  return { questionId: named };
}

function notCancelable(id: string, status: string): TaskNotCancelableError {
  return new TaskNotCancelableError({ message: `the task ${id} has ended (${status})`, metadata: { taskId: id } });
}

function checkHistoryLength(historyLength: number | undefined): number | undefined {
  if (historyLength !== undefined && !(Number.isInteger(historyLength) && historyLength >= 0))
    throw malformed('historyLength', 'must be a whole number, and not negative');
  return historyLength;
}
