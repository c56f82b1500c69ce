/**
 * What was asked for last: a mesh that is up, or one that is down. Owns: the order of commands that start and stop one
 * MESH_HOME. Does not own: starting or stopping.
 *
 * 1. A command writes its wish, then waits for its turn. In its turn it looks whether a later command wished for the
 *    opposite; then it leaves everything as it is. So whoever asked last decides, in whichever order turns come.
 * 2. A turn (turn.ts) is a lock of the operating system: it ends with its holder.
 * 3. On a disk that takes no file there is no order; a mesh can be stopped all the same.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { codeOf, fileProblem } from '../errors.ts';

const wishForm = z.object({ wanted: z.enum(['up', 'down']), id: z.string() });
export type Wish = Readonly<z.infer<typeof wishForm>>;

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
