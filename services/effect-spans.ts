/**
 * What the runtime tells as spans and counts. Owns: what a span says of an attempt and of the process it runs in, how an
 * attempt is tied to the one that a crash cut off, and which traces are kept. Does not own: the names and ids
 * (`telemetry/`), spans of events (`telemetry/task-spans.ts`), sending, or what an effect adds about its own work.
 *
 * 1. An attempt is told of once, when it has ended. One that was cut off is told of by the process that finds it.
 * 2. What is folded at a start is told again only as far back as it may not have been sent, and is no new execution.
 * 3. No idempotency key, no words of an error, and nothing of what a task is about leaves through here; content goes
 *    through one gate.
 */

import { toErrorInfo } from '../actors/runtime/errors.ts';
import type {
  AppliedFacts,
  AttemptFacts,
  AttemptSpan,
  HostedFacts,
  OpenedFacts,
  RuntimeLog,
  SpanAttributes,
  Tracing,
} from '../actors/runtime/ports.ts';
import { BreakerOpenError } from '../resilience/breakers.ts';
import { type MeshEvent, nameOf } from '../schemas/events/envelope.ts';
import { inboxesOf } from '../schemas/events/subjects.ts';
import { isSampled, parseTraceparent, withoutSampling } from '../schemas/events/trace-context.ts';
import type { FlightRecorder } from '../telemetry/flight-recorder.ts';
import { rememberTrace } from '../telemetry/log.ts';
import type { Counters } from '../telemetry/metrics.ts';
import { attemptSpanId, type BegunSpan, hopSpanId, type LinkCause, spanIdFor, taskSpanId } from '../telemetry/span.ts';
import { attribute, spanName, spanNamed } from '../telemetry/spans.ts';
import {
  callerSpanOf,
  forkLinks,
  isEnding,
  isQuiet,
  saidSpan,
  stepSpan,
  type TaskBeginning,
} from '../telemetry/task-spans.ts';
import { type OpenSpan, preciseNow, type Tracer } from '../telemetry/tracer.ts';

/** The process as the caps see it. */
export interface ProcessFacts {
  /** Threads that its settings give it for work. */
  threads(): number;
  memoryLimitMb(): number;
  rssMb(): number;
}

export interface EffectSpansOptions {
  readonly tracer: Tracer;
  readonly counters: Counters;
  readonly recorder: Pick<FlightRecorder, 'crashed' | 'begun' | 'event' | 'forget' | 'late'>;
  readonly process: ProcessFacts;
  readonly log: RuntimeLog;
  /** Name of this host. */
  readonly host: string;
  /** Traces that are begun in a second; what is more is not kept. */
  readonly tracesPerSecond: number;
  /** Everything is told now. */
  readonly isFull: () => boolean;
  /** What a task is about may be told now. */
  readonly tellsContent: () => boolean;
  /** When a host of this service was last heard of, milliseconds since the epoch; null when nobody knows. Never rejects. */
  readonly lastHeard: (host: string) => Promise<number | null>;
  readonly onCrash: (how: CrashSign, cause: string) => void;
}

export type CrashSign = 'unclean_stop' | 'unfinished_effect' | 'takeover' | 'restart' | 'quarantine';

/** Spans of what was folded are told again when they are younger than this before the end: they may not have left. */
const RESEND_MS = 15_000;
const TASKS_MAX = 20_000;
/** The sender of what callers say by way of the gateway. */
const CALLERS = 'gateway';
const BURST_SECONDS = 5;

export function traceEffects(options: EffectSpansOptions): Tracing {
  const { tracer, counters, recorder, onCrash } = options;
  const tasks = new Map<string, TaskBeginning>();
  const left = new Map<number, NonNullable<OpenedFacts['before']>>();
  const begun = new Set<string>();
  /** When each role of an open task was last told something, in what was folded: what is pending began then. */
  const toldAtMs = new Map<string, number>();
  const lost = new Map((recorder.crashed?.cutOff ?? []).map((span) => [span.spanId, span]));
  const admits = tokenBucket(options.tracesPerSecond);
  const processNow = oncePerSecond(() => ofProcess(options.process));
  for (const span of recorder.crashed?.resumed ?? []) {
    const { startMs, parentSpanId, links } = span;
    const task = span.attributes[attribute.correlationId];
    if (typeof task === 'string') tasks.set(task, { startMs, parentSpanId, ...(links === undefined ? {} : { links }) });
  }

  /** Since the last write of the recorder. */
  const applications: AppliedFacts[] = [];
  /** Hops that do again what may have happened, because a person wants it. */
  const wanted = new Set<string>();
  const noteWanted = ({ type, data, correlationid, hopindex }: MeshEvent): void => {
    if (type !== 'dev.agentmesh.hop.requested.v1' || !('repeat' in data) || data.repeat !== true) return;
    if (wanted.size >= TASKS_MAX) wanted.delete(wanted.keys().next().value ?? '');
    wanted.add(`${correlationid}/${hopindex}`);
  };

  const beginTask = (event: MeshEvent<'task.submitted'>, atMs: number, replayed: boolean): void => {
    const context = parseTraceparent(event.traceparent);
    const { correlationid: task } = event;
    if (context === null || tasks.has(task)) return;
    rememberTrace(task, context.traceId);
    const links = forkLinks(event);
    const beginning = { startMs: Date.parse(event.time) || atMs, parentSpanId: callerSpanOf(event), ...links };
    if (tasks.size >= TASKS_MAX) tasks.delete(tasks.keys().next().value ?? '');
    tasks.set(task, beginning);
    if (!context.sampled || replayed) return;
    const ids = { traceId: context.traceId, spanId: taskSpanId(task), parentSpanId: beginning.parentSpanId };
    const attributes = { [attribute.correlationId]: task };
    const span: BegunSpan = {
      ...ids,
      ...{ name: spanNamed.task, kind: 'internal', startMs: beginning.startMs, attributes, ...links },
    };
    recorder.begun(span, true);
  };
  const count = (event: MeshEvent, began: TaskBeginning | undefined): void => {
    switch (event.type) {
      case 'dev.agentmesh.hop.finished.v1': {
        const { role, status, ms } = event.data.hop;
        counters.add('hops', { role, status });
        counters.observe('hopSeconds', { role }, ms / 1000);
        return;
      }
      case 'dev.agentmesh.loop.advanced.v1':
        counters.add('loops', { next: event.data.next });
        return;
      case 'dev.agentmesh.task.completed.v1':
      case 'dev.agentmesh.task.failed.v1':
      case 'dev.agentmesh.task.cancelled.v1': {
        const status = (nameOf(event.type) ?? '').slice('task.'.length);
        counters.add('tasks', { status, workflow: event.data.result.route?.decision ?? '' });
        if (began !== undefined)
          counters.observe('taskSeconds', { status }, Math.max(0, Date.parse(event.time) - began.startMs) / 1000);
        return;
      }
      default:
    }
  };
  const noteTold = (task: string, role: string, atMs: number): void => {
    if (toldAtMs.size >= TASKS_MAX) toldAtMs.delete(toldAtMs.keys().next().value ?? '');
    toldAtMs.set(`${task}/${role}`, atMs);
  };
  const applied = (facts: AppliedFacts): void => {
    const { role, event, atMs, said, replayed } = facts;
    if (event.type === 'dev.agentmesh.task.submitted.v1') beginTask(event, atMs, replayed);
    noteWanted(event);
    for (const one of said) if (one.way === 'host') noteWanted(one.event);
    if (replayed) {
      noteTold(event.correlationid, role, atMs);
      for (const one of said) if (one.way === 'host') noteTold(event.correlationid, one.to, atMs);
    }
    if (applications.push(facts) === 1) recorder.late(tellAll);
  };
  const tellAll = (): void => {
    for (const facts of applications) tell(facts);
    applications.length = 0;
  };
  const tell = ({ role, event, atMs, said, replayed }: AppliedFacts): void => {
    if (!replayed) recorder.event(atMs, event.correlationid, role, nameOf(event.type) ?? event.type, event.hopindex);
    // Where the journal ends is known only after the fold; wall time is near enough, and the ids are the same again.
    if (replayed && Date.now() - atMs > RESEND_MS) return;
    const sampled = isSampled(event.traceparent);
    if (!sampled) {
      for (const one of said) {
        if (one.way !== 'fact') continue;
        if (!replayed) count(one.event, tasks.get(event.correlationid));
        if (isEnding(one.event)) tasks.delete(event.correlationid);
      }
      return;
    }
    const isElsewhere = event.senderrole !== role;
    // A caller's message comes from no actor: whoever applies it tells of its sending as well.
    if (event.senderrole === CALLERS) {
      const sent = saidSpan({ to: role, event, way: 'mesh' }, Date.parse(event.time), null);
      if (sent !== null) tracer.finish(sent);
    }
    const own = stepSpan(role, event, atMs, isElsewhere);
    if (own !== null) tracer.finish(own);
    for (const one of said) {
      const began = tasks.get(one.event.correlationid);
      const span = isQuiet(one) && !options.isFull() ? null : saidSpan(one, atMs, began ?? null);
      if (!replayed && one.way === 'fact') count(one.event, began);
      if (span === null) continue;
      tracer.finish(span);
      if (one.way === 'host') {
        const step = stepSpan(one.to, one.event, atMs, false);
        if (step !== null) tracer.finish(step);
      }
      if (span.name === spanNamed.task) tasks.delete(one.event.correlationid);
    }
  };

  /** Nothing was lost in most lives of a process: then no id is derived to look for it. */
  const wasLost = (key: string, attempt: number): boolean =>
    lost.size > 0 && lost.has(attemptSpanId(key, attempt, options.host));
  /** Why there was an attempt before this one, and which. */
  const before = (facts: AttemptFacts): { readonly cause: LinkCause; readonly spanId: string } | null => {
    const { key, attempt, failures, crashes, pending, partition } = facts;
    const isFirst = !begun.has(key);
    const writer = left.get(partition);
    if (isFirst && crashes > 0) return { cause: 'crash', spanId: attemptSpanId(key, attempt - 1, options.host) };
    if (isFirst && wasLost(key, attempt)) return { cause: 'crash', spanId: attemptSpanId(key, attempt, options.host) };
    if (isFirst && pending && writer !== undefined && !writer.here)
      return { cause: writer.inOrder ? 'stop' : 'takeover', spanId: attemptSpanId(key, attempt, writer.host) };
    // Which attempt it was is known to the hop that nobody knows the outcome of: the one before, since nothing ran between.
    if (isFirst && facts.fence === 'once' && wanted.delete(`${facts.correlationId}/${facts.hop}`))
      return { cause: 'person', spanId: hopSpanId(facts.correlationId, facts.hop - 1) };
    if (failures > 0) return { cause: 'retry', spanId: attemptSpanId(key, attempt - 1, options.host) };
    return null;
  };
  const attempt = (facts: AttemptFacts): AttemptSpan => {
    const { key, correlationId: task, role, src } = facts;
    const previous = facts.attempt === 0 ? null : before(facts);
    begun.add(key);
    if (previous !== null) {
      counters.add('retries', { cause: previous.cause });
      if (previous.cause === 'crash' || previous.cause === 'takeover')
        onCrash(previous.cause === 'crash' ? 'unfinished_effect' : 'takeover', `${role}/${src} was cut off`);
    }
    const done = (): void => void begun.delete(key);
    const context = isSampled(facts.traceparent) ? parseTraceparent(facts.traceparent) : null;
    if (context === null) return uncollected(done);
    const { traceId } = context;
    const isTaken = wasLost(key, facts.attempt);
    const number = isTaken ? `${facts.attempt}+` : facts.attempt;
    const spanId = spanIdFor(key, 'attempt', number, options.host);
    const parentSpanId = role === 'orchestrator' ? taskSpanId(task) : hopSpanId(task, facts.hop);
    const nowMs = preciseNow();
    const links = previous === null ? {} : { links: [{ traceId, spanId: previous.spanId, cause: previous.cause }] };
    const own = ofAttempt(facts);
    const attributes = previous === null ? own : { ...own, ...lostSince(facts, previous, nowMs) };
    const place = { traceId, spanId, parentSpanId, ...links };
    const span = tracer.begin({ ...place, name: spanName(role, src), kind: 'internal', startMs: nowMs, attributes });
    if (previous?.cause === 'takeover') void closeElsewhere(facts, place, previous.spanId, span);
    return openAttempt(span, facts, done);
  };
  /** From the last sign of the attempt before to the beginning of this one: what the crash cost. */
  const lostSince = (facts: AttemptFacts, previous: { cause: LinkCause } | null, nowMs: number): SpanAttributes => {
    if (previous === null) return {};
    const told = { [attribute.linkCause]: previous.cause };
    if (previous.cause !== 'crash' && previous.cause !== 'takeover') return told;
    const lastMs = Math.max(recorder.crashed?.lastMs ?? 0, left.get(facts.partition)?.atMs ?? 0);
    return lastMs === 0 ? told : { ...told, [attribute.lostMs]: Math.max(0, Math.round(nowMs - lastMs)) };
  };
  /**
   * Another host's attempt ended with that host: it is told of here, from when its role was asked, as the journal has it,
   * to the host's last sign of life. The attempt that goes on says what was lost since then.
   */
  const closeElsewhere = async (
    facts: AttemptFacts,
    place: Pick<BegunSpan, 'traceId' | 'parentSpanId'>,
    spanId: string,
    next: OpenSpan,
  ): Promise<void> => {
    const writer = left.get(facts.partition);
    if (writer === undefined) return;
    const startMs = toldAtMs.get(`${facts.correlationId}/${facts.role}`) ?? writer.atMs;
    // Whoever it heard last may have a clock that is ahead: it did not live when this attempt began.
    const heardMs = Math.min((await options.lastHeard(writer.host)) ?? writer.atMs, next.span.startMs);
    const endMs = Math.max(startMs, writer.atMs, heardMs);
    next.set({ [attribute.lostMs]: Math.max(0, Math.round(next.span.startMs - endMs)) });
    tracer.finish({
      ...{ ...place, spanId, links: [], name: spanName(facts.role, facts.src), kind: 'internal', startMs, endMs },
      attributes: {
        ...ofAttempt(facts),
        [attribute.outcome]: 'cut_off',
        [attribute.cutOffReason]: `host ${writer.host} was last heard of ${new Date(endMs).toISOString()}`,
      },
      failure: 'cut_off',
    });
  };
  const openAttempt = (span: OpenSpan, facts: AttemptFacts, done: () => void): AttemptSpan => {
    let inner: OpenSpan | null = null;
    let inside = 0;
    const { traceId, spanId } = span.span;
    const endInner = (failure: string | null): void => {
      if (inner !== null) countInner(counters, inner, told);
      inner?.end(failure);
      inner = null;
    };
    let told: SpanAttributes = {};
    const set = (attributes: SpanAttributes): void => {
      const operation = attributes[attribute.operation];
      // An effect that names an operation of the GenAI conventions has it as a span of its own, inside of the attempt.
      if (operation === 'chat' || operation === 'execute_tool') {
        endInner(null);
        told = {};
        inside += 1;
        const name = `${operation} ${String(attributes[attribute.toolName] ?? attributes[attribute.responseModel] ?? '')}`;
        inner = tracer.begin({
          ...{ traceId, spanId: spanIdFor(spanId, operation, inside), parentSpanId: spanId, name: name.trim() },
          ...{ kind: operation === 'chat' ? 'client' : 'internal', startMs: preciseNow() },
          attributes: { [attribute.conversation]: facts.correlationId },
        });
      }
      told = { ...told, ...attributes };
      if (inner === null) span.set(attributes);
      else inner.set(attributes);
    };
    return {
      log: withTrace(options.log, { task: facts.correlationId, trace_id: traceId, span_id: spanId }),
      set,
      content: (attributes) => {
        if (options.tellsContent()) set(attributes());
      },
      end(outcome, error) {
        done();
        const failure = outcome === 'failed' ? toErrorInfo(error).code : null;
        endInner(failure);
        span.set({ ...processNow(), [attribute.outcome]: outcome, ...ofError(error) });
        span.end(failure);
      },
    };
  };

  return {
    attempt,
    applied,
    admit: (traceparent) => (options.isFull() || admits() ? traceparent : withoutSampling(traceparent)),
    opened(facts) {
      const { before: writer } = facts;
      counters.add('replayed', {}, facts.records);
      if (writer !== null) left.set(facts.partition, writer);
      if (writer !== null && !writer.here && !writer.inOrder && facts.tasks > 0)
        onCrash('takeover', `partition ${facts.partition} of ${facts.service} was taken over from ${writer.host}`);
      replaySpans(tracer, facts, options.host);
    },
    hosted(facts) {
      if (facts.what === 'checkpoint') counters.add('checkpoints', {});
      if (facts.what === 'quarantine')
        onCrash('quarantine', `a message to ${facts.lane} was quarantined: ${facts.code}`);
      hostedSpan(tracer, facts, options.host);
    },
  };
}

function countInner(counters: Counters, { span }: OpenSpan, told: SpanAttributes): void {
  const seconds = Math.max(0, preciseNow() - span.startMs) / 1000;
  const tool = told[attribute.toolName];
  if (typeof tool === 'string') counters.observe('toolSeconds', { tool }, seconds);
  const model = told[attribute.responseModel];
  if (typeof model !== 'string') return;
  counters.observe('modelSeconds', { model }, seconds);
  const directions = { input: told[attribute.inputTokens], output: told[attribute.outputTokens] };
  for (const [direction, tokens] of Object.entries(directions))
    if (typeof tokens === 'number') counters.add('tokens', { model, direction }, tokens);
}

function uncollected(done: () => void): AttemptSpan {
  return { set: () => undefined, end: done };
}

/** A partition that was opened after a crash or a takeover, as a trace of its own: it is about many tasks. */
function replaySpans(tracer: Tracer, facts: OpenedFacts, host: string): void {
  const { service, partition, checkpoint, records, tasks, tookMs, before } = facts;
  if (records === 0 && checkpoint === 0) return;
  const endMs = preciseNow();
  const spanId = spanIdFor('replay', host, process.pid, partition, endMs);
  const traceId = `${spanId}${spanIdFor(spanId)}`;
  const left = before === null ? 'new' : before.inOrder ? 'in_order' : before.here ? 'cut_off' : 'taken_over';
  const attributes = { [attribute.service]: service, [attribute.partition]: partition, [attribute.left]: left };
  const time = { startMs: endMs - tookMs, endMs };
  tracer.finish({
    ...{ traceId, spanId, parentSpanId: '', name: spanNamed.replay, kind: 'internal', ...time, failure: null },
    attributes: { ...attributes, [attribute.records]: records, [attribute.tasks]: tasks, [attribute.replay]: true },
  });
  if (checkpoint === 0) return;
  tracer.finish({
    ...{ traceId, spanId: spanIdFor(spanId, 'load'), parentSpanId: spanId, name: spanNamed.checkpointLoad },
    ...{ kind: 'internal', startMs: time.startMs, endMs: time.startMs, failure: null },
    attributes: { ...attributes, [attribute.records]: checkpoint, [attribute.tasks]: tasks },
  });
}

function hostedSpan(tracer: Tracer, facts: HostedFacts, host: string): void {
  const endMs = preciseNow();
  const alone = (spanId: string) => ({ traceId: `${spanId}${spanIdFor(spanId)}`, spanId, parentSpanId: '' });
  switch (facts.what) {
    case 'checkpoint': {
      const { service, partition, n, tasks } = facts;
      tracer.finish({
        ...alone(spanIdFor('checkpoint', service, partition, n, host)),
        ...{ name: spanNamed.checkpointSave, kind: 'internal', startMs: endMs, endMs, failure: null },
        attributes: {
          [attribute.service]: service,
          [attribute.partition]: partition,
          [attribute.records]: n,
          [attribute.tasks]: tasks,
        },
      });
      return;
    }
    case 'quarantine':
      tracer.finish({
        ...alone(spanIdFor('quarantine', facts.lane, facts.seq, endMs)),
        ...{ name: spanNamed.quarantine, kind: 'consumer', startMs: endMs, endMs, failure: facts.code },
        attributes: {
          [attribute.role]: facts.lane,
          [attribute.streamSequence]: facts.seq,
          [attribute.quarantineCode]: facts.code,
        },
      });
      return;
    case 'published': {
      const context = parseTraceparent(facts.traceparent);
      if (context === null || !context.sampled) return;
      tracer.finish({
        ...{ traceId: context.traceId, spanId: spanIdFor(context.spanId, 'publish'), parentSpanId: context.spanId },
        ...{ name: spanNamed.publish, kind: 'producer', startMs: endMs - facts.tookMs, endMs, failure: null },
        attributes: {
          [attribute.correlationId]: facts.task,
          [attribute.messagingSystem]: 'nats',
          [attribute.messagingDestination]: inboxesOf(facts.to),
          [attribute.messagingOperation]: 'send',
          [attribute.streamSequence]: facts.seq,
        },
      });
      return;
    }
    default:
      throw new Error(`unknown ${JSON.stringify(facts satisfies never)}`);
  }
}

/** So many a second, and some at once after a silence. */
function tokenBucket(perSecond: number): () => boolean {
  let tokens = perSecond * BURST_SECONDS;
  let atMs = performance.now();
  return () => {
    const nowMs = performance.now();
    tokens = Math.min(perSecond * BURST_SECONDS, tokens + ((nowMs - atMs) / 1000) * perSecond);
    atMs = nowMs;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}

/** The system is asked for the memory of the process: not for each of a thousand attempts. */
function oncePerSecond<T>(read: () => T): () => T {
  let known: { readonly value: T; readonly atMs: number } | null = null;
  return () => {
    const nowMs = performance.now();
    if (known === null || nowMs - known.atMs > 1000) known = { value: read(), atMs: nowMs };
    return known.value;
  };
}

function withTrace(log: RuntimeLog, trace: Readonly<Record<string, string>>): RuntimeLog {
  return {
    debug: (fields, message) => log.debug({ ...fields, ...trace }, message),
    info: (fields, message) => log.info({ ...fields, ...trace }, message),
    warn: (fields, message) => log.warn({ ...fields, ...trace }, message),
    error: (fields, message) => log.error({ ...fields, ...trace }, message),
  };
}

function ofProcess(facts: ProcessFacts): SpanAttributes {
  return {
    [attribute.threads]: facts.threads(),
    [attribute.rssMb]: facts.rssMb(),
    [attribute.memoryLimitMb]: facts.memoryLimitMb(),
  };
}

function ofAttempt(facts: AttemptFacts): SpanAttributes {
  return {
    [attribute.correlationId]: facts.correlationId,
    [attribute.role]: facts.role,
    [attribute.hopIndex]: facts.hop,
    [attribute.remainingLoops]: facts.loops,
    [attribute.effect]: facts.src,
    [attribute.fence]: facts.fence,
    [attribute.attempt]: facts.attempt,
    [attribute.waitedMs]: Math.round(facts.waitedMs),
    [attribute.refusals]: facts.refusals,
    [attribute.queueDepth]: facts.queued,
  };
}

function ofError(error: unknown): SpanAttributes {
  if (error === null) return {};
  const { code } = toErrorInfo(error);
  return {
    [attribute.errorType]: code,
    ...(error instanceof BreakerOpenError
      ? { [attribute.breaker]: error.breaker, [attribute.breakerState]: error.state }
      : {}),
  };
}
