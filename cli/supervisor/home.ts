/**
 * Checks of the machine before anything is started. Owns: one clear line for a folder that cannot be written, a port
 * that is taken, a server that does not answer. Does not own: what follows.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { closeHome } from '../../config/private-files.ts';
import type { Settings } from '../../config/settings.ts';
import { makeFolder } from '../../guards/make-folder.ts';
import { CliError, codeOf, pathProblem } from '../errors.ts';
import { bytes } from '../terminal.ts';
import { FREE_BYTES_MIN, freeBytes } from './disk.ts';

const ANSWER_TIMEOUT_MS = 3000;

/** What has nothing to do with the choice of the folder. */
const advices: Readonly<Record<string, string>> = {
  ENOSPC: 'make room, or set MESH_HOME to a folder on another disk',
  EDQUOT: 'make room, or set MESH_HOME to a folder on another disk',
  EROFS: 'make it writable again (`dmesg` may say why it is not), or set MESH_HOME to another folder',
};

/** Makes the folders of MESH_HOME and proves that they can be written. @throws CliError */
export function prepareHome(settings: Settings): void {
  const home = settings.MESH_HOME;
  try {
    for (const folder of ['logs', 'nats', 'bin']) makeFolder(join(home, folder), 0o700);
    closeHome(home);
    const probe = join(home, `.probe-${process.pid}`);
    writeFileSync(probe, Buffer.alloc(4096));
    rmSync(probe);
  } catch (error) {
    const problem = pathProblem(error);
    if (problem === null) throw error;
    const advice = advices[codeOf(error)];
    if (advice !== undefined) throw new CliError(3, `MESH_HOME=${home}: ${problem}; ${advice}`, { cause: error });
    throw new CliError(
      2,
      `MESH_HOME=${home} cannot be used: ${problem}; set MESH_HOME to a folder that can be written`,
      {
        cause: error,
      },
    );
  }
  const free = freeBytes(home);
  if (free < FREE_BYTES_MIN) {
    const least = bytes(FREE_BYTES_MIN);
    throw new CliError(3, `MESH_HOME=${home} has only ${bytes(free)} free, and ${least} are needed; make room`);
  }
}

/** True when nobody listens on this port of loopback. @param setting names the port in the error of one not allowed */
export function isPortFree(port: number, setting = 'MESH_NATS_PORT'): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      if (codeOf(error) === 'EADDRINUSE') resolve(false);
      else if (codeOf(error) === 'EACCES') reject(new CliError(2, `port ${port} may not be used; set ${setting}`));
      else reject(error);
    });
    server.listen({ port, host: '127.0.0.1' }, () => server.close(() => resolve(true)));
  });
}

/** True when something accepts connections at one of the addresses. */
export async function answers(natsUrl: string): Promise<boolean> {
  const tries = natsUrl.split(',').map((one) => {
    const { hostname, port } = new URL(one.trim());
    return accepts(hostname.replace(/^\[|\]$/g, ''), port === '' ? 4222 : Number(port));
  });
  return (await Promise.all(tries)).includes(true);
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: ANSWER_TIMEOUT_MS });
    const done = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => done(true));
    socket.once('timeout', () => done(false));
    socket.once('error', () => done(false));
  });
}
