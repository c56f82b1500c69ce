/**
 * Why a path is in the index or not, and how a file is cut. Owns: asking the rules that indexing follows, for one path, on what
 * is on disk now. Does not own: any rule (`scan.ts`), cutting (`chunk.ts`), or what the index holds.
 */
import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { type Chunk, chunkFile } from './chunk.ts';
import type { SkipReason } from './port.ts';
import { isUnder, type Root, readText, resolveRoot, type Scan, SILENT_FOLDERS, scanRoot, shownPath } from './scan.ts';

export interface Explanation {
  /** As a passage would show it. */
  readonly path: string;
  /** What `mesh index` goes through to come here; null when nothing that was indexed covers the path. */
  readonly root: string | null;
  /** Why it is left out, and by which folder when that is left out whole; null when it is not. */
  readonly leftOut: { readonly reason: SkipReason; readonly at: string } | null;
  /** A file that is taken in may have nothing in it. */
  readonly isFile: boolean;
  /** Files below it that are taken in, itself included. */
  readonly files: number;
  /** What below it is left out. */
  readonly skipped: readonly { readonly path: string; readonly reason: SkipReason }[];
  /** Of a file that is taken in. */
  readonly passages: readonly Chunk[];
}

/** @param roots what was indexed before; the path alone when none of them covers it */
export async function explain(given: string, roots: readonly string[]): Promise<Explanation> {
  const link = await linkAt(resolve(given));
  // A link is what it is where something covers it; named alone it is what it leads to.
  const path = link !== null && covering(roots, link) !== undefined ? link : (await resolveRoot(resolve(given))).path;
  const covers = covering(roots, path);
  const root = await resolveRoot(covers ?? path);
  const scan = await scanRoot(root.path, undefined, root.base);
  const shown = (absolute: string): string => shownPath(root.base, absolute) || absolute;
  const below = scan.files.filter((file) => isUnder(path, file));
  const skipped = scan.skipped.filter((one) => isUnder(path, one.absolutePath) && one.absolutePath !== path);
  const explanation: Explanation = {
    path: shown(path),
    root: covers === undefined ? null : root.path,
    leftOut: null,
    isFile: below[0] === path,
    files: below.length,
    skipped: skipped.map(({ absolutePath, reason }) => ({ path: shown(absolutePath), reason })),
    passages: [],
  };
  const by = leftOutBy(path, root, scan);
  if (by !== null) return { ...explanation, leftOut: { reason: by.reason, at: shown(by.absolutePath) } };
  if (below[0] !== path) return explanation;
  const read = await readText(path);
  if (!read.ok) return { ...explanation, files: 0, leftOut: { reason: read.reason, at: shown(path) } };
  return { ...explanation, passages: chunkFile(path, read.text).chunks };
}

function covering(roots: readonly string[], path: string): string | undefined {
  return roots.filter((one) => isUnder(one, path)).toSorted((a, b) => b.length - a.length)[0];
}

/** The place of a symbolic link itself, its folder resolved; null when the path is none. */
async function linkAt(path: string): Promise<string | null> {
  const info = await lstat(path).catch(() => null);
  if (!info?.isSymbolicLink()) return null;
  return join(await realpath(dirname(path)), basename(path));
}

function leftOutBy(path: string, root: Root, scan: Scan): Scan['skipped'][number] | null {
  const named = scan.skipped.find((one) => isUnder(one.absolutePath, path));
  if (named !== undefined) return named;
  const steps = relative(root.path, path).split(sep);
  const silent = steps.findIndex((step) => SILENT_FOLDERS.has(step));
  if (silent === -1) return null;
  return { absolutePath: join(root.path, ...steps.slice(0, silent + 1)), reason: 'hidden' };
}
