/**
 * Telemetry that did not arrive, for people. Owns: adding up what the processes count, and the line about it. Does not
 * own: the counts (`telemetry/outlet.ts`), or asking for them (`telemetry/told-samples.ts`).
 */
import { metrics } from '../telemetry/metrics.ts';
import type { ToldSamples } from '../telemetry/prometheus-text.ts';

export interface Loss {
  /** `otlp`, `otlp_logs` or `stream`. */
  readonly destination: string;
  /** Spans or log lines, of all processes since each of them started. */
  readonly lost: number;
}

/** The most first; destinations that lost nothing are left out. */
export function lossesIn(told: readonly ToldSamples[]): Loss[] {
  const sums = new Map<string, number>();
  for (const { samples } of told) {
    const dropped = samples.filter(({ metric }) => metric.name === metrics.spansDropped.name);
    for (const { labels, value } of dropped.flatMap(({ points }) => points)) {
      const destination = labels.destination ?? '';
      sums.set(destination, (sums.get(destination) ?? 0) + value);
    }
  }
  return [...sums]
    .filter(([, lost]) => lost > 0)
    .map(([destination, lost]) => ({ destination, lost }))
    .toSorted((one, other) => other.lost - one.lost);
}

const WHAT: Readonly<Record<string, string>> = {
  otlp: 'spans did not reach the collector',
  otlp_logs: 'log lines did not reach the collector',
  stream: 'spans did not reach the stream MESH_TELEMETRY',
};

/** Such as `210 spans did not reach the collector since the processes started`; null when nothing was lost. */
export function lossText(losses: readonly Loss[]): string | null {
  if (losses.length === 0) return null;
  const parts = losses.map(({ destination, lost }) => `${lost} ${WHAT[destination] ?? `did not reach ${destination}`}`);
  return `${parts.join(', ')} since the processes started`;
}
