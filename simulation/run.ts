/**
 * Entry point of `./mesh sim`. Owns: its options and how results are printed. Does not own: running (`campaign.ts`).
 */

import { parseArgs } from 'node:util';
import { exitWhenWritten } from '../cli/written.ts';
import { ownMesh } from '../services/adapters/own-mesh.ts';
import { type CampaignResult, runCampaign } from './campaign.ts';
import { loadCatalog } from './catalog.ts';
import { simulate } from './simulate.ts';

/** Errors are part of every run; long stacks of theirs would take a good part of its time. */
Error.stackTraceLimit = 5;

const USAGE = `usage: mesh sim [--seeds N] [--seed S] [--only I,J,…|none] [--trace] [--first] [--json]

  --seeds N   how many seeds to run (1000)
  --seed S    the first one (1)
  --only      keep only these faults and disturbances of the seed; a failing seed prints which
  --trace     print what happens in a single seed
  --first     end at the first failure
  --json      print one object: {seeds, violations, faultPoints, …}`;

interface Arguments {
  readonly seeds: number;
  readonly seed: number;
  readonly only: readonly number[] | undefined;
  readonly trace: boolean;
  readonly first: boolean;
  readonly json: boolean;
}

function wholeNumber(text: string, what: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`${what}: a whole number is needed, not ${text}`);
  return value;
}

function readArguments(words: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...words],
    options: {
      seeds: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      trace: { type: 'boolean', default: false },
      first: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const only = values.only === 'none' ? [] : values.only?.split(',').map((index) => wholeNumber(index, '--only'));
  return {
    ...{ trace: values.trace, first: values.first, json: values.json, only },
    seeds: values.trace ? 1 : wholeNumber(values.seeds, '--seeds'),
    seed: wholeNumber(values.seed, '--seed'),
  };
}

async function trace({ seed, only }: Arguments): Promise<number> {
  const result = await simulate({
    seed,
    catalog: await loadCatalog(await ownMesh()),
    trace: true,
    ...(only ? { only } : {}),
  });
  for (const line of result.trace) console.log(line);
  console.log(
    `faults: ${JSON.stringify([...result.faults, ...result.disturbances].map((item, index) => [index, item]))}`,
  );
  for (const { invariant, message, atMs } of result.violations) console.log(`${invariant} at ${atMs} ms: ${message}`);
  return result.violations.length === 0 ? 0 : 1;
}

function print(result: CampaignResult, seconds: number): void {
  const perMinute = Math.round((result.seeds / seconds) * 60);
  console.log(
    `${result.seeds} seeds in ${seconds.toFixed(1)} s (${perMinute} a minute), ${result.violations.length} failed`,
  );
  console.log('\nFaults that happened:');
  for (const [point, count] of Object.entries(result.faultPoints)) {
    console.log(`${String(count).padStart(9)}  ${point}${count === 0 ? '   never' : ''}`);
  }
  if (result.unsimulated.length > 0) console.log(`\nEffects without a stand-in: ${result.unsimulated.join(', ')}`);
  for (const { seed, invariant, message, replay, faults } of result.violations) {
    console.log(`\nseed ${seed} breaks ${invariant}: ${message}`);
    for (const fault of faults) console.log(`    ${JSON.stringify(fault)}`);
    console.log(`  ${replay}`);
  }
}

function progress(seeds: number): (done: number, violations: number) => void {
  const started = performance.now();
  let shownMs = started;
  return (done, violations) => {
    const nowMs = performance.now();
    if (nowMs - shownMs < 1000 || !process.stderr.isTTY) return;
    shownMs = nowMs;
    const perMinute = Math.round((done / (nowMs - started)) * 60_000);
    process.stderr.write(`\r${done}/${seeds} seeds, ${perMinute} a minute, ${violations} failed `);
  };
}

async function main(words: readonly string[]): Promise<number> {
  if (words.includes('-h') || words.includes('--help')) {
    console.log(USAGE);
    return 0;
  }
  let given: Arguments;
  try {
    given = readArguments(words);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    console.error(`${error.message}\n${USAGE}`);
    return 2;
  }
  if (given.trace) return trace(given);
  const started = performance.now();
  const result = await runCampaign({
    firstSeed: given.seed,
    catalog: await loadCatalog(await ownMesh()),
    seeds: given.seeds,
    stopAtFirst: given.first,
    onProgress: progress(given.seeds),
    ...(given.only ? { only: given.only } : {}),
  });
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  if (given.json) console.log(JSON.stringify(result));
  else print(result, (performance.now() - started) / 1000);
  return result.violations.length === 0 ? 0 : 1;
}

/** What is wrong with a config or a workflow is one line, as it is everywhere. */
function codeOf(thrown: unknown): number {
  if (!(thrown instanceof Error && 'exitCode' in thrown && typeof thrown.exitCode === 'number')) throw thrown;
  console.error(`mesh: ${thrown.message}`);
  return thrown.exitCode;
}

await exitWhenWritten(await main(process.argv.slice(2)).catch(codeOf));
