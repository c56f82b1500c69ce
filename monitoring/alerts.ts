/**
 * Alerts of the mesh. Owns: their conditions and what each means in one sentence. Does not own: the metrics
 * (`telemetry/metrics.ts`), the pages that say what to do (`docs/alerts/`), or writing the file (`generate.ts`).
 */
import { metrics } from '../telemetry/metrics.ts';

export interface Alert {
  /** Also the name of its page in docs/alerts. */
  readonly name: string;
  readonly expr: string;
  /** How long it has to hold, as Prometheus writes it. */
  readonly for: string;
  readonly severity: 'page' | 'ticket';
  readonly summary: string;
}

const { tasks, attempts, failures, refusals, crashes, quarantined, lag, unacknowledged, breakerOpen } = metrics;
const { memory, memoryLimit, waiting, queueMax, loopDelay, spansDropped, recorderLost } = metrics;

export const alerts: readonly Alert[] = [
  {
    name: 'mesh-tasks-failing',
    expr: `sum(rate(${tasks.name}{status="failed"}[10m])) / sum(rate(${tasks.name}[10m])) > 0.2`,
    ...{ for: '10m', severity: 'page', summary: 'More than a fifth of the tasks fail.' },
  },
  {
    name: 'mesh-effects-failing',
    expr: `sum by (role, effect) (rate(${failures.name}[10m])) / sum by (role, effect) (rate(${attempts.name}[10m])) > 0.5`,
    ...{
      for: '10m',
      severity: 'ticket',
      summary: 'Half of the attempts of {{ $labels.role }}/{{ $labels.effect }} fail.',
    },
  },
  {
    name: 'mesh-crash-loop',
    expr: `sum by (service) (increase(${crashes.name}{how="unclean_stop"}[15m])) >= 3`,
    ...{ for: '0m', severity: 'page', summary: '{{ $labels.service }} ended three times in a quarter of an hour.' },
  },
  {
    name: 'mesh-quarantine',
    expr: `sum(increase(${quarantined.name}[15m])) > 0`,
    ...{ for: '0m', severity: 'ticket', summary: 'A message could not be accepted.' },
  },
  {
    name: 'mesh-log-lag',
    expr: `max by (service) (${lag.name}) > 1000`,
    ...{ for: '5m', severity: 'page', summary: '{{ $labels.service }} is far behind the log.' },
  },
  {
    name: 'mesh-log-unacknowledged',
    expr: `max by (service) (${unacknowledged.name}) > 200`,
    ...{ for: '2m', severity: 'page', summary: 'The log does not take what {{ $labels.service }} writes.' },
  },
  {
    name: 'mesh-breaker-open',
    expr: `max by (breaker) (${breakerOpen.name}) == 1`,
    ...{ for: '5m', severity: 'ticket', summary: '{{ $labels.breaker }} is left alone because it kept failing.' },
  },
  {
    name: 'mesh-queue-full',
    expr: `max by (role, effect) (${waiting.name} / ${queueMax.name}) > 0.8`,
    ...{
      for: '5m',
      severity: 'ticket',
      summary: 'The queue of {{ $labels.role }}/{{ $labels.effect }} is nearly full.',
    },
  },
  {
    name: 'mesh-overloaded',
    expr: `sum by (service) (rate(${refusals.name}[5m])) > 1`,
    ...{ for: '5m', severity: 'ticket', summary: '{{ $labels.service }} refuses work.' },
  },
  {
    name: 'mesh-memory',
    expr: `max by (service) (${memory.name} / ${memoryLimit.name}) > 0.9`,
    ...{ for: '5m', severity: 'ticket', summary: '{{ $labels.service }} is near its memory cap.' },
  },
  {
    name: 'mesh-event-loop-slow',
    expr: `histogram_quantile(0.99, sum by (service, le) (rate(${loopDelay.name}_bucket[5m]))) > 0.5`,
    ...{
      for: '5m',
      severity: 'ticket',
      summary: 'The event loop of {{ $labels.service }} stands still for half a second.',
    },
  },
  {
    name: 'mesh-telemetry-lost',
    expr: `sum by (destination) (increase(${spansDropped.name}[15m])) > 0`,
    ...{ for: '0m', severity: 'ticket', summary: 'Spans for {{ $labels.destination }} were lost.' },
  },
  {
    name: 'mesh-flight-recorder',
    expr: `sum by (service) (increase(${recorderLost.name}[15m])) > 0`,
    ...{ for: '0m', severity: 'ticket', summary: 'The flight recorder of {{ $labels.service }} cannot write.' },
  },
];
