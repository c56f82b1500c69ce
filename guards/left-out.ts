/**
 * What a project keeps to itself: the one rule for what `mesh index` takes in and what the file tools show. Owns: hidden
 * files, secrets by their name, folders that a tool made, and what `.gitignore` and `.ignore` leave out. Does not own:
 * what stands in a file (`secrets.ts`), or what is left out because it is of no use to somebody (`knowledge/scan.ts`).
 *
 * The rules bind what is below a root, not the root itself: a path that a person names is meant.
 */
import { existsSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';
import { type IgnoreRules, isLeftOut, rulesAbove, withRulesOf } from './ignore-rules.ts';
import { hasSecretName } from './secrets.ts';

export type KeptReason = 'folder-of-a-tool' | 'hidden' | 'ignored' | 'secret';

const IGNORED_FOLDERS: ReadonlySet<string> = new Set([
  'node_modules',
  'dist',
  'build',
  'coverage',
  'vendor',
  '__pycache__',
  'venv',
  'site-packages',
]);
/** A folder with one of these is made by a tool: a virtual environment, a cache (bford.info/cachedir). */
const MARKS: readonly string[] = ['pyvenv.cfg', 'CACHEDIR.TAG'];

export function folderReason(name: string): KeptReason | null {
  if (name.startsWith('.')) return 'hidden';
  return IGNORED_FOLDERS.has(name) ? 'folder-of-a-tool' : null;
}

/** @param names what is in a folder */
export function isFolderOfATool(names: readonly string[]): boolean {
  return MARKS.some((mark) => names.includes(mark));
}

export function fileReason(name: string): KeptReason | null {
  if (hasSecretName(name)) return 'secret';
  return name.startsWith('.') ? 'hidden' : null;
}

/** Rules of the project around a root; none when it is in no repository. */
async function rulesAround(root: string): Promise<IgnoreRules> {
  for (let folder = root; ; folder = dirname(folder)) {
    if (existsSync(join(folder, '.git'))) return rulesAbove(root, folder);
    if (folder === dirname(folder)) return [];
  }
}

interface Below {
  /** Why the folder is left out with all that is in it; null when it is not. */
  readonly reason: KeptReason | null;
  readonly rules: IgnoreRules;
}

/** The rules of one root, for paths that are asked for one by one. Remembers what it read: make one for each piece of work. */
export class FolderRules {
  readonly #root: string;
  readonly #known = new Map<string, Promise<Below>>();

  /** @param root absolute, symbolic links resolved */
  constructor(root: string) {
    this.#root = root;
  }

  /**
   * Why a path is left out; null when it is not.
   * @param path from the root, with forward slashes, symbolic links resolved; empty for the root itself
   */
  async reasonOf(path: string, kind: 'file' | 'folder'): Promise<KeptReason | null> {
    if (kind === 'folder') return (await this.#below(path)).reason;
    const { reason, rules } = await this.#below(folderOf(path));
    if (reason !== null) return reason;
    return fileReason(basename(path)) ?? (isLeftOut(rules, join(this.#root, path), false) ? 'ignored' : null);
  }

  #below(folder: string): Promise<Below> {
    const known = this.#known.get(folder) ?? this.#read(folder);
    this.#known.set(folder, known);
    return known;
  }

  async #read(folder: string): Promise<Below> {
    const absolute = join(this.#root, folder);
    if (folder === '') return { reason: null, rules: await withRulesOf(await rulesAround(this.#root), absolute) };
    const above = await this.#below(folderOf(folder));
    if (above.reason !== null) return above;
    const byRule = isLeftOut(above.rules, absolute, true) ? 'ignored' : null;
    const marked = MARKS.some((mark) => existsSync(join(absolute, mark))) ? 'folder-of-a-tool' : null;
    const reason = byRule ?? folderReason(basename(folder)) ?? marked;
    return reason === null ? { reason, rules: await withRulesOf(above.rules, absolute) } : { ...above, reason };
  }
}

function folderOf(path: string): string {
  const folder = posix.dirname(path);
  return folder === '.' ? '' : folder;
}
