/**
 * One command at a time starts or stops a mesh. Owns: waiting for the turn. Does not own: whose wish counts in it (wish.ts),
 * or the lock (lock.ts).
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, fileProblem } from '../errors.ts';
import { takeLock } from './lock.ts';

/** Long enough for a `down` with a service that does not stop, and a start of a new supervisor. */
const TURN_WITHIN_MS = 40_000;
const POLL_MS = 40;
/** A turn that is not there by then is worth a word. */
const WAIT_TOLD_MS = 500;

export interface Turn {
  end(): void;
}

/** Waits until no other command starts or stops this mesh. @param say told once when that takes a while */
export async function takeTurn(home: string, say: (text: string) => void): Promise<Turn> {
  const beganMs = performance.now();
  let told = false;
  for (;;) {
    const lock = lockOf(home);
    if (lock === 'none') return { end: () => undefined };
    if (lock !== null) return { end: () => lock.release() };
    const waitedMs = performance.now() - beganMs;
    // A holder that takes longer than any start or stop is stuck; what it was about is judged by the record.
    if (waitedMs > TURN_WITHIN_MS) return { end: () => undefined };
    if (waitedMs > WAIT_TOLD_MS && !told) {
      told = true;
      say('waiting for another command that starts or stops this mesh');
    }
    await sleep(POLL_MS);
  }
}

function lockOf(home: string): ReturnType<typeof takeLock> | 'none' {
  try {
    return takeLock(join(home, 'command.lock'));
  } catch (error) {
    if (fileProblem(error) !== null || codeOf(error).startsWith('SQLITE_') || error instanceof TypeError) return 'none';
    throw error;
  }
}
