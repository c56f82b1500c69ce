/**
 * Backups in one file. Owns: packing a folder and unpacking it, by the system's `tar`, and telling by a name which of
 * both is meant. Does not own: what is in it.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CliError, codeOf } from '../errors.ts';

const run = promisify(execFile);

/** True for names that mean one file. */
export function isArchive(path: string): boolean {
  return /\.(tar|tar\.gz|tgz)$/.test(path);
}

const zipped = (path: string): string[] => (path.endsWith('.tar') ? [] : ['-z']);

/** @throws CliError exit code 3 */
export async function pack(folder: string, file: string): Promise<void> {
  await tar(['-c', ...zipped(file), '-f', file, '-C', folder, '.'], `${file} could not be written`);
}

/** @throws CliError exit code 2 when it is no archive */
export async function unpack(file: string, folder: string): Promise<void> {
  await tar(['-x', ...zipped(file), '-f', file, '-C', folder], `${file} cannot be unpacked`);
}

async function tar(args: readonly string[], problem: string): Promise<void> {
  try {
    await run('tar', [...args]);
  } catch (error) {
    if (codeOf(error) === 'ENOENT')
      throw new CliError(3, '`tar` was not found; install it, or name a folder instead', { cause: error });
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim().split('\n')[0] : '';
    throw new CliError(2, `${problem}: ${said}`, { cause: error });
  }
}
