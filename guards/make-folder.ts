/**
 * Making a folder with its parents. Owns: ending, wherever the folder is to be. Does not own: what goes into it, or the words
 * for why it could not be made.
 *
 * `mkdir` with `recursive` never returns on file systems that answer ENOENT for a folder whose parent is there, as /proc does.
 */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** A folder that is there already is left as it is. @throws what the file system says, of the folder that it says it of */
export function makeFolder(path: string, mode = 0o777): void {
  if (isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path && !isFolder(parent)) makeFolder(parent, mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Somebody else has made it meanwhile.
    if (!isFolder(path)) throw error;
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
