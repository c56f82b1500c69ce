/**
 * Another user of this machine. Owns: running a program as one who owns nothing here. Only root may become somebody else;
 * where the tests are not root, there is none.
 */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups'];

export const canBeNobody: boolean = spawnSync('setpriv', [...NOBODY, 'true']).status === 0;

export interface Tried {
  readonly ok: boolean;
  /** What it said; of a program that failed what it complained about. */
  readonly text: string;
}

export async function asNobody(command: string, ...args: string[]): Promise<Tried> {
  return run('setpriv', [...NOBODY, command, ...args]).then(
    ({ stdout }) => ({ ok: true, text: stdout }),
    (error: { stderr?: string }) => ({ ok: false, text: error.stderr ?? '' }),
  );
}
