/**
 * Openings of partitions as spans. Owns: what is told of an opening, and of each open task that stood still until then
 * because its host had ended without stopping. Does not own: attempts that were cut off (`attempt-spans.ts`), or sending.
 *
 * 1. An opening is a trace of its own, since it is about many tasks.
 * 2. A crash is in the trace of every open task whose trace is kept, also when nothing of it ran in that process.
 */
import type { OpenedFacts } from '../actors/runtime/ports.ts';
import type { MeshEvent } from '../schemas/events/envelope.ts';
import { partitionOf } from '../schemas/events/subjects.ts';
import { sampledContext } from '../schemas/events/trace-context.ts';
import type { FlightRecorder } from '../telemetry/flight-recorder.ts';
import { type Attributes, spanIdFor, taskSpanId } from '../telemetry/span.ts';
import { attribute, spanNamed } from '../telemetry/spans.ts';
import { preciseNow, type Tracer } from '../telemetry/tracer.ts';

/** Tasks that are told of at one opening: those of all partitions together fit into the queue of a destination. */
const TASKS_TOLD_MAX = 256;
/** Tasks whose trace is remembered until their partition is open. */
const REMEMBERED_MAX = 20_000;

export interface ReplaySpansOptions {
  readonly tracer: Tracer;
  readonly recorder: Pick<FlightRecorder, 'crashed'>;
  /** Name of this host. */
  readonly host: string;
  /** When a host of this service was last heard of, milliseconds since the epoch; null when nobody knows. Never rejects. */
  readonly lastHeard: (host: string) => Promise<number | null>;
}

export interface ReplaySpans {
  /** Told to the orchestrator before, and folded now. */
  folded(event: MeshEvent): void;
  ended(task: string): void;
  opened(facts: OpenedFacts): void;
}

export function createReplaySpans({ tracer, recorder, host, lastHeard }: ReplaySpansOptions): ReplaySpans {
  /** Trace of each task that is open, by what was folded or recorded. */
  const traces = new Map<string, string>();
  for (const { attributes, traceId } of recorder.crashed?.resumed ?? []) {
    const task = attributes[attribute.correlationId];
    if (typeof task === 'string') traces.set(task, traceId);
  }
  const takeThoseOf = (partition: number): [string, string][] => {
    const own = [...traces].filter(([task]) => partitionOf(task) === partition);
    for (const [task] of own) traces.delete(task);
    return own.slice(0, TASKS_TOLD_MAX);
  };
  /** From the last sign of life of whoever had them to now. */
  const tellStandstill = async (facts: OpenedFacts, tasks: readonly [string, string][]): Promise<void> => {
    const { before: writer, service, partition } = facts;
    if (writer === null) return;
    const endMs = preciseNow();
    const { crashed } = recorder;
    const signMs = writer.here ? (crashed?.lastMs ?? null) : await lastHeard(writer.host);
    const startMs = Math.min(Math.max(writer.atMs, signMs ?? 0), endMs);
    const reason =
      writer.here && crashed !== null
        ? `process ${crashed.pid} ended without stopping`
        : `host ${writer.host} was last heard of ${new Date(startMs).toISOString()}`;
    for (const [task, traceId] of tasks) {
      tracer.finish({
        ...{ traceId, spanId: spanIdFor(task, 'replay', host, startMs), parentSpanId: taskSpanId(task) },
        ...{ name: spanNamed.replay, kind: 'internal', startMs, endMs, failure: null },
        attributes: {
          ...{ [attribute.correlationId]: task, [attribute.service]: service, [attribute.partition]: partition },
          ...{ [attribute.left]: leftOf(facts), [attribute.replay]: true, [attribute.cutOffReason]: reason },
          [attribute.linkCause]: writer.here ? 'crash' : 'takeover',
          [attribute.lostMs]: Math.round(endMs - startMs),
        },
      });
    }
  };

  return {
    folded({ correlationid: task, traceparent }) {
      const context = sampledContext(traceparent);
      if (context === null || traces.has(task)) return;
      if (traces.size >= REMEMBERED_MAX) traces.delete(traces.keys().next().value ?? '');
      traces.set(task, context.traceId);
    },
    ended: (task) => void traces.delete(task),
    opened(facts) {
      openingSpans(tracer, facts, host);
      const tasks = takeThoseOf(facts.partition);
      if (tasks.length > 0 && facts.before?.inOrder === false) void tellStandstill(facts, tasks);
    },
  };
}

function leftOf({ before }: OpenedFacts): string {
  if (before === null) return 'new';
  if (before.inOrder) return 'in_order';
  return before.here ? 'cut_off' : 'taken_over';
}

function openingSpans(tracer: Tracer, facts: OpenedFacts, host: string): void {
  const { service, partition, checkpoint, records, tasks, tookMs } = facts;
  if (records === 0 && checkpoint === 0) return;
  const endMs = preciseNow();
  const spanId = spanIdFor('replay', host, process.pid, partition, endMs);
  const traceId = `${spanId}${spanIdFor(spanId)}`;
  const left = { [attribute.left]: leftOf(facts) };
  const attributes: Attributes = { [attribute.service]: service, [attribute.partition]: partition, ...left };
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
