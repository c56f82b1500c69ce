/**
 * Calls of the gateway as spans. Owns: what a span says of a call. Does not own: the names (`spans.ts`), sending
 * (`tracer.ts`), or when a call is over.
 */
import { attribute, callSpanName } from './spans.ts';
import type { Tracer } from './tracer.ts';

export interface EndedCall {
  readonly operation: string;
  readonly caller: string;
  readonly correlationId: string | null;
  /** W3C Trace Context to be a child of; null makes a trace of its own. */
  readonly traceparent: string | null;
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  readonly failure: { readonly reason: string; readonly message: string } | null;
}

export function traceCalls(tracer: Tracer): { ended(call: EndedCall): void } {
  return {
    ended({ operation, caller, correlationId, traceparent, startedAtMs, failure }) {
      const attributes = {
        [attribute.caller]: caller,
        ...(correlationId === null ? {} : { [attribute.correlationId]: correlationId }),
        ...(failure === null ? {} : { [attribute.errorType]: failure.reason }),
      };
      const span = tracer.start(callSpanName(operation), traceparent ?? '', attributes, startedAtMs);
      span.end(failure === null ? null : failure.message);
    },
  };
}
