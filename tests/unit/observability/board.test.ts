/** Board, alerts and pages against the program: nothing is shown or warned of that the mesh does not tell. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import { alerts } from '../../../monitoring/alerts.ts';
import { boardExpressions } from '../../../monitoring/board.ts';
import { alertsPath, alertsText, boardPath, boardText } from '../../../monitoring/generate.ts';
import { createMetricSamples, type MetricSources } from '../../../services/metric-samples.ts';
import { createCounters, type Metric, metrics } from '../../../telemetry/metrics.ts';
import { prometheusText } from '../../../telemetry/prometheus-text.ts';

const pages = join(projectRoot, 'docs', 'alerts');
const all: readonly Metric[] = Object.values(metrics);
const isMetricName = (name: string): name is keyof typeof metrics => name in metrics;
/** As Prometheus offers them: a histogram is three series. */
const series = new Set(
  all.flatMap(({ name, kind }) => (kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name])),
);

function namesIn(expr: string): string[] {
  return expr.match(/\bmesh_[a-z_]+/g) ?? [];
}

/** What the program counts, and with which labels, by its own text: a metric that nobody counts is told by nobody. */
function countedBySource(): Map<string, { readonly how: string; readonly labels: readonly string[] }> {
  const found = new Map<string, { readonly how: string; readonly labels: readonly string[] }>();
  for (const folder of ['services', 'telemetry']) {
    for (const file of readdirSync(join(projectRoot, folder)).filter((name) => name.endsWith('.ts'))) {
      const text = readFileSync(join(projectRoot, folder, file), 'utf8');
      for (const [, how = '', name = '', labels = ''] of text.matchAll(
        /counters\.(add|observe)\('(\w+)', \{([^}]*)\}/g,
      ))
        found.set(name, { how, labels: labels.split(',').flatMap((part) => /^\s*(\w+)/.exec(part)?.[1] ?? []) });
    }
  }
  return found;
}

/** A process that has counted once whatever the program counts. */
function told(): string {
  const counters = createCounters();
  for (const [name, { how }] of countedBySource()) {
    if (!isMetricName(name)) throw new Error(`the program counts ${name}, of which the table knows nothing`);
    if (how === 'observe') counters.observe(name, {}, 1);
    else counters.add(name, {}, 1_000_000);
  }
  const effect = { role: 'llm', effect: 'generate', running: 1, waiting: 0, concurrencyMax: 2, queueMax: 64 };
  const stats = {
    ...{ instances: 1, effectsRunning: 1, effectsQueued: 0, timers: 1, cursorLag: 0, unacknowledged: 0 },
    ...{ applied: 1, duplicates: 0, quarantined: 0, partitions: { llm: 8 } },
    effects: [{ ...effect, attempts: 1, failures: 0, refusals: 0, busyMs: 5, lastError: '' }],
  };
  const breaker = { name: 'b', state: 'open', openedAt: null, reason: null, failures: 1 };
  const sources: MetricSources = {
    ...{ counters, stats: () => stats, ledger: '/nowhere', recorder: { lost: 0 } },
    breakers: () => [breaker] as unknown as ReturnType<MetricSources['breakers']>,
    process: { threads: () => 1, memoryLimitMb: () => 2, rssMb: () => 1 },
    outlets: () => [{ destination: 'stream', sent: 1, dropped: 0, waiting: 0 }],
    ...{ windowIsOpen: () => true, price: { input: 0.5, output: 1 } },
  };
  const samples = createMetricSamples(sources);
  const text = prometheusText([{ service: 'llm', instance: 'desk', samples: samples.read() }]);
  samples.stop();
  return text;
}

describe('what is shown and warned of', () => {
  test('is told by the program, each and every metric of the table', () => {
    const emitted = new Set(
      told()
        .split('\n')
        .flatMap((line) => (line.startsWith('#') ? [] : namesIn(line.split('{')[0] ?? ''))),
    );
    expect([...series].filter((name) => !emitted.has(name))).toEqual([]);
    expect(emitted.size).toBeGreaterThan(40);
  });

  test('is counted with the labels that the table has, and no others', () => {
    const counted = countedBySource();
    expect(counted.size).toBeGreaterThan(12);
    for (const [name, { labels }] of counted)
      expect(labels.toSorted(), name).toEqual([...(isMetricName(name) ? metrics[name].labels : [])].toSorted());
  });

  test.each([...boardExpressions(), ...alerts.map(({ expr }) => expr)])('%s', (expr) => {
    const names = namesIn(expr);
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => !series.has(name))).toEqual([]);
    // What is grouped by is a label of the metrics, or who tells.
    for (const [, by = ''] of expr.matchAll(/by \(([^)]*)\)/g)) {
      const labels = by.split(',').map((label) => label.trim());
      const known = new Set([
        'service',
        'instance',
        'le',
        ...all.filter(({ name }) => expr.includes(name)).flatMap((one) => one.labels),
      ]);
      expect(labels.filter((label) => !known.has(label))).toEqual([]);
    }
  });

  test('is on the board, all of it', () => {
    const shown = new Set(boardExpressions().flatMap(namesIn));
    const missing = all.filter(({ name }) => ![name, `${name}_bucket`].some((one) => shown.has(one)));
    expect(missing.map(({ name }) => name)).toEqual([]);
  });

  test('is in the files that are shipped', () => {
    expect(readFileSync(boardPath, 'utf8')).toBe(boardText());
    expect(readFileSync(alertsPath, 'utf8')).toBe(alertsText());
  });

  test('has a page for each alert, and none for an alert that is gone', () => {
    const listed = readdirSync(pages).filter((name) => name !== 'README.md');
    expect(listed.sort()).toEqual(alerts.map(({ name }) => `${name}.md`).sort());
    const list = readFileSync(join(pages, 'README.md'), 'utf8');
    for (const { name } of alerts) expect(list).toContain(`(${name}.md)`);
    for (const { name } of alerts) expect(readFileSync(join(pages, `${name}.md`), 'utf8')).toContain(`\`${name}\``);
  });
});

describe("Prometheus' text", () => {
  test('describes a metric once, whoever tells it, and sums the buckets', () => {
    const counters = createCounters();
    counters.observe('hopSeconds', { role: 'coder' }, 0.02);
    counters.observe('hopSeconds', { role: 'coder' }, 1000);
    const samples = counters.samples();
    const text = prometheusText([
      { service: 'a', instance: '1', samples },
      { service: 'b', instance: '2', samples },
    ]);
    expect(text.match(/# TYPE mesh_hop_duration_seconds histogram/g)).toHaveLength(1);
    expect(text).toContain('mesh_hop_duration_seconds_bucket{service="a",instance="1",role="coder",le="0.025"} 1\n');
    expect(text).toContain('mesh_hop_duration_seconds_bucket{service="a",instance="1",role="coder",le="+Inf"} 2\n');
    expect(text).toContain('mesh_hop_duration_seconds_sum{service="b",instance="2",role="coder"} 1000.02\n');
  });

  test('keeps labels few, and their text harmless', () => {
    const counters = createCounters();
    for (let at = 0; at < 500; at += 1) counters.add('tasks', { status: `s"\n${at}`, workflow: 'w' });
    const text = prometheusText([{ service: 'a', instance: '1', samples: counters.samples() }]);
    const lines = text.split('\n').filter((line) => line.startsWith('mesh_tasks_total{'));
    expect(lines).toHaveLength(201);
    expect(lines.at(-1)).toBe('mesh_tasks_total{service="a",instance="1",status="other",workflow="other"} 300');
    expect(lines[0]).toContain('status="s\\"\\n0"');
  });
});
