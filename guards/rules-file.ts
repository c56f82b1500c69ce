/**
 * A file in which the owner says who may do what. Owns: that it is read whole, that nobody else may write to it, and that a
 * changed one counts at once. Does not own: what stands in it.
 *
 * Invariants:
 * 1. What is asked after the file has changed is judged by the new one.
 * 2. A file that cannot be used any more (half written, open to others, gone) changes nothing, and that is said once: who
 *    could do something still can, and nobody else.
 */
import { readFileSync, type Stats, statSync } from 'node:fs';

/** A rules file is a screen of text; what is larger is something else. */
const BYTES_MAX = 4 * 1024 * 1024;

export interface RulesFile<T> {
  /** As the file says now. */
  current(): T;
}

export interface RulesFileOptions<T> {
  readonly path: string;
  /** What others could do who may write to the file. */
  readonly danger: string;
  /** @throws Error with what is wrong, one line */
  readonly parse: (text: string) => T;
  readonly onChange?: (rules: T) => void;
  /** Told once for each change that cannot be used. */
  readonly onRefused: (problem: string) => void;
}

/** @throws Error with what is wrong, one line, when it cannot be used at the start */
export function openRules<T>(options: RulesFileOptions<T>): RulesFile<T> {
  const { path, parse, danger, onChange, onRefused } = options;
  let mark = markOf(path);
  let rules = parse(readRules(path, danger));
  return {
    current() {
      const now = markOf(path);
      if (now === mark) return rules;
      mark = now;
      try {
        rules = parse(readRules(path, danger));
      } catch (error) {
        onRefused(messageOf(error));
        return rules;
      }
      onChange?.(rules);
      return rules;
    },
  };
}

/** Another one after every change, also when another file takes the place of this one. */
function markOf(path: string): string {
  try {
    const { ino, size, mode, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return [ino, size, mode, mtimeNs, ctimeNs].join(' ');
  } catch {
    return 'not there';
  }
}

function readRules(path: string, danger: string): string {
  const problem = problemWith(statSync(path), danger);
  if (problem !== null) throw new Error(problem);
  return readFileSync(path, 'utf8');
}

function problemWith(found: Stats, danger: string): string | null {
  // A pipe would be waited for, and for ever.
  if (!found.isFile()) return 'is no regular file';
  if ((found.mode & 0o022) !== 0) return `others may write to this file and ${danger}; run chmod go-w on it`;
  if (found.size > BYTES_MAX) return `has ${found.size} bytes, and may have ${BYTES_MAX}`;
  return null;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
