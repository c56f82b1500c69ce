/**
 * Spans of this process. Owns: telling of each finished span once, and of each that is open for longer than it takes to be
 * told. Does not own: names (`spans.ts`), what is traced, the disk (`flight-recorder.ts`), or sending (`outlet.ts`).
 *
 * 1. Telemetry never costs work: nothing here waits or throws.
 * 2. A span is made when it is told of, and not in the midst of the work: what ends before that is told of once.
 */
import { type Attributes, type BegunSpan, bounded, type FinishedSpan } from './span.ts';

/** Told of spans, in order. */
export interface SpanListener {
  /** Does it soon, in the order in which it was asked; absent, at once. */
  readonly late?: (work: () => void) => void;
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
  /**
   * A span that takes a while: where it stands is remembered on disk until it ends.
   * @param make called once, when it is first told of or asked for
   */
  begin(make: () => BegunSpan): OpenSpan;
  /** A span that is told of afterwards. */
  finish(span: FinishedSpan): void;
}

export function createTracer(listener: SpanListener): Tracer {
  const late = listener.late ?? ((work) => work());
  const told = (span: FinishedSpan): void => {
    const attributes = bounded(span.attributes);
    listener.finished(attributes === span.attributes ? span : { ...span, attributes });
  };
  return {
    finish: (span) => late(() => told(span)),
    begin(make) {
      const open = new Open(make, (ended) => late(() => told(ended())));
      if (listener.begun !== undefined)
        late(() => {
          if (!open.hasEnded) listener.begun?.(open.span);
        });
      return open;
    },
  };
}

class Open implements OpenSpan {
  hasEnded = false;
  readonly #make: () => BegunSpan;
  readonly #told: (ended: () => FinishedSpan) => void;
  #span: BegunSpan | null = null;
  #more: Attributes | null = null;

  constructor(make: () => BegunSpan, told: (ended: () => FinishedSpan) => void) {
    this.#make = make;
    this.#told = told;
  }

  get span(): BegunSpan {
    this.#span ??= this.#make();
    return this.#span;
  }

  set(attributes: Attributes): void {
    if (!this.hasEnded) this.#more = this.#more === null ? attributes : { ...this.#more, ...attributes };
  }

  end(failure: string | null, endMs = preciseNow()): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.#told(() => {
      const { span } = this;
      const attributes = this.#more === null ? span.attributes : { ...span.attributes, ...this.#more };
      // A clock that was set back meanwhile must not make a span end before it began.
      return { ...span, attributes, endMs: Math.max(endMs, span.startMs), failure };
    });
  }
}

/** Milliseconds since the epoch with fractions: spans of one millisecond keep their order. */
export function preciseNow(): number {
  return performance.timeOrigin + performance.now();
}
