/**
 * One worker of a pool: a thread, or a process of its own. Owns: starting and ending it, and speaking with it. Does not
 * own: when.
 *
 * A thread ends with this process, whatever it is doing. A process is for code that can take its whole process along, or
 * that needs much memory, which is then not this process'; one that outlives this process ends itself (serve.ts).
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { goLast, type Turns, turnsOf } from './priority.ts';
import type { Question, Said } from './serve.ts';

export interface MemberOptions {
  readonly script: URL;
  readonly kind: 'thread' | 'process';
  /** MiB. */
  readonly heapMbMax: number;
  /** Options of Node for a process. */
  readonly execArgv: readonly string[];
}

export interface Listener {
  message(said: unknown): void;
  /** It failed or ended: it will not answer any more. */
  gone(why: string, cause?: unknown): void;
}

export interface Member {
  post(question: Question): void;
  /** Who hears what it says; null between requests. */
  listen(listener: Listener | null): void;
  /** Keeps this process alive, or not. */
  hold(isHeld: boolean): void;
  /**
   * Lets others go first on a busy machine, for the rest of its life; false where nothing changes: it does so already, or
   * is a thread and not on Linux.
   */
  yield(): boolean;
  /** What it had of the processors; null where nobody knows. */
  turns(): Turns | null;
  end(): Promise<void>;
}

/** @param onGone called once when it has ended, by itself or not */
export function startMember(options: MemberOptions, onGone: () => void): Member {
  return options.kind === 'thread' ? startThread(options, onGone) : startProcess(options, onGone);
}

function startThread({ script, heapMbMax }: MemberOptions, onGone: () => void): Member {
  const worker = new Worker(script, {
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: heapMbMax },
  });
  let listener: Listener | null = null;
  let thread: number | null = null;
  let isLast = false;
  const yieldOnce = (): boolean => {
    if (thread === null || isLast) return false;
    isLast = true;
    goLast(thread);
    return true;
  };
  worker.on('message', (said: Said) => {
    if (said.kind === 'began') thread = said.thread;
    listener?.message(said);
  });
  worker.on('error', (error) => listener?.gone('the worker failed', error));
  worker.on('exit', (status) => {
    onGone();
    listener?.gone(`the worker ended with status ${status}`);
  });
  return {
    post: (question) => worker.postMessage(question),
    listen: (who) => {
      listener = who;
    },
    hold: (isHeld) => (isHeld ? worker.ref() : worker.unref()),
    yield: yieldOnce,
    turns: () => (thread === null ? null : turnsOf(thread)),
    end: async () => {
      await worker.terminate();
    },
  };
}

function startProcess({ script, heapMbMax, execArgv }: MemberOptions, onGone: () => void): Member {
  let isLast = false;
  const child = fork(fileURLToPath(script), [], {
    execArgv: [...execArgv, `--max-old-space-size=${heapMbMax}`],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    // Nothing of the environment is needed, and keys are in it.
    env: {},
  });
  let listener: Listener | null = null;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
  child.on('message', (said) => listener?.message(said));
  child.on('error', (error) => listener?.gone('the worker failed', error));
  child.on('exit', (status) => {
    onGone();
    listener?.gone(`the worker ended with status ${status ?? 'unknown'}`);
  });
  return {
    post: (question) => {
      child.send(question);
    },
    listen: (who) => {
      listener = who;
    },
    hold(isHeld) {
      if (isHeld) {
        child.ref();
        child.channel?.ref();
      } else {
        child.unref();
        child.channel?.unref();
      }
    },
    yield() {
      if (isLast || child.pid === undefined || child.exitCode !== null) return false;
      isLast = true;
      goLast(child.pid);
      return true;
    },
    turns: () => (child.pid === undefined ? null : turnsOf(child.pid)),
    async end() {
      // One that is idle does not keep this process alive, and whoever waits for its end would not live to see it.
      child.ref();
      child.kill('SIGKILL');
      await ended;
    },
  };
}
