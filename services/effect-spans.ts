/**
 * What the runtime tells as spans and counts. Owns: which inputs and deeds of a host are told, and which traces are kept.
 * Does not own: attempts of effects (`attempt-spans.ts`), openings (`replay-spans.ts`), the names and ids (`telemetry/`),
 * spans of events (`telemetry/task-spans.ts`), or sending.
 *
 * 1. What is folded at a start is told again only as far back as it may not have been sent, and is no new execution.
 * 2. Inputs are told of when the recorder writes next, all at once: not in the midst of the work.
 */

import type { AppliedFacts, HostedFacts, Tracing } from '../actors/runtime/ports.ts';
import { type MeshEvent, nameOf } from '../schemas/events/envelope.ts';
import { inboxesOf } from '../schemas/events/subjects.ts';
import { isSampled, sampledContext, withoutSampling } from '../schemas/events/trace-context.ts';
import type { FlightRecorder } from '../telemetry/flight-recorder.ts';
import { rememberTrace } from '../telemetry/log.ts';
import { spanIdFor, taskSpanId } from '../telemetry/span.ts';
import { attribute, spanNamed } from '../telemetry/spans.ts';
import {
  callerSpanOf,
  forkLinks,
  isEnding,
  isQuiet,
  saidSpan,
  stepSpan,
  type TaskBeginning,
} from '../telemetry/task-spans.ts';
import { preciseNow, type Tracer } from '../telemetry/tracer.ts';
import { type AttemptSpansOptions, createAttemptSpans } from './attempt-spans.ts';
import { createReplaySpans } from './replay-spans.ts';

export interface EffectSpansOptions extends AttemptSpansOptions {
  readonly recorder: Pick<FlightRecorder, 'crashed' | 'begun' | 'event' | 'late'>;
  /** Traces that are begun in a second; what is more is not kept. */
  readonly tracesPerSecond: number;
  /** Everything is told now. */
  readonly isFull: () => boolean;
}

/** Spans of what was folded are told again when they are younger than this before the end: they may not have left. */
const RESEND_MS = 15_000;
const TASKS_MAX = 20_000;
/** The sender of what callers say by way of the gateway. */
const CALLERS = 'gateway';
const BURST_SECONDS = 5;

export function traceEffects(options: EffectSpansOptions): Tracing {
  const { tracer, counters, recorder, onCrash } = options;
  const tasks = new Map<string, TaskBeginning>();
  const admits = tokenBucket(options.tracesPerSecond);
  const attempts = createAttemptSpans(options);
  const replays = createReplaySpans(options);
  for (const span of recorder.crashed?.resumed ?? []) {
    const { startMs, parentSpanId, links } = span;
    const task = span.attributes[attribute.correlationId];
    if (typeof task === 'string') tasks.set(task, { startMs, parentSpanId, ...(links === undefined ? {} : { links }) });
  }

  /** Applied since the last write of the recorder. */
  const inputs: AppliedFacts[] = [];
  const beginTask = (event: MeshEvent<'task.submitted'>, atMs: number, replayed: boolean): void => {
    const { correlationid: task, traceparent } = event;
    if (tasks.has(task)) return;
    const startMs = Date.parse(event.time) || atMs;
    const context = sampledContext(traceparent);
    const beginning =
      context === null
        ? { startMs, parentSpanId: '' }
        : { startMs, parentSpanId: callerSpanOf(event), ...forkLinks(event) };
    if (tasks.size >= TASKS_MAX) tasks.delete(tasks.keys().next().value ?? '');
    tasks.set(task, beginning);
    if (context === null || replayed) return;
    const attributes = { [attribute.correlationId]: task };
    const { traceId } = context;
    recorder.begun(
      { traceId, spanId: taskSpanId(task), name: spanNamed.task, kind: 'internal', ...beginning, attributes },
      true,
    );
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
  const applied = (facts: AppliedFacts): void => {
    const { event } = facts;
    if (event.type === 'dev.agentmesh.task.submitted.v1') rememberTrace(event.correlationid, event.traceparent);
    attempts.applied(facts);
    if (inputs.push(facts) === 1) recorder.late(tellAll);
  };
  const tellAll = (): void => {
    for (const facts of inputs) tell(facts);
    inputs.length = 0;
  };
  const tell = ({ role, event, atMs, said, replayed }: AppliedFacts): void => {
    if (event.type === 'dev.agentmesh.task.submitted.v1') beginTask(event, atMs, replayed);
    if (!replayed) recorder.event(atMs, event.correlationid, role, nameOf(event.type) ?? event.type, event.hopindex);
    if (replayed && role === 'orchestrator') {
      replays.folded(event);
      if (said.some((one) => isEnding(one.event))) replays.ended(event.correlationid);
    }
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

  return {
    attempt: attempts.begin,
    applied,
    admit: (traceparent) => (options.isFull() || admits() ? traceparent : withoutSampling(traceparent)),
    opened(facts) {
      const { before: writer } = facts;
      counters.add('replayed', {}, facts.records);
      attempts.opened(facts);
      if (writer !== null && !writer.here && !writer.inOrder && facts.tasks > 0)
        onCrash('takeover', `partition ${facts.partition} of ${facts.service} was taken over from ${writer.host}`);
      // What was folded is told late as well, and before.
      recorder.late(() => replays.opened(facts));
    },
    hosted(facts) {
      if (facts.what === 'checkpoint') counters.add('checkpoints', {});
      if (facts.what === 'quarantine')
        onCrash('quarantine', `a message to ${facts.lane} was quarantined: ${facts.code}`);
      hostedSpan(tracer, facts, options.host);
    },
  };
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
      const context = sampledContext(facts.traceparent);
      if (context === null) return;
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
