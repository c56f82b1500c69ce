/**
 * The way to a collector: OTLP over HTTP, with OpenTelemetry's own exporters. Owns: the form in which spans, metrics and
 * log lines are handed to them, their limits, and what their answers mean. Does not own: queues (`outlet.ts`), or what
 * is sent. Loaded only where a collector is named.
 *
 * The exporters are used without the SDK's providers: ids are derived here and not drawn, spans are told of after a
 * crash, and every lost one is counted (docs/decisions/0085-telemetry-set-up.md).
 */
import {
  DiagLogLevel,
  diag,
  type HrTime,
  type Link,
  type Attributes as OtelAttributes,
  SeverityNumber,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  ValueType,
} from '@opentelemetry/api';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, type Resource as OtelResource, resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import { AggregationTemporality, DataPointType, type MetricData } from '@opentelemetry/sdk-metrics';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Labels, Metric, Point, Sample } from './metrics.ts';
import type { Destination, Sent } from './outlet.ts';
import type { FinishedSpan, SpanKind as Kind, Resource } from './span.ts';
import { attribute } from './spans.ts';

/** One request; a collector that is slower counts as away. */
const SEND_LIMIT_MS = 5000;
const SCOPE = { name: 'agent-mesh' };

export interface LogLine {
  readonly atMs: number;
  readonly level: string;
  readonly message: string;
  readonly traceId: string | null;
  readonly spanId: string | null;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

export interface Collector {
  readonly spans: Destination<FinishedSpan>;
  readonly logs: Destination<LogLine>;
  /** Resolves in bounded time, and never rejects. */
  sendMetrics(samples: readonly Sample[], sinceMs: number): Promise<Sent>;
  close(): Promise<void>;
}

/** @param endpoint base address, such as `http://127.0.0.1:4318` */
export function openCollector(endpoint: string, who: Resource): Collector {
  const resource = defaultResource().merge(
    resourceFromAttributes({
      'service.namespace': 'agent-mesh',
      'service.name': who.service,
      'service.instance.id': who.instance,
      'service.version': who.version,
      'process.pid': process.pid,
    }),
  );
  // OTLP 1.x, "Endpoint URLs for OTLP/HTTP": the signal's own path is added to the base address.
  const base = endpoint.replace(/\/+$/, '');
  const limits = { timeoutMillis: SEND_LIMIT_MS, concurrencyLimit: 1 };
  const traces = new OTLPTraceExporter({ url: `${base}/v1/traces`, ...limits });
  const metrics = new OTLPMetricExporter({ url: `${base}/v1/metrics`, ...limits });
  const logs = new OTLPLogExporter({ url: `${base}/v1/logs`, ...limits });
  const rejections = watchRejections();
  const answered = async (what: RejectedKey, send: (done: Done) => void): Promise<Sent> => {
    const answer = await bounded(send);
    const { count, reason } = rejections.take(what);
    return answer.kind === 'taken' ? { ...answer, rejected: count, reason } : answer;
  };
  return {
    spans: {
      name: 'otlp',
      send: (spans) =>
        answered('rejectedSpans', (done) =>
          traces.export(
            spans.map((span) => readable(span, resource)),
            done,
          ),
        ),
    },
    sendMetrics: (samples, sinceMs) =>
      answered('rejectedDataPoints', (done) => {
        const scopeMetrics = [{ scope: SCOPE, metrics: samples.flatMap((sample) => metricsOf(sample, sinceMs)) }];
        metrics.export({ resource, scopeMetrics }, done);
      }),
    logs: {
      name: 'otlp_logs',
      send: (lines) =>
        answered('rejectedLogRecords', (done) =>
          logs.export(
            lines.map((line) => recordOf(line, resource)),
            done,
          ),
        ),
    },
    async close() {
      rejections.stop();
      await Promise.allSettled([traces.shutdown(), metrics.shutdown(), logs.shutdown()]);
    },
  };
}

type Done = (result: { readonly code: number; readonly error?: Error }) => void;

/** Whatever an exporter does, the answer is there in time. */
function bounded(send: (done: Done) => void): Promise<Sent> {
  return new Promise((resolve) => {
    const timer = setTimeout(
      () => resolve({ kind: 'later', reason: `no answer within ${SEND_LIMIT_MS} ms` }),
      SEND_LIMIT_MS + 500,
    );
    const done: Done = ({ code, error }) => {
      clearTimeout(timer);
      if (code === 0) resolve({ kind: 'taken', rejected: 0, reason: '' });
      else resolve({ kind: isPassing(error) ? 'later' : 'refused', reason: error?.message ?? 'it was not taken' });
    };
    try {
      send(done);
    } catch (error) {
      clearTimeout(timer);
      resolve({ kind: 'refused', reason: String(error) });
    }
  });
}

/** OTLP 1.x, "Failures": these statuses say that another try is welcome; so does no answer at all. */
function isPassing(error: Error | undefined): boolean {
  if (error === undefined || !('code' in error) || typeof error.code !== 'number') return true;
  return [429, 502, 503, 504].includes(error.code);
}

type RejectedKey = 'rejectedSpans' | 'rejectedDataPoints' | 'rejectedLogRecords';

/** A collector may take a request and not what is in it; the exporters say that to their diagnostics only. */
function watchRejections(): { take(what: RejectedKey): { count: number; reason: string }; stop(): void } {
  const counts = new Map<RejectedKey, { count: number; reason: string }>();
  const hear = (message: string, ...more: unknown[]): void => {
    const text = [message, ...more.map(String)].join(' ');
    if (!text.includes('Partial Success')) return;
    for (const what of ['rejectedSpans', 'rejectedDataPoints', 'rejectedLogRecords'] as const) {
      const count = Number(new RegExp(`"${what}":\\s*"?(\\d+)`).exec(text)?.[1] ?? 0);
      const before = counts.get(what)?.count ?? 0;
      if (count > 0)
        counts.set(what, { count: before + count, reason: 'the collector took the request and not all of it' });
    }
  };
  const nothing = (): void => undefined;
  diag.setLogger(
    { error: nothing, warn: hear, info: nothing, debug: nothing, verbose: nothing },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  return {
    take(what) {
      const found = counts.get(what) ?? { count: 0, reason: '' };
      counts.delete(what);
      return found;
    },
    stop: () => diag.disable(),
  };
}

function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}

const kinds: Readonly<Record<Kind, SpanKind>> = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

function readable(span: FinishedSpan, resource: OtelResource): ReadableSpan {
  const { traceId, spanId, parentSpanId, name, kind, startMs, endMs, failure } = span;
  const inTrace = (id: string) => ({ traceId, spanId: id, traceFlags: TraceFlags.SAMPLED });
  const links: Link[] = (span.links ?? []).map((link) => ({
    context: { traceId: link.traceId, spanId: link.spanId, traceFlags: TraceFlags.SAMPLED },
    attributes: { [attribute.linkCause]: link.cause },
  }));
  return {
    ...{ name, kind: kinds[kind], spanContext: () => inTrace(spanId), links, events: [], ended: true, resource },
    ...(parentSpanId === '' ? {} : { parentSpanContext: inTrace(parentSpanId) }),
    ...{ startTime: hrTime(startMs), endTime: hrTime(endMs), duration: hrTime(endMs - startMs) },
    status: failure === null ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: failure },
    attributes: { ...span.attributes },
    instrumentationScope: SCOPE,
    ...{ droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 },
  };
}

/** One of ours may be several by the conventions: tokens that are read, and tokens that are written. */
function metricsOf({ metric, points }: Sample, sinceMs: number): MetricData[] {
  const split = metric.convention?.split;
  if (split === undefined) return [metricOf(metric, metric.otel, points, sinceMs)];
  return Object.entries(split.names).map(([value, name]) => {
    const own = points.filter(({ labels }) => labels[split.by] === value);
    return metricOf(metric, name, own, sinceMs);
  });
}

function metricOf(metric: Metric, name: string, points: readonly Point[], sinceMs: number): MetricData {
  const descriptor = { name, description: metric.help, unit: metric.unit, valueType: ValueType.DOUBLE };
  const when = { startTime: hrTime(sinceMs), endTime: hrTime(Date.now()) };
  const aggregationTemporality = AggregationTemporality.CUMULATIVE;
  if (metric.kind === 'histogram') {
    const dataPoints = points.map(({ labels, histogram }) => ({
      ...when,
      attributes: attributesOf(metric, labels),
      value: {
        buckets: { boundaries: [...(metric.buckets ?? [])], counts: [...(histogram?.counts ?? [])] },
        ...{ sum: histogram?.sum ?? 0, count: histogram?.count ?? 0 },
      },
    }));
    return { descriptor, aggregationTemporality, dataPointType: DataPointType.HISTOGRAM, dataPoints };
  }
  const dataPoints = points.map(({ labels, value }) => ({ ...when, attributes: attributesOf(metric, labels), value }));
  return metric.kind === 'counter'
    ? { descriptor, aggregationTemporality, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints }
    : { descriptor, aggregationTemporality, dataPointType: DataPointType.GAUGE, dataPoints };
}

function attributesOf({ convention }: Metric, labels: Labels): OtelAttributes {
  if (convention === undefined) return { ...labels };
  const own = Object.entries(labels).filter(([label]) => label !== convention.split?.by);
  const named = own.map(([label, value]) => [convention.attributes[label] ?? label, value] as const);
  return { [attribute.operation]: convention.operation, ...Object.fromEntries(named) };
}

const severities: Readonly<Record<string, SeverityNumber>> = {
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
};

function recordOf(line: LogLine, resource: OtelResource): ReadableLogRecord {
  const { atMs, level, message, traceId, spanId, attributes } = line;
  const inTrace =
    traceId === null ? {} : { spanContext: { traceId, spanId: spanId ?? '', traceFlags: TraceFlags.SAMPLED } };
  return {
    ...{ hrTime: hrTime(atMs), hrTimeObserved: hrTime(atMs), severityText: level.toUpperCase(), body: message },
    ...{ severityNumber: severities[level] ?? SeverityNumber.INFO, attributes, resource, instrumentationScope: SCOPE },
    ...inTrace,
    droppedAttributesCount: 0,
  };
}
