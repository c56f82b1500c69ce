/**
 * The metrics of the mesh, every one of them. Owns: their names, kinds, units and meanings, and counting in plain fields.
 * Does not own: where a number comes from (`services/`), Prometheus' text (`prometheus-text.ts`), sending (`otlp.ts`), or
 * boards and alerts (`monitoring/`): a test holds them against this table.
 *
 * Counting is an addition in memory; somebody who looks pays for the looking. So metrics cost tasks nothing while nobody
 * asks.
 */
import { attribute } from './spans.ts';

export interface Metric {
  /** In Prometheus, with unit and `_total` as its conventions want. */
  readonly name: string;
  /** In OTLP. */
  readonly otel: string;
  readonly convention?: Convention;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly unit: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds, of a histogram. */
  readonly buckets?: readonly number[];
}

/** How semantic-conventions-genai 0.1.0 wants a metric of ours: OTLP has it so, and Prometheus by its labels here. */
export interface Convention {
  /** What our labels are called there. */
  readonly attributes: Readonly<Record<string, string>>;
  /** The same for all. */
  readonly operation: string;
  /** A label whose values are metrics of their own there: their names. */
  readonly split?: { readonly by: string; readonly names: Readonly<Record<string, string>> };
}

export type Labels = Readonly<Record<string, string>>;

export interface Histogram {
  /** One more than there are bounds; each of its own bucket alone. */
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
}

export interface Point {
  readonly labels: Labels;
  readonly value: number;
  readonly histogram?: Histogram;
}

export interface Sample {
  readonly metric: Metric;
  readonly points: readonly Point[];
}

/** From what a search takes to what a large model takes, seconds. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
const MILLISECONDS_IN_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];

const GENERATION = { provider: attribute.provider, model: attribute.responseModel };

type Form = Omit<Metric, 'name' | 'kind' | 'labels'> & { readonly labels?: readonly string[] };
const counter = (name: string, form: Form): Metric => ({ labels: [], ...form, name, kind: 'counter' });
const gauge = (name: string, form: Form): Metric => ({ labels: [], ...form, name, kind: 'gauge' });
const histogram = (name: string, buckets: readonly number[], form: Form): Metric => {
  return { labels: [], ...form, name, kind: 'histogram', buckets };
};

export const metrics = {
  tasks: counter('mesh_tasks_total', {
    otel: 'mesh.tasks',
    unit: '{task}',
    help: 'Tasks that ended, by how.',
    labels: ['status', 'workflow'],
  }),
  taskSeconds: histogram('mesh_task_duration_seconds', SECONDS, {
    otel: 'mesh.task.duration',
    unit: 's',
    help: 'From submission to the end of a task.',
    labels: ['status'],
  }),
  hops: counter('mesh_hops_total', {
    otel: 'mesh.hops',
    unit: '{hop}',
    help: 'Hops that ended, by role and how.',
    labels: ['role', 'status'],
  }),
  hopSeconds: histogram('mesh_hop_duration_seconds', SECONDS, {
    otel: 'gen_ai.invoke_agent.duration',
    convention: { operation: 'invoke_agent', attributes: { role: attribute.agentName } },
    unit: 's',
    help: 'Time of a hop.',
    labels: ['role'],
  }),
  loops: counter('mesh_loops_total', {
    otel: 'mesh.loops',
    unit: '{loop}',
    help: 'Times that a review sent work back or ended a loop, by what came next.',
    labels: ['next'],
  }),
  attempts: counter('mesh_effect_attempts_total', {
    otel: 'mesh.effect.attempts',
    unit: '{attempt}',
    help: 'Attempts of effects that ended.',
    labels: ['role', 'effect'],
  }),
  failures: counter('mesh_effect_failures_total', {
    otel: 'mesh.effect.failures',
    unit: '{attempt}',
    help: 'Attempts of effects that failed.',
    labels: ['role', 'effect'],
  }),
  retries: counter('mesh_effect_retries_total', {
    otel: 'mesh.effect.retries',
    unit: '{attempt}',
    help: 'Attempts that followed one that failed or was cut off, by cause.',
    labels: ['cause'],
  }),
  refusals: counter('mesh_effect_refusals_total', {
    otel: 'mesh.effect.refusals',
    unit: '{refusal}',
    help: 'Times that an effect was refused at a cap.',
    labels: ['role', 'effect'],
  }),
  effectSeconds: counter('mesh_effect_busy_seconds_total', {
    otel: 'mesh.effect.busy',
    unit: 's',
    help: 'Time of all attempts together.',
    labels: ['role', 'effect'],
  }),
  running: gauge('mesh_effects_running', {
    otel: 'mesh.effects.running',
    unit: '{effect}',
    help: 'Effects that run now.',
    labels: ['role', 'effect'],
  }),
  waiting: gauge('mesh_effects_waiting', {
    otel: 'mesh.effects.waiting',
    unit: '{effect}',
    help: 'Effects in the queue.',
    labels: ['role', 'effect'],
  }),
  queueMax: gauge('mesh_effects_queue_max', {
    otel: 'mesh.effects.queue.max',
    unit: '{effect}',
    help: 'How many may wait.',
    labels: ['role', 'effect'],
  }),
  toolSeconds: histogram('mesh_tool_duration_seconds', SECONDS, {
    otel: 'gen_ai.execute_tool.duration',
    convention: { operation: 'execute_tool', attributes: { tool: attribute.toolName } },
    unit: 's',
    help: 'Time of a tool call.',
    labels: ['tool'],
  }),
  modelSeconds: histogram('mesh_model_duration_seconds', SECONDS, {
    otel: 'gen_ai.client.inference.duration',
    convention: { operation: 'chat', attributes: GENERATION },
    unit: 's',
    help: 'Time of a generation.',
    labels: ['provider', 'model'],
  }),
  tokens: counter('mesh_tokens_total', {
    otel: 'gen_ai.client.inference.usage',
    convention: {
      ...{ operation: 'chat', attributes: GENERATION },
      split: {
        by: 'direction',
        names: {
          input: 'gen_ai.client.inference.usage.input_tokens',
          output: 'gen_ai.client.inference.usage.output_tokens',
        },
      },
    },
    unit: '{token}',
    help: 'Tokens of language models, as their engines count them.',
    labels: ['provider', 'model', 'direction'],
  }),
  cost: counter('mesh_model_cost_total', {
    otel: 'mesh.model.cost',
    unit: '{currency}',
    help: 'Price of the tokens by OBS_PRICE_INPUT and OBS_PRICE_OUTPUT, in the currency these are in.',
    labels: ['model'],
  }),
  breakerOpen: gauge('mesh_breaker_open', {
    otel: 'mesh.breaker.open',
    unit: '1',
    help: '1 while a breaker is open, 0.5 while it tries, 0 when closed.',
    labels: ['breaker'],
  }),
  instances: gauge('mesh_tasks_open', { otel: 'mesh.tasks.open', unit: '{task}', help: 'Open tasks in memory.' }),
  lag: gauge('mesh_log_lag_messages', {
    otel: 'mesh.log.lag',
    unit: '{message}',
    help: 'Messages of the log that were not read yet.',
  }),
  unacknowledged: gauge('mesh_log_unacknowledged_messages', {
    otel: 'mesh.log.unacknowledged',
    unit: '{message}',
    help: 'Records and messages that are not in the log yet.',
  }),
  applied: counter('mesh_inputs_applied_total', {
    otel: 'mesh.inputs.applied',
    unit: '{input}',
    help: 'Inputs that were applied.',
  }),
  duplicates: counter('mesh_inputs_duplicate_total', {
    otel: 'mesh.inputs.duplicate',
    unit: '{input}',
    help: 'Inputs that came again.',
  }),
  quarantined: counter('mesh_inputs_quarantined_total', {
    otel: 'mesh.inputs.quarantined',
    unit: '{input}',
    help: 'Inputs that were set aside.',
  }),
  timers: gauge('mesh_timers_waiting', {
    otel: 'mesh.timers.waiting',
    unit: '{timer}',
    help: 'Limits of time that are waited for.',
  }),
  partitions: gauge('mesh_partitions', {
    otel: 'mesh.partitions',
    unit: '{partition}',
    help: 'Partitions that this host has, by role.',
    labels: ['role'],
  }),
  checkpoints: counter('mesh_checkpoints_total', {
    otel: 'mesh.checkpoints',
    unit: '{checkpoint}',
    help: 'Checkpoints taken.',
  }),
  replayed: counter('mesh_replayed_records_total', {
    otel: 'mesh.replayed.records',
    unit: '{record}',
    help: 'Records folded at openings of partitions.',
  }),
  crashes: counter('mesh_crashes_total', {
    otel: 'mesh.crashes',
    unit: '{crash}',
    help: 'Crashes that were found, by how.',
    labels: ['how'],
  }),
  ledgerBytes: gauge('mesh_ledger_size_bytes', {
    otel: 'mesh.ledger.size',
    unit: 'By',
    help: 'Size of the ledger and its write-ahead log.',
  }),
  memory: gauge('mesh_process_memory_bytes', {
    otel: 'process.memory.usage',
    unit: 'By',
    help: 'Memory of the process.',
  }),
  memoryLimit: gauge('mesh_process_memory_limit_bytes', {
    otel: 'mesh.process.memory.limit',
    unit: 'By',
    help: 'Its cap.',
  }),
  heap: gauge('mesh_process_heap_bytes', {
    otel: 'mesh.process.heap',
    unit: 'By',
    help: 'Heap of V8 that is used.',
  }),
  cpuSeconds: counter('mesh_process_cpu_seconds_total', {
    otel: 'process.cpu.time',
    unit: 's',
    help: 'Processor time.',
  }),
  loopUtilization: gauge('mesh_event_loop_utilization', {
    otel: 'nodejs.eventloop.utilization',
    unit: '1',
    help: 'Share of time in which the event loop worked, since the last look.',
  }),
  loopDelay: histogram('mesh_event_loop_delay_seconds', MILLISECONDS_IN_SECONDS, {
    otel: 'mesh.eventloop.delay',
    unit: 's',
    help: 'How late the event loop was, looked at once a second.',
  }),
  calls: counter('mesh_calls_total', {
    otel: 'mesh.calls',
    unit: '{call}',
    help: 'Calls of the gateway, by operation and reason of failure.',
    labels: ['operation', 'reason'],
  }),
  callSeconds: histogram('mesh_call_duration_seconds', SECONDS, {
    otel: 'mesh.call.duration',
    unit: 's',
    help: 'Time of a call.',
    labels: ['operation'],
  }),
  spansSent: counter('mesh_telemetry_spans_sent_total', {
    otel: 'mesh.telemetry.spans.sent',
    unit: '{span}',
    help: 'Spans that a destination took.',
    labels: ['destination'],
  }),
  spansDropped: counter('mesh_telemetry_spans_dropped_total', {
    otel: 'mesh.telemetry.spans.dropped',
    unit: '{span}',
    help: 'Spans that were lost.',
    labels: ['destination'],
  }),
  spansWaiting: gauge('mesh_telemetry_spans_waiting', {
    otel: 'mesh.telemetry.spans.waiting',
    unit: '{span}',
    help: 'Spans in the queue.',
    labels: ['destination'],
  }),
  recorderLost: counter('mesh_telemetry_recorder_lost_total', {
    otel: 'mesh.telemetry.recorder.lost',
    unit: '{line}',
    help: 'Lines that the flight recorder could not write.',
  }),
  windowOpen: gauge('mesh_telemetry_window_open', {
    otel: 'mesh.telemetry.window.open',
    unit: '1',
    help: '1 while full telemetry is on.',
  }),
} as const satisfies Readonly<Record<string, Metric>>;

export type MetricName = keyof typeof metrics;

/** Different values of the labels of one metric; more are counted together, so that nothing grows without bound. */
const SERIES_MAX = 200;
const OTHER = 'other';

interface Series {
  readonly labels: Labels;
  value: number;
  counts: number[] | null;
  sum: number;
  count: number;
}

export interface Counters {
  add(name: MetricName, labels: Labels, by?: number): void;
  observe(name: MetricName, labels: Labels, value: number): void;
  samples(): Sample[];
}

/** What is counted as it happens. */
export function createCounters(): Counters {
  const all = new Map<MetricName, Map<string, Series>>();
  const seriesOf = (name: MetricName, given: Labels): Series => {
    const { labels: names, buckets } = metrics[name] as Metric;
    let key = given[names[0] ?? ''] ?? '';
    for (let at = 1; at < names.length; at += 1) key += `\u0000${given[names[at] ?? ''] ?? ''}`;
    const ofName = all.get(name) ?? new Map<string, Series>();
    const known = ofName.get(key);
    if (known !== undefined) return known;
    all.set(name, ofName);
    const isFull = ofName.size >= SERIES_MAX;
    const labels = Object.fromEntries(names.map((label) => [label, isFull ? OTHER : (given[label] ?? '')]));
    const counts = buckets === undefined ? null : new Array<number>(buckets.length + 1).fill(0);
    const series = (isFull ? ofName.get(OTHER) : undefined) ?? { labels, value: 0, counts, sum: 0, count: 0 };
    ofName.set(isFull ? OTHER : key, series);
    return series;
  };
  return {
    add(name, labels, by = 1) {
      seriesOf(name, labels).value += by;
    },
    observe(name, labels, value) {
      const series = seriesOf(name, labels);
      const { buckets = [] } = metrics[name] as Metric;
      const at = buckets.findIndex((bound) => value <= bound);
      const { counts } = series;
      if (counts !== null) counts[at === -1 ? buckets.length : at] = (counts[at === -1 ? buckets.length : at] ?? 0) + 1;
      series.sum += value;
      series.count += 1;
    },
    samples: () =>
      [...all].map(([name, series]) => ({
        metric: metrics[name],
        points: [...series.values()].map(({ labels, value, counts, sum, count }) => ({
          labels,
          value,
          ...(counts === null ? {} : { histogram: { counts: [...counts], sum, count } }),
        })),
      })),
  };
}
