/**
 * Runs tests on a machine that stands still now and then: every few seconds one process of the run, or all of them, is
 * stopped for a while, as by a disk that does not answer or a virtual machine that is moved. What fails then asked a clock.
 *
 *   node tests/pauses/main.ts --seed 1 -- --project integration
 *
 * Linux only. Everything after `--` goes to vitest, whose exit code is this one's. What was stopped, and for how long, is
 * printed to standard error; a process that a test has stopped itself is left alone.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { scriptOptions } from '../../cli/script-options.ts';
import { exitWhenWritten } from '../../cli/written.ts';
import { projectRoot } from '../../config/settings.ts';
import { createRandom } from '../chaos/random.ts';

/** Between two pauses, and of one. */
const [WELL_MS, PAUSE_MS] = [
  [4000, 10_000],
  [2500, 5000],
] as const;
/** So many of a hundred pauses all processes have together. */
const ALL_OF_100 = 40;

interface Found {
  readonly pid: number;
  readonly name: string;
  readonly state: string;
  readonly parent: number;
}

function found(pid: string): Found[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const end = stat.lastIndexOf(')');
    const [state = '', parent = ''] = stat.slice(end + 2).split(' ');
    return [{ pid: Number(pid), name: stat.slice(stat.indexOf('(') + 1, end), state, parent: Number(parent) }];
  } catch {
    return []; // It has ended meanwhile.
  }
}

/** Everything that descends from a process and goes on, with the process itself. */
function tree(root: number): Found[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(found);
  const members = new Set([root]);
  for (let before = 0; before < members.size; ) {
    before = members.size;
    for (const { pid, parent } of all) if (members.has(parent)) members.add(pid);
  }
  return all.filter(({ pid, state }) => members.has(pid) && !'TtZX'.includes(state));
}

function signal(processes: readonly Found[], name: 'SIGSTOP' | 'SIGCONT'): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, name);
    } catch {
      // It has ended meanwhile.
    }
  }
}

const { values, positionals } = await scriptOptions({
  options: { seed: { type: 'string', default: '1' } },
  allowPositionals: true,
});
const random = createRandom(Number(values.seed));

const vitest = join(projectRoot, 'node_modules', 'vitest', 'vitest.mjs');
const run = spawn(process.execPath, [vitest, 'run', ...positionals], { cwd: projectRoot, stdio: 'inherit' });
const { promise: ended, resolve } = Promise.withResolvers<number>();
run.once('close', (code) => resolve(code ?? 1));
let isOver = false;
void ended.then(() => {
  isOver = true;
});
while (!isOver) {
  await Promise.race([sleep(random.between(...WELL_MS)), ended]);
  const all = tree(run.pid ?? 0);
  if (all.length === 0) continue;
  const chosen = random.between(1, 100) <= ALL_OF_100 ? all : [random.pick(all)];
  const pauseMs = random.between(...PAUSE_MS);
  const names = chosen.length > 1 ? `all ${chosen.length}` : chosen.map(({ name, pid }) => `${name} (${pid})`).join();
  process.stderr.write(`${new Date().toISOString()} ${names}: ${pauseMs} ms\n`);
  signal(chosen, 'SIGSTOP');
  await sleep(pauseMs);
  signal(chosen, 'SIGCONT');
}
await exitWhenWritten(await ended);
