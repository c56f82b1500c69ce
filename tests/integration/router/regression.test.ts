/**
 * The shipped router on the labelled acceptance set, beside what was recorded when it was last found good. Fails when
 * accuracy drops, and prints what changed, decision by decision. A better router: record anew with
 * `./mesh router eval --file router/samples/test.tsv --baseline router/samples/baseline.json --record`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot, readSettings } from '../../../config/settings.ts';
import { changeLines, compared, parseBaseline } from '../../../router/baseline.ts';
import { figures, judge } from '../../../router/evaluate.ts';
import { createRouter } from '../../../router/router.ts';
import { parseSamples } from '../../../router/samples.ts';
import { FALLBACK_WORKFLOW, routerEngine } from '../../../services/adapters/router.ts';
import { OPTIONS } from '../../unit/router/support/deciding.ts';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
/** A decision takes tens of milliseconds; how long is measured by bench/router.ts, not here. */
const DECISION_LIMIT_MS = 90_000;

test('accuracy on the acceptance set did not drop', { timeout: 300_000 }, async () => {
  const settings = readSettings({});
  const text = (name: string) => readFileSync(join(projectRoot, 'router', 'samples', name), 'utf8');
  const engine = routerEngine(settings, OPTIONS, log);
  const router = createRouter({
    ...{ engine, options: OPTIONS, fallback: FALLBACK_WORKFLOW },
    live: () => ({ threshold: settings.ROUTER_CONFIDENCE_THRESHOLD, timeoutMs: DECISION_LIMIT_MS }),
    health: () => [],
  });
  try {
    // However busy the machine is: the model decides, not the rules in its place.
    await engine.ready();
    const names = OPTIONS.map(({ name }) => name);
    const judged = await judge(router, parseSamples(text('test.tsv'), names));
    const baseline = parseBaseline(text('baseline.json'));
    const { dropped, changes, was, is } = compared(baseline, judged);
    if (changes.length > 0)
      process.stderr.write(`${changes.length} decisions changed:\n${changeLines(changes).join('\n')}\n`);
    expect(figures(judged).engine).toBe(baseline.engine);
    expect(dropped, `accuracy was ${was} and is ${is}`).toBe(false);
  } finally {
    await engine.close();
  }
});
