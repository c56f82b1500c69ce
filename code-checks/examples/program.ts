/**
 * What is run in the sandbox: the code as JavaScript, and the examples and tests of its request. Owns: the form of it, and
 * of what comes back. Does not own: finding examples (in-request.ts), or running (sandbox.ts).
 */

/** One thing that is tried; each is a module that calls `check`, or registers tests. */
export interface Trial {
  /** As the request has it. */
  readonly name: string;
  readonly js: string;
}

export interface Program {
  /** By path, such as `/main.js`; the first is what an import of an unknown file means. */
  readonly modules: Readonly<Record<string, string>>;
  readonly trials: readonly Trial[];
  /** Names that the request calls and the code does not have. */
  readonly missing: readonly string[];
}

export interface Outcome {
  readonly name: string;
  readonly ok: boolean;
  /** What was got instead, or thrown. */
  readonly message: string;
  /** It wanted what a sandbox has not: then nothing is said of the code. */
  readonly wanted?: string;
}

/** What a request is taken apart into; the rest of it is prose. */
export const TRIALS_MAX = 20;

export function isProgram(value: unknown): value is Program {
  return typeof value === 'object' && value !== null && 'modules' in value && 'trials' in value && 'missing' in value;
}
