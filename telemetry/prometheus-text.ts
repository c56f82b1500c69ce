/**
 * Prometheus' text. Owns: the form in which the numbers of several processes are one page. Does not own: names
 * (`metrics.ts`), where a number comes from, or the door that is asked (`services/metrics-door.ts`).
 */
import { type Labels, type Metric, metrics, type Point, type Sample } from './metrics.ts';

/** What one process says of itself. */
export interface ToldSamples {
  readonly service: string;
  readonly instance: string;
  readonly samples: readonly Sample[];
}

/** Prometheus' text format 0.0.4, of several processes together: a metric is described once. */
export function prometheusText(told: readonly ToldSamples[]): string {
  const lines: string[] = [];
  for (const metric of Object.values(metrics) as Metric[]) {
    const found = told.flatMap(({ service, instance, samples }) =>
      samples
        .filter((sample) => sample.metric.name === metric.name)
        .flatMap(({ points }) => points.map((point) => ({ point, who: { service, instance } }))),
    );
    if (found.length === 0) continue;
    lines.push(`# HELP ${metric.name} ${metric.help}`, `# TYPE ${metric.name} ${metric.kind}`);
    for (const { point, who } of found) lines.push(...pointLines(metric, point, who));
  }
  return `${lines.join('\n')}\n`;
}

function pointLines(metric: Metric, { labels, value, histogram: of }: Point, who: Labels): string[] {
  const all = { ...who, ...labels };
  if (metric.kind !== 'histogram') return [`${metric.name}${labelText(all)} ${value}`];
  const { buckets = [] } = metric;
  let sum = 0;
  const counts = (of?.counts ?? []).map((count, at) => {
    sum += count;
    const le = at < buckets.length ? String(buckets[at]) : '+Inf';
    return `${metric.name}_bucket${labelText({ ...all, le })} ${sum}`;
  });
  return [
    ...counts,
    `${metric.name}_sum${labelText(all)} ${of?.sum ?? 0}`,
    `${metric.name}_count${labelText(all)} ${of?.count ?? 0}`,
  ];
}

function labelText(labels: Labels): string {
  const escaped = (text: string): string =>
    text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',')}}`;
}
