/**
 * What a race measured: its form on disk, and the medians that are shown. Owns: both. Does not own: measuring
 * (race.ts) or showing (table.ts, plot.ts, docs.ts).
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { round } from '../measure.ts';

export const LOADS = [1, 8, 32] as const;
export type Load = (typeof LOADS)[number];

const windowSchema = z.object({
  callers: z.number(),
  runs: z.number(),
  perSecond: z.number(),
  p50Ms: z.number(),
  p95Ms: z.number(),
  cpuMsPerRun: z.number(),
});

/** One repetition of one system. */
const sampleSchema = z.object({
  windows: z.array(windowSchema),
  idleMb: z.number(),
  loadMb: z.number(),
  bytesPerRun: z.number(),
});

const killSchema = z.object({
  runs: z.number(),
  stepsDoneAtKill: z.number(),
  finishedMs: z.number(),
  stepsDone: z.number(),
  begunTwice: z.number(),
  endedTwice: z.number(),
});

const outcomeSchema = z.object({
  name: z.string(),
  title: z.string(),
  ours: z.boolean(),
  versions: z.string(),
  runs: z.string(),
  durability: z.string(),
  samples: z.array(sampleSchema),
  kill: killSchema.nullable(),
  /** Why it was not measured, or not wholly. */
  problems: z.array(z.string()),
});

export const resultsSchema = z.object({
  date: z.string(),
  commit: z.string(),
  machine: z.object({
    cpu: z.string(),
    cores: z.number(),
    memoryGib: z.number(),
    platform: z.string(),
    node: z.string(),
    natsServer: z.string(),
    fdatasyncMs: z.number(),
    loadBefore: z.number(),
  }),
  repetitions: z.number(),
  seconds: z.number(),
  outcomes: z.array(outcomeSchema),
});

export type WindowSample = z.infer<typeof windowSchema>;
export type Sample = z.infer<typeof sampleSchema>;
export type Kill = z.infer<typeof killSchema>;
export type Outcome = z.infer<typeof outcomeSchema>;
export type Results = z.infer<typeof resultsSchema>;

/** Medians over the repetitions; null where nothing was measured. */
export interface Summary {
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly perSecond: Readonly<Record<Load, number | null>>;
  readonly cpuMsPerRun: Readonly<Record<Load, number | null>>;
  readonly idleMb: number | null;
  readonly loadMb: number | null;
  readonly bytesPerRun: number | null;
  readonly finishedMs: number | null;
}

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]];
  return low === undefined || high === undefined ? null : round((low + high) / 2);
}

export function summaryOf({ samples, kill }: Outcome): Summary {
  const at = (callers: Load, read: (window: WindowSample) => number): number | null =>
    median(samples.flatMap(({ windows }) => windows.filter((one) => one.callers === callers).map(read)));
  const each = (read: (window: WindowSample) => number): Record<Load, number | null> => ({
    1: at(1, read),
    8: at(8, read),
    32: at(32, read),
  });
  return {
    p50Ms: at(1, ({ p50Ms }) => p50Ms),
    p95Ms: at(1, ({ p95Ms }) => p95Ms),
    perSecond: each(({ perSecond }) => perSecond),
    cpuMsPerRun: each(({ cpuMsPerRun }) => cpuMsPerRun),
    idleMb: median(samples.map(({ idleMb }) => idleMb)),
    loadMb: median(samples.map(({ loadMb }) => loadMb)),
    bytesPerRun: median(samples.map(({ bytesPerRun }) => bytesPerRun)),
    finishedMs: kill?.finishedMs ?? null,
  };
}

/** @throws Error that names the file when it holds no results */
export function readResults(path: string): Results {
  const parsed = resultsSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
  if (parsed.success) return parsed.data;
  const [first] = parsed.error.issues;
  throw new Error(`${path} holds no results of a race: ${first?.path.join('.')}: ${first?.message}`);
}
