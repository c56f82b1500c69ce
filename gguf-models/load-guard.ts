/**
 * Keeps a model that ends the process while it loads from doing so for ever. Owns: the note on disk, which outlives the
 * process. Does not own: loading.
 *
 * Running out of memory inside llama.cpp kills the process without a word, and its supervisor starts it again: without a
 * note the next one would do the same, and so on.
 */
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder } from '../guards/make-folder.ts';
import { ModelError } from './errors.ts';

export interface LoadGuard {
  /** Notes that loading begins. @throws ModelError `model_crashes` when it has ended the process too often */
  begin(modelPath: string, shape: string): void;
  /** The process outlived it. */
  end(): void;
}

/** Once may be somebody's kill, and so may twice. */
const CRASHES_MAX = 3;

export function createLoadGuard(notePath: string): LoadGuard {
  return {
    begin(modelPath, shape) {
      const subject = `${modelPath} ${identity(modelPath)} ${shape}`;
      const begun = begunBefore(notePath, subject);
      if (begun >= CRASHES_MAX) {
        throw new ModelError(
          'model_crashes',
          `loading ${modelPath} ended the process ${begun} times, for lack of memory as a rule; choose a smaller model or LLM_CONTEXT_SIZE, or remove ${notePath} to try again`,
        );
      }
      makeFolder(dirname(notePath));
      writeFileSync(notePath, JSON.stringify({ subject, begun: begun + 1 }));
    },
    end: () => rmSync(notePath, { force: true }),
  };
}

/** A file that was replaced is another model. */
function identity(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.size}@${stat.mtimeMs}`;
}

/** How often loading the same thing was begun and not ended. A note that cannot be read counts for nothing. */
function begunBefore(notePath: string, subject: string): number {
  try {
    const note: unknown = JSON.parse(readFileSync(notePath, 'utf8'));
    if (typeof note !== 'object' || note === null || !('subject' in note) || !('begun' in note)) return 0;
    return note.subject === subject && typeof note.begun === 'number' ? note.begun : 0;
  } catch {
    return 0;
  }
}
