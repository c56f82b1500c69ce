/**
 * Attempts of effects as spans. Owns: what a span says of an attempt and of the process it runs in. Does not own: the
 * names (`telemetry/spans.ts`), sending, or what an effect adds about its own work.
 */

import { toErrorInfo } from '../actors/runtime/errors.ts';
import type { AttemptFacts, SpanAttributes, Tracing } from '../actors/runtime/ports.ts';
import { attribute, spanName } from '../telemetry/spans.ts';
import type { Tracer } from '../telemetry/tracer.ts';
import { BreakerOpenError } from './breakers.ts';

/** The process as the caps see it. */
export interface ProcessFacts {
  /** Threads that its settings give it for work. */
  threads(): number;
  memoryLimitMb(): number;
  rssMb(): number;
}

export function traceEffects(tracer: Tracer, facts: ProcessFacts): Tracing {
  const ofProcess = (): SpanAttributes => ({
    [attribute.threads]: facts.threads(),
    [attribute.rssMb]: facts.rssMb(),
    [attribute.memoryLimitMb]: facts.memoryLimitMb(),
  });
  return {
    attempt(attempt) {
      const span = tracer.start(spanName(attempt.role, attempt.src), attempt.traceparent, ofAttempt(attempt));
      return {
        set: (attributes) => span.set(attributes),
        end(outcome, error) {
          span.set({ ...ofProcess(), [attribute.outcome]: outcome, ...ofError(error) });
          span.end(outcome === 'failed' ? toErrorInfo(error).message : null);
        },
      };
    },
  };
}

function ofAttempt(facts: AttemptFacts): SpanAttributes {
  return {
    [attribute.correlationId]: facts.correlationId,
    [attribute.role]: facts.role,
    [attribute.hopIndex]: facts.hop,
    [attribute.remainingLoops]: facts.loops,
    [attribute.effect]: facts.src,
    [attribute.effectKey]: facts.key,
    [attribute.fence]: facts.fence,
    [attribute.attempt]: facts.attempt,
    [attribute.waitedMs]: Math.round(facts.waitedMs),
    [attribute.refusals]: facts.refusals,
    [attribute.queueDepth]: facts.queued,
  };
}

function ofError(error: unknown): SpanAttributes {
  if (error === null) return {};
  const { code, message } = toErrorInfo(error);
  return {
    [attribute.errorType]: code,
    ...(code === 'overloaded' ? { [attribute.overload]: message } : {}),
    ...(error instanceof BreakerOpenError
      ? { [attribute.breaker]: error.breaker, [attribute.breakerState]: error.state }
      : {}),
  };
}
