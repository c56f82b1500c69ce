/**
 * Many runs in a row. Owns: going through seeds, adding up what happened, and describing failures so that they can be
 * replayed. Does not own: a run, or how it is printed.
 */
import { type Catalog, loadCatalog } from './catalog.ts';
import { type Fault, faultPoints } from './faults.ts';
import { shrink } from './shrink.ts';
import { simulate } from './simulate.ts';
import type { Disturbance } from './workload.ts';

export interface CampaignOptions {
  readonly firstSeed: number;
  readonly seeds: number;
  readonly only?: readonly number[];
  readonly catalog?: Catalog;
  /** Ends at the first failure, and does not make it smaller. */
  readonly stopAtFirst?: boolean;
  readonly onProgress?: (done: number, violations: number) => void;
}

export interface Failure {
  readonly seed: number;
  readonly invariant: string;
  readonly message: string;
  /** The command that shows it again. */
  readonly replay: string;
  /** What was left of the faults when everything needless was left out. */
  readonly faults: readonly (Fault | Disturbance)[];
}

export interface CampaignResult {
  readonly seeds: number;
  readonly violations: readonly Failure[];
  /** How often each fault happened; zero shows a gap in the simulation. */
  readonly faultPoints: Readonly<Record<string, number>>;
  /** What else happened, for whoever wants to know how far the runs went. */
  readonly events: Readonly<Record<string, number>>;
  /** Effects that have no stand-in. */
  readonly unsimulated: readonly string[];
}

/** Failures that are made smaller; the others are only named. */
const SHRUNK_MAX = 5;

export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const catalog = options.catalog ?? (await loadCatalog());
  const counts = new Map<string, number>();
  const violations: Failure[] = [];
  let done = 0;
  for (; done < options.seeds; done += 1) {
    const seed = options.firstSeed + done;
    const { only } = options;
    const result = await simulate({ seed, catalog, ...(only ? { only } : {}) });
    for (const [what, count] of result.counts) counts.set(what, (counts.get(what) ?? 0) + count);
    if (result.violations.length > 0) {
      const small = violations.length < SHRUNK_MAX && !options.stopAtFirst && !only;
      const shrunk = small ? await shrink(result, catalog) : { result, only: only ?? null };
      violations.push(failureOf(seed, shrunk));
    }
    options.onProgress?.(done + 1, violations.length);
    if (options.stopAtFirst && violations.length > 0) {
      done += 1;
      break;
    }
  }
  const points = new Set(faultPoints);
  const all = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    seeds: done,
    violations,
    faultPoints: Object.fromEntries(faultPoints.map((point) => [point, counts.get(point) ?? 0])),
    events: Object.fromEntries(all.filter(([what]) => !points.has(what))),
    unsimulated: catalog.unsimulated,
  };
}

function failureOf(
  seed: number,
  { result, only }: { result: Awaited<ReturnType<typeof simulate>>; only: readonly number[] | null },
): Failure {
  const [violation] = result.violations;
  const items = [...result.faults, ...result.disturbances];
  const kept = only === null ? items : items.filter((_, index) => only.includes(index));
  return {
    seed,
    invariant: violation?.invariant ?? '',
    message: violation?.message ?? '',
    replay: `./mesh sim --seed ${seed} --seeds 1${only === null ? '' : ` --only ${only.join(',') || 'none'}`}`,
    faults: kept,
  };
}
