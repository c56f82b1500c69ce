/**
 * What the runtime tells of attempts of effects. Owns: what a span says of an attempt and of the process it runs in, and how
 * an attempt is tied to the one that a crash or a takeover cut off. Does not own: names and ids (`telemetry/`), inputs
 * (`effect-spans.ts`), sending, or what an effect adds about its own work.
 *
 * 1. An attempt is told of once, when it has ended. One that was cut off is told of by the process that finds it.
 * 2. No idempotency key, no words of an error, and nothing of what a task is about leaves through here; content goes
 *    through one gate.
 */
import { toErrorInfo } from '../actors/runtime/errors.ts';
import type {
  AppliedFacts,
  AttemptFacts,
  AttemptSpan,
  OpenedFacts,
  RuntimeLog,
  SpanAttributes,
} from '../actors/runtime/ports.ts';
import { BreakerOpenError } from '../resilience/breakers.ts';
import type { MeshEvent } from '../schemas/events/envelope.ts';
import { sampledContext } from '../schemas/events/trace-context.ts';
import type { FlightRecorder } from '../telemetry/flight-recorder.ts';
import type { Counters } from '../telemetry/metrics.ts';
import { attemptSpanId, type BegunSpan, hopSpanId, type LinkCause, spanIdFor, taskSpanId } from '../telemetry/span.ts';
import { attribute, spanName } from '../telemetry/spans.ts';
import { type OpenSpan, preciseNow, type Tracer } from '../telemetry/tracer.ts';
import { type Operation, OperationCounts, operationIn } from './operation-counts.ts';

/** The process as the caps see it. */
export interface ProcessFacts {
  /** Threads that its settings give it for work. */
  threads(): number;
  memoryLimitMb(): number;
  rssMb(): number;
}

export type CrashSign = 'unclean_stop' | 'unfinished_effect' | 'takeover' | 'restart' | 'quarantine';

export interface AttemptSpansOptions {
  readonly tracer: Tracer;
  readonly counters: Counters;
  readonly recorder: Pick<FlightRecorder, 'crashed'>;
  readonly process: ProcessFacts;
  readonly log: RuntimeLog;
  /** Name of this host. */
  readonly host: string;
  /** What a task is about may be told now. */
  readonly tellsContent: () => boolean;
  /** When a host of this service was last heard of, milliseconds since the epoch; null when nobody knows. Never rejects. */
  readonly lastHeard: (host: string) => Promise<number | null>;
  readonly onCrash: (how: CrashSign, cause: string) => void;
}

export interface AttemptSpans {
  begin(facts: AttemptFacts): AttemptSpan;
  /** Who left a partition, and how, is the cause of what begins again in it. */
  opened(facts: OpenedFacts): void;
  applied(facts: AppliedFacts): void;
}

/** Why there was an attempt before, and which. */
interface Previous {
  readonly cause: LinkCause;
  readonly spanId: string;
}

const REMEMBERED_MAX = 20_000;

export function createAttemptSpans(options: AttemptSpansOptions): AttemptSpans {
  const { tracer, counters, recorder, host, onCrash } = options;
  const left = new Map<number, NonNullable<OpenedFacts['before']>>();
  const begun = new Set<string>();
  /** When each role of an open task was last told something, in what was folded: what is pending began then. */
  const toldAtMs = new Map<string, number>();
  /** Hops that do again what may have happened, because a person wants it. */
  const wanted = new Set<string>();
  const lost = new Set((recorder.crashed?.cutOff ?? []).map(({ spanId }) => spanId));
  const processNow = oncePerSecond(() => ofProcess(options.process));

  const noteWanted = ({ type, data, correlationid, hopindex }: MeshEvent): void => {
    if (type !== 'dev.agentmesh.hop.requested.v1' || !('repeat' in data) || data.repeat !== true) return;
    if (wanted.size >= REMEMBERED_MAX) wanted.delete(wanted.keys().next().value ?? '');
    wanted.add(`${correlationid}/${hopindex}`);
  };
  const noteTold = (task: string, role: string, atMs: number): void => {
    if (toldAtMs.size >= REMEMBERED_MAX) toldAtMs.delete(toldAtMs.keys().next().value ?? '');
    toldAtMs.set(`${task}/${role}`, atMs);
  };

  /** Nothing was lost in most lives of a process: then no id is derived to look for it. */
  const wasLost = (key: string, attempt: number): boolean =>
    lost.size > 0 && lost.has(attemptSpanId(key, attempt, host));
  const before = (facts: AttemptFacts): Previous | null => {
    const { key, attempt, failures, crashes, pending, partition } = facts;
    const isFirst = !begun.has(key);
    const writer = left.get(partition);
    if (isFirst && crashes > 0) return { cause: 'crash', spanId: attemptSpanId(key, attempt - 1, host) };
    if (isFirst && wasLost(key, attempt)) return { cause: 'crash', spanId: attemptSpanId(key, attempt, host) };
    if (isFirst && pending && writer !== undefined && !writer.here)
      return { cause: writer.inOrder ? 'stop' : 'takeover', spanId: attemptSpanId(key, attempt, writer.host) };
    // Which attempt it was is known to the hop that nobody knows the outcome of: the one before, since nothing ran between.
    if (isFirst && facts.fence === 'once' && wanted.delete(`${facts.correlationId}/${facts.hop}`))
      return { cause: 'person', spanId: hopSpanId(facts.correlationId, facts.hop - 1) };
    if (failures > 0) return { cause: 'retry', spanId: attemptSpanId(key, attempt - 1, host) };
    return null;
  };
  /** From the last sign of the attempt before to the beginning of this one: what the crash cost. */
  const lostSince = (facts: AttemptFacts, { cause }: Previous, nowMs: number): SpanAttributes => {
    const told = { [attribute.linkCause]: cause };
    if (cause !== 'crash' && cause !== 'takeover') return told;
    const lastMs = Math.max(recorder.crashed?.lastMs ?? 0, left.get(facts.partition)?.atMs ?? 0);
    return lastMs === 0 ? told : { ...told, [attribute.lostMs]: Math.max(0, Math.round(nowMs - lastMs)) };
  };
  const spanOf = (facts: AttemptFacts, traceId: string, previous: Previous | null, startMs: number): BegunSpan => {
    const { key, correlationId: task, role, src, attempt } = facts;
    const number = wasLost(key, attempt) ? `${attempt}+` : attempt;
    const own = ofAttempt(facts);
    return {
      traceId,
      spanId: spanIdFor(key, 'attempt', number, host),
      parentSpanId: role === 'orchestrator' ? taskSpanId(task) : hopSpanId(task, facts.hop),
      name: spanName(role, src),
      kind: 'internal',
      startMs,
      attributes: previous === null ? own : { ...own, ...lostSince(facts, previous, startMs) },
      ...(previous === null ? {} : { links: [{ traceId, ...previous }] }),
    };
  };
  /**
   * Another host's attempt ended with that host: it is told of here, from when its role was asked, as the journal has it,
   * to the host's last sign of life. The attempt that goes on says what was lost since then.
   */
  const closeElsewhere = async (facts: AttemptFacts, spanId: string, next: OpenSpan): Promise<void> => {
    const writer = left.get(facts.partition);
    if (writer === undefined) return;
    const { span } = next;
    const startMs = toldAtMs.get(`${facts.correlationId}/${facts.role}`) ?? writer.atMs;
    // Whoever it heard last may have a clock that is ahead: it did not live when this attempt began.
    const heardMs = Math.min((await options.lastHeard(writer.host)) ?? writer.atMs, span.startMs);
    const endMs = Math.max(startMs, writer.atMs, heardMs);
    next.set({ [attribute.lostMs]: Math.max(0, Math.round(span.startMs - endMs)) });
    tracer.finish({
      ...{ ...span, spanId, links: [], startMs, endMs },
      attributes: {
        ...ofAttempt(facts),
        [attribute.outcome]: 'cut_off',
        [attribute.cutOffReason]: `host ${writer.host} was last heard of ${new Date(endMs).toISOString()}`,
      },
      failure: 'cut_off',
    });
  };

  return {
    begin(facts) {
      const { key, role, src } = facts;
      const previous = facts.attempt === 0 ? null : before(facts);
      begun.add(key);
      if (previous !== null) {
        counters.add('retries', { cause: previous.cause });
        if (previous.cause === 'crash' || previous.cause === 'takeover')
          onCrash(previous.cause === 'crash' ? 'unfinished_effect' : 'takeover', `${role}/${src} was cut off`);
      }
      const done = (): void => void begun.delete(key);
      const context = sampledContext(facts.traceparent);
      if (context === null) return new CountedAttempt(counters, done);
      const startMs = preciseNow();
      const span = tracer.begin(() => spanOf(facts, context.traceId, previous, startMs));
      if (previous?.cause === 'takeover') void closeElsewhere(facts, previous.spanId, span);
      return new TracedAttempt(span, facts, { ...{ tracer, counters, processNow, done }, options });
    },
    opened({ partition, before: writer }) {
      if (writer !== null) left.set(partition, writer);
    },
    applied({ role, event, atMs, said, replayed }) {
      noteWanted(event);
      for (const one of said) if (one.way === 'host') noteWanted(one.event);
      if (!replayed) return;
      noteTold(event.correlationid, role, atMs);
      for (const one of said) if (one.way === 'host') noteTold(event.correlationid, one.to, atMs);
    },
  };
}

interface Surroundings {
  readonly tracer: Tracer;
  readonly counters: Counters;
  readonly processNow: () => SpanAttributes;
  readonly done: () => void;
  readonly options: Pick<AttemptSpansOptions, 'log' | 'tellsContent'>;
}

/** An attempt whose trace is not kept: what it did is counted all the same. */
class CountedAttempt implements AttemptSpan {
  readonly #counts: OperationCounts;
  readonly #done: () => void;

  constructor(counters: Counters, done: () => void) {
    this.#counts = new OperationCounts(counters);
    this.#done = done;
  }

  set(attributes: SpanAttributes): void {
    this.#counts.set(attributes);
  }

  end(): void {
    this.#done();
    this.#counts.end();
  }
}

/**
 * An attempt whose trace is kept. An effect that names an operation of the GenAI conventions has it as a span of its own,
 * inside of the attempt.
 */
class TracedAttempt implements AttemptSpan {
  readonly #span: OpenSpan;
  readonly #facts: AttemptFacts;
  readonly #around: Surroundings;
  #inner: OpenSpan | null = null;
  #inside = 0;
  readonly #counts: OperationCounts;

  constructor(span: OpenSpan, facts: AttemptFacts, around: Surroundings) {
    this.#span = span;
    this.#facts = facts;
    this.#around = around;
    this.#counts = new OperationCounts(around.counters);
  }

  get log(): RuntimeLog {
    return new TracedLog(this.#around.options.log, this.#span, this.#facts.correlationId);
  }

  set(attributes: SpanAttributes): void {
    const operation = operationIn(attributes);
    if (operation !== null) this.#beginInner(operation, attributes);
    this.#counts.set(attributes);
    (this.#inner ?? this.#span).set(attributes);
  }

  content(attributes: () => SpanAttributes): void {
    if (this.#around.options.tellsContent()) this.set(attributes());
  }

  end(outcome: 'done' | 'failed' | 'cancelled', error: unknown): void {
    const { processNow, done } = this.#around;
    done();
    const failure = outcome === 'failed' ? toErrorInfo(error).code : null;
    this.#endInner(failure);
    this.#span.set({ ...processNow(), [attribute.outcome]: outcome, ...ofError(error) });
    this.#span.end(failure);
  }

  #beginInner(operation: Operation, attributes: SpanAttributes): void {
    this.#endInner(null);
    this.#inside += 1;
    const [inside, startMs] = [this.#inside, preciseNow()];
    const what = attributes[attribute.toolName] ?? attributes[attribute.requestModel] ?? '';
    this.#inner = this.#around.tracer.begin(() => {
      const { traceId, spanId } = this.#span.span;
      return {
        ...{ traceId, spanId: spanIdFor(spanId, operation, inside), parentSpanId: spanId },
        ...{ name: `${operation} ${String(what)}`.trim(), kind: operation === 'chat' ? 'client' : 'internal', startMs },
        attributes: { [attribute.conversation]: this.#facts.correlationId },
      };
    });
  }

  #endInner(failure: string | null): void {
    this.#counts.end();
    this.#inner?.end(failure);
    this.#inner = null;
  }
}

/** Its lines name the attempt. */
class TracedLog implements RuntimeLog {
  readonly #log: RuntimeLog;
  readonly #span: OpenSpan;
  readonly #task: string;

  constructor(log: RuntimeLog, span: OpenSpan, task: string) {
    this.#log = log;
    this.#span = span;
    this.#task = task;
  }

  debug(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#log.debug(this.#named(fields), message);
  }

  info(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#log.info(this.#named(fields), message);
  }

  warn(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#log.warn(this.#named(fields), message);
  }

  error(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#log.error(this.#named(fields), message);
  }

  #named(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const { traceId, spanId } = this.#span.span;
    return { ...fields, task: this.#task, trace_id: traceId, span_id: spanId };
  }
}

/** The system is asked for the memory of the process: not for each of a thousand attempts. */
function oncePerSecond<T>(read: () => T): () => T {
  let known: { readonly value: T; readonly atMs: number } | null = null;
  return () => {
    const nowMs = performance.now();
    if (known === null || nowMs - known.atMs > 1000) known = { value: read(), atMs: nowMs };
    return known.value;
  };
}

function ofProcess(facts: ProcessFacts): SpanAttributes {
  return {
    [attribute.threads]: facts.threads(),
    [attribute.rssMb]: facts.rssMb(),
    [attribute.memoryLimitMb]: facts.memoryLimitMb(),
  };
}

function ofAttempt(facts: AttemptFacts): SpanAttributes {
  return {
    [attribute.correlationId]: facts.correlationId,
    [attribute.role]: facts.role,
    [attribute.hopIndex]: facts.hop,
    [attribute.remainingLoops]: facts.loops,
    [attribute.effect]: facts.src,
    [attribute.fence]: facts.fence,
    [attribute.attempt]: facts.attempt,
    [attribute.waitedMs]: Math.round(facts.waitedMs),
    [attribute.refusals]: facts.refusals,
    [attribute.queueDepth]: facts.queued,
  };
}

function ofError(error: unknown): SpanAttributes {
  if (error === null) return {};
  const { code } = toErrorInfo(error);
  return {
    [attribute.errorType]: code,
    ...(error instanceof BreakerOpenError
      ? { [attribute.breaker]: error.breaker, [attribute.breakerState]: error.state }
      : {}),
  };
}
