/**
 * Spans to a collector, by OTLP over HTTP. Owns: the OpenTelemetry SDK, its limits, and keeping a collector that is away
 * from disturbing anybody. Does not own: what is traced, or the names (`spans.ts`).
 *
 * 1. Loaded only where a collector is named: without one nothing of the SDK is in the process.
 * 2. Telemetry never costs work: what cannot be sent is dropped, and said once a minute.
 */
import {
  type Attributes,
  type Context,
  DiagLogLevel,
  diag,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

/** Spans kept while the collector is away; the SDK drops what is more. */
const QUEUE_MAX = 2048;
/** Short, so that what a crash takes with it is little. */
const SEND_EVERY_MS = 1000;
const SEND_LIMIT_MS = 5000;
/** A stop waits that long for the last spans. */
const CLOSE_LIMIT_MS = 2000;
const VALUE_MAX_CHARACTERS = 1024;
const COMPLAIN_EVERY_MS = 60_000;

export interface TracerOptions {
  /** Base address of the collector, such as `http://127.0.0.1:4318`. */
  readonly endpoint: string;
  /** `service.name`, such as `mesh-llm`. */
  readonly service: string;
  readonly instance: string;
  readonly version: string;
  /** Told when spans are lost. */
  readonly onLoss: (reason: string) => void;
}

export interface OpenSpan {
  set(attributes: Attributes): void;
  /** @param failure what went wrong, for people; null when nothing did */
  end(failure: string | null): void;
}

export interface Tracer {
  /**
   * @param traceparent W3C Trace Context of the parent; a span whose parent is not sampled goes nowhere
   * @param startedAtMs of a span that is told afterwards, milliseconds since the epoch
   */
  start(name: string, traceparent: string, attributes: Attributes, startedAtMs?: number): OpenSpan;
  /** Sends what is left, not for long. */
  close(): Promise<void>;
}

export function createTracer(options: TracerOptions): Tracer {
  reportLosses(options.onLoss);
  const resource = resourceFromAttributes({
    'service.namespace': 'agent-mesh',
    'service.name': options.service,
    'service.instance.id': options.instance,
    'service.version': options.version,
    'process.pid': process.pid,
  });
  const exporter = new OTLPTraceExporter({ url: tracesUrl(options.endpoint), timeoutMillis: SEND_LIMIT_MS });
  const processor = new BatchSpanProcessor({
    exporter,
    maxQueueSize: QUEUE_MAX,
    scheduledDelayMillis: SEND_EVERY_MS,
    exportTimeoutMillis: SEND_LIMIT_MS,
  });
  const provider = new TracerProvider({
    resource: defaultResource().merge(resource),
    spanProcessors: [processor],
    spanLimits: { attributeValueLengthLimit: VALUE_MAX_CHARACTERS },
  });
  const tracer = provider.getTracer('agent-mesh', options.version);
  return {
    start(name, traceparent, attributes, startedAtMs) {
      const options = { attributes, ...(startedAtMs === undefined ? {} : { startTime: startedAtMs }) };
      const span = tracer.startSpan(name, options, contextOf(traceparent));
      return {
        set: (more) => void span.setAttributes(more),
        end(failure) {
          if (failure !== null) span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
          span.end();
        },
      };
    },
    async close() {
      const { promise: late, resolve } = Promise.withResolvers<string>();
      const timer = setTimeout(() => resolve('the collector did not take the last spans in time'), CLOSE_LIMIT_MS);
      const sent = provider.shutdown().then(
        () => null,
        (error: unknown) => String(error),
      );
      const loss = await Promise.race([sent, late]);
      clearTimeout(timer);
      if (loss !== null) options.onLoss(loss);
    },
  };
}

/** The signal's own path is added to the base address, as the OTLP specification says (Endpoint URLs for OTLP/HTTP). */
function tracesUrl(endpoint: string): string {
  return `${endpoint.replace(/\/+$/, '')}/v1/traces`;
}

/** W3C Trace Context, section 3.2. One that cannot be read makes a trace of its own. */
function contextOf(traceparent: string): Context {
  const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
  });
}

/** The SDK tells of trouble through one global logger. */
function reportLosses(onLoss: (reason: string) => void): void {
  let lastMs = Number.NEGATIVE_INFINITY;
  const complain = (message: string): void => {
    const nowMs = performance.now();
    if (nowMs - lastMs < COMPLAIN_EVERY_MS) return;
    lastMs = nowMs;
    onLoss(message.slice(0, VALUE_MAX_CHARACTERS));
  };
  const nothing = (): void => undefined;
  diag.setLogger(
    { error: complain, warn: complain, info: nothing, debug: nothing, verbose: nothing },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
