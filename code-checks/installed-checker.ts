/**
 * A checker that a person may have installed. Owns: asking the program, within limits, and reading JSON of what it says. Does
 * not own: what its words mean (`shellcheck.ts`, `sqlfluff.ts`).
 *
 * The code is its input; it is given no key of this process, and what it says is not believed to be of any form.
 */
import { spawn } from 'node:child_process';
import { behindOthers } from '../worker-pool/priority.ts';
import type { CheckReply } from './check-worker.ts';

/** Of the clock: beside others it runs when they leave it a processor. */
const RUN_MS_MAX = 60_000;
const SAID_CHARS_MAX = 1_000_000;
export const NOTHING: CheckReply = { findings: [], checkedBy: [] };

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Undefined when it is no JSON. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function lineOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

export interface Asking {
  readonly program: string;
  readonly args: readonly string[];
  readonly text: string;
  readonly signal: AbortSignal | undefined;
}

/** What it said; null when it is not installed or did not come to an end. @throws the signal's reason */
export function askChecker({ program, args, text, signal }: Asking): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const [command, ...options] = behindOthers([program, ...args]);
    const child = spawn(command, options, {
      ...{ stdio: ['pipe', 'pipe', 'ignore'], timeout: RUN_MS_MAX, killSignal: 'SIGKILL' },
      // Keys are in the rest of the environment.
      env: { PATH: process.env.PATH, LANG: 'C.UTF-8' },
    });
    let said = '';
    const stop = (): void => void child.kill('SIGKILL');
    signal?.addEventListener('abort', stop, { once: true });
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      said += piece;
      if (said.length > SAID_CHARS_MAX) stop();
    });
    const settle = (result: string | null): void => {
      signal?.removeEventListener('abort', stop);
      if (signal?.aborted) reject(signal.reason);
      else resolve(result);
    };
    child.once('error', () => settle(null));
    // It ends with 1 when it has something to say.
    child.once('close', (status) => settle(status === 0 || status === 1 ? said : null));
    child.stdin.on('error', () => undefined);
    child.stdin.end(text);
  });
}
