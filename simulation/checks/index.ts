/**
 * Judges a mesh that has come to rest. Owns: the order of the checks.
 */
import type { Run } from '../simulate.ts';
import { checkEffects } from './effects.ts';
import { checkFacts } from './facts.ts';
import { checkQuarantine } from './quarantine.ts';
import { checkJournals, checkNothingPassedOver, journalsInLog } from './tables.ts';
import { checkTasks } from './tasks.ts';

/** What no store could survive has to be said in these words. */
export const LOSS = 'LOSS';

export function checkAtRest(run: Run): void {
  checkLossIsSaid(run);
  if (run.plan.lostForGood) return;
  checkTasks(run);
  checkFacts(run);
  checkEffects(run);
  checkQuarantine(run);
  if (run.report.failed) return;
  const journals = journalsInLog(run);
  checkJournals(run, journals);
  if (!run.report.failed) checkNothingPassedOver(run, journals);
}

/** S10: what is lost for good is never passed over in silence. */
function checkLossIsSaid({ report, owedLoss }: Run): void {
  for (const host of owedLoss) {
    if (!report.logged(host, LOSS)) report.violation('S10', `${host} has lost something for good and does not say so`);
  }
}
