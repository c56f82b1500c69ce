/**
 * A process for code that nobody vouches for. Owns: its rights, its limits, and reading what it says. Does not own: what
 * runs in it (sandbox-worker.ts).
 *
 * 1. Node's permission model: it reads the files of this part and of the packages, writes nothing, and starts no process,
 *    no thread, no addon. What it cannot read it cannot send.
 * 2. Where Linux allows it, namespaces of its own: no network but an empty one, and no other process to be seen.
 *    Elsewhere the modules and names for the network are taken away, which is less.
 * 3. Processor time, memory, size of files and a time by the clock are limited, and its environment is empty.
 * 4. It lives for one program.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { bulkhead } from 'cockatiel';
import { behindOthers } from '../../worker-pool/priority.ts';
import type { Outcome, Program } from './program.ts';

/** Nearly all examples take milliseconds, and Node a third of a second to start. */
export const CPU_SECONDS_MAX = 2;
/** Of the clock, for a machine with much else to do. */
const RUN_MS_MAX = 120_000;
const DATA_KIB_MAX = 1_500_000;
const HEAP_MB_MAX = 128;
const SAID_CHARS_MAX = 200_000;
/** At once, and waiting. */
const AT_ONCE_MAX = 2;
const WAITING_MAX = 1000;

export type Ran =
  | { readonly outcomes: readonly Outcome[]; readonly ended: 'done' }
  /** It did not come to its end: out of processor time, of memory, or of the time by the clock; or it was never begun. */
  | { readonly outcomes: readonly Outcome[]; readonly ended: 'cpu' | 'memory' | 'clock' | 'early' | 'unstarted' };

const places = bulkhead(AT_ONCE_MAX, WAITING_MAX);
const LIMITS = `ulimit -c 0; ulimit -f 0; ulimit -t ${CPU_SECONDS_MAX}; ulimit -d ${DATA_KIB_MAX} 2>/dev/null;`;
const NAMESPACES = ['--user', '--map-root-user', '--net', '--pid', '--ipc', '--fork', '--kill-child=KILL'];

/** @throws the signal's reason */
export function runConfined(program: Program, signal?: AbortSignal): Promise<Ran> {
  return places.execute(() => runOne(program, signal), signal);
}

let known: Promise<boolean> | undefined;

/** Whether namespaces can be had here; asked once. */
export function hasNamespaces(): Promise<boolean> {
  known ??= tryNamespaces();
  return known;
}

async function tryNamespaces(): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  return new Promise((resolve) => {
    const child = spawn('unshare', [...NAMESPACES, 'true'], { stdio: 'ignore', env: searchPath() });
    child.once('error', () => resolve(false)).once('exit', (code) => resolve(code === 0));
  });
}

/** Where `sh` and `unshare` are found; keys are in the rest of the environment. */
function searchPath(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH ?? '/usr/bin:/bin' };
}

function nodeArguments(): string[] {
  const script = fileURLToPath(new URL('./sandbox-worker.ts', import.meta.url));
  const own = fileURLToPath(new URL('./', import.meta.url));
  const packages = import.meta.resolve('@vitest/expect').replace(/(.*\/node_modules\/).*/, '$1');
  return [
    ...['--permission', `--allow-fs-read=${own}`, `--allow-fs-read=${fileURLToPath(packages)}`],
    ...[`--max-old-space-size=${HEAP_MB_MAX}`, '--no-warnings', '--no-experimental-websocket'],
    script,
  ];
}

async function commandLine(): Promise<[string, ...string[]]> {
  const node: [string, ...string[]] = [process.execPath, ...nodeArguments()];
  if (process.platform === 'win32') return node;
  // The first process of a namespace is told of no signal: there the shell stays, and says how Node ended. Elsewhere it
  // gives way, so that what is killed is Node.
  return (await hasNamespaces())
    ? ['unshare', ...NAMESPACES, 'sh', '-c', `${LIMITS} "$@"; exit $?`, 'sh', ...node]
    : ['sh', '-c', `${LIMITS} exec "$@"`, 'sh', ...node];
}

async function runOne(program: Program, signal: AbortSignal | undefined): Promise<Ran> {
  signal?.throwIfAborted();
  const [command, ...args] = behindOthers(await commandLine());
  const nonce = randomBytes(16).toString('hex');
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: searchPath() });
    const kill = (): void => void child.kill('SIGKILL');
    let said = '';
    let complained = '';
    let isOver = false;
    const clock = setTimeout(() => {
      isOver = true;
      kill();
    }, RUN_MS_MAX);
    signal?.addEventListener('abort', kill, { once: true });
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      said += piece;
      if (said.length > SAID_CHARS_MAX) kill();
    });
    child.stderr.setEncoding('utf8').on('data', (piece: string) => {
      complained = (complained + piece).slice(-4000);
    });
    // What ends early takes its input no further.
    child.stdin.on('error', () => undefined);
    child.stdin.end(JSON.stringify({ nonce, program }));
    const settle = (exit: number | null): void => {
      clearTimeout(clock);
      signal?.removeEventListener('abort', kill);
      const { outcomes, done } = read(said, nonce);
      if (signal?.aborted) reject(signal.reason);
      else resolve({ outcomes, ended: done ? 'done' : why({ isOver, exit, complained }) });
    };
    child.once('error', () => settle(null));
    child.once('close', (exit, killedBy) =>
      settle(exit ?? (killedBy === 'SIGXCPU' || killedBy === 'SIGKILL' ? 137 : 1)),
    );
  });
}

function why({
  isOver,
  exit,
  complained,
}: {
  isOver: boolean;
  exit: number | null;
  complained: string;
}): Exclude<Ran['ended'], 'done'> {
  if (isOver) return 'clock';
  if (exit === null || /ERR_MODULE_NOT_FOUND|bad option|Permission denied/i.test(complained)) return 'unstarted';
  if (/heap out of memory|allocation failed/i.test(complained)) return 'memory';
  // 128 and the signal: out of processor time (24), or ended by the kernel (9).
  return exit === 152 || exit === 137 ? 'cpu' : 'early';
}

function read(said: string, nonce: string): { outcomes: Outcome[]; done: boolean } {
  const outcomes: Outcome[] = [];
  let done = false;
  for (const line of said.split('\n')) {
    if (!line.startsWith(nonce)) continue;
    const value: unknown = JSON.parse(line.slice(nonce.length));
    if (value === 'done') done = true;
    else if (isOutcome(value)) outcomes.push(value);
  }
  return { outcomes, done };
}

function isOutcome(value: unknown): value is Outcome {
  return typeof value === 'object' && value !== null && 'ok' in value && 'name' in value && 'message' in value;
}
