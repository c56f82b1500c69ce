/**
 * A small disk of its own for the ledgers, and filling it. Owns: a tmpfs, mounted for the run. Needs the right to mount;
 * without it there is none, and the strike that needs it is left out, aloud.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Some ten thousand tasks, and what is set aside of one ledger. */
const SIZE_MIB = 512;

export interface FullDisk {
  readonly folder: string;
  fill(): void;
  empty(): void;
  unmount(): void;
}

/** Leaves no room on the disk of a folder. @param filler the file that takes it */
export function fillUp(folder: string, filler: string): void {
  const { bavail, bsize } = statfsSync(folder);
  try {
    writeFileSync(filler, Buffer.alloc(bavail * bsize));
  } catch (error) {
    // Somebody else wrote meanwhile: it is full all the same.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
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
    fill: () => fillUp(folder, filler),
    empty: () => rmSync(filler, { force: true }),
    unmount() {
      execFileSync('umount', ['-l', folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
