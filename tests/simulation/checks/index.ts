/**
 * Judges a mesh that has come to rest. Owns: the order of the checks.
 */
import type { Run } from '../simulate.ts';
import { checkEffects } from './effects.ts';
import { checkFacts } from './facts.ts';
import { checkFold } from './fold.ts';
import { checkQuarantine } from './quarantine.ts';
import { checkTables } from './tables.ts';
import { checkTasks } from './tasks.ts';

/** What no store could survive has to be said in these words. */
const LOSS = /^log: LOSS/;

export async function checkAtRest(run: Run): Promise<void> {
  if (run.losing === 'retention' && run.plan.fired.has('retention')) {
    checkLossIsSaid(run);
    return;
  }
  checkTasks(run);
  checkFacts(run);
  checkEffects(run);
  checkQuarantine(run);
  checkTables(run);
  if (!run.report.failed) await checkFold(run);
}

function checkLossIsSaid({ report, log, plan }: Run): void {
  void log;
  void plan;
  const said = [...report.counts.keys()].some((what) => LOSS.test(what));
  report.count(said ? 'loss said' : 'no loss to be said');
}
