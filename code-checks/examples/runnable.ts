/**
 * Which languages the sandbox runs. Owns: the list. Does not own: making a program of code (compile.ts), which loads a
 * compiler: whoever only asks this does without.
 */
import { languageName } from '../languages.ts';

const RUNNABLE: ReadonlySet<string> = new Set(['typescript', 'javascript']);

export function isRunnable(language: string): boolean {
  return RUNNABLE.has(languageName(language));
}
