/**
 * What a task's events say as spans. Owns: which events are spans, and of which parent. Does not own: names, ids
 * (`span.ts`), attempts of effects, or sending.
 *
 * 1. Pure: the same event gives the same span. So what is folded again after a crash can be told again, and overwrites.
 * 2. task → hop → what happens in it. A hop is told of when it has ended, by the fact that says so; a task likewise.
 * 3. Nothing here reads what a task is about: types, roles, counts and codes only.
 */

import { type MeshEvent, nameOf, typeOf } from '../schemas/events/envelope.ts';
import { inboxesOf } from '../schemas/events/subjects.ts';
import { parseTraceparent, sampledContext, spanIdOf, type TraceContext } from '../schemas/events/trace-context.ts';
import { type Attributes, type FinishedSpan, hopSpanId, type SpanLink, spanIdFor, taskSpanId } from './span.ts';
import { attribute, spanNamed } from './spans.ts';

/** Said from actor to actor: these are messages; the others are facts, or what a host says to its own actor. */
const MESSAGES: ReadonlySet<string> = new Set(
  (['hop.requested', 'hop.replied', 'hop.cancelled', 'llm.requested', 'llm.replied', 'agent.message'] as const).map(
    typeOf,
  ),
);

const HOP_FINISHED = 'dev.agentmesh.hop.finished.v1';

const ENDINGS: ReadonlySet<string> = new Set(
  (['task.completed', 'task.failed', 'task.cancelled'] as const).map(typeOf),
);

export interface SaidEvent {
  readonly to: string;
  readonly event: MeshEvent;
  readonly way: 'host' | 'mesh' | 'fact';
}

/**
 * What actors of one process tell each other takes no time and says what the hop says already: only Agent2Agent messages
 * of theirs are told of, unless everything is.
 */
export function isQuiet({ event, way }: Pick<SaidEvent, 'event' | 'way'>): boolean {
  return way === 'host' && event.type !== 'dev.agentmesh.agent.message.v1';
}

/** The span of what an actor said, or null when it is none. */
export function saidSpan(
  { to, event, way }: SaidEvent,
  atMs: number,
  began: TaskBeginning | null,
): FinishedSpan | null {
  const told = way === 'fact' ? event.type === HOP_FINISHED || ENDINGS.has(event.type) : MESSAGES.has(event.type);
  const context = told ? sampledContext(event.traceparent) : null;
  if (context === null) return null;
  if (way !== 'fact') return messageSpan(event, to, way, context, atMs);
  return event.type === HOP_FINISHED ? hopSpan(event, context, atMs) : taskSpan(event, context, began);
}

/** The span of a message that was applied; null for what is no message between actors. */
export function stepSpan(role: string, event: MeshEvent, atMs: number, isElsewhere: boolean): FinishedSpan | null {
  if (!MESSAGES.has(event.type)) return null;
  const context = sampledContext(event.traceparent);
  if (context === null) return null;
  const saidMs = Date.parse(event.time);
  return {
    ...{ traceId: context.traceId, spanId: spanIdFor(event.id, 'step', role), parentSpanId: spanIdOf(event.id) },
    ...{ name: spanNamed.step, kind: 'consumer', startMs: isElsewhere ? Math.min(saidMs, atMs) : atMs, endMs: atMs },
    attributes: {
      ...ofEvent(event),
      [attribute.role]: role,
      [attribute.messagingSystem]: 'nats',
      [attribute.messagingDestination]: inboxesOf(role),
      [attribute.messagingOperation]: 'process',
    },
    failure: null,
  };
}

function messageSpan(
  event: MeshEvent,
  to: string,
  way: 'host' | 'mesh',
  { traceId }: TraceContext,
  atMs: number,
): FinishedSpan {
  const a2a: Attributes =
    event.type === 'dev.agentmesh.agent.message.v1'
      ? { [attribute.a2aMessageId]: event.data.messageId, [attribute.a2aTaskId]: event.correlationid }
      : {};
  return {
    ...{ traceId, spanId: spanIdOf(event.id), parentSpanId: hopSpanId(event.correlationid, event.hopindex) },
    ...{ name: spanNamed.message, kind: 'producer', startMs: atMs, endMs: atMs },
    attributes: {
      ...ofEvent(event),
      ...a2a,
      [attribute.messagingSystem]: way === 'mesh' ? 'nats' : 'in_process',
      [attribute.messagingDestination]: inboxesOf(to),
      [attribute.messagingOperation]: 'send',
    },
    failure: null,
  };
}

function hopSpan(event: MeshEvent<'hop.finished'>, { traceId }: TraceContext, endMs: number): FinishedSpan {
  const { hop, error } = event.data;
  const { correlationid: task } = event;
  return {
    traceId,
    spanId: hopSpanId(task, hop.index),
    parentSpanId: taskSpanId(task),
    name: spanNamed.hop,
    kind: 'internal',
    startMs: endMs - hop.ms,
    endMs,
    attributes: {
      [attribute.correlationId]: task,
      [attribute.hopIndex]: hop.index,
      [attribute.remainingLoops]: event.remainingloops,
      [attribute.role]: hop.role,
      [attribute.step]: hop.step,
      [attribute.stepAttempt]: hop.attempt,
      [attribute.hopStatus]: hop.status,
      [attribute.engine]: hop.engine,
      [attribute.operation]: 'invoke_agent',
      [attribute.agentName]: hop.role,
      [attribute.conversation]: task,
      ...(error === undefined ? {} : { [attribute.errorType]: error.code }),
    },
    failure: hop.status === 'completed' ? null : (error?.code ?? hop.status),
  };
}

function taskSpan(event: MeshEvent, context: TraceContext, began: TaskBeginning | null): FinishedSpan | null {
  if (!('result' in event.data)) return null;
  const { result } = event.data;
  const { correlationid: task } = event;
  const endMs = Date.parse(event.time);
  // Another machine has it whose recorder knows no beginning: the hops tell at least how long they took.
  const startMs = began?.startMs ?? endMs - result.hops.reduce((sum, { ms }) => sum + ms, 0);
  const failure = result.error?.code ?? null;
  return {
    ...{ traceId: context.traceId, spanId: taskSpanId(task), parentSpanId: began?.parentSpanId ?? '' },
    ...{ name: spanNamed.task, kind: 'internal', startMs: Math.min(startMs, endMs), endMs },
    ...(began?.links === undefined ? {} : { links: began.links }),
    attributes: {
      [attribute.correlationId]: task,
      [attribute.conversation]: task,
      [attribute.operation]: 'invoke_workflow',
      [attribute.taskStatus]: (nameOf(event.type) ?? '').slice('task.'.length),
      [attribute.remainingLoops]: event.remainingloops,
      [attribute.hops]: event.hopindex,
      ...(began?.links === undefined ? {} : { [attribute.linkCause]: 'fork' }),
      ...(result.route === undefined
        ? {}
        : { [attribute.workflow]: result.route.decision, [attribute.agentName]: result.route.decision }),
      ...(failure === null ? {} : { [attribute.errorType]: failure }),
    },
    failure,
  };
}

/** What is known of a task from its submission on. */
export interface TaskBeginning {
  readonly startMs: number;
  /** To the hop that it was forked from. */
  readonly links?: readonly SpanLink[];
  /** Of its caller; empty for none. */
  readonly parentSpanId: string;
}

export function isEnding(event: MeshEvent): boolean {
  return ENDINGS.has(event.type);
}

/** Of the span that the caller of a task gave; empty when the task has a trace of its own. */
export function callerSpanOf(submitted: MeshEvent): string {
  const context = parseTraceparent(submitted.traceparent);
  return context === null || context.spanId === spanIdOf(submitted.id) ? '' : context.spanId;
}

/** A forked task follows the hop that it was forked from, where that one is told of. */
export function forkLinks(submitted: MeshEvent<'task.submitted'>): Pick<TaskBeginning, 'links'> {
  const origin = submitted.data.fork?.origin;
  if (origin === undefined) return {};
  const context = parseTraceparent(origin.traceparent ?? '');
  if (context === null || !context.sampled) return {};
  const spanId = hopSpanId(origin.correlationId, origin.hop);
  return { links: [{ traceId: context.traceId, spanId, cause: 'fork' }] };
}

function ofEvent(event: MeshEvent): Attributes {
  return {
    [attribute.correlationId]: event.correlationid,
    [attribute.eventType]: nameOf(event.type) ?? event.type,
    [attribute.sender]: event.senderrole,
    [attribute.recipient]: event.recipientrole,
    [attribute.hopIndex]: event.hopindex,
    [attribute.remainingLoops]: event.remainingloops,
  };
}
