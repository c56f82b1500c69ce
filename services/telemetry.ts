/**
 * Telemetry of a process put together. Owns: which spans, lines and numbers go where, and when. Does not own: any of the
 * parts (`telemetry/`), mode and window (`observability.ts`), or what is traced (`effect-spans.ts`,
 * `attempt-spans.ts`).
 *
 * 1. Finished spans always go into the stream MESH_TELEMETRY, and to a collector where one is named. Log lines and numbers
 *    go to a collector only while a window is open.
 * 2. Telemetry never costs work: everything here is bounded, and nobody waits for it but the end of the process, shortly.
 */
import { hash } from 'node:crypto';
import { join } from 'node:path';
import type { RuntimeLog, Tracing } from '../actors/runtime/ports.ts';
import type { Bus } from '../bus/port.ts';
import { BusError } from '../bus/port.ts';
import { ledgerPath, type Settings } from '../config/settings.ts';
import { heartbeatKey } from '../registry/registry.ts';
import type { BreakerState } from '../resilience/breakers.ts';
import { METRICS_SUBJECT, spanSubject } from '../schemas/events/telemetry.ts';
import { type FlightRecorder, openFlightRecorder } from '../telemetry/flight-recorder.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { type Counters, createCounters } from '../telemetry/metrics.ts';
import type { Collector, LogLine } from '../telemetry/otlp.ts';
import { createOutlet, type Destination, type Outlet, type Sent } from '../telemetry/outlet.ts';
import type { ToldSamples } from '../telemetry/prometheus-text.ts';
import type { FinishedSpan, Resource, SpanBatch } from '../telemetry/span.ts';
import { attribute } from '../telemetry/spans.ts';
import { createTracer, type Tracer } from '../telemetry/tracer.ts';
import type { CrashSign, ProcessFacts } from './attempt-spans.ts';
import { traceEffects } from './effect-spans.ts';
import { createMetricSamples, type MetricSamples } from './metric-samples.ts';
import { createObservability, type Observability } from './observability.ts';
import type { Shown } from './presence.ts';
import type { Service } from './table.ts';

const CLOSE_LIMIT_MS = 2000;
/** While a window is open. */
const METRICS_EVERY_MS = 5000;
/** A message of the stream; spans are small, and their values cut. */
const MESSAGE_MAX_BYTES = 524_288;

export interface TelemetryOptions {
  readonly service: Service;
  readonly settings: Settings;
  readonly hostId: string;
  readonly version: string;
  /** Where its log lines go; standard output when absent. */
  readonly logFile?: string;
}

export interface Telemetry {
  readonly log: Log;
  readonly tracer: Tracer;
  readonly counters: Counters;
  readonly observability: Observability;
  /** What the runtime tells. */
  tracing(own: ProcessFacts): Tracing;
  /** Loads what a collector needs, where one is named. */
  open(): Promise<void>;
  /** From here on there is somewhere to send to. */
  attach(bus: Bus): void;
  /** What is read when somebody asks for numbers. */
  show(own: ProcessFacts, breakers: () => readonly BreakerState[], shown: Pick<Shown, 'stats'>): void;
  samples(): ToldSamples;
  /** It works: an end that is not in order is a crash from now on, and was a start that was refused until now. */
  ready(): void;
  /** The process ends in order. */
  close(): Promise<void>;
}

/** Where the flight recorder of a process writes. */
function flightFolder(settings: Settings, service: string, hostId: string): string {
  return join(settings.MESH_HOME, 'flight', `${service}-${hash('sha256', hostId).slice(0, 8)}`);
}

export function createTelemetry(options: TelemetryOptions): Telemetry {
  const { service, settings, hostId } = options;
  const resource: Resource = { service: `mesh-${service.name}`, instance: hostId, version: options.version };
  const recorder = openFlightRecorder(flightFolder(settings, service.name, hostId));
  const counters = createCounters();
  const sinceMs = Date.now();
  let logs: Outlet<LogLine> | null = null;
  const log = createLog(service.name, settings.MESH_LOG_LEVEL, {
    level: () => (observability.window === null ? settings.MESH_LOG_LEVEL : 'debug'),
    line(record) {
      recorder.log(record);
      if (observability.window !== null) logs?.add(lineOf(record, observability.window.id));
    },
    ...(options.logFile === undefined ? {} : { file: options.logFile }),
  });
  const observability: Observability = createObservability({
    ...{ mode: settings.OBS_MODE, windowMs: settings.OBS_WINDOW_MS, service: service.name, log },
    onChange: (window) => pushMetrics(window !== null),
  });
  const onLoss = (what: { destination: string; dropped: number; reason: string }): void =>
    log.warn(what, 'telemetry is lost');
  let bus: Bus | null = null;
  const stream = createOutlet<SpanText>({
    destination: streamOf(() => bus, resource),
    onLoss,
    onDone: (n) => recorder.sent(n),
  });
  let collector: Collector | null = null;
  let otlp: Outlet<FinishedSpan> | null = null;
  let n = 0;
  const sendSpan = (span: FinishedSpan): void => {
    n += 1;
    const { window } = observability;
    const told =
      window === null ? span : { ...span, attributes: { ...span.attributes, [attribute.window]: window.id } };
    const text = JSON.stringify(told);
    recorder.finished(told, text, n);
    stream.add({ traceId: told.traceId, text });
    otlp?.add(told);
  };
  const tracer = createTracer({
    late: recorder.late,
    begun: (span) => recorder.begun(span, false),
    finished: sendSpan,
  });
  const onCrash = (how: CrashSign, cause: string): void => {
    counters.add('crashes', { how });
    observability.crash(cause);
  };
  let samples: MetricSamples | null = null;
  let metricsTimer: NodeJS.Timeout | null = null;
  const told = (): ToldSamples => {
    return { service: service.name, instance: hostId, samples: samples?.read() ?? [] };
  };
  const sendMetrics = (): void => void collector?.sendMetrics(told().samples, sinceMs);
  const pushMetrics = (on: boolean): void => {
    if (metricsTimer !== null) clearInterval(metricsTimer);
    metricsTimer = null;
    // The last state of a window is told as well.
    if (collector !== null) sendMetrics();
    if (on) metricsTimer = setInterval(sendMetrics, METRICS_EVERY_MS).unref();
  };
  const detach: (() => void)[] = [];
  const refused = (): void => recorder.close();
  process.once('exit', refused);

  return {
    ...{ log, tracer, counters, observability },
    tracing: (own) =>
      traceEffects({
        ...{ tracer, counters, recorder, process: own, log, host: hostId, onCrash },
        tracesPerSecond: settings.OBS_TRACES_PER_SECOND,
        isFull: () => observability.window !== null,
        lastHeard: (host) => lastHeard(bus, service.name, host),
        tellsContent: () => settings.OBS_CONTENT === 'window' && observability.window !== null,
      }),
    async open() {
      const endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT;
      if (endpoint === undefined) return;
      const { openCollector } = await import('../telemetry/otlp.ts');
      collector = openCollector(endpoint, resource);
      otlp = createOutlet({ destination: collector.spans, onLoss });
      logs = createOutlet({ destination: collector.logs, onLoss });
    },
    attach(connected) {
      bus = connected;
      observability.follow(connected);
      tellOfCrash(recorder, tracer, log, onCrash);
      detach.push(
        connected.answerVolatile(METRICS_SUBJECT, () => JSON.stringify(told())),
        watchLogServer(connected, onCrash),
      );
    },
    show(own, breakers, shown) {
      const ledger = service.hasLedger ? ledgerPath(settings, service.name) : null;
      samples = createMetricSamples({
        ...{ counters, process: own, ledger, recorder, breakers, stats: shown.stats },
        outlets: () => [stream, otlp, logs].flatMap((one) => (one === null ? [] : [one.counts()])),
        windowIsOpen: () => observability.window !== null,
        price: { input: settings.OBS_PRICE_INPUT, output: settings.OBS_PRICE_OUTPUT },
      });
    },
    samples: told,
    ready: () => void process.off('exit', refused),
    async close() {
      for (const end of detach) end();
      if (metricsTimer !== null) clearInterval(metricsTimer);
      samples?.stop();
      observability.close();
      recorder.flush();
      await Promise.all([stream, otlp, logs].map((one) => one?.close(CLOSE_LIMIT_MS)));
      await collector?.close();
      recorder.close();
    },
  };
}

/** What the process before this one left, when it did not stop in order. */
function tellOfCrash(
  recorder: FlightRecorder,
  tracer: Tracer,
  log: RuntimeLog,
  onCrash: (how: CrashSign, cause: string) => void,
): void {
  const { crashed } = recorder;
  if (crashed === null) return;
  const { pid, lastMs, cutOff, unsent } = crashed;
  const reason = `process ${pid} ended without stopping`;
  log.warn({ pid, lastSign: new Date(lastMs).toISOString(), cutOff: cutOff.length }, 'found after a crash');
  // Under the ids that they had: what did arrive is overwritten by the same.
  for (const span of unsent) tracer.finish(span);
  for (const span of cutOff) {
    tracer.finish({
      ...span,
      endMs: Math.max(span.startMs, lastMs),
      failure: 'cut_off',
      attributes: { ...span.attributes, [attribute.outcome]: 'cut_off', [attribute.cutOffReason]: reason },
    });
  }
  onCrash('unclean_stop', reason);
}

/** A host that ended without a word has left its last heartbeat. */
async function lastHeard(bus: Bus | null, service: string, host: string): Promise<number | null> {
  try {
    return (await bus?.kv('registry').get(heartbeatKey(service, host)))?.atMs ?? null;
  } catch (error) {
    if (error instanceof BusError) return null;
    throw error;
  }
}

/** The supervisor has started the log server again, or its machine was away. */
function watchLogServer(bus: Bus, onCrash: (how: CrashSign, cause: string) => void): () => void {
  let wasAway = false;
  return bus.onConnection((connected) => {
    if (connected && wasAway) onCrash('restart', 'the log server was away');
    wasAway = !connected;
  });
}

/** A span as it is written to the disk and to the stream: made into text once. */
interface SpanText {
  readonly traceId: string;
  readonly text: string;
}

function streamOf(bus: () => Bus | null, resource: Resource): Destination<SpanText> {
  const head = JSON.stringify({ resource, spans: [] } satisfies SpanBatch).slice(0, -2);
  return {
    name: 'stream',
    async send(spans): Promise<Sent> {
      const connected = bus();
      if (connected === null) return { kind: 'later', reason: 'there is no connection yet' };
      try {
        await Promise.all(batches(spans, head).map(({ subject, body }) => connected.publish({ subject, body })));
        return { kind: 'taken', rejected: 0, reason: '' };
      } catch (error) {
        const isPassing = error instanceof BusError && error.retryable;
        return { kind: isPassing ? 'later' : 'refused', reason: String(error) };
      }
    },
  };
}

/** One message a trace: who looks for one trace reads no other. */
function batches(spans: readonly SpanText[], head: string): { subject: string; body: string }[] {
  const byTrace = Map.groupBy(spans, ({ traceId }) => traceId);
  return [...byTrace].flatMap(([traceId, of]) => {
    const texts: string[][] = [[]];
    let size = 0;
    for (const { text } of of) {
      if (size + text.length > MESSAGE_MAX_BYTES) {
        texts.push([]);
        size = 0;
      }
      size += text.length;
      texts.at(-1)?.push(text);
    }
    return texts.map((part) => ({ subject: spanSubject(traceId), body: `${head}${part.join(',')}]}` }));
  });
}

const LINE_FIELDS: ReadonlySet<string> = new Set(['level', 'time', 'msg', 'trace_id', 'span_id', 'service']);

function lineOf(record: Readonly<Record<string, unknown>>, window: string): LogLine {
  const attributes: Record<string, string | number | boolean> = { [attribute.window]: window };
  for (const [key, value] of Object.entries(record)) {
    if (LINE_FIELDS.has(key)) continue;
    const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    attributes[key] = isPlain ? value : JSON.stringify(value).slice(0, 1000);
  }
  const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  return {
    atMs: Date.parse(String(record.time)) || Date.now(),
    level: String(record.level),
    message: String(record.msg ?? ''),
    traceId: text(record.trace_id),
    spanId: text(record.span_id),
    attributes,
  };
}
