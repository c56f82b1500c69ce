/**
 * Where a watcher of a task stands. Owns: the cursor's form. Does not own: reading from it.
 *
 * A cursor is the place of a fact in the log, with a mark of the log it belongs to: after the log was made anew its
 * sequences mean something else, and the watcher hears the task from its beginning again (each fact under its old id).
 * The index is written where a message holds facts before it; without one it is the first fact of its message, which was
 * the only one when every message held a single fact, so that cursors of that time still mean what they meant.
 */
import { createHash } from 'node:crypto';
import { BEGINNING, type Place } from '../schemas/events/fact.ts';
import { invalidField } from './errors.ts';

/** Marks the log: eight hexadecimal digits. */
export function logMark(streamIdentity: string): string {
  return createHash('sha256').update(streamIdentity).digest('hex').slice(0, 8);
}

export function cursorAt(mark: string, { seq, index }: Place): string {
  return index === 0 ? `${mark}-${seq}` : `${mark}-${seq}-${index}`;
}

/** The place of the last fact that the watcher has. @throws MeshError for something that is no cursor */
export function placeOfCursor(cursor: string, mark: string, field = 'cursor'): Place {
  if (cursor === '') return BEGINNING;
  const [, cursorMark, seq, index = '0'] = /^([0-9a-f]{8})-(\d{1,15})(?:-([1-9]\d{0,5}))?$/.exec(cursor) ?? [];
  if (cursorMark === undefined || seq === undefined)
    throw invalidField(field, 'must be taken from an earlier response');
  return cursorMark === mark ? { seq: Number(seq), index: Number(index) } : BEGINNING;
}
