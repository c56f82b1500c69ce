/**
 * What was asked for last: a mesh that is up, or one that is down. Owns: the order of commands that start and stop one
 * MESH_HOME. Does not own: starting or stopping.
 *
 * 1. A command writes its wish, then waits for its turn. In its turn it looks whether a later command wished for the
 *    opposite; then it leaves everything as it is. So whoever asked last decides, in whichever order turns come.
 * 2. A turn is a lock of the operating system: it ends with its holder.
 * 3. On a disk that takes no file there is no order; a mesh can be stopped all the same.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { codeOf, fileProblem } from '../errors.ts';
import { takeLock } from './lock.ts';

const wishForm = z.object({ wanted: z.enum(['up', 'down']), id: z.string() });
export type Wish = Readonly<z.infer<typeof wishForm>>;

/** Long enough for a `down` with a service that does not stop, and a start of a new supervisor. */
const TURN_WITHIN_MS = 40_000;
const POLL_MS = 40;
/** A turn that is not there by then is worth a word. */
const WAIT_TOLD_MS = 500;

const wishPath = (home: string): string => join(home, 'wish.json');

export function lastWish(home: string): Wish | null {
  try {
    const parsed = wishForm.safeParse(JSON.parse(readFileSync(wishPath(home), 'utf8')));
    return parsed.success ? parsed.data : null;
  } catch (error) {
    if (error instanceof SyntaxError || codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null;
    throw error;
  }
}

/** Null when the disk takes nothing: then nobody can know of it, and it is done at once. */
export function makeWish(home: string, wanted: Wish['wanted']): Wish | null {
  const wish = { wanted, id: randomUUID() };
  const temporary = `${wishPath(home)}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, JSON.stringify(wish));
    renameSync(temporary, wishPath(home));
  } catch (error) {
    if (fileProblem(error) === null && codeOf(error) !== 'ENOENT') throw error;
    return null;
  }
  return wish;
}

/** True when somebody has asked for the opposite since. */
export function isOverruled(home: string, wish: Wish | null): boolean {
  if (wish === null) return false;
  const last = lastWish(home);
  return last !== null && last.wanted !== wish.wanted;
}

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
