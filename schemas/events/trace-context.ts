/**
 * The trace that an event belongs to, as its `traceparent` says it: W3C Trace Context, section 3.2. Owns: the form, and how
 * the trace of a task that came without one is named. Does not own: spans (`telemetry/`).
 */

/** Version 00; all zeros are no id (sections 3.2.2.3 and 3.2.2.4). */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;
/** Where its parts begin, in a text that the pattern has matched. */
const TRACE_ID_AT = 3;
const SPAN_ID_AT = 36;
const FLAGS_AT = 53;
const SAMPLED = 1;

export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

/** Null for what cannot be read. */
export function parseTraceparent(text: string): TraceContext | null {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(text) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return null;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED };
}

/** One that the mesh can carry on; null for anything else. */
export function readTraceparent(text: string | undefined): string | null {
  return text !== undefined && TRACEPARENT.test(text) ? text : null;
}

/** Whether spans of it are wanted; for where most are not. */
export function isSampled(traceparent: string): boolean {
  return traceparent.length === FLAGS_AT + 2 && (traceparent.charCodeAt(FLAGS_AT + 1) & SAMPLED) === SAMPLED;
}

/** Of an event of a task, whose form was looked at when it was taken in; null when its spans are not wanted. */
export function sampledContext(traceparent: string): TraceContext | null {
  if (!isSampled(traceparent)) return null;
  const spanId = traceparent.slice(SPAN_ID_AT, FLAGS_AT - 1);
  return { traceId: traceparent.slice(TRACE_ID_AT, SPAN_ID_AT - 1), spanId, sampled: true };
}

export function withoutSampling(traceparent: string): string {
  const flags = Number.parseInt(traceparent.slice(FLAGS_AT), 16) & 0xfe;
  return `${traceparent.slice(0, FLAGS_AT)}${flags.toString(16).padStart(2, '0')}`;
}

/** The span that an event stands for: 64 bits of its id. */
export function spanIdOf(eventId: string): string {
  return eventId.slice(0, 8) + eventId.slice(9, 13) + eventId.slice(14, 18);
}

/** The trace of a task that came without one: the trace id is the correlation id, so that it can be found by it. */
export function traceparentFor(correlationId: string, eventId: string): string {
  return `00-${correlationId.replaceAll('-', '')}-${spanIdOf(eventId)}-01`;
}

/** The same trace with this event as the span's parent. */
export function childOf(traceparent: string, eventId: string): string {
  return `${traceparent.slice(0, SPAN_ID_AT)}${spanIdOf(eventId)}${traceparent.slice(FLAGS_AT - 1)}`;
}
