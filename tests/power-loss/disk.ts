/**
 * A disk whose power can be lost. Owns: an ext4 file system in an image, on an xfs in another image, and taking a copy of
 * the inner image as of one moment: what the file system had not given to the disk by then is not in it, as after a power
 * loss. Does not own: what is stored.
 *
 * The outer xfs is there because it can copy a file at once, by sharing its blocks.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const OUTER_MB = 4096;
const INNER_MB = 1024;
/** Debian keeps them away from the PATH of ordinary users. */
const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, PATH } });
}

export class PowerLossDisk {
  readonly folder: string;
  readonly #base: string;
  readonly #outer: string;
  readonly #after: string;

  private constructor(base: string) {
    this.#base = base;
    this.#outer = join(base, 'outer');
    this.folder = join(base, 'disk');
    this.#after = join(base, 'after');
  }

  /** @throws what the command said that this machine cannot do */
  static open(): PowerLossDisk {
    const base = mkdtempSync(join(tmpdir(), 'mesh-power-'));
    const disk = new PowerLossDisk(base);
    try {
      for (const folder of [disk.#outer, disk.folder, disk.#after]) mkdirSync(folder);
      run('truncate', '-s', `${OUTER_MB}M`, join(base, 'outer.img'));
      run('mkfs.xfs', '-q', '-m', 'reflink=1', join(base, 'outer.img'));
      run('mount', '-o', 'loop', join(base, 'outer.img'), disk.#outer);
      run('truncate', '-s', `${INNER_MB}M`, disk.#image);
      run('mkfs.ext4', '-q', disk.#image);
      run('mount', '-o', 'loop', disk.#image, disk.folder);
      return disk;
    } catch (error) {
      disk.close();
      throw error;
    }
  }

  /** Keeps what the disk has at this moment. */
  cutPower(): void {
    run('cp', '--reflink=always', this.#image, this.#copy);
  }

  /** These folders become what they were on the disk when the power was cut; nobody may use them now. */
  restore(folders: readonly string[]): void {
    run('mount', '-o', 'loop', this.#copy, this.#after);
    try {
      for (const name of folders) {
        rmSync(join(this.folder, name), { recursive: true, force: true });
        cpSync(join(this.#after, name), join(this.folder, name), { recursive: true });
      }
    } finally {
      run('umount', this.#after);
      rmSync(this.#copy);
    }
  }

  close(): void {
    for (const mounted of [this.#after, this.folder, this.#outer]) {
      try {
        run('umount', '-l', mounted);
      } catch {
        // It was not mounted.
      }
    }
    rmSync(this.#base, { recursive: true, force: true });
  }

  get #image(): string {
    return join(this.#outer, 'disk.img');
  }

  get #copy(): string {
    return join(this.#outer, 'after.img');
  }
}
