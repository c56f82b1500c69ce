/**
 * Whether the disks of the mesh take what they are given. Owns: writing, syncing and reading back a little, free space,
 * and the words for what is wrong, with what to do. Does not own: who is told.
 */
import { closeSync, fsyncSync, openSync, readFileSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Settings } from '../../config/settings.ts';
import { codeOf, fileProblem } from '../errors.ts';
import { bytes } from '../terminal.ts';

/** Below this a log server and its ledgers would soon fail in the middle of a task. */
export const FREE_BYTES_MIN = 64 * 1024 * 1024;
/** Below this nothing that matters can be stored: a file of the log grows by more. */
const FREE_BYTES_FULL = 1024 * 1024;

export interface DiskProblem {
  /** `low`: it works still. */
  readonly kind: 'full' | 'read-only' | 'unwritable' | 'low';
  /** One line that says what to do. */
  readonly text: string;
}

export function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}

/** Of the first folder of the mesh that has one; null when all is well. */
export function diskProblem(settings: Settings): DiskProblem | null {
  const folders = new Set([settings.MESH_HOME, join(settings.MESH_HOME, 'nats'), dirname(settings.CHECKPOINT_DB_PATH)]);
  let low: DiskProblem | null = null;
  for (const folder of folders) {
    const problem = problemOf(folder);
    if (problem !== null && problem.kind !== 'low') return problem;
    low ??= problem;
  }
  return low;
}

function problemOf(folder: string): DiskProblem | null {
  try {
    writeAndRead(folder);
    const free = freeBytes(folder);
    if (free < FREE_BYTES_FULL) return full(folder, free);
    if (free >= FREE_BYTES_MIN) return null;
    return { kind: 'low', text: `only ${bytes(free)} are free on the disk of ${folder}: make room before it is full` };
  } catch (error) {
    return failure(folder, error);
  }
}

function full(folder: string, free: number): DiskProblem {
  const text = `the disk of ${folder} is full (${bytes(free)} free): nothing new can be stored. Make room; the mesh goes on by itself`;
  return { kind: 'full', text };
}

function failure(folder: string, error: unknown): DiskProblem | null {
  const code = codeOf(error);
  // A folder that is not there yet is made by whoever needs it.
  if (code === 'ENOENT') return null;
  if (code === 'ENOSPC' || code === 'EDQUOT') return full(folder, freeBytes(folder));
  if (code === 'EROFS') {
    const text = `the file system of ${folder} is read-only: nothing new can be stored. \`dmesg\` may say why; make it writable again, then \`mesh down\` and \`mesh up\``;
    return { kind: 'read-only', text };
  }
  const words = fileProblem(error);
  if (words !== null) return { kind: 'unwritable', text: `${folder} cannot be written: ${words}` };
  if (code === 'EIO') return { kind: 'unwritable', text: `the disk of ${folder} fails (EIO): \`dmesg\` may say why` };
  throw error;
}

/** Synced, as the mesh does: a file system may take what its disk refuses. */
function writeAndRead(folder: string): void {
  const path = join(folder, `.probe-${process.pid}`);
  const data = Buffer.alloc(4096, String(Date.now()));
  try {
    const file = openSync(path, 'w');
    try {
      writeSync(file, data);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (!readFileSync(path).equals(data)) throw Object.assign(new Error('other bytes came back'), { code: 'EIO' });
  } finally {
    rmSync(path, { force: true });
  }
}
