/**
 * Calls of the gateway as spans. Owns: what a span says of a call. Does not own: the names (`spans.ts`), sending, or when
 * a call is over.
 */
import { parseTraceparent } from '../schemas/events/trace-context.ts';
import type { Counters } from './metrics.ts';
import { type Attributes, spanIdFor, taskSpanId } from './span.ts';
import { attribute, callSpanName } from './spans.ts';
import { preciseNow, type Tracer } from './tracer.ts';

export interface EndedCall {
  readonly operation: string;
  readonly caller: string;
  readonly door: string | null;
  /** The name that the door's protocol has for the call; null where it is the operation's. */
  readonly method: string | null;
  readonly correlationId: string | null;
  /** W3C Trace Context of the caller; null for none: then a call about a task is inside of the task's own trace. */
  readonly traceparent: string | null;
  /** That of the task; null while it is not known. */
  readonly taskTraceparent: string | null;
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  readonly failure: { readonly reason: string; readonly message: string } | null;
}

export function traceCalls(tracer: Tracer, counters: Counters): { ended(call: EndedCall): void } {
  let number = 0;
  return {
    ended(call) {
      const { operation, caller, correlationId, startedAtMs, failure } = call;
      number += 1;
      counters.add('calls', { operation, reason: failure?.reason ?? '' });
      const endMs = preciseNow();
      counters.observe('callSeconds', { operation }, Math.max(0, endMs - startedAtMs) / 1000);
      const given = call.traceparent === null ? null : parseTraceparent(call.traceparent);
      // Without a word of the caller's it is kept as its task is: alone it would be the trace of nothing.
      const kept = given ?? (call.taskTraceparent === null ? null : parseTraceparent(call.taskTraceparent));
      if (kept?.sampled === false) return;
      const spanId = spanIdFor('call', process.pid, performance.timeOrigin, number);
      const own = correlationId === null ? { traceId: `${spanId}${spanId}`, parent: '' } : ownTrace(correlationId);
      tracer.finish({
        ...{ traceId: given?.traceId ?? own.traceId, spanId, parentSpanId: given?.spanId ?? own.parent },
        ...{ name: callSpanName(operation), kind: 'server', startMs: startedAtMs, endMs: Math.max(endMs, startedAtMs) },
        attributes: {
          [attribute.caller]: caller,
          ...(correlationId === null ? {} : { [attribute.correlationId]: correlationId }),
          ...methodIn(call),
          ...(failure === null ? {} : { [attribute.errorType]: failure.reason }),
        },
        // Its words may repeat what the caller sent.
        failure: failure?.reason ?? null,
      });
    },
  };
}

function methodIn({ door, method }: EndedCall): Attributes {
  return door === 'a2a' && method !== null ? { [attribute.a2aMethod]: method } : {};
}

function ownTrace(task: string): { readonly traceId: string; readonly parent: string } {
  return { traceId: task.replaceAll('-', ''), parent: taskSpanId(task) };
}
