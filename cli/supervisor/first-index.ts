/**
 * The knowledge base of a new mesh: what its `mesh.config.ts` names, or the project's own documents and sources, so that
 * the first question has something to be answered from. Owns: when and what. Does not own: indexing (knowledge/), which runs
 * in a process of its own so that the supervisor keeps listening.
 */
import { spawn } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import {
  blankSecrets,
  isPackage,
  meshEnv,
  meshFolder,
  programFile,
  projectRoot,
  type Settings,
} from '../../config/settings.ts';
import { lineSplitter } from './lines.ts';

/** Of the product itself; a package has no sources worth reading. */
const SOURCES = ['README.md', 'docs', ...(isPackage ? [] : ['actors', 'bus', 'services', 'schemas/events/*.ts'])];

/** True until a first run has completed: an interrupted one is done again. */
export async function needsFirstIndex(settings: Settings): Promise<boolean> {
  if (!existsSync(settings.MESH_KNOWLEDGE_PATH)) return true;
  const { lastRunAt } = await import('../../knowledge/last-run.ts');
  return lastRunAt(settings.MESH_KNOWLEDGE_PATH) === null;
}

/**
 * Resolves to the problem, or null when all went well. A mesh without knowledge still works.
 * @param own what the mesh names itself; null for what ships
 * @param signal ends it: the next start does it again
 */
export async function runFirstIndex(
  own: readonly string[] | null,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<string | null> {
  say(
    own === null
      ? 'first start: indexing the documents and sources of this project'
      : 'first start: indexing the documents of this mesh',
  );
  const shipped = (): string[] => globSync(SOURCES, { cwd: projectRoot }).map((path) => join(projectRoot, path));
  return runIndex(own ?? shipped(), say, signal);
}

/** `mesh index` of these paths. Resolves to the problem, or null. @param signal ends it */
export async function runIndex(
  paths: readonly string[],
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<string | null> {
  if (paths.length === 0) return null;
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [programFile('cli', 'main'), 'index', ...paths], {
      cwd: meshFolder(),
      env: { ...process.env, ...meshEnv(), ...blankSecrets([]) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let last = '';
    for (const stream of [child.stdout, child.stderr]) {
      const lines = lineSplitter((line) => {
        if (line === '') return;
        last = line;
        if (stream === child.stdout) say(line);
      });
      stream.on('data', (chunk: Buffer) => lines.push(chunk));
      stream.on('end', () => lines.end());
    }
    const stop = (): void => void child.kill('SIGKILL');
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => {
      signal.removeEventListener('abort', stop);
      resolve(code === 0 ? null : signal.aborted ? 'the start was interrupted' : last);
    });
  });
}
