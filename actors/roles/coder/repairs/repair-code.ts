/**
 * Mechanical repairs of code: text in, repaired text and what was done out. The code is never executed.
 * Owns the workers that repairs run on and what happens when they fail: then nothing was repaired, which is an answer.
 */

import { languageName } from '../../../../code-checks/languages.ts';
import { createWorkerPool, WorkerError } from '../../../../worker-pool/worker-pool.ts';
import type { RepairReply, RepairRequest } from './repair-worker.ts';

export interface Repair {
  /** The rule of the finding it answers, as the reviewer's checks name it. */
  readonly rule: string;
  /** Line in the text at the time of the repair, from 1; 0 for the whole. */
  readonly line: number;
  /** What was done, in words that follow "line 3: ". */
  readonly what: string;
}

export interface RepairedCode {
  readonly text: string;
  readonly repairs: readonly Repair[];
  /** Errors the checks would still find; 1 when that is not known. */
  readonly errorsLeft: number;
}

/** Each round of a repair is a check of the whole text; a few dozen of them fit. */
const REPAIR_MS_MAX = 20_000;

const pool = createWorkerPool<RepairRequest, RepairReply>({
  script: new URL('./repair-worker.ts', import.meta.url),
  // As for the checks, a compiler is not to count as the host's own memory.
  kind: 'process',
  workMsMax: REPAIR_MS_MAX,
  parse(message) {
    if (!isReply(message)) throw new TypeError('A reply needs text, repairs and errorsLeft.');
    return message;
  },
});

function isReply(message: unknown): message is RepairReply {
  if (typeof message !== 'object' || message === null) return false;
  return 'text' in message && typeof message.text === 'string' && 'repairs' in message && 'errorsLeft' in message;
}

/** Repairs what can be repaired by rule. Rejects with the signal's reason when aborted, and with nothing else. */
export async function repairCode(
  code: { language: string; text: string },
  options: { signal?: AbortSignal; task?: string } = {},
): Promise<RepairedCode> {
  try {
    return await pool.ask({ language: languageName(code.language), text: code.text }, options);
  } catch (error) {
    if (error instanceof WorkerError) return { text: code.text, repairs: [], errorsLeft: 1 };
    throw error;
  }
}

/** Ends the repairing workers, for an orderly shutdown; a later repair starts it again. */
export function closeRepairs(): Promise<void> {
  return pool.close();
}
