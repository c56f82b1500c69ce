/**
 * llama.cpp, loaded once in a process. Owns: when the native library is loaded, how many threads it may use, and where
 * its messages go. Does not own: models and contexts; whoever loads one disposes of it.
 *
 * The library is imported at its first use: a process must start quickly, and one without a model never needs it.
 */
import { availableParallelism } from 'node:os';
import type { Llama, LlamaLogLevel } from 'node-llama-cpp';
import { ModelError } from './errors.ts';

/** Where the native library's messages go; every logger of the project fits. */
export interface ModelLog {
  debug(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
}

/** More threads than this only wait for memory when one model answers one or two people. */
const THREADS_DEFAULT_MAX = 8;

/** The wanted number, or 8; never more than the cores this process may use. */
export function threadsFor(wanted: number | undefined): number {
  return Math.max(1, Math.min(wanted ?? THREADS_DEFAULT_MAX, availableParallelism()));
}

let loaded: Promise<Llama> | undefined;

/**
 * The native library. The first call decides on the threads, which all models of the process share.
 * @throws ModelError `llama_unavailable`
 */
export function loadLlama(options: { readonly threads?: number; readonly log: ModelLog }): Promise<Llama> {
  loaded ??= load(threadsFor(options.threads), options.log).catch((error: unknown) => {
    // A later call may find what this one missed, a file that was still being installed for example.
    loaded = undefined;
    throw error;
  });
  return loaded;
}

async function load(threads: number, log: ModelLog): Promise<Llama> {
  try {
    const { getLlama, LlamaLogLevel } = await import('node-llama-cpp');
    return await getLlama({
      gpu: 'auto',
      build: 'never',
      skipDownload: true,
      progressLogs: false,
      maxThreads: threads,
      // What it says below a warning has hundreds of lines for each model.
      logLevel: LlamaLogLevel.warn,
      logger: (level, message) => say(log, level, message),
    });
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').slice(0, 300);
    throw new ModelError(
      'llama_unavailable',
      `llama.cpp cannot be loaded on this machine (${reason}); install again with \`npm install\`, or use an OpenAI-compatible endpoint`,
      { cause: error },
    );
  }
}

function say(log: ModelLog, level: LlamaLogLevel, message: string): void {
  const text = message.trim();
  if (text === '') return;
  if (level === 'fatal' || level === 'error') log.warn({ from: 'llama.cpp' }, text);
  else log.debug({ from: 'llama.cpp' }, text);
}
