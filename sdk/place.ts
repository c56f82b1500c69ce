/**
 * Where in a user's own folder something went wrong. Owns: reading it off an error. Does not own: what is said of it.
 */
import { relative, sep } from 'node:path';

export interface Place {
  /** Absolute path. */
  readonly file: string;
  readonly line: string;
}

/** In a stack: of a file that cannot be parsed it begins with the place, else a line of it says where. */
const PLACE = /(?:^|[( ])(?:file:\/\/)?(\/[^\n:()]+\.[cm]?[jt]s):(\d+)/gm;

/** The innermost place in the folder, what is installed in it left out; null when nothing of it has a part in the error. */
export function placeOf(error: unknown, folder: string): Place | null {
  if (!(error instanceof Error)) return null;
  for (const [, file = '', line = ''] of (error.stack ?? '').matchAll(PLACE)) {
    const near = relative(folder, file);
    if (!near.startsWith('..') && !near.split(sep).includes('node_modules')) return { file, line };
  }
  return null;
}
