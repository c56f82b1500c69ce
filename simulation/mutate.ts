/**
 * Shows that the simulation sees what it is for: applies each mutation to a copy of the tree and runs seeds until one
 * fails, or the unit test that is named for it. Owns: copying, applying, running. Does not own: the mutations.
 *
 *   node simulation/mutate.ts [--seeds N] [--only NAME,…] [--list] [--json]
 */

import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scriptOptions } from '../cli/script-options.ts';
import { exitWhenWritten } from '../cli/written.ts';
import type { CampaignResult } from './campaign.ts';
import { type Mutation, mutated, mutations } from './mutations/index.ts';

const root = join(import.meta.dirname, '..');
/** Folders in which a run needs nothing. */
const left = ['artifacts', 'dashboard', 'docs', 'node_modules', 'packaging'];
/** Seeds that a process runs. */
const PIECE = 100;
/** A mutant that never ends is caught as well: so many seeds take a fraction of this, also on a machine that is busy. */
const PIECE_LIMIT_MS = 600_000;

interface Verdict {
  readonly name: string;
  readonly breaks: string;
  readonly caught: boolean;
  /** Seeds that were run until it was caught; none where a unit test is run. */
  readonly seeds: number;
  readonly by: string;
}

function copyTree(withTests: boolean): string {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-mutant-'));
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    if (entry.name.startsWith('.') || left.includes(entry.name) || (entry.name === 'tests' && !withTests)) continue;
    const filter = (path: string): boolean => statSync(path).isDirectory() || /\.(ts|json)$/.test(path);
    cpSync(join(root, entry.name), join(folder, entry.name), { recursive: true, filter });
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

function apply(folder: string, mutation: Mutation): void {
  writeFileSync(join(folder, mutation.file), mutated(mutation, folder));
}

type Ended = { readonly output: string; readonly ended: 'in time' | 'never' };

function runSeeds(folder: string, first: number, seeds: number): Promise<Ended> {
  const piece = ['--seed', String(first), '--seeds', String(seeds)];
  return run(folder, [join(folder, 'simulation/run.ts'), ...piece, '--first', '--json']);
}

/** What the test reports of itself. */
interface Tested {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

async function judgeByTest({ name, breaks }: Mutation, test: string, folder: string): Promise<Verdict> {
  const vitest = join(folder, 'node_modules/vitest/vitest.mjs');
  const report = join(folder, 'report.json');
  const reporting = ['--reporter', 'json', '--outputFile', report];
  const { ended } = await run(folder, [vitest, 'run', '--project', 'unit', ...reporting, test]);
  if (ended === 'never') return { name, breaks, caught: true, seeds: 0, by: `${test} never ends` };
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as Tested;
  const results = testResults.flatMap(({ assertionResults }) => assertionResults);
  if (results.length === 0) throw new Error(`${test} has no test, or does not run`);
  const failed = results.find(({ status }) => status === 'failed');
  return { name, breaks, caught: failed !== undefined, seeds: 0, by: failed ? `${test}: ${failed.fullName}` : '' };
}

function run(folder: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: PIECE_LIMIT_MS,
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      errors += data.toString();
    });
    child.once('error', reject);
    child.once('close', (_code, signal) => {
      if (signal === null && output === '') reject(new Error(`the mutant does not run: ${errors.slice(0, 500)}`));
      else resolve({ output, ended: signal === null ? 'in time' : 'never' });
    });
  });
}

async function judge(mutation: Mutation, seeds: number): Promise<Verdict> {
  const { name, breaks, seenBy } = mutation;
  const folder = copyTree(seenBy !== undefined);
  try {
    apply(folder, mutation);
    if (seenBy !== undefined) return await judgeByTest(mutation, seenBy, folder);
    for (let done = 0; done < seeds; done += PIECE) {
      const { output, ended } = await runSeeds(folder, done + 1, Math.min(PIECE, seeds - done));
      if (ended === 'never') return { name, breaks, caught: true, seeds: done, by: 'it never ends' };
      const result = JSON.parse(output) as CampaignResult;
      const [violation] = result.violations;
      if (violation === undefined) continue;
      const by = `${violation.invariant}: ${violation.message}`.slice(0, 120);
      return { name, breaks, caught: true, seeds: done + result.seeds, by };
    }
    return { name, breaks, caught: false, seeds, by: '' };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function main(words: readonly string[]): Promise<number> {
  const { values } = await scriptOptions({
    args: [...words],
    options: {
      seeds: { type: 'string', default: '2000' },
      only: { type: 'string' },
      list: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const wanted = values.only?.split(',');
  const unknown = wanted?.filter((one) => mutations.every(({ name }) => name !== one)) ?? [];
  if (unknown.length > 0) {
    console.error(`no mutation is called ${unknown.join(', ')}; --list shows all`);
    return 2;
  }
  const chosen = mutations.filter(({ name }) => !wanted || wanted.includes(name));
  if (values.list) {
    for (const { name, breaks } of chosen) console.log(`${name.padEnd(34)} ${breaks}`);
    return 0;
  }
  const verdicts: Verdict[] = [];
  for (const mutation of chosen) {
    const verdict = await judge(mutation, Number(values.seeds));
    verdicts.push(verdict);
    const tried = mutation.seenBy === undefined ? `in ${verdict.seeds} seeds` : 'by its unit test';
    const how = verdict.caught ? `caught ${tried}` : `NOT CAUGHT ${tried}`;
    if (!values.json) console.log(`${verdict.name.padEnd(34)} ${how.padEnd(25)} ${verdict.by}`);
  }
  const caught = verdicts.filter((verdict) => verdict.caught).length;
  if (values.json) console.log(JSON.stringify({ mutations: verdicts.length, caught, verdicts }));
  else console.log(`${caught} of ${verdicts.length} caught`);
  return caught === verdicts.length ? 0 : 1;
}

await exitWhenWritten(await main(process.argv.slice(2)));
