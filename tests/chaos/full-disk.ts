/**
 * A small disk of its own for the ledgers, and filling it. Owns: a tmpfs, mounted for the run. Needs the right to mount;
 * without it there is none, and the strike that needs it is left out, aloud.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';

/** Memory that is used only as far as it is written to: a quick machine does some ten thousand tasks in 300 kills. */
const SIZE_MIB = Math.min(2048, Math.round(totalmem() / 1024 ** 2 / 8));
const CHUNK = Buffer.alloc(16 * 1024 ** 2);

export interface FullDisk {
  readonly folder: string;
  fill(): void;
  empty(): void;
  unmount(): void;
}

/** Leaves no room on the disk that a file is on. */
export function fillUp(filler: string): void {
  const file = openSync(filler, 'w');
  try {
    for (;;) writeSync(file, CHUNK);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  } finally {
    closeSync(file);
  }
}

export function mountFullDisk(): FullDisk | null {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-disk-'));
  const filler = join(folder, 'filler');
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MIB}m`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    rmSync(folder, { recursive: true });
    return null;
  }
  return {
    folder,
    fill: () => fillUp(filler),
    empty: () => rmSync(filler, { force: true }),
    unmount() {
      execFileSync('umount', ['-l', folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
