/** S8: a real process that leaks is ended by its own watch, in order, before it takes the machine. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';

const LIMIT_MS = 60_000;

/** Takes 16 MiB more every 50 ms, with a cap of 256 MiB and some; says what its watch says. */
const leak = `
import { watchCaps } from './services/caps.ts';
const say = (fields, message) => console.log(JSON.stringify({ ...fields, message }));
const log = { debug: say, info: say, warn: say, error: say };
const ended = (how) => { console.log(JSON.stringify({ message: how, admission: caps.admission() })); process.exit(1); };
const caps = watchCaps({ neededMb: () => 64, log, onOver: () => ended('in order'), onFarOver: () => ended('at once') });
const kept = [];
// Stops a little over the cap: what a slow leak looks like.
setInterval(() => { if (caps.rssMb() < caps.memoryLimitMb + 40) kept.push(Buffer.alloc(16 * 1048576, 1)); }, 50);
`;

it(
  'a process that leaks takes nothing new near its cap, and ends in order over it',
  async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', leak], {
      ...{ cwd: projectRoot, stdio: ['ignore', 'pipe', 'inherit'], timeout: LIMIT_MS, killSignal: 'SIGKILL' },
    });
    const lines: { message: string; rssMb?: number; limitMb?: number; admission?: string | null }[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
    const [code] = await once(child, 'close');
    expect(code).toBe(1);
    expect(lines.map(({ message }) => message)).toEqual([
      'near its memory cap: new effects are refused',
      'over its memory cap: the process ends in order and is started again',
      'in order',
    ]);
    expect(lines[1]?.limitMb).toBe(320);
    expect(lines[1]?.rssMb).toBeGreaterThan(320);
    expect(lines[2]?.admission).toMatch(/^memory \d+ of 320 MiB$/);
  },
  LIMIT_MS,
);
