/**
 * The calls of `mesh.v1.MeshService`. Owns: reading a request into the words of the core and its answer back. Does not
 * own: anything that happens between.
 */
import { create } from '@bufbuild/protobuf';
import { durationMs, timestampMs } from '@bufbuild/protobuf/wkt';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Mesh } from '../core/mesh.ts';
import type { Submission } from '../core/tasks.ts';
import {
  CancelResponseSchema,
  ForkResponseSchema,
  GetResponseSchema,
  ListMessagesResponseSchema,
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
  type SubmitRequest,
  SubmitResponseSchema,
} from '../gen/mesh/v1/mesh_service_pb.ts';
import { type CallRules, describeTask, serverStreaming, unary } from './call.ts';
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
  const { prompt, workflow, correlationId, timeLimit, waitForModel } = request;
  const priority = priorities[request.priority];
  return {
    prompt,
    ...text('workflow', workflow),
    ...text('correlationId', correlationId),
    ...(timeLimit === undefined ? {} : { timeLimitMs: durationMs(timeLimit) }),
    ...(priority === undefined ? {} : { priority }),
    ...(waitForModel ? { waitForModel } : {}),
  };
}

export function implementation(mesh: Mesh, rules: CallRules): UntypedServiceImplementation {
  return { ...taskCalls(mesh, rules), ...conversationCalls(mesh, rules), ...meshCalls(mesh, rules) };
}

function taskCalls({ tasks, watches, list }: Mesh, rules: CallRules): UntypedServiceImplementation {
  return {
    run: unary(methods.run, rules, async (request, { context, announce, trailers }) => {
      const now = await tasks.run(submissionOf(request), context, announce);
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
        ...text('route', route),
        ...text('caller', caller),
        ...(updatedAfter === undefined ? {} : { updatedAfterMs: timestampMs(updatedAfter) }),
      };
      const page = await list(order, context);
      return create(ListResponseSchema, {
        tasks: page.tasks.map(summaryOf),
        nextPageToken: page.nextPageToken ?? '',
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
      const { correlationId, hop, prompt, newCorrelationId } = request;
      const order = { correlationId, hop, ...text('prompt', prompt), ...text('newCorrelationId', newCorrelationId) };
      const now = await tasks.fork(order, context, announce);
      describeTask(trailers, now);
      return create(ForkResponseSchema, { task: taskOf(now) });
    }),
  };
}

function conversationCalls({ tasks, messages }: Mesh, rules: CallRules): UntypedServiceImplementation {
  return {
    respond: unary(methods.respond, rules, async ({ correlationId, text: answer }, { context, trailers }) => {
      const now = await tasks.respond(correlationId, answer, context);
      describeTask(trailers, now);
      return create(RespondResponseSchema, { task: taskOf(now) });
    }),
    sendMessage: unary(methods.sendMessage, rules, async (request, { context }) => {
      const { correlationId, recipientRole, messageId } = request;
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

function meshCalls({ search, registry, setMode }: Mesh, rules: CallRules): UntypedServiceImplementation {
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
  };
}
