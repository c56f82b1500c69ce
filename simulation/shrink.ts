/**
 * Makes a failing run smaller. Owns: leaving out faults and disturbances as long as the same promise is still broken.
 * Does not own: running.
 */
import type { Catalog } from './catalog.ts';
import { type RunResult, simulate } from './simulate.ts';

/** Runs spent on making one failure smaller. */
const RUNS_MAX = 150;

export interface Shrunk {
  readonly result: RunResult;
  /** Indices of what had to stay, as `--only` takes them. */
  readonly only: readonly number[];
}

export async function shrink(failed: RunResult, catalog: Catalog): Promise<Shrunk> {
  const invariant = failed.violations[0]?.invariant;
  let best: Shrunk = {
    result: failed,
    only: Array.from({ length: failed.faults.length + failed.disturbances.length }, (_, index) => index),
  };
  let runs = 0;
  const still = async (only: readonly number[]): Promise<boolean> => {
    runs += 1;
    const result = await simulate({ seed: failed.seed, catalog, only });
    if (!result.violations.some((violation) => violation.invariant === invariant)) return false;
    best = { result, only };
    return true;
  };
  let size = Math.ceil(best.only.length / 2);
  while (size >= 1 && best.only.length > 0) {
    let smaller = false;
    for (let at = 0; at < best.only.length && runs < RUNS_MAX; ) {
      const without = best.only.filter((_, index) => index < at || index >= at + size);
      if (await still(without)) smaller = true;
      else at += size;
    }
    if (runs >= RUNS_MAX || (size === 1 && !smaller)) break;
    size = size === 1 ? 1 : Math.ceil(size / 2);
  }
  return best;
}
