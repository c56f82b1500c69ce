/**
 * `node bench/stress/main.ts [--service NAME] [--json]`: drives each service of a private mesh into overload and shows
 * its breaker, its fallbacks, and threads and memory on its spans. Owns: choosing runs. Does not own: a run (one file
 * each beside this one). Exit code 1 when a run did not show what it is there to show.
 */
import { scriptOptions } from '../../cli/script-options.ts';
import { knowledge } from './knowledge.ts';
import { llm } from './llm.ts';
import { reportLines, reportOf, type StressReport, type StressRun } from './report.ts';
import { router } from './router.ts';
import { Stage } from './stage.ts';
import { tools } from './tools.ts';

const runs: readonly StressRun[] = [llm, knowledge, router, tools];

async function carryOut(run: StressRun): Promise<StressReport> {
  const stage = await Stage.open(await run.env());
  try {
    const driven = await run.drive(stage);
    return reportOf(run, stage, driven);
  } finally {
    await stage.close();
    await run.close?.();
  }
}

const { values } = await scriptOptions({
  options: { service: { type: 'string' }, json: { type: 'boolean', default: false } },
});
const chosen = runs.filter(({ service }) => values.service === undefined || values.service === service);
if (chosen.length === 0) {
  process.stderr.write(
    `no stress run for ${values.service}; there are ${runs.map(({ service }) => service).join(', ')}\n`,
  );
  process.exit(2);
}
const reports: StressReport[] = [];
for (const run of chosen) {
  if (!values.json) process.stderr.write(`${run.service}: ${run.what}\n`);
  const report = await carryOut(run);
  reports.push(report);
  if (!values.json) process.stdout.write(`${reportLines(report).join('\n')}\n`);
}
if (values.json) process.stdout.write(`${JSON.stringify(reports)}\n`);
process.exitCode = reports.every(({ ok }) => ok) ? 0 : 1;
