/**
 * What the mesh keeps is its owner's alone: prompts, answers, keys. Owns: the mode of every file that a process of the mesh
 * makes, and of what an earlier release left readable. Does not own: what is in the files.
 *
 * One mask for the whole process, set before anything is written: it holds for SQLite, nats-server and every later file too,
 * whatever mask the person who starts it has.
 */
import { chmodSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const OTHERS = 0o077;
/** What is in these is fetched, and no secret; they have tens of thousands of files. */
const FETCHED: ReadonlySet<string> = new Set(['node', 'tools', 'cache', 'bin', 'models']);
/** The server's own, which it keeps from others itself; the folders above it are closed. */
const DEPTH_MAX = 2;

/** From now on, everything this process and its children make is for its owner alone. */
export function keepFilesPrivate(): void {
  process.umask(OTHERS);
}

/** Takes from others what they may do in MESH_HOME. What belongs to somebody else is left to them. */
export function closeHome(home: string): void {
  close(home);
  closeIn(home, 1);
}

function closeIn(folder: string, depth: number): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const isFolder = entry.isDirectory();
    if ((!isFolder && !entry.isFile()) || (depth === 1 && FETCHED.has(entry.name))) continue;
    const path = join(folder, entry.name);
    close(path);
    if (isFolder && depth < DEPTH_MAX) closeIn(path, depth + 1);
  }
}

function close(path: string): void {
  try {
    const { mode } = lstatSync(path);
    if ((mode & OTHERS) !== 0) chmodSync(path, mode & ~OTHERS & 0o7777);
  } catch (error) {
    // Gone meanwhile, or of another owner.
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code !== 'ENOENT' && code !== 'EPERM' && code !== 'EROFS') throw error;
  }
}
