/**
 * Reading traces that are kept. Owns: which traces a task may be in, and each of their spans once. Does not own: what is
 * kept and how long (`services/telemetry.ts`, `bus/topology.ts`), or how a trace looks.
 */

import type { Bus } from '../bus/port.ts';
import { spanSubject } from '../schemas/events/telemetry.ts';
import { parseTraceparent } from '../schemas/events/trace-context.ts';
import type { FinishedSpan, SpanBatch } from './span.ts';

export interface TracedSpan extends FinishedSpan {
  /** `service.name`. */
  readonly service: string;
}

/** Its own trace and those of whoever called: by the `traceparent` of its events. */
export function traceIdsOf(task: string, traceparents: Iterable<string>): Set<string> {
  const ids = new Set([task.replaceAll('-', '')]);
  for (const text of traceparents) {
    const context = parseTraceparent(text);
    if (context !== null) ids.add(context.traceId);
  }
  return ids;
}

export interface KeptBatches {
  readonly batches: readonly SpanBatch[];
  /** Of the last message that was read; what comes later is after it. */
  readonly seq: number;
}

/** What is kept now, from a sequence of the stream on. @throws BusError */
export async function readBatches(bus: Bus, traceId: string, fromSeq = 1): Promise<KeptBatches> {
  const batches: SpanBatch[] = [];
  let seq = fromSeq - 1;
  const reader = await bus.read({
    stream: 'telemetry',
    filter: spanSubject(traceId),
    fromSeq,
    onMessage: (message) => {
      seq = Math.max(seq, message.seq);
      const batch = batchFrom(message.data);
      if (batch !== null) batches.push(batch);
    },
  });
  try {
    await reader.caughtUp;
  } finally {
    await reader.stop();
  }
  return { batches, seq };
}

/** Null for what another release wrote otherwise. */
function batchFrom(data: Uint8Array): SpanBatch | null {
  try {
    const value = JSON.parse(new TextDecoder().decode(data)) as Partial<SpanBatch>;
    const { resource, spans } = value;
    return resource !== undefined && Array.isArray(spans) ? { resource, spans } : null;
  } catch {
    return null;
  }
}

/** Spans of batches, each once: of what was told twice the later end counts, as a retried export overwrites. */
export function spansIn(batches: readonly SpanBatch[]): TracedSpan[] {
  const byId = new Map<string, TracedSpan>();
  for (const { resource, spans } of batches) {
    for (const span of spans) {
      const known = byId.get(span.spanId);
      if (known === undefined || known.endMs <= span.endMs)
        byId.set(span.spanId, { ...span, service: resource.service });
    }
  }
  return [...byId.values()];
}
