/**
 * The calls of `mesh.v1.MeshService`. Owns: reading a request into the words of the core and its answer back. Does not
 * own: anything that happens between.
 */
import { create } from '@bufbuild/protobuf';
import { durationMs, timestampMs } from '@bufbuild/protobuf/wkt';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { MeshError } from '../../task-client/errors.ts';
import type { ClientLog } from '../../task-client/ports.ts';
import type { Submission } from '../../task-client/submissions.ts';
import type { TaskNow } from '../../task-client/task-feed.ts';
import type { Tasks } from '../../task-client/tasks.ts';
import type { Mesh } from '../core/mesh.ts';
import {
  CancelResponseSchema,
  ForkResponseSchema,
  GetResponseSchema,
  ListMessagesResponseSchema,
  ListOrder,
  ListResponseSchema,
  MeshService,
  Mode,
  Priority,
  RegistryResponseSchema,
  RespondResponseSchema,
  type RunRequest,
  RunResponseSchema,
  SearchResponseSchema,
  SendMessageResponseSchema,
  SetModeResponseSchema,
  SetWindowResponseSchema,
  type SubmitRequest,
  SubmitResponseSchema,
} from '../gen/mesh/v1/mesh_service_pb.ts';
import { type Call, type CallRules, describeTask, serverStreaming, unary } from './call.ts';
import { meshPart, messageOf, passageOf, serviceOf, statusOf, summaryOf, taskOf, watchResponse } from './convert.ts';

const methods = MeshService.method;

/** Proto3 has no absent text: empty means absent. */
function text<K extends string>(name: K, value: string): { [P in K]?: string } {
  const field: { [P in K]?: string } = {};
  if (value !== '') field[name] = value;
  return field;
}

const priorities: Readonly<Record<Priority, Submission['priority'] | undefined>> = {
  [Priority.UNSPECIFIED]: undefined,
  [Priority.LOW]: 'low',
  [Priority.NORMAL]: 'normal',
  [Priority.HIGH]: 'high',
};

function submissionOf(request: RunRequest | SubmitRequest): Submission {
  const { prompt, workflow, correlationId, key, timeLimit, waitForModel } = request;
  const priority = priorities[request.priority];
  return {
    prompt,
    ...text('workflow', workflow),
    ...text('correlationId', correlationId),
    ...text('key', key),
    ...(timeLimit === undefined ? {} : { timeLimitMs: durationMs(timeLimit) }),
    ...(priority === undefined ? {} : { priority }),
    ...(waitForModel ? { waitForModel } : {}),
  };
}

/** A run whose task does not outlive the call: when the caller leaves or the deadline passes, it is cancelled. */
async function runWithCall(
  tasks: Tasks,
  submission: Submission,
  { context, announce }: Pick<Call, 'context' | 'announce'>,
  log: ClientLog,
): Promise<TaskNow> {
  let correlationId = submission.correlationId;
  try {
    return await tasks.run(submission, context, (made) => {
      correlationId = made;
      announce(made);
    });
  } catch (thrown) {
    const isOver = context.signal.aborted || (thrown instanceof MeshError && thrown.code === 'deadline_exceeded');
    if (!isOver || (correlationId === undefined && submission.key === undefined)) throw thrown;
    const alone = { ...context, signal: new AbortController().signal, deadlineMs: null };
    const cancelling = async (): Promise<void> => {
      // It may not have been taken yet: the same submission again waits for that.
      const { view } = await tasks.submit(
        { ...submission, ...(correlationId === undefined ? {} : { correlationId }) },
        alone,
      );
      await tasks.cancel(view.taskId, 'the call that it was to end with has ended', alone);
    };
    cancelling().catch((error: unknown) => {
      // It ended in the same moment: there is nothing to cancel.
      if (error instanceof MeshError && error.reason === 'TASK_ENDED') return;
      log.warn({ error: String(error) }, 'a task could not be cancelled with its call');
    });
    if (context.signal.aborted) throw thrown;
    throw new MeshError(
      'deadline_exceeded',
      'TASK_CANCELLED',
      'the deadline of the call has passed, and the task is cancelled with it',
    );
  }
}

export function implementation(mesh: Mesh, rules: CallRules): UntypedServiceImplementation {
  return { ...taskCalls(mesh, rules), ...conversationCalls(mesh, rules), ...meshCalls(mesh, rules) };
}

function taskCalls({ tasks, watches, list }: Mesh, rules: CallRules): UntypedServiceImplementation {
  return {
    run: unary(methods.run, rules, async (request, { context, announce, trailers }) => {
      const submission = submissionOf(request);
      const now = request.cancelWithCall
        ? await runWithCall(tasks, submission, { context, announce }, rules.log)
        : await tasks.run(submission, context, announce);
      describeTask(trailers, now);
      return create(RunResponseSchema, { task: taskOf(now) });
    }),
    submit: unary(methods.submit, rules, async (request, { context, announce, trailers }) => {
      const now = await tasks.submit(submissionOf(request), context, announce);
      describeTask(trailers, now);
      return create(SubmitResponseSchema, { task: taskOf(now) });
    }),
    get: unary(methods.get, rules, async ({ correlationId }, { context, trailers }) => {
      const now = await tasks.get(correlationId, context);
      describeTask(trailers, now);
      return create(GetResponseSchema, { task: taskOf(now) });
    }),
    list: unary(methods.list, rules, async (request, { context }) => {
      const { pageSize, pageToken, states, route, caller, updatedAfter } = request;
      const order = {
        ...(pageSize === 0 ? {} : { pageSize }),
        pageToken,
        statuses: states.map(statusOf),
        order: request.order === ListOrder.CREATED ? ('created' as const) : ('changed' as const),
        ...text('route', route),
        ...text('caller', caller),
        ...(updatedAfter === undefined ? {} : { updatedAfterMs: timestampMs(updatedAfter) }),
      };
      const page = await list(order, context);
      return create(ListResponseSchema, {
        tasks: page.tasks.map(summaryOf),
        nextPageToken: page.nextPageToken ?? '',
        total: page.total,
      });
    }),
    watch: serverStreaming(methods.watch, rules, async function* (request, { context, announce }, onFail) {
      announce(request.correlationId);
      for await (const item of watches.watch(request, context, onFail)) yield watchResponse(item);
    }),
    cancel: unary(methods.cancel, rules, async ({ correlationId, reason }, { context, trailers }) => {
      const now = await tasks.cancel(correlationId, reason, context);
      describeTask(trailers, now);
      return create(CancelResponseSchema, { task: taskOf(now) });
    }),
    fork: unary(methods.fork, rules, async (request, { context, announce, trailers }) => {
      const { correlationId, hop, prompt, input, newCorrelationId } = request;
      const order = {
        ...{ correlationId, hop },
        ...{ ...text('prompt', prompt), ...text('newCorrelationId', newCorrelationId) },
        ...(input === undefined ? {} : { input }),
      };
      const now = await tasks.fork(order, context, announce);
      describeTask(trailers, now);
      return create(ForkResponseSchema, { task: taskOf(now) });
    }),
  };
}

function conversationCalls({ tasks, messages }: Mesh, rules: CallRules): UntypedServiceImplementation {
  return {
    respond: unary(methods.respond, rules, async (request, { context, trailers }) => {
      const { correlationId, questionId, messageId } = request;
      const order = {
        correlationId,
        text: request.text,
        ...text('questionId', questionId),
        ...text('messageId', messageId),
      };
      const now = await tasks.respond(order, context);
      describeTask(trailers, now);
      return create(RespondResponseSchema, { task: taskOf(now) });
    }),
    sendMessage: unary(methods.sendMessage, rules, async (request, { context }) => {
      const { recipientRole, messageId } = request;
      const { correlationId } = request;
      const parts = request.parts.map(meshPart);
      const said = await messages.send(
        { correlationId, recipientRole, parts, ...text('messageId', messageId) },
        context,
      );
      return create(SendMessageResponseSchema, { message: messageOf(said) });
    }),
    listMessages: unary(methods.listMessages, rules, async ({ correlationId, pageSize, pageToken }, { context }) => {
      const order = { correlationId, pageToken, ...(pageSize === 0 ? {} : { pageSize }) };
      const page = await messages.list(order, context);
      return create(ListMessagesResponseSchema, {
        messages: page.messages.map(messageOf),
        nextPageToken: page.nextPageToken ?? '',
      });
    }),
  };
}

function meshCalls({ search, registry, setMode, setWindow }: Mesh, rules: CallRules): UntypedServiceImplementation {
  return {
    search: unary(methods.search, rules, async ({ query, limit }, { context }) => {
      const { passages, engine, problem } = await search({ query, ...(limit === 0 ? {} : { limit }) }, context);
      return create(SearchResponseSchema, { passages: passages.map(passageOf), engine, problem: problem ?? '' });
    }),
    registry: unary(methods.registry, rules, async () => {
      const services = await registry();
      return create(RegistryResponseSchema, { services: services.map(serviceOf) });
    }),
    setMode: unary(methods.setMode, rules, async ({ mode }, { context }) => {
      await setMode(mode === Mode.DEBUG ? 'debug' : 'shipping', context);
      return create(SetModeResponseSchema, { mode });
    }),
    setWindow: unary(methods.setWindow, rules, async ({ openFor }, { context }) => {
      await setWindow(openFor === undefined ? null : durationMs(openFor), context);
      return create(SetWindowResponseSchema, {});
    }),
  };
}
