/**
 * Whether a value is what a schema of an MCP server says. Owns: that it is found out by a worker: a schema is a program of
 * its server's, and one pattern in it can take for ever with a few letters of a caller's. Does not own: what follows.
 */
import { createWorkerPool, WorkerError } from '../../../worker-pool/worker-pool.ts';
import type { SchemaQuestion, SchemaVerdict } from './schema-worker.ts';

/** A large value takes milliseconds; what takes longer lets others go first. */
const QUICK_MS = 100;
const WORK_MS_MAX = 2000;

const pool = createWorkerPool<SchemaQuestion, SchemaVerdict>({
  script: new URL('./schema-worker.ts', import.meta.url),
  ...{ workMsMax: WORK_MS_MAX, quickMs: QUICK_MS },
  parse(said) {
    if (!isVerdict(said)) throw new TypeError('A verdict has a problem, or null.');
    return said;
  },
});

function isVerdict(value: unknown): value is SchemaVerdict {
  return typeof value === 'object' && value !== null && 'problem' in value;
}

export interface SchemaCheckOptions {
  readonly signal?: AbortSignal | undefined;
  /** Whose value it is: callers take turns, and so do the tasks of one. */
  readonly flow?: string | undefined;
  readonly task?: string | undefined;
}

/** What is wrong with the value, by its name; null when nothing is. Throws the signal's reason, and nothing else. */
export async function problemIn(question: SchemaQuestion, options: SchemaCheckOptions = {}): Promise<string | null> {
  try {
    return (await pool.ask(question, options)).problem;
  } catch (error) {
    if (!(error instanceof WorkerError)) throw error;
    const why = error.code === 'timeout' ? `takes longer than ${WORK_MS_MAX / 1000} s` : `failed: ${error.message}`;
    return `checking ${question.name} by the schema of the server ${why}`;
  }
}

/** Ends the checking workers, for an orderly shutdown; a later check starts them again. */
export function closeSchemaChecks(): Promise<void> {
  return pool.close();
}
