/**
 * `mesh bench --peers`: the race of this mesh against other ways to run five durable steps. Owns: its options and where
 * its results go. Does not own: the race (race.ts), or what the docs say around the figures.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scriptOptions } from '../../cli/script-options.ts';
import { loadEnvFile, projectRoot, readSettings } from '../../config/settings.ts';
import { catalog, entriesNamed } from './catalog.ts';
import { writeSection } from './docs.ts';
import { plot } from './plot.ts';
import { race } from './race.ts';
import { type Results, readResults } from './results.ts';
import { terminalTable } from './table.ts';

const docs = join(projectRoot, 'docs', 'benchmarks.md');
const picture = 'benchmarks-peers.svg';
const WARM_UP_SECONDS = 3;
const QUICK = { seconds: 2, repetitions: 1, warmUpSeconds: 1 };

async function options() {
  const { values } = await scriptOptions({
    args: process.argv.slice(2),
    options: {
      peers: { type: 'boolean' },
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      systems: { type: 'string' },
      reps: { type: 'string' },
      seconds: { type: 'string' },
      'no-kill': { type: 'boolean', default: false },
      svg: { type: 'string' },
      from: { type: 'string' },
      'write-docs': { type: 'boolean', default: false },
    },
  });
  return values;
}

type Options = Awaited<ReturnType<typeof options>>;

function positive(text: string | undefined, name: string, byDefault: number): number {
  const value = text === undefined ? byDefault : Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new Error(`--${name} needs a number above 0, not ${JSON.stringify(text)}`);
}

async function run(given: Options): Promise<Results> {
  if (given.from !== undefined) return readResults(given.from);
  if (process.platform !== 'linux') throw new Error('the race counts CPU by /proc: it runs on Linux only');
  loadEnvFile();
  const home = join(readSettings().MESH_HOME, 'peers');
  const results = await race({
    entries: given.systems === undefined ? catalog : entriesNamed(given.systems.split(',')),
    repetitions: Math.ceil(positive(given.reps, 'reps', given.quick ? QUICK.repetitions : 3)),
    pace: {
      seconds: positive(given.seconds, 'seconds', given.quick ? QUICK.seconds : 5),
      warmUpSeconds: given.quick ? QUICK.warmUpSeconds : WARM_UP_SECONDS,
      settleMs: 5000,
      runsMin: 70,
    },
    kill: !given['no-kill'],
    home,
    say: (text) => process.stderr.write(`${text}\n`),
  });
  const folder = join(home, 'results');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${results.date.replaceAll(':', '')}.json`);
  writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`);
  process.stderr.write(`results in ${path}\n`);
  return results;
}

async function main(): Promise<void> {
  const given = await options();
  const results = await run(given);
  if (given.svg !== undefined) writeFileSync(given.svg, plot(results));
  if (given['write-docs']) {
    writeFileSync(docs, writeSection(readFileSync(docs, 'utf8'), results, picture));
    writeFileSync(join(projectRoot, 'docs', picture), plot(results));
  }
  process.stdout.write(given.json ? `${JSON.stringify(results)}\n` : terminalTable(results));
}

try {
  await main();
} catch (thrown) {
  process.stderr.write(`mesh bench --peers: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  process.exitCode = 2;
}
