/**
 * How good decisions on labelled queries are. Owns: running them through a router, one at a time, and the figures. Does
 * not own: the router, or reading files (`samples.ts`).
 */
import { atTheStart, type Decision, type Router } from './port.ts';
import type { Sample } from './samples.ts';

export interface Judged extends Sample {
  readonly decision: Decision;
  /** What the engine holds for likeliest, before any threshold. */
  readonly likeliest: string;
}

export interface ClassFigures {
  readonly n: number;
  /** Of the queries of this route, the share that was held for it. */
  readonly recall: number;
  /** Of what was held for this route, the share that is of it; null when nothing was. */
  readonly precision: number | null;
}

export interface Evaluation {
  readonly n: number;
  /** Share of queries whose label the engine holds for likeliest. The fallback is counted apart. */
  readonly accuracy: number;
  /** Share of queries that went to their label in the end, fallbacks included. */
  readonly routed: number;
  readonly perClass: Readonly<Record<string, ClassFigures>>;
  /** By label, then by what was held for likeliest. */
  readonly confusion: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Expected calibration error over ten bins of confidence. */
  readonly ece: number;
  readonly p50_ms: number;
  readonly p95_ms: number;
  readonly fallbacks: number;
  /** Of the wrong ones, those that took the fallback; of the right ones, the same. */
  readonly caught: { readonly wrong: number; readonly wrongCaught: number; readonly rightCaught: number };
  readonly engine: string;
}

const BINS = 10;

export async function judge(
  router: Router,
  samples: readonly Sample[],
  onJudged: (done: number) => void = () => undefined,
): Promise<Judged[]> {
  const judged: Judged[] = [];
  const { signal } = new AbortController();
  for (const sample of samples) {
    const { decision } = await router.decide(sample.query, atTheStart, signal);
    judged.push({ ...sample, decision, likeliest: likeliestOf(decision) });
    onJudged(judged.length);
  }
  return judged;
}

function likeliestOf({ probabilities, decision }: Decision): string {
  const entries = Object.entries(probabilities);
  return entries.reduce((top, one) => (one[1] > top[1] ? one : top), entries[0] ?? [decision, 1])[0];
}

export function figures(judged: readonly Judged[]): Evaluation {
  const right = (one: Judged): boolean => one.likeliest === one.route;
  const share = (count: number, of: number): number => round(of === 0 ? 0 : count / of);
  const labels = [...new Set(judged.map(({ route }) => route))].sort();
  const wrong = judged.filter((one) => !right(one));
  const fallbacks = judged.filter(({ decision }) => decision.fallback);
  const times = judged.map(({ decision }) => decision.ms);
  return {
    n: judged.length,
    accuracy: share(judged.length - wrong.length, judged.length),
    routed: share(judged.filter(({ route, decision }) => decision.decision === route).length, judged.length),
    perClass: Object.fromEntries(labels.map((label) => [label, classFigures(label, judged)])),
    confusion: Object.fromEntries(labels.map((label) => [label, rowOf(label, judged)])),
    ece: round(calibrationError(judged)),
    p50_ms: percentile(times, 0.5),
    p95_ms: percentile(times, 0.95),
    fallbacks: fallbacks.length,
    caught: {
      wrong: wrong.length,
      wrongCaught: wrong.filter(({ decision }) => decision.fallback).length,
      rightCaught: fallbacks.filter(right).length,
    },
    engine: [...new Set(judged.map(({ decision }) => decision.engine))].join(', '),
  };
}

function classFigures(label: string, judged: readonly Judged[]): ClassFigures {
  const own = judged.filter(({ route }) => route === label);
  const held = judged.filter(({ likeliest }) => likeliest === label);
  const both = own.filter(({ likeliest }) => likeliest === label).length;
  return {
    n: own.length,
    recall: round(both / own.length),
    precision: held.length === 0 ? null : round(both / held.length),
  };
}

function rowOf(label: string, judged: readonly Judged[]): Record<string, number> {
  const row: Record<string, number> = {};
  for (const { route, likeliest } of judged) if (route === label) row[likeliest] = (row[likeliest] ?? 0) + 1;
  return row;
}

/** Mean distance between confidence and accuracy in bins of equal width, by their sizes (Guo et al. 2017). */
function calibrationError(judged: readonly Judged[]): number {
  const bins = Array.from({ length: BINS }, () => ({ n: 0, right: 0, confidence: 0 }));
  for (const one of judged) {
    const confidence = one.decision.probabilities[one.likeliest] ?? one.decision.confidence;
    const bin = bins[Math.min(BINS - 1, Math.floor(confidence * BINS))];
    if (!bin) continue;
    bin.n += 1;
    bin.confidence += confidence;
    if (one.likeliest === one.route) bin.right += 1;
  }
  return (
    bins.reduce((sum, { right, confidence }) => sum + Math.abs(right - confidence), 0) / Math.max(1, judged.length)
  );
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
