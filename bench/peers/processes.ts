/**
 * The processes of one system under measurement. Owns: starting them, telling when they are ready, their log, and
 * ending them. Does not own: what they do, or who counts as one (proc.ts).
 *
 * A system has up to three parts: `engine` (broker, server, database), `worker` (runs the steps) and `callers`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProcessTree } from './proc.ts';

export type PartName = 'engine' | 'worker' | 'callers';

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly user?: { readonly uid: number; readonly gid: number };
  /** It is ready when a line of its output holds this. */
  readonly ready?: string;
  /** Opens a channel for messages. */
  readonly messages?: true;
}

const READY_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 20_000;
const LOOK_EVERY_MS = 10;

export class Processes {
  readonly #logPath: string;
  readonly #log: WriteStream;
  readonly #roots = new Map<ChildProcess, { readonly part: PartName; readonly tree: ProcessTree }>();

  constructor(logPath: string) {
    this.#logPath = logPath;
    this.#log = createWriteStream(logPath, { flags: 'a' });
  }

  /** @throws when it ends, or is not ready in time; the message names the log */
  async start(part: PartName, argv: readonly string[], options: StartOptions = {}): Promise<ChildProcess> {
    const [command = '', ...args] = argv;
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe', ...(options.messages ? (['ipc'] as const) : [])],
      ...options.user,
    });
    const ready = this.#watch(child, part, options.ready);
    if (child.pid !== undefined) {
      const tree = new ProcessTree();
      tree.add(child.pid);
      this.#roots.set(child, { part, tree });
    }
    await ready;
    return child;
  }

  /** CPU time of all parts so far, milliseconds. */
  cpuMs(): number {
    return this.#trees().reduce((sum, tree) => sum + tree.cpuMs(), 0);
  }

  memoryMb(): number {
    return this.#trees().reduce((sum, tree) => sum + tree.memoryMb(), 0);
  }

  pids(parts?: readonly PartName[]): number[] {
    return this.#trees(parts).flatMap((tree) => tree.living().map(({ pid }) => pid));
  }

  /** SIGKILL for every process of these parts, parents first, so that nobody lives to start a child again. */
  async kill(parts?: readonly PartName[]): Promise<void> {
    const deadline = performance.now() + STOP_LIMIT_MS;
    for (;;) {
      const pids = this.pids(parts);
      for (const pid of pids) signal(pid, 'SIGKILL');
      if (pids.length === 0) break;
      if (performance.now() > deadline) throw new Error(`processes ${pids.join(', ')} do not end by SIGKILL`);
      await sleep(LOOK_EVERY_MS);
    }
    this.#forget(parts);
  }

  /** Asks the part's own processes to end, waits for all that descend from them, and kills what is left. */
  async stop(part: PartName): Promise<void> {
    const deadline = performance.now() + STOP_LIMIT_MS;
    for (const [child, root] of this.#roots) if (root.part === part) child.kill('SIGTERM');
    while (this.pids([part]).length > 0 && performance.now() < deadline) await sleep(LOOK_EVERY_MS);
    await this.kill([part]);
  }

  /** Everything, callers first: nobody asks a server that has ended. */
  async stopAll(): Promise<void> {
    for (const part of ['callers', 'worker', 'engine'] as const) await this.stop(part);
  }

  async close(): Promise<void> {
    await this.kill();
    await new Promise<void>((resolve) => this.#log.end(resolve));
  }

  #trees(parts?: readonly PartName[]): ProcessTree[] {
    return [...this.#roots.values()].filter(({ part }) => parts?.includes(part) ?? true).map(({ tree }) => tree);
  }

  #forget(parts?: readonly PartName[]): void {
    for (const [child, { part }] of this.#roots) if (parts?.includes(part) ?? true) this.#roots.delete(child);
  }

  #watch(child: ChildProcess, part: PartName, ready: string | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(
      () => reject(new Error(`the ${part} is not ready after ${READY_LIMIT_MS} ms; see ${this.#logPath}`)),
      READY_LIMIT_MS,
    );
    child.once('error', (error) => reject(new Error(`the ${part} cannot be started: ${error.message}`)));
    child.once('exit', (code, by) =>
      reject(new Error(`the ${part} ended with ${code ?? by} before it was ready; see ${this.#logPath}`)),
    );
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        if (!this.#log.writableEnded) this.#log.write(`${part} | ${line.slice(0, 2000)}\n`);
        if (ready !== undefined && line.includes(ready)) resolve();
      });
    }
    if (ready === undefined) child.once('spawn', () => resolve());
    return promise.finally(() => clearTimeout(timer));
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ESRCH')) throw thrown;
  }
}

/** Resolves when somebody accepts connections there. @throws when nobody does in time */
export async function listening(port: number): Promise<void> {
  const deadline = performance.now() + READY_LIMIT_MS;
  while (performance.now() < deadline) {
    if (await accepts(port)) return;
    await sleep(LOOK_EVERY_MS);
  }
  throw new Error(`nobody listens on port ${port} after ${READY_LIMIT_MS} ms`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const answer = (accepted: boolean): void => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once('connect', () => answer(true)).once('error', () => answer(false));
  });
}
