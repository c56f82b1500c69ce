/**
 * How this program is called from where its user is: `mesh` when it is on the PATH, `npx mesh` where it is installed for a
 * folder, `./mesh` in a checkout. Owns: finding that out, and putting it into hints. Does not own: what is hinted at; texts
 * everywhere say `mesh …` in backticks.
 *
 * Who started the program says so by LAUNCHER (`./mesh` and `bin.ts`); a program that was started otherwise is called mesh.
 */
import { readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join, relative, sep } from 'node:path';

export const LAUNCHER = 'AGENT_MESH_LAUNCHER';

/** What npm puts onto the PATH while it runs a command: it is not there for the next one. */
const OF_NPM = `${sep}node_modules${sep}.bin`;
/** Folders above this one that a path may lead through; beyond, the whole path is easier to read. */
const UPWARDS_MAX = 2;

/** What npx writes beside what it has fetched for one call. */
interface NpxNote {
  readonly _npx?: { readonly packages?: readonly string[] };
}

export interface Where {
  /** The file that was started; null when nobody said. */
  readonly launcher: string | null;
  readonly cwd: string;
  readonly path: string;
}

export function howCalled({ launcher, cwd, path }: Where): string {
  const real = launcher === null ? null : realOf(launcher);
  if (real === null) return 'mesh';
  const folders = path.split(delimiter).filter((folder) => folder !== '' && !folder.endsWith(OF_NPM));
  if (folders.some((folder) => realOf(join(folder, 'mesh')) === real)) return 'mesh';
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (realOf(join(folder, OF_NPM, 'mesh')) === real) return 'npx mesh';
    if (folder === dirname(folder)) break;
  }
  return fetchedByNpx(real) ?? pathFrom(cwd, real);
}

function realOf(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

/** `npx file:agent-mesh.tgz`: what npx was given is what it takes again; null when it was not npx that fetched it. */
function fetchedByNpx(real: string): string | null {
  const [, cache] = /^(.*[\\/]_npx[\\/][^\\/]+)[\\/]/.exec(real) ?? [];
  if (cache === undefined) return null;
  try {
    const { _npx: note }: NpxNote = JSON.parse(readFileSync(join(cache, 'package.json'), 'utf8'));
    const [given] = note?.packages ?? [];
    return given === undefined ? null : `npx ${inShell(given)}`;
  } catch {
    return null;
  }
}

function pathFrom(cwd: string, real: string): string {
  const near = relative(cwd, real);
  const isFar = near.split(sep).filter((part) => part === '..').length > UPWARDS_MAX;
  return inShell(isFar ? real : near.startsWith('..') ? near : `.${sep}${near}`);
}

function inShell(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

let known: string | null = null;

/** Of this process; found out when it is first asked for. */
export function meshCommand(): string {
  const { [LAUNCHER]: launcher = null, PATH: path = '' } = process.env;
  known ??= howCalled({ launcher, cwd: process.cwd(), path });
  return known;
}

/** A text of ours whose hints can be copied where the user is. Not for texts of others: theirs stay as they are. */
export function hint(text: string, command: string = meshCommand()): string {
  return text.replaceAll(/`mesh (?=[a-z<-])/g, () => `\`${command} `);
}
