/**
 * What the trace of a task tells of its effects. Owns: which spans a page shows, and their form. Does not own: reading
 * what is kept (`telemetry/trace-reader.ts`), or rows and bars (`src/lib/model/effects.ts`).
 */
import type { Bus } from '../../bus/port.ts';
import { factsIn } from '../../schemas/events/fact.ts';
import type { TokenUsage } from '../../schemas/events/generated.ts';
import { factSubject } from '../../schemas/events/subjects.ts';
import { attribute } from '../../telemetry/spans.ts';
import { readBatches, spansIn, type TracedSpan, traceIdsOf } from '../../telemetry/trace-reader.ts';
import type { EffectSpan, Trace } from '../wire.ts';

/** A page shows no more of one task at once. */
const SPANS_MAX = 10_000;

/** What was kept after a sequence of the stream of telemetry. @throws BusError */
export async function readTrace(bus: Bus, task: string, after: number): Promise<Trace> {
  const last = await bus.readLast(factSubject(task));
  const traceparents = last.flatMap((message) => factsIn(message).map(({ event }) => event.traceparent));
  const ids = [...traceIdsOf(task, traceparents)];
  const kept = await Promise.all(ids.map((id) => readBatches(bus, id, after + 1)));
  const spans = spansIn(kept.flatMap(({ batches }) => batches));
  return { seq: Math.max(after, ...kept.map(({ seq }) => seq)), spans: effectsIn(spans, task).slice(0, SPANS_MAX) };
}

/** Attempts of effects; what a generation or a tool call inside of one says is told of the attempt. */
function effectsIn(spans: readonly TracedSpan[], task: string): EffectSpan[] {
  const inside = new Map(spans.map((span) => [span.parentSpanId, span]));
  return spans
    .filter(
      ({ attributes }) =>
        attributes[attribute.correlationId] === task && typeof attributes[attribute.outcome] === 'string',
    )
    .map((span) => effectOf(span, inside.get(span.spanId)))
    .toSorted((one, other) => one.startMs - other.startMs);
}

function effectOf(span: TracedSpan, inner: TracedSpan | undefined): EffectSpan {
  const attributes = { ...span.attributes, ...inner?.attributes };
  const text = (...keys: readonly string[]): string => {
    for (const key of keys) if (typeof attributes[key] === 'string') return attributes[key];
    return '';
  };
  const number = (key: string): number | null => (typeof attributes[key] === 'number' ? attributes[key] : null);
  const [input, output] = [number(attribute.inputTokens), number(attribute.outputTokens)];
  const usage: TokenUsage | null = input === null || output === null ? null : { input, output };
  return {
    ...{ id: span.spanId, name: span.name, role: text(attribute.role), hop: number(attribute.hopIndex) ?? 0 },
    ...{ attempt: number(attribute.attempt) ?? 1, startMs: span.startMs, endMs: span.endMs, usage },
    outcome: text(attribute.outcome),
    by: text(
      ...[attribute.toolName, attribute.responseModel, attribute.requestModel, attribute.retrieveEngine],
      ...[attribute.routeEngine, attribute.engine],
    ),
    failure: text(attribute.cutOffReason) || span.failure,
    cause: text(attribute.linkCause) || null,
    lostMs: number(attribute.lostMs),
  };
}
