/**
 * The other side of a worker pool: what a worker's script calls. Owns: the words between the two. Does not own: the work.
 */
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { parentPort, Worker } from 'node:worker_threads';
import { letHostGoFirst } from './priority.ts';

/** What the pool sends. */
export interface Question {
  readonly id: number;
  readonly request: unknown;
}

/** What a worker says: that the work begins, how it ended. */
export type Said =
  | {
      readonly id: number;
      readonly kind: 'began';
      /** The number of its thread, as Linux counts them; null for a process, and elsewhere. */
      readonly thread: number | null;
    }
  | { readonly id: number; readonly kind: 'done'; readonly reply: unknown }
  | { readonly id: number; readonly kind: 'failed'; readonly message: string };

export interface Service<Request> {
  /** Loads what the request needs: it belongs to the start of a worker and is no part of the request's time. */
  prepare?(request: Request): void | Promise<void>;
  run(request: Request): unknown;
}

/** What Linux sets priorities by; null for a process, and where a thread cannot be named. */
function threadNumber(): number | null {
  if (parentPort === null || process.platform !== 'linux') return null;
  try {
    return Number(basename(readlinkSync('/proc/thread-self')));
  } catch {
    return null; // A system without /proc.
  }
}

/** Answers the pool's requests, one after another; the pool sends the next one when the last is answered. */
export function serve<Request>({ prepare, run }: Service<Request>): void {
  letHostGoFirst();
  const thread = threadNumber();
  const say = (said: Said): void => {
    if (parentPort !== null) parentPort.postMessage(said);
    else if (process.connected) process.send?.(said);
  };
  const answer = async ({ id, request }: Question): Promise<void> => {
    try {
      // The pool's own types say what it sends: they meet here and in the pool's `ask`.
      const asked = request as Request;
      await prepare?.(asked);
      say({ id, kind: 'began', thread });
      say({ id, kind: 'done', reply: await run(asked) });
    } catch (error) {
      say({ id, kind: 'failed', message: error instanceof Error ? error.message : String(error) });
    }
  };
  (parentPort ?? process).on('message', answer);
  if (parentPort === null) endWithParent();
}

/** A process whose pool has ended has nobody to work for; busy as it may be, a thread of its own sees that. */
function endWithParent(): void {
  process.on('disconnect', () => process.exit(0));
  const watch = `const parent = process.ppid; setInterval(() => process.ppid === parent || process.kill(process.pid, 'SIGKILL'), 1000);`;
  new Worker(watch, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 16 } }).unref();
}
