/**
 * Files inside one folder, and none outside of it. Owns: which paths are refused, opening what lies inside, and the
 * kinds of files that are read. Does not own: what is done with a file (file-tools.ts).
 *
 * 1. A path is refused by its text first: nothing that could mean another place under any reading is passed on.
 * 2. What decides is the opened file: its real path is asked of the kernel after opening, so a link that is put in place
 *    between check and use gains nothing. (Without /proc, on macOS, the real path is compared with the opened file by
 *    device and inode, which a racing writer inside the workspace could still beat.)
 * 3. What a project keeps to itself is refused, as `mesh index` leaves it out (`guards/left-out.ts`): by the real path of
 *    what was opened, so that no link gives a secret another name.
 * 4. A hard link cannot be told from the file it names: whoever may write into the workspace may make one.
 */
import { constants, existsSync, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readlink, realpath } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { FolderRules, type KeptReason } from '../../../../guards/left-out.ts';
import { ToolError } from './port.ts';

const PATH_CHARS_MAX = 1000;
const DEPTH_MAX = 40;
const hasProc = existsSync('/proc/self/fd');

/** Look like a dot, slash or backslash, and are read as one by some system. NFKC finds the others. */
const LOOK_ALIKES = /[\u2044\u2215\u2216\u29f5\u29f8\u29f9\ufe68\uff0e\uff0f\uff3c\u2024\u2025\u2026\u3002\ufe52]/u;
const ENCODED = /%(?:25)*(?:2e|2f|5c|00|c0|c1|e0%80|u)/i;
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

export interface Workspace {
  /** Null: the setting is not set. */
  readonly root: string | null;
}

/** A workspace during one call: what was read of its rules is not read again. */
export interface LookedAt extends Workspace {
  readonly rules: FolderRules | null;
}

/** @throws ToolError */
export async function lookAt({ root }: Workspace): Promise<LookedAt> {
  return { root, rules: root === null ? null : new FolderRules(await realRootOf(root)) };
}

export interface OpenedFile {
  readonly handle: FileHandle;
  readonly stats: Stats;
  /** From the workspace's root; empty for the root itself. */
  readonly path: string;
  /** A path that leads to what is open, whatever happens to its name. */
  readonly descriptorPath: string;
}

function refused(why: string): ToolError {
  return new ToolError(
    'tool_path_refused',
    `This path is refused: ${why}. Give a path below the workspace, such as docs/a.md.`,
  );
}

/** The parts of a path that can only mean a place below the root. @throws ToolError `tool_path_refused` */
function partsOf(path: string): string[] {
  if (path.length > PATH_CHARS_MAX) throw refused(`it is longer than ${PATH_CHARS_MAX} characters`);
  if (!path.isWellFormed() || HIDDEN.test(path)) throw refused('it has characters that cannot be seen');
  if (path.includes('\\')) throw refused('folders are separated by /');
  if (LOOK_ALIKES.test(path) || hasSigns(path.normalize('NFKC'), path)) throw refused('it has look-alikes of . or /');
  if (ENCODED.test(path)) throw refused('it is encoded');
  if (path.startsWith('/')) throw refused('it is absolute');
  if (path.trimStart().startsWith('~')) throw refused('~ is not the home folder here');
  if (/^\s*[a-z][a-z0-9+.-]*:/i.test(path)) throw refused('it is an address or names a drive');
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length > DEPTH_MAX) throw refused(`it is deeper than ${DEPTH_MAX} folders`);
  for (const part of parts) {
    if (/^[\s.]*\.\.[\s.]*$/.test(part) || /^\.\s+\.$/.test(part)) throw refused('.. leads out of the workspace');
  }
  return parts;
}

/** True when normalising has made dots, slashes or the like out of something else. */
function hasSigns(normal: string, path: string): boolean {
  const count = (text: string): number => text.match(/[./\\~:%]/g)?.length ?? 0;
  return count(normal) !== count(path);
}

async function realRootOf(root: string): Promise<string> {
  return realpath(root).catch((cause: unknown) => {
    throw new ToolError('tool_not_configured', `The workspace ${root} (TOOLS_WORKSPACE) cannot be opened.`, { cause });
  });
}

/** Opens a file or folder below the root. The caller closes the handle. @throws ToolError */
export async function openInside(
  { root, rules }: LookedAt,
  path: string,
  kind: 'file' | 'folder',
): Promise<OpenedFile> {
  if (root === null || rules === null) {
    const message = 'No workspace is set: set TOOLS_WORKSPACE to the folder that the file tools may read, and restart.';
    throw new ToolError('tool_not_configured', message);
  }
  const parts = partsOf(path);
  const realRoot = await realRootOf(root);
  const shown = parts.join('/');
  // Opening a pipe or a device must neither wait nor make it the terminal of this process.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
  const handle = await open(join(realRoot, ...parts), flags).catch((cause: unknown) => {
    throw openFailure(shown, cause);
  });
  try {
    const stats = await handle.stat();
    const real = await realPathOf(handle, stats, join(realRoot, ...parts));
    if (real === null || !isInside(realRoot, real)) throw refused('a link in it leads out of the workspace');
    if (kind === 'folder' && !stats.isDirectory()) throw notThat(shown, 'is not a folder; read_file reads it');
    if (kind === 'file' && stats.isDirectory()) throw notThat(shown, 'is a folder; list_files shows it');
    if (kind === 'file' && !stats.isFile()) throw notThat(shown, 'is not an ordinary file (a pipe, socket or device)');
    const inside = relative(realRoot, real).split(sep).join('/');
    const kept = await rules.reasonOf(inside, kind);
    if (kept !== null) throw refused(WHY_KEPT[kept]);
    const descriptorPath = hasProc ? `/proc/self/fd/${handle.fd}` : real;
    return { handle, stats, path: inside, descriptorPath };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function notThat(path: string, what: string): ToolError {
  return new ToolError('tool_not_found', `${path === '' ? 'The workspace' : path} ${what}.`);
}

function isInside(root: string, real: string): boolean {
  const way = relative(root, real);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

async function realPathOf(handle: FileHandle, stats: Stats, path: string): Promise<string | null> {
  if (hasProc) return readlink(`/proc/self/fd/${handle.fd}`);
  const real = await realpath(path);
  const named = await lstat(real);
  return named.dev === stats.dev && named.ino === stats.ino ? real : null;
}

/** What is said of what a project keeps to itself. */
const WHY_KEPT: Readonly<Record<KeptReason, string>> = {
  'folder-of-a-tool': 'it is in a folder that a tool made',
  hidden: 'it is hidden: it or a folder of it begins with a dot',
  ignored: '.gitignore or .ignore leaves it out',
  secret: 'its name says that it holds a secret',
};

const OPEN_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist in the workspace',
  ENOTDIR: 'does not exist in the workspace (a part of it is a file)',
  EACCES: 'may not be read by this process',
  EPERM: 'may not be read by this process',
  ELOOP: 'is a link that leads round in a circle',
  ENAMETOOLONG: 'has a name that is too long',
  ENXIO: 'is not an ordinary file (a pipe, socket or device)',
};

function openFailure(path: string, cause: unknown): ToolError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const why = OPEN_PROBLEMS[code] ?? `cannot be opened (${code})`;
  const retryable = code === 'EMFILE' || code === 'ENFILE' || code === 'EIO';
  return new ToolError(retryable ? 'tool_failed' : 'tool_not_found', `${path || 'The workspace'} ${why}.`, {
    retryable,
    cause,
  });
}
