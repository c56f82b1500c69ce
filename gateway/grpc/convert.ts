/**
 * What the core says, as messages of the protocol. Owns: the mapping, field by field. Does not own: either side.
 */
import { create, fromJson, type JsonObject, type JsonValue, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs, type Value, ValueSchema } from '@bufbuild/protobuf/wkt';
import type { Heartbeat } from '../../registry/registry.ts';
import type { Fact } from '../../schemas/events/fact.ts';
import type { Part as MeshPart, Message, Passage, Result } from '../../schemas/events/generated.ts';
import type { HopView, MessageView, QuestionView, TaskStatus, TaskView } from '../../schemas/events/task-view.ts';
import { invalidField } from '../../task-client/errors.ts';
import type { SaidMessage } from '../../task-client/messages.ts';
import type { TaskSummary as CoreSummary } from '../../task-client/summary.ts';
import type { TaskNow } from '../../task-client/task-feed.ts';
import type { WatchItem } from '../../task-client/watch.ts';
import { FactSchema, type Fact as WireFact } from '../gen/mesh/v1/event_pb.ts';
import {
  PassageSchema,
  type Service,
  ServiceSchema,
  type WatchResponse,
  WatchResponseSchema,
  type Passage as WirePassage,
} from '../gen/mesh/v1/mesh_service_pb.ts';
import { type AgentMessage, AgentMessageSchema, type Part } from '../gen/mesh/v1/message_pb.ts';
import {
  type Hop,
  HopSchema,
  Outcome,
  type QuestionSchema,
  ResultSchema,
  type Task,
  TaskSchema,
  TaskState,
  type TaskSummary,
  TaskSummarySchema,
  type Result as WireResult,
} from '../gen/mesh/v1/task_pb.ts';

const states: Readonly<Record<TaskStatus, TaskState>> = {
  accepted: TaskState.ACCEPTED,
  running: TaskState.RUNNING,
  input_required: TaskState.INPUT_REQUIRED,
  completed: TaskState.COMPLETED,
  failed: TaskState.FAILED,
  cancelled: TaskState.CANCELLED,
};

const outcomes: Readonly<Record<Result['outcome'], Outcome>> = {
  answered: Outcome.ANSWERED,
  accepted: Outcome.ACCEPTED,
  exhausted: Outcome.EXHAUSTED,
  reviewed: Outcome.REVIEWED,
  failed: Outcome.FAILED,
  cancelled: Outcome.CANCELLED,
};

/** @throws MeshError for the state that says nothing */
export function statusOf(state: TaskState): TaskStatus {
  const found = Object.entries(states).find(([, one]) => one === state);
  if (found === undefined) throw invalidField('states', 'must name states of tasks');
  return found[0] as TaskStatus;
}

/** The data of an event was parsed from JSON; its type only says which. */
function asJson(value: object): JsonObject {
  return value as JsonObject;
}

export function taskOf({ view, cursor }: TaskNow): Task {
  const { result, route, question, loops, fork } = view;
  return create(TaskSchema, {
    correlationId: view.taskId,
    state: states[view.status],
    prompt: view.prompt,
    workflow: view.workflow ?? '',
    caller: view.caller ?? '',
    ...(route === null ? {} : { route: { ...route, durationMs: route.ms } }),
    steps: view.steps.map(({ step, role }) => ({ step, role })),
    hops: view.hops.map(hopOf),
    messages: messagesOf(view),
    ...(loops === null ? {} : { loops }),
    ...(question === null ? {} : { question: questionOf(question) }),
    ...(result === null ? {} : { result: resultOf(result) }),
    ...(result?.error === undefined ? {} : { error: result.error }),
    createTime: timestampFromMs(view.startedAtMs),
    updateTime: timestampFromMs(view.updatedAtMs),
    cursor,
    ...(fork === null ? {} : { forkOf: fork }),
    key: view.key ?? '',
  });
}

function hopOf({ ms, note: _note, usage, ...hop }: HopView): Hop {
  return create(HopSchema, {
    ...hop,
    ...(ms === null ? {} : { durationMs: Math.round(ms) }),
    ...(usage === undefined ? {} : { usage: { input: BigInt(usage.input), output: BigInt(usage.output) } }),
  });
}

function resultOf({ artifacts = {}, attachments, code, degraded, review, ...result }: Result): WireResult {
  const { outcome, answer, engine, citations } = result;
  return create(ResultSchema, {
    outcome: outcomes[outcome],
    answer,
    engine,
    citations,
    ...(code === undefined
      ? {}
      : {
          code: { language: code.language, text: code.text, attempt: code.attempt, explanation: code.explanation },
        }),
    ...(review === undefined ? {} : { review }),
    ...(degraded === undefined ? {} : { degraded }),
    ...(attachments === undefined ? {} : { attachments: attachments.map(partOf) }),
    artifacts: Object.entries(artifacts).map(([kind, { data, text }]) => ({ kind, text, data: data as JsonObject })),
  });
}

function messagesOf(view: TaskView): AgentMessage[] {
  return view.messages.map((said: MessageView) =>
    create(AgentMessageSchema, {
      ...plainMessage(said.message),
      correlationId: view.taskId,
      senderRole: said.from,
      recipientRole: said.to,
      time: timestampFromMs(said.atMs),
    }),
  );
}

const MESSAGE_TYPE = 'dev.agentmesh.agent.message.v1';

function plainMessage({ messageId, parts }: Message) {
  return { messageId, type: MESSAGE_TYPE, parts: parts.map(partOf) };
}

function questionOf({
  question: text,
  reason,
  choices,
  ...more
}: QuestionView): MessageInitShape<typeof QuestionSchema> {
  return {
    ...{ text, reason, choices, id: more.questionId, accepts: more.accepts ?? '', defaultAnswer: more.default ?? '' },
    ...(more.timeoutMs === undefined ? {} : { timeLimit: durationFromMs(more.timeoutMs) }),
  };
}

export function messageOf({ event, atMs }: SaidMessage): AgentMessage {
  return create(AgentMessageSchema, {
    ...plainMessage(event.data),
    correlationId: event.correlationid,
    senderRole: event.senderrole,
    recipientRole: event.recipientrole,
    hopIndex: event.hopindex,
    remainingLoops: event.remainingloops,
    time: timestampFromMs(atMs),
    eventId: event.id,
  });
}

function partOf({ text, data, url, raw, filename, mediaType, metadata }: MeshPart) {
  const common = {
    filename: filename ?? '',
    mediaType: mediaType ?? '',
    ...(metadata === undefined ? {} : { metadata: asJson(metadata) }),
  };
  if (text !== undefined) return { ...common, content: { case: 'text' as const, value: text } };
  if (url !== undefined) return { ...common, content: { case: 'url' as const, value: url } };
  if (raw !== undefined) return { ...common, content: { case: 'raw' as const, value: Buffer.from(raw, 'base64') } };
  return { ...common, content: { case: 'data' as const, value: wireValue(data) } };
}

function wireValue(json: unknown): Value {
  return fromJson(ValueSchema, json as JsonValue);
}

/** A part that a caller sent. @throws MeshError that names the field */
export function meshPart({ content, filename, mediaType, metadata }: Part, index: number): MeshPart {
  const common = {
    ...(filename === '' ? {} : { filename }),
    ...(mediaType === '' ? {} : { mediaType }),
    ...(metadata === undefined ? {} : { metadata }),
  };
  switch (content.case) {
    case 'text':
      return { text: content.value, ...common };
    case 'url':
      return { url: content.value, ...common };
    case 'raw':
      return { raw: Buffer.from(content.value).toString('base64'), ...common };
    case 'data':
      return { data: toJson(ValueSchema, content.value), ...common };
    case undefined:
      throw invalidField(`parts[${index}].content`, 'give text, data, url or raw');
    default:
      throw new Error(`unhandled part: ${String(content satisfies never)}`);
  }
}

export function summaryOf(summary: CoreSummary): TaskSummary {
  return create(TaskSummarySchema, {
    correlationId: summary.correlationId,
    state: states[summary.status],
    prompt: summary.prompt,
    workflow: summary.workflow ?? '',
    caller: summary.caller ?? '',
    key: summary.key ?? '',
    route: summary.route ?? '',
    hops: summary.hops,
    ...(summary.loops === null ? {} : { loops: summary.loops }),
    createTime: timestampFromMs(summary.startedAtMs),
    updateTime: timestampFromMs(summary.updatedAtMs),
    questionId: summary.questionId ?? '',
    question: summary.question ?? '',
  });
}

function factOf({ event, storedAtMs: atMs }: Fact, view: TaskView): WireFact {
  return create(FactSchema, {
    id: event.id,
    type: event.type,
    correlationId: event.correlationid,
    causationId: event.causationid,
    senderRole: event.senderrole,
    recipientRole: event.recipientrole,
    hopIndex: event.hopindex,
    remainingLoops: event.remainingloops,
    time: timestampFromMs(atMs),
    traceparent: event.traceparent,
    data: asJson(event.data),
    state: states[view.status],
    ...(event.type === MESSAGE_TYPE ? { message: messageOf({ event, atMs }) } : {}),
  });
}

export function watchResponse(item: WatchItem): WatchResponse {
  const { cursor } = item;
  switch (item.kind) {
    case 'fact':
      return create(WatchResponseSchema, { item: { case: 'fact', value: factOf(item.fact, item.view) }, cursor });
    case 'token': {
      const { attempt, number, text } = item.token;
      return create(WatchResponseSchema, { item: { case: 'token', value: { attempt, number, text } }, cursor });
    }
    default:
      throw new Error(`unhandled item: ${String(item satisfies never)}`);
  }
}

export function passageOf(passage: Passage): WirePassage {
  return create(PassageSchema, passage);
}

export function serviceOf(beat: Heartbeat): Service {
  const { capacity, breakers } = beat;
  return create(ServiceSchema, {
    service: beat.service,
    host: beat.host,
    pid: beat.pid,
    roles: beat.roles,
    version: beat.version ?? '',
    startTime: timestampFromMs(new Date(beat.startedAt).getTime()),
    ageMs: beat.ageMs,
    capabilities: beat.capabilities ?? [],
    ...(capacity ? { capacity } : {}),
    breakers: (breakers ?? []).map(({ name, state, failures, reason }) => ({
      name,
      state,
      failures,
      reason: reason ?? '',
    })),
    problems: beat.problems ?? [],
    ...given('backlog', beat.cursorLag),
    ...given('pendingEffects', beat.pendingEffects),
    ...given('instances', beat.instances),
    ...given('memoryMb', beat.memoryMb),
  });
}

function given<K extends string>(name: K, value: number | null | undefined): { [P in K]?: number } {
  const field: { [P in K]?: number } = {};
  if (value !== null && value !== undefined) field[name] = value;
  return field;
}
