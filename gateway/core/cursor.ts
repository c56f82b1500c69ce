/**
 * Where a watcher of a task stands. Owns: the cursor's form. Does not own: reading from it.
 *
 * A cursor is the sequence of a fact in the log, with a mark of the log it belongs to: after the log was made anew its
 * sequences mean something else, and the watcher hears the task from its beginning again (each fact under its old id).
 */
import { createHash } from 'node:crypto';
import { invalidField } from './errors.ts';

/** Marks the log: eight hexadecimal digits. */
export function logMark(streamIdentity: string): string {
  return createHash('sha256').update(streamIdentity).digest('hex').slice(0, 8);
}

export function cursorAt(mark: string, seq: number): string {
  return `${mark}-${seq}`;
}

/** The last sequence that the watcher has; 0 is the beginning. @throws MeshError for something that is no cursor */
export function seqOfCursor(cursor: string, mark: string, field = 'cursor'): number {
  if (cursor === '') return 0;
  const [, cursorMark, seq] = /^([0-9a-f]{8})-(\d{1,15})$/.exec(cursor) ?? [];
  if (cursorMark === undefined || seq === undefined)
    throw invalidField(field, 'must be taken from an earlier response');
  return cursorMark === mark ? Number(seq) : 0;
}
