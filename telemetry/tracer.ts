/**
 * Spans of this process. Owns: telling of each finished span once to everybody who wants it, and remembering which are
 * open. Does not own: names (`spans.ts`), what is traced, the disk (`flight-recorder.ts`), or sending (`outlet.ts`).
 *
 * Telemetry never costs work: nothing here waits or throws.
 */
import { type Attributes, type BegunSpan, bounded, type FinishedSpan } from './span.ts';

/** Told of spans; in order, at once. */
export interface SpanListener {
  begun?(span: BegunSpan): void;
  finished(span: FinishedSpan): void;
}

export interface OpenSpan {
  readonly span: BegunSpan;
  set(attributes: Attributes): void;
  /**
   * @param failure what went wrong, in a few words without content; null when nothing did
   * @param endMs now when absent
   */
  end(failure: string | null, endMs?: number): void;
}

export interface Tracer {
  /** A span that takes a while: where it stands is remembered on disk until it ends. */
  begin(span: BegunSpan): OpenSpan;
  /** A span that is told of afterwards. */
  finish(span: FinishedSpan): void;
}

export function createTracer(listeners: readonly SpanListener[]): Tracer {
  const finish = (span: FinishedSpan): void => {
    const attributes = bounded(span.attributes);
    const told = attributes === span.attributes ? span : { ...span, attributes };
    for (const listener of listeners) listener.finished(told);
  };
  return {
    finish,
    begin(span) {
      const attributes = { ...span.attributes };
      let ended = false;
      for (const listener of listeners) listener.begun?.(span);
      return {
        span,
        set(more) {
          if (!ended) Object.assign(attributes, more);
        },
        end(failure, endMs = preciseNow()) {
          if (ended) return;
          ended = true;
          // A clock that was set back meanwhile must not make a span end before it began.
          finish({ ...span, attributes, endMs: Math.max(endMs, span.startMs), failure });
        },
      };
    },
  };
}

/** Milliseconds since the epoch with fractions: spans of one millisecond keep their order. */
export function preciseNow(): number {
  return performance.timeOrigin + performance.now();
}
