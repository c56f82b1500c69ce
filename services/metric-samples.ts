/**
 * What a process can be asked for as metrics. Owns: reading the numbers from where they are kept, at the moment of asking.
 * Does not own: their names (`telemetry/metrics.ts`), or who asks.
 */
import { statSync } from 'node:fs';
import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import type { HostStats } from '../actors/runtime/host.ts';
import type { BreakerState } from '../resilience/breakers.ts';
import type { FlightRecorder } from '../telemetry/flight-recorder.ts';
import { type Counters, type Labels, type MetricName, metrics, type Point, type Sample } from '../telemetry/metrics.ts';
import type { OutletCounts } from '../telemetry/outlet.ts';
import type { ProcessFacts } from './attempt-spans.ts';

const BYTES_PER_MB = 1_048_576;
const LOOK_EVERY_MS = 1000;

export interface MetricSources {
  readonly counters: Counters;
  stats(): HostStats | null;
  breakers(): readonly BreakerState[];
  readonly process: ProcessFacts;
  /** Null for a service that has none. */
  readonly ledger: string | null;
  outlets(): readonly OutletCounts[];
  readonly recorder: Pick<FlightRecorder, 'lost'>;
  windowIsOpen(): boolean;
  /** Price of a million tokens. */
  readonly price: { readonly input: number; readonly output: number };
}

export interface MetricSamples {
  read(): Sample[];
  stop(): void;
}

export function createMetricSamples(sources: MetricSources): MetricSamples {
  const { counters } = sources;
  let lastLoop: EventLoopUtilization = performance.eventLoopUtilization();
  let expectedMs = performance.now() + LOOK_EVERY_MS;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    counters.observe('loopDelay', {}, Math.max(0, nowMs - expectedMs) / 1000);
    expectedMs = nowMs + LOOK_EVERY_MS;
  }, LOOK_EVERY_MS);
  timer.unref();
  return {
    read() {
      const told = new Map<MetricName, Point[]>();
      const say = (name: MetricName, value: number, labels: Labels = {}): void => {
        const points = told.get(name);
        if (points === undefined) told.set(name, [{ labels, value }]);
        else points.push({ labels, value });
      };
      ofHost(sources.stats(), say);
      ofProcess(sources, say);
      const loop = performance.eventLoopUtilization();
      say('loopUtilization', performance.eventLoopUtilization(loop, lastLoop).utilization);
      lastLoop = loop;
      for (const { name, state } of sources.breakers())
        say('breakerOpen', state === 'open' ? 1 : state === 'half_open' ? 0.5 : 0, { breaker: name });
      for (const { destination, sent, dropped, waiting } of sources.outlets()) {
        say('spansSent', sent, { destination });
        say('spansDropped', dropped, { destination });
        say('spansWaiting', waiting, { destination });
      }
      const counted = counters.samples();
      ofCost(counted, sources.price, say);
      return [...counted, ...[...told].map(([name, points]) => ({ metric: metrics[name], points }))];
    },
    stop: () => clearInterval(timer),
  };
}

type Say = (name: MetricName, value: number, labels?: Labels) => void;

function ofHost(stats: HostStats | null, say: Say): void {
  if (stats === null) return;
  say('instances', stats.instances);
  say('lag', stats.cursorLag);
  say('unacknowledged', stats.unacknowledged);
  say('applied', stats.applied);
  say('duplicates', stats.duplicates);
  say('quarantined', stats.quarantined);
  say('timers', stats.timers);
  for (const [role, count] of Object.entries(stats.partitions)) say('partitions', count, { role });
  for (const one of stats.effects) {
    const labels = { role: one.role, effect: one.effect };
    say('attempts', one.attempts, labels);
    say('failures', one.failures, labels);
    say('refusals', one.refusals, labels);
    say('effectSeconds', one.busyMs / 1000, labels);
    say('running', one.running, labels);
    say('waiting', one.waiting, labels);
    say('queueMax', one.queueMax, labels);
  }
}

function ofProcess({ process: own, ledger, recorder, windowIsOpen }: MetricSources, say: Say): void {
  say('memory', own.rssMb() * BYTES_PER_MB);
  say('memoryLimit', own.memoryLimitMb() * BYTES_PER_MB);
  say('heap', process.memoryUsage().heapUsed);
  const { user, system } = process.cpuUsage();
  say('cpuSeconds', (user + system) / 1e6);
  if (ledger !== null) say('ledgerBytes', sizeOf(ledger) + sizeOf(`${ledger}-wal`));
  say('recorderLost', recorder.lost);
  say('windowOpen', windowIsOpen() ? 1 : 0);
}

function ofCost(counted: readonly Sample[], price: MetricSources['price'], say: Say): void {
  const costs = new Map<string, number>();
  for (const { labels, value } of counted.find(({ metric }) => metric === metrics.tokens)?.points ?? []) {
    const { model = '', direction } = labels;
    const each = (direction === 'input' ? price.input : price.output) / 1e6;
    costs.set(model, (costs.get(model) ?? 0) + value * each);
  }
  for (const [model, cost] of costs) say('cost', cost, { model });
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
