/**
 * A span as plain data. Owns: its form, its limits, and the derivation of ids from what a span is about. Does not own:
 * names (`spans.ts`), when one is made, or where it goes (`outlet.ts`).
 *
 * Invariant: the same deed has the same span id, whoever tells of it and however often: sending again overwrites. So a
 * trace that survived a crash has no second copy of anything.
 */
import { hash } from 'node:crypto';

export type AttributeValue = string | number | boolean;
export type Attributes = Readonly<Record<string, AttributeValue>>;
export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer';

/** Another span that this one follows from without being inside of it. */
export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly cause: LinkCause;
}

/** Why an attempt follows another one. */
export type LinkCause = 'crash' | 'retry' | 'takeover' | 'stop' | 'fork' | 'person';

export interface BegunSpan {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  /** Empty for the root of a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: SpanKind;
  /** Milliseconds since the epoch, with fractions. */
  readonly startMs: number;
  readonly attributes: Attributes;
  readonly links?: readonly SpanLink[];
}

export interface FinishedSpan extends BegunSpan {
  readonly endMs: number;
  /** What went wrong, in a few words without content; null when nothing did. */
  readonly failure: string | null;
}

/** Who tells. */
export interface Resource {
  /** `service.name`, such as `mesh-llm`. */
  readonly service: string;
  /** `service.instance.id`. */
  readonly instance: string;
  readonly version: string;
}

/** One message of the stream `MESH_TELEMETRY`: the spans of one trace that a process finished since its last one. */
export interface SpanBatch {
  readonly resource: Resource;
  readonly spans: readonly FinishedSpan[];
}

const VALUE_MAX_CHARACTERS = 1024;
const ATTRIBUTES_MAX = 64;

/** A span id from what the span is about. W3C forbids the one that is all zeros; no hash is expected to be. */
export function spanIdFor(...about: readonly (string | number)[]): string {
  return hash('sha256', about.join('\u0000'), 'hex').slice(0, 16);
}

/** The task as a whole: the root of what the mesh does for it. */
export function taskSpanId(task: string): string {
  return spanIdFor(task, 'task');
}

/** A hop of a task: one step of its workflow at one role. */
export function hopSpanId(task: string, hop: number): string {
  return hop === 0 ? taskSpanId(task) : spanIdFor(task, 'hop', hop);
}

/**
 * One attempt of an effect. The host is part of it: another one that takes over counts from the beginning again.
 * @param key idempotency key; only its hash leaves the process
 */
export function attemptSpanId(key: string, attempt: number, host: string): string {
  return spanIdFor(key, 'attempt', attempt, host);
}

/** As much as may be sent of a span: values are cut, and a number that is none goes. The same object when all may go. */
export function bounded(attributes: Attributes): Attributes {
  let count = 0;
  for (const key in attributes) {
    count += 1;
    if (count > ATTRIBUTES_MAX || !isPlain(attributes[key])) return cut(attributes);
  }
  return attributes;
}

function isPlain(value: AttributeValue | undefined): boolean {
  if (typeof value === 'string') return value.length <= VALUE_MAX_CHARACTERS;
  return typeof value !== 'number' || Number.isFinite(value);
}

function cut(attributes: Attributes): Attributes {
  const fitting = Object.entries(attributes)
    .filter(([, value]) => typeof value !== 'number' || Number.isFinite(value))
    .map(([key, value]) => [key, typeof value === 'string' ? value.slice(0, VALUE_MAX_CHARACTERS) : value]);
  return Object.fromEntries(fitting.slice(0, ATTRIBUTES_MAX));
}
