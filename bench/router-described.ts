/**
 * `node bench/router-described.ts [--json] [--set test|test-2] [--examples N]`: how well the shipped router finds workflows of a user's
 * own by their descriptions, and by N examples of each besides, and what those cost the shipped routes. The first N queries of
 * each are its examples, and are not asked. Owns: the measurement. Does not own: the router, or the samples
 * (`router/samples/described`).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { scriptOptions } from '../cli/script-options.ts';
import { projectRoot, readSettings } from '../config/settings.ts';
import { openEmbeddedEngine } from '../router/engines/embedded.ts';
import { figures, type Judged, judge } from '../router/evaluate.ts';
import type { RouteOption } from '../router/port.ts';
import { createRouter } from '../router/router.ts';
import { parseSamples, type Sample } from '../router/samples.ts';
import { loadRouting } from '../services/adapters/router.ts';

const { values } = await scriptOptions({
  options: {
    json: { type: 'boolean', default: false },
    set: { type: 'string', default: 'test-2' },
    examples: { type: 'string', default: '0' },
  },
});
const samplesFolder = join(projectRoot, 'router', 'samples');
const read = (path: string): string => readFileSync(join(samplesFolder, path), 'utf8');
const log = { info: () => undefined, warn: console.error, error: console.error, debug: () => undefined };
/** As shipped; no decision may be late here: it is not speed that is measured. */
const LIVE = { threshold: 0.94, timeoutMs: 60_000 };

const { options: shipped } = await loadRouting(readSettings({}));
const descriptions = Object.entries(
  JSON.parse(read(`described/workflows-${values.set}.json`)) as Record<string, string>,
);
const queries = parseSamples(
  read(`described/${values.set}.tsv`),
  descriptions.map(([name]) => name),
);
const examples = descriptions.flatMap(([name]) =>
  queries.filter(({ route }) => route === name).slice(0, Number(values.examples)),
);
const own = queries.filter((sample) => !examples.includes(sample));
const described = descriptions.map(
  ([name, description]): RouteOption => ({
    ...{ name, description, roles: ['responder'], hops: 1, loops: false },
    examples: examples.filter(({ route }) => route === name).map(({ query }) => query),
  }),
);

async function judged(options: readonly RouteOption[], sets: readonly (readonly Sample[])[]): Promise<Judged[][]> {
  const path = join(projectRoot, 'router', 'models', 'router.gguf');
  const engine = await openEmbeddedEngine({ path, options, threads: 1, log });
  const router = createRouter({ engine, options, fallback: 'answer', live: () => LIVE, health: () => [] });
  const all: Judged[][] = [];
  for (const samples of sets) all.push(await judge(router, samples));
  await engine.close();
  return all;
}

const routes = shipped.map(({ name }) => name);
const ordinary = [parseSamples(read('unseen.tsv'), routes), parseSamples(read('test.tsv'), routes)];
const [unseenBefore = [], testBefore = []] = await judged(shipped, ordinary);
const [found = [], unseen = [], test = []] = await judged([...shipped, ...described], [own, ...ordinary]);

const isOwn = ({ decision }: Judged): boolean => described.some(({ name }) => name === decision.decision);
const taken = found.filter(isOwn);
const right = (all: readonly Judged[]): number => all.filter(({ likeliest, route }) => likeliest === route).length;
const routed = (all: readonly Judged[]): number =>
  all.filter(({ decision, route }) => decision.decision === route).length;
const compared = (before: readonly Judged[], after: readonly Judged[]) => ({
  ...{
    n: after.length,
    rightBefore: right(before),
    right: right(after),
    routedBefore: routed(before),
    routed: routed(after),
  },
  takenForDescribed: after.filter(isOwn).map(({ query, decision }) => `${decision.decision}: ${query}`),
});
const report = {
  described: {
    ...{ workflows: described.length, n: found.length, right: routed(found), wrong: taken.length - routed(found) },
    byWorkflow: Object.fromEntries(
      described.map(({ name }) => [name, routed(found.filter(({ route }) => route === name))]),
    ),
    wrongOnes: taken
      .filter(({ decision, route }) => decision.decision !== route)
      .map(({ query, route, decision }) => `${route} as ${decision.decision}: ${query}`),
    leftToShipped: Object.fromEntries(
      routes.map((name) => [name, found.filter(({ decision }) => decision.decision === name).length]),
    ),
    p50_ms: figures(found).p50_ms,
  },
  unseen: compared(unseenBefore, unseen),
  test: compared(testBefore, test),
};
process.stdout.write(`${JSON.stringify(report, null, values.json ? 0 : 2)}\n`);
