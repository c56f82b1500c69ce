/**
 * Finds the files of a root that belong in a knowledge base, and reads one as text.
 *
 * Owns what is of no use in a search, and why. Does not own what a project keeps to itself (`guards/left-out.ts`), chunking,
 * hashing or what is stored (`ingest.ts`).
 *
 * What is left out is reported with a reason, a folder as one; only `.git` and the mesh's own folder are passed over without a
 * word. Rules about names bind what is found below a root, not the root itself: a path a person names is meant.
 */
import { type Dirent, existsSync } from 'node:fs';
import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, extname, join, relative, sep } from 'node:path';
import { type IgnoreRules, isLeftOut, rulesAbove, withRulesOf } from '../guards/ignore-rules.ts';
import { fileReason, folderReason, isFolderOfATool } from '../guards/left-out.ts';
import { holdsSecret } from '../guards/secrets.ts';
import { textOf } from './decode.ts';
import { readInLane } from './document-lane.ts';
import { isDocument } from './document-types.ts';
import { fileTypeOf } from './languages.ts';
import { KnowledgeError, type SkipReason } from './port.ts';

/** Larger files are data, dumps or bundles; one of them would outweigh a whole manual. */
export const FILE_BYTES_MAX = 2 * 1024 * 1024;

const DOCUMENT_BYTES_MAX = 32 * 1024 * 1024;

/** A guard against indexing a whole disk by mistake; a large monorepo has fewer. */
const ROOT_FILES_MAX = 50_000;

/** No one writes such a line of code by hand: it is generated or minified. */
const CODE_LINE_CHARS_MAX = 20_000;

/** Passed over without a word. */
export const SILENT_FOLDERS: ReadonlySet<string> = new Set(['.git', '.mesh']);
const LOCK_FILES = new Set(['package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'go.sum', 'bun.lockb']);
const DATA_EXTENSIONS = new Set(['.csv', '.tsv', '.svg', '.map', '.log', '.jsonl', '.ndjson', '.snap', '.po']);

/** Documents whose text is among marks that nobody would search for, or packed in a way that is not read here. */
const UNREAD_EXTENSIONS = new Set(
  '.doc .dot .xls .xlsb .ppt .pps .rtf .odt .ods .odp .odg .ott .pages .numbers .mobi .azw .azw3 .djvu .chm .one .msg .wpd .vsdx .pub .hwp'.split(
    ' ',
  ),
);

/** Copies that editors, Office and browsers keep beside a file while somebody works on it. */
const TEMPORARY = /~$|^~\$|^#.*#$|___jb_(?:old|tmp)___$|\.(?:tmp|temp|swp|swo|part|partial|crdownload)$/i;

/** Files at the top of a project, by which its folder is known. */
const MANIFESTS = ['package.json', 'pyproject.toml', 'go.mod', 'Cargo.toml', 'pom.xml', 'deno.json'];

export interface Root {
  /** Absolute, symbolic links resolved. */
  path: string;
  /** The folder that shown paths are relative to. */
  base: string;
}

export interface SkippedPath {
  absolutePath: string;
  reason: SkipReason;
}

export interface Scan {
  /** Absolute paths, in the order of their names. */
  files: string[];
  skipped: SkippedPath[];
  /** Absolute paths of the folders that were gone through. */
  folders: string[];
  /** Folders that could not be listed: nothing can be said about what is below them. */
  unreadable: string[];
}

/**
 * The root of a path, and the base of what passages show.
 *
 * The base is the nearest folder at or above the root that holds `.git`; else the nearest that holds the manifest of a
 * project, looked for above the root first because documentation often has a manifest of its own; else the root's
 * parent. So `/x/project/docs` shows `docs/architecture.md` in all three cases.
 */
export async function resolveRoot(absolutePath: string): Promise<Root> {
  const path = await resolveExisting(absolutePath);
  const ancestors: string[] = [];
  for (let folder = dirname(path); !ancestors.includes(folder); folder = dirname(folder)) ancestors.push(folder);
  const repository = [path, ...ancestors].find((folder) => existsSync(join(folder, '.git')));
  const hasManifest = (folder: string): boolean => MANIFESTS.some((name) => existsSync(join(folder, name)));
  const base = repository ?? ancestors.find(hasManifest) ?? (hasManifest(path) ? path : dirname(path));
  return { path, base };
}

/** A path that vanished is resolved as far as it still exists, so that a removed root is found again by its old name. */
async function resolveExisting(path: string): Promise<string> {
  if (existsSync(path)) return realpath(path);
  const parent = dirname(path);
  return parent === path ? path : join(await resolveExisting(parent), relative(parent, path));
}

export function isUnder(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** With forward slashes on every system, as passages show paths. */
export function shownPath(base: string, absolutePath: string): string {
  return relative(base, absolutePath).split(sep).join('/');
}

/** @param base the folder that shown paths are relative to; the rules of the folders between it and the root hold, too */
export async function scanRoot(root: string, signal?: AbortSignal, base: string = root): Promise<Scan> {
  const scan: Scan = { files: [], skipped: [], folders: [], unreadable: [] };
  const info = await stat(root).catch(nullWhenMissing);
  if (info === null) scan.skipped.push({ absolutePath: root, reason: 'missing' });
  else if (info.isDirectory()) {
    const rules = existsSync(join(base, '.git')) ? await rulesAbove(root, base) : [];
    await scanFolder({ root, scan, signal }, root, rules);
  } else if (!info.isFile()) scan.skipped.push({ absolutePath: root, reason: 'not-a-file' });
  else scan.files.push(root);
  return scan;
}

interface Scanning {
  readonly root: string;
  readonly scan: Scan;
  readonly signal: AbortSignal | undefined;
}

async function scanFolder(scanning: Scanning, folder: string, above: IgnoreRules): Promise<void> {
  const { root, scan, signal } = scanning;
  signal?.throwIfAborted();
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (isAccessDenied(error)) return null;
    // It vanished since it was listed, or is no folder any more.
    if (nullWhenMissing(error) === null && folder !== root) return [];
    throw error;
  });
  if (entries === null) {
    scan.unreadable.push(folder);
    scan.skipped.push({ absolutePath: folder, reason: 'unreadable' });
    return;
  }
  if (folder !== root && isFolderOfATool(entries.map(({ name }) => name))) {
    scan.skipped.push({ absolutePath: folder, reason: 'folder-of-a-tool' });
    return;
  }
  scan.folders.push(folder);
  const rules = await withRulesOf(above, folder);
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const absolutePath = join(folder, entry.name);
    if (entry.isDirectory()) {
      const why = isLeftOut(rules, absolutePath, true) ? 'ignored' : folderReason(entry.name);
      if (why === null) await scanFolder(scanning, absolutePath, rules);
      else if (!SILENT_FOLDERS.has(entry.name)) scan.skipped.push({ absolutePath, reason: why });
      continue;
    }
    const why = isLeftOut(rules, absolutePath, false) ? 'ignored' : null;
    const reason = entry.isSymbolicLink() ? await linkReason(root, absolutePath) : (nameReason(entry) ?? why);
    if (reason !== null) scan.skipped.push({ absolutePath, reason });
    else scan.files.push(absolutePath);
    if (scan.files.length > ROOT_FILES_MAX) {
      throw new KnowledgeError('too-many-files', `${root} holds more than ${ROOT_FILES_MAX} files; index a part of it`);
    }
  }
}

export function isTemporary(name: string): boolean {
  return TEMPORARY.test(name);
}

function nameReason(entry: Dirent): SkipReason | null {
  const name = entry.name.toLowerCase();
  const extension = extname(name);
  if (!entry.isFile()) return 'not-a-file';
  const kept = fileReason(name);
  if (kept !== null) return kept;
  if (isTemporary(name)) return 'temporary';
  if (LOCK_FILES.has(name) || extension === '.lock') return 'lock-file';
  if (DATA_EXTENSIONS.has(extension)) return 'data';
  if (UNREAD_EXTENSIONS.has(extension)) return 'not-read';
  if (/\.min\.(?:js|mjs|css)$/.test(name)) return 'minified';
  return null;
}

/** Links are never followed: what they point to inside the root is found by its own name, and what is outside is not ours. */
async function linkReason(root: string, link: string): Promise<SkipReason> {
  const target = await realpath(link).catch((error: unknown) =>
    isAccessDenied(error) ? link : nullWhenMissing(error),
  );
  if (target === null) return 'broken-symlink';
  if (target === link) return 'unreadable';
  return isUnder(root, target) ? 'symlink-inside-root' : 'symlink-outside-root';
}

export type ReadText = { ok: true; text: string; bytes: Buffer } | { ok: false; reason: SkipReason };

/** Never throws for what a file may be; a file that vanished since it was found is `missing`. */
export async function readText(absolutePath: string): Promise<ReadText> {
  const info = await lstat(absolutePath).catch(reasonOf);
  if (typeof info === 'string') return { ok: false, reason: info };
  // Of a document most bytes are fonts and pictures.
  if (info.size > (isDocument(absolutePath) ? DOCUMENT_BYTES_MAX : FILE_BYTES_MAX))
    return { ok: false, reason: 'too-large' };
  const bytes = await readFile(absolutePath).catch(reasonOf);
  if (typeof bytes === 'string') return { ok: false, reason: bytes };
  if (isDocument(absolutePath)) {
    const read = await readInLane({ path: absolutePath, changedMs: info.mtimeMs });
    if ('reason' in read) return { ok: false, reason: read.reason };
    return holdsSecret(read.text) ? { ok: false, reason: 'secret' } : { ok: true, text: read.text, bytes };
  }
  const text = await textOf(absolutePath, bytes);
  if (text === null) return { ok: false, reason: 'binary' };
  if (holdsSecret(text)) return { ok: false, reason: 'secret' };
  if (fileTypeOf(absolutePath).kind === 'code' && hasLineOver(text, CODE_LINE_CHARS_MAX)) {
    return { ok: false, reason: 'minified' };
  }
  return { ok: true, text, bytes };
}

function hasLineOver(text: string, chars: number): boolean {
  return text.split('\n').some((line) => line.length > chars);
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function isAccessDenied(error: unknown): boolean {
  return ['EACCES', 'EPERM'].includes(errorCode(error));
}

/** Why a file is not read after all: it vanished, became something else, or may not be. */
function reasonOf(error: unknown): SkipReason {
  if (isAccessDenied(error)) return 'unreadable';
  if (errorCode(error) === 'EISDIR') return 'not-a-file';
  return nullWhenMissing(error) ?? 'missing';
}

function nullWhenMissing(error: unknown): null {
  if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errorCode(error))) return null;
  throw error;
}
