/**
 * Reading and writing a file that a person named. Owns: ending, whatever is there: a pipe would be waited for, and a device
 * read, for ever. Does not own: what stands in it, or the words for why it could not be.
 */
import { closeSync, constants, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';

/** As errors of the system have one. */
export const NOT_REGULAR = 'NOT_REGULAR';

/** @throws an error with a code; what the system says for a folder */
export function readNamed(path: string): Buffer {
  const found = statSync(path);
  if (!found.isFile() && !found.isDirectory())
    throw Object.assign(new Error(`${path}: is no regular file`), { code: NOT_REGULAR, path });
  return readFileSync(path);
}

/** Nobody else's business unless the owner passes it on. @throws what the system says: ENXIO of a pipe that nobody reads */
export function writeNamed(path: string, text: string): void {
  const isPipe = statSync(path, { throwIfNoEntry: false })?.isFIFO() === true;
  // Held open while it is written: its reader would else see an end.
  const held = isPipe ? openSync(path, constants.O_WRONLY | constants.O_NONBLOCK) : null;
  try {
    writeFileSync(path, text, { mode: 0o600 });
  } finally {
    if (held !== null) closeSync(held);
  }
}
