/**
 * Keeps the supervisor's lock and record true while it lives. Owns: looking after them every second. Does not own: what
 * the record says (supervise.ts).
 *
 * 1. The record's time of change is the supervisor's own sign of life: one that is older than a few seconds belongs to a
 *    supervisor that is stopped or hangs, whatever its process looks like.
 * 2. A lock or record that was removed under a living mesh is made again, and so is a record that says anything else than
 *    it should: cut off, changed, or late since a full disk. When another supervisor has the new lock, it is left alone:
 *    it finds the ports taken, and goes.
 */
import { readFileSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolder } from '../../guards/make-folder.ts';
import { codeOf, fileProblem } from '../errors.ts';
import { type SupervisorLock, takeLock } from './lock.ts';
import { runStatePath } from './run-state.ts';

const KEEP_EVERY_MS = 1000;

export interface RecordKeeper {
  /** Ends the keeping, and gives the lock back. */
  end(): void;
}

export interface KeptRecord {
  readonly home: string;
  readonly lock: SupervisorLock;
  /** What the record should say now. */
  text(): string;
  /** Writes the record anew. @throws what the file system says */
  save(): void;
  note(text: string): void;
}

export const lockPath = (home: string): string => join(home, 'supervisor.lock');

export function keepRecord({ home, lock: first, text, save, note }: KeptRecord): RecordKeeper {
  let lock: SupervisorLock | null = first;
  const path = runStatePath(home);
  const relock = (): boolean => {
    if (lock?.isInPlace()) return true;
    lock?.release();
    makeFolder(join(home, 'logs'));
    lock = takeLock(lockPath(home));
    if (lock !== null) note('supervisor.lock was removed under the running mesh; it is taken again');
    return lock !== null;
  };
  const look = (): void => {
    try {
      if (!relock()) return;
      const found = readIfThere(path);
      const now = new Date();
      // The sign of life first: a full disk takes that, and no record that says something new.
      if (found !== null) utimesSync(path, now, now);
      if (found === text()) return;
      makeFolder(dirname(path));
      save();
      const what = found === null ? 'was removed under the running mesh' : 'did not say what runs';
      note(`run.json ${what}; it is written again`);
    } catch (error) {
      // A disk that takes nothing: the record is late then. Whoever asks sees the disk's trouble itself.
      if (fileProblem(error) === null && codeOf(error) !== 'ENOENT') throw error;
    }
  };
  const timer = setInterval(look, KEEP_EVERY_MS);
  return {
    end() {
      clearInterval(timer);
      lock?.release();
    },
  };
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}
