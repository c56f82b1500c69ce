/**
 * One run of indexing: what is on disk compared with what a catalog holds, and only the difference written.
 *
 * Owns the order of a run and its summary. Does not own finding files (`scan.ts`), cutting them (`chunk.ts`) or storing
 * them: the catalog is the side of a store that ingestion needs, whichever database is behind it.
 *
 * 1. A file is written by one call of `put`, whole or not at all.
 * 2. A file leaves the catalog when it is gone from disk or no longer eligible; never because it could not be read.
 * 3. Aborting between two files leaves a catalog that the next run completes.
 * 4. A file is not read only when it is as it was when this process read it last, and the catalog has what was read then.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Chunk, chunkFile } from './chunk.ts';
import type { FileType } from './languages.ts';
import type { IndexOptions, IndexSummary, SkipReason } from './port.ts';
import { isUnder, type Root, readText, resolveRoot, type Scan, scanRoot, shownPath } from './scan.ts';
import type { KeptSkip } from './sqlite-skipped.ts';

/** Raised whenever the same bytes should give other chunks or words, so that unchanged files are written again. */
const FORMAT = 'agent-mesh-chunks-5';

export interface KnownFile {
  absolutePath: string;
  /** Path of the root that the file was indexed under. */
  rootPath: string;
  hash: string;
}

export interface PreparedFile {
  absolutePath: string;
  root: Root;
  type: FileType;
  hash: string;
  chunks: Chunk[];
}

export interface Catalog {
  /** Every file at or below a path, whichever root it was indexed under. */
  filesUnder(path: string): KnownFile[];
  put(file: PreparedFile): void;
  remove(file: KnownFile): void;
  /** Everything that a run over a root left out, in place of what runs before it did. */
  leftOut(root: Root, files: readonly KeptSkip[]): void;
  finish(at: Date): void;
}

interface Run {
  catalog: Catalog;
  options: IndexOptions;
  summary: IndexSummary;
  total: number;
  done: number;
  /** What the root at hand left out so far. */
  leftOut: KeptSkip[];
  /** Absolute paths met in this run, so that roots inside each other count a file once. */
  met: Set<string>;
}

export async function ingest(
  paths: readonly string[],
  catalog: Catalog,
  options: IndexOptions = {},
): Promise<IndexSummary> {
  const startedAt = performance.now();
  const summary: IndexSummary = {
    added: 0,
    updated: 0,
    unchanged: 0,
    removed: 0,
    skipped: [],
    chunks: 0,
    vectors: null,
    ms: 0,
  };
  const run: Run = { catalog, options, summary, total: 0, done: 0, leftOut: [], met: new Set() };
  const scans: { root: Root; scan: Scan }[] = [];
  for (const path of new Set(paths.map((given) => resolve(given)))) {
    const root = await resolveRoot(path);
    const scan = await scanRoot(root.path, options.signal, root.base);
    scans.push({ root, scan });
    options.onScanned?.({ ...root, folders: scan.folders });
  }
  run.total = scans.reduce((sum, { scan }) => sum + scan.files.length, 0);
  for (const { root, scan } of scans) await ingestRoot(run, root, scan);
  catalog.finish(new Date());
  summary.ms = Math.round(performance.now() - startedAt);
  return summary;
}

async function ingestRoot(run: Run, root: Root, scan: Scan): Promise<void> {
  const known = new Map(run.catalog.filesUnder(root.path).map((file) => [file.absolutePath, file]));
  run.leftOut = [];
  for (const skipped of scan.skipped) skip(run, root, skipped.absolutePath, skipped.reason);
  for (const absolutePath of scan.files) {
    run.options.signal?.throwIfAborted();
    await ingestFile(run, root, absolutePath, known.get(absolutePath));
    known.delete(absolutePath);
    run.done += 1;
    const path = shownPath(root.base, absolutePath);
    run.options.onProgress?.({ phase: 'files', done: run.done, total: run.total, path });
  }
  for (const file of known.values()) {
    if (isGone(file, root, scan)) remove(run, root, file);
  }
  run.options.seen?.retain(root.path, run.met);
  run.catalog.leftOut(root, run.leftOut);
}

async function ingestFile(run: Run, root: Root, absolutePath: string, known: KnownFile | undefined): Promise<void> {
  if (run.met.has(absolutePath)) return;
  run.met.add(absolutePath);
  const { seen } = run.options;
  const stamp = seen?.stampOf(absolutePath);
  const before = stamp == null ? undefined : seen?.recall(absolutePath, stamp);
  if (known && before !== undefined && 'hash' in before && before.hash === known.hash) {
    run.summary.unchanged += 1;
    return;
  }
  if (before !== undefined && 'reason' in before) return leaveOut(run, root, absolutePath, before.reason, known);
  const read = await readText(absolutePath);
  if (!read.ok) {
    if (stamp != null) seen?.keep(absolutePath, stamp, { reason: read.reason });
    return leaveOut(run, root, absolutePath, read.reason, known);
  }
  const hash = createHash('sha256').update(FORMAT).update('\0').update(read.bytes).digest('hex');
  if (known?.hash === hash) run.summary.unchanged += 1;
  else write(run, root, { absolutePath, hash, text: read.text }, known);
  if (stamp != null) seen?.keep(absolutePath, stamp, { hash });
}

function leaveOut(run: Run, root: Root, absolutePath: string, reason: SkipReason, known: KnownFile | undefined): void {
  skip(run, root, absolutePath, reason);
  if (known && reason !== 'unreadable') remove(run, root, known);
}

interface FileRead {
  readonly absolutePath: string;
  readonly hash: string;
  readonly text: string;
}

function write(run: Run, root: Root, { absolutePath, hash, text }: FileRead, known: KnownFile | undefined): void {
  const { type, chunks } = chunkFile(absolutePath, text);
  run.catalog.put({ absolutePath, root, type, hash, chunks });
  run.summary.chunks += chunks.length;
  const change = known ? 'updated' : 'added';
  run.summary[change] += 1;
  run.options.onFile?.({ path: shownPath(root.base, absolutePath), change });
}

/**
 * Whether a file that the scan did not keep is to leave the catalog. What another root brought in stays while it exists:
 * a folder ignored below this root may have been named on its own.
 */
function isGone(file: KnownFile, root: Root, scan: Scan): boolean {
  if (scan.unreadable.some((folder) => isUnder(folder, file.absolutePath))) return false;
  return file.rootPath === root.path || !existsSync(file.absolutePath);
}

function remove(run: Run, root: Root, file: KnownFile): void {
  run.catalog.remove(file);
  run.summary.removed += 1;
  run.options.onFile?.({ path: shownPath(root.base, file.absolutePath), change: 'removed' });
}

function skip(run: Run, root: Root, absolutePath: string, reason: SkipReason): void {
  if (reason === 'missing' && absolutePath !== root.path) return;
  const path = shownPath(root.base, absolutePath);
  run.summary.skipped.push({ path, reason });
  // What is not there is of the run that looked for it, and nothing to remember.
  if (reason !== 'missing') run.leftOut.push({ absolutePath, path, reason });
}
