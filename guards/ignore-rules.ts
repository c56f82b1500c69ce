/**
 * What a project keeps out of its own history and search: `.gitignore`, `.git/info/exclude` and `.ignore`. Owns: which rules bind a path.
 * Does not own: the language of the rules (the ignore library), or anything left out for another reason (`left-out.ts`).
 *
 * The rules of a folder bind what is below it; a deeper file's rules come after, and the last that matches decides, as in
 * git. Rules above a root bind it only when they do not leave the root itself out: a path that a person names is meant.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import ignore, { type Ignore } from 'ignore';

/** What comes later decides; the first is of one clone alone (gitignore(5)). */
const FILES = ['.git/info/exclude', '.gitignore', '.ignore'];
/** As git takes names where it makes a repository on these systems. */
const IGNORES_CASE = process.platform === 'darwin' || process.platform === 'win32';

interface Layer {
  readonly folder: string;
  readonly rules: Ignore;
}

export type IgnoreRules = readonly Layer[];

const noRules: IgnoreRules = [];

/** The rules that hold in a folder: those from above, and its own. */
export async function withRulesOf(above: IgnoreRules, folder: string): Promise<IgnoreRules> {
  const texts = await Promise.all(FILES.map((name) => textOf(join(folder, name))));
  const own = texts.filter((text) => text !== null);
  return own.length === 0
    ? above
    : [...above, { folder, rules: ignore({ ignorecase: IGNORES_CASE }).add(own.join('\n')) }];
}

/** The rules from above a root: those of its project, unless they leave the root itself out. */
export async function rulesAbove(root: string, base: string): Promise<IgnoreRules> {
  if (root === base || relative(base, root).startsWith('..')) return noRules;
  const folders: string[] = [];
  for (let folder = dirname(root); folder.length >= base.length; folder = dirname(folder)) folders.unshift(folder);
  let rules = noRules;
  for (const folder of folders) rules = await withRulesOf(rules, folder);
  return isLeftOut(rules, root, true) ? noRules : rules;
}

export function isLeftOut(rules: IgnoreRules, absolutePath: string, isFolder: boolean): boolean {
  let leftOut = false;
  for (const { folder, rules: layer } of rules) {
    const path = relative(folder, absolutePath).split(sep).join('/');
    const { ignored, unignored } = layer.test(isFolder ? `${path}/` : path);
    if (ignored) leftOut = true;
    else if (unignored) leftOut = false;
  }
  return leftOut;
}

async function textOf(path: string): Promise<string | null> {
  try {
    return (await readFile(path, 'utf8')).replace(/^\uFEFF/, '');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    // One that cannot be read, or is a folder, has no rules.
    if (['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'ELOOP'].includes(String(code))) return null;
    throw error;
  }
}
