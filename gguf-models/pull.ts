/**
 * Fetches a model. Owns: the file being fetched, going on after a break, and the checks before it gets its name. Does not
 * own: speaking HTTP (remote-file.ts), or where a model is listed (catalogue.ts).
 *
 * 1. Under its final name lies only a whole file whose length and SHA-256 were found right, and that is a GGUF model.
 * 2. What was fetched before a break is kept and gone on with, unless the server has another file by now.
 * 3. What turns out wrong is thrown away: going on with it would never end well.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { makeFolder } from '../guards/make-folder.ts';
import { backOffMs } from '../resilience/back-off.ts';
import { readGgufInfo } from './gguf.ts';
import { DownloadError, lookAt, type RemoteFile, readFrom } from './remote-file.ts';

export interface PullOptions {
  readonly url: string;
  /** Where the model will lie. */
  readonly path: string;
  /** Known beforehand; goes before what the server says. */
  readonly sha256?: string;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: PullProgress) => void;
  /** Between two tries, doubled each time, milliseconds; 1,000 by default. */
  readonly backoffMs?: number;
}

export interface PullProgress {
  readonly done: number;
  /** Null when the server does not say. */
  readonly total: number | null;
  /** What went wrong, while it is tried again; null while bytes come. */
  readonly trouble: string | null;
}

export interface Pulled {
  readonly bytes: number;
  readonly sha256: string;
  /** What the checksum was compared with. */
  readonly checkedWith: 'given' | 'server' | 'nothing';
  /** Bytes that were there from an earlier try. */
  readonly resumedFrom: number;
  /** True when nothing had to be fetched. */
  readonly wasThere: boolean;
}

/** Tries without a single new byte; one that brought some counts as none. */
const BARREN_TRIES_MAX = 5;
const PAUSE_MAX_MS = 16_000;
/** Left free on the disk: filling it would stop the ledgers. */
const DISK_SPARE_BYTES = 512 * 1_048_576;

const record = z.object({ url: z.string(), sha256: z.string(), bytes: z.number() });
const partNote = z.object({ url: z.string(), etag: z.string().nullable(), bytes: z.number().nullable() });

/** @throws DownloadError, and the signal's reason */
export async function pullModel(options: PullOptions): Promise<Pulled> {
  const { url, path, signal } = options;
  makeFolder(dirname(path));
  const remote = await lookAt(url, signal);
  const expected = options.sha256?.toLowerCase() ?? remote.sha256;
  const there = await alreadyThere(path, expected, remote);
  if (there !== null) return there;
  const lock = await lockPart(`${path}.lock`);
  try {
    return await fetchInto(options, remote, expected);
  } finally {
    await lock();
  }
}

async function fetchInto(options: PullOptions, remote: RemoteFile, expected: string | null): Promise<Pulled> {
  const { url, path } = options;
  const part = `${path}.part`;
  const resumedFrom = await usablePart(part, url, remote);
  await checkDisk(dirname(path), remote, resumedFrom);
  const note = { url, etag: remote.etag, bytes: remote.bytes };
  await writeFile(`${part}.json`, JSON.stringify(note));
  const fetched = await fetchAll(part, remote, resumedFrom, options);
  if (expected !== null && fetched.sha256 !== expected) {
    await discard(part);
    throw new DownloadError(
      `${basename(path)} has SHA-256 ${fetched.sha256}, not ${expected}: it was thrown away; try again, and if it stays wrong the server has another file`,
      { passing: false },
    );
  }
  await readGgufInfo(part).catch(async (error: unknown) => {
    await discard(part);
    const why = error instanceof Error ? error.message.replace(part, basename(path)) : String(error);
    throw new DownloadError(`what the server sent is no model: ${why}; it was thrown away`, {
      passing: false,
      cause: error,
    });
  });
  await rename(part, path);
  await rm(`${part}.json`, { force: true });
  const checkedWith = options.sha256 === undefined ? (expected === null ? 'nothing' : 'server') : 'given';
  await writeFile(
    recordPath(path),
    `${JSON.stringify({ url, ...fetched, checkedWith, at: new Date().toISOString() })}\n`,
  );
  return { ...fetched, checkedWith, resumedFrom, wasThere: false };
}

/** Beside each fetched model: where it came from and what its checksum is. */
export function recordPath(path: string): string {
  return `${path}.json`;
}

async function alreadyThere(path: string, expected: string | null, remote: RemoteFile): Promise<Pulled | null> {
  const size = await sizeOf(path);
  if (size === null) return null;
  const known = record.safeParse(await readJson(recordPath(path)));
  if (!known.success || known.data.bytes !== size) return null;
  if (expected !== null && known.data.sha256 !== expected) return null;
  if (remote.bytes !== null && remote.bytes !== size) return null;
  return {
    ...{ bytes: size, sha256: known.data.sha256, checkedWith: expected === null ? 'nothing' : 'server' },
    ...{ resumedFrom: size, wasThere: true },
  };
}

/** How much of an earlier try can be gone on with, bytes. */
async function usablePart(part: string, url: string, remote: RemoteFile): Promise<number> {
  const size = (await sizeOf(part)) ?? 0;
  const note = partNote.safeParse(await readJson(`${part}.json`));
  const isSame =
    note.success && note.data.url === url && note.data.etag === remote.etag && note.data.bytes === remote.bytes;
  // Without any mark of the server's there is no telling whether it is still the same file.
  const isKnown = remote.etag !== null || remote.sha256 !== null;
  if (size > 0 && isSame && isKnown && (remote.bytes === null || size <= remote.bytes)) return size;
  await discard(part);
  return 0;
}

async function checkDisk(folder: string, remote: RemoteFile, have: number): Promise<void> {
  if (remote.bytes === null) return;
  const { bavail, bsize } = await statfs(folder);
  const needed = remote.bytes - have + DISK_SPARE_BYTES;
  if (bavail * bsize >= needed) return;
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  throw new DownloadError(
    `${folder} has ${gib(bavail * bsize)} free, and ${gib(needed)} are needed; make room, or set MESH_HOME elsewhere`,
    { passing: false },
  );
}

async function fetchAll(
  part: string,
  remote: RemoteFile,
  resumedFrom: number,
  options: PullOptions,
): Promise<{ bytes: number; sha256: string }> {
  const file = await open(part, resumedFrom > 0 ? 'r+' : 'w');
  try {
    const target = { file, part, hash: await hashOf(part, resumedFrom), done: resumedFrom };
    let barren = 0;
    let { url } = remote;
    while (remote.bytes === null || target.done < remote.bytes) {
      const before = target.done;
      const trouble = await fetchOnce(target, { ...remote, url }, options);
      if (trouble === null) break;
      barren = target.done > before ? 0 : barren + 1;
      if (!trouble.passing || barren >= BARREN_TRIES_MAX) throw keeping(trouble, target.done);
      options.onProgress?.({ done: target.done, total: remote.bytes, trouble: trouble.message });
      const pauseMs = backOffMs({ firstMs: options.backoffMs ?? 1000, maxMs: PAUSE_MAX_MS }, barren + 1);
      await sleep(pauseMs, undefined, { signal: options.signal });
      // Addresses of storage are signed for a while only.
      url = await lookAt(options.url, options.signal).then(
        (again) => again.url,
        () => url,
      );
    }
    await file.sync();
    return { bytes: target.done, sha256: target.hash.digest('hex') };
  } finally {
    await file.close();
  }
}

interface Target {
  readonly file: FileHandle;
  readonly part: string;
  hash: Hash;
  done: number;
}

/** One connection; null when the file is whole. */
async function fetchOnce(target: Target, remote: RemoteFile, options: PullOptions): Promise<DownloadError | null> {
  try {
    const { from, pieces } = await readFrom(remote.url, target.done, options.signal);
    if (from !== target.done) {
      target.hash = createHash('sha256');
      target.done = from;
      await target.file.truncate(from);
    }
    for await (const piece of pieces) {
      await target.file.write(piece, 0, piece.length, target.done);
      target.hash.update(piece);
      target.done += piece.length;
      if (remote.bytes !== null && target.done > remote.bytes) {
        await discard(target.part);
        throw new DownloadError('the server sent more than it had announced: it was thrown away', { passing: false });
      }
      options.onProgress?.({ done: target.done, total: remote.bytes, trouble: null });
    }
    if (remote.bytes === null || target.done === remote.bytes) return null;
    return new DownloadError(`the connection ended after ${target.done} of ${remote.bytes} bytes`, { passing: true });
  } catch (error) {
    if (options.signal.aborted) throw options.signal.reason;
    if (error instanceof DownloadError) return error;
    if (isDisk(error)) throw error;
    return new DownloadError(`the connection broke after ${target.done} bytes`, { passing: true, cause: error });
  }
}

/** Trouble with the disk is none of the connection's. */
function isDisk(error: unknown): boolean {
  return (
    error instanceof Error &&
    'syscall' in error &&
    error.syscall === 'write' &&
    'code' in error &&
    error.code !== 'EPIPE'
  );
}

function keeping(trouble: DownloadError, done: number): DownloadError {
  if (done === 0) return trouble;
  return new DownloadError(`${trouble.message}; what was fetched is kept, the same command goes on from there`, {
    passing: trouble.passing,
    cause: trouble,
  });
}

async function hashOf(part: string, length: number): Promise<Hash> {
  const hash = createHash('sha256');
  if (length === 0) return hash;
  for await (const piece of createReadStream(part, { end: length - 1 })) hash.update(piece as Uint8Array);
  return hash;
}

async function discard(part: string): Promise<void> {
  await rm(part, { force: true });
  await rm(`${part}.json`, { force: true });
}

/** Two that write one file would spoil it. Returns the release. */
async function lockPart(path: string): Promise<() => Promise<void>> {
  const holder = Number((await readFile(path, 'utf8').catch(() => '')).trim());
  if (holder > 0 && holder !== process.pid && isAlive(holder))
    throw new DownloadError(`process ${holder} is fetching it already`, { passing: false });
  await writeFile(path, String(process.pid));
  return () => rm(path, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function sizeOf(path: string): Promise<number | null> {
  const found = await stat(path).catch(() => null);
  return found?.isFile() === true ? found.size : null;
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    // A note that is not there or not readable says nothing.
    return null;
  }
}
