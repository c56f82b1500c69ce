/**
 * DBOS: PostgreSQL, and the library in the process of the callers (programs/dbos.mjs). Owns: a database cluster of its
 * own. PostgreSQL does not run as root: there it runs as the user that its packages make.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Place, System } from '../system.ts';

const DEBIAN = '/usr/lib/postgresql';
const READY_LIMIT_MS = 60_000;
const RETRY_MS = 50;
/** Others may pass through a folder. */
const THROUGH = 0o001;

function binaries(): string | null {
  const debian = existsSync(DEBIAN) ? readdirSync(DEBIAN).map((version) => join(DEBIAN, version, 'bin')) : [];
  const folders = [...debian, ...(process.env.PATH ?? '').split(delimiter)];
  return (
    folders.find((folder) => ['initdb', 'postgres', 'pg_isready'].every((name) => existsSync(join(folder, name)))) ??
    null
  );
}

/** Whom it runs as: undefined is whoever runs the race. */
function user(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((one) => one.startsWith('postgres:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined)
    throw new Error('PostgreSQL does not run as root, and there is no user postgres');
  return { uid: Number(uid), gid: Number(gid) };
}

/** Folders of the mesh are its owner's alone: another user gets through them to their own, and sees nothing on the way. */
function letThrough(folder: string): void {
  const { mode } = statSync(folder);
  if ((mode & THROUGH) !== 0) return;
  chmodSync(folder, (mode & 0o777) | THROUGH);
  letThrough(dirname(folder));
}

function cluster(folder: string, data: string): void {
  if (existsSync(data)) return;
  mkdirSync(data);
  const as = user();
  if (as !== undefined) {
    chownSync(data, as.uid, as.gid);
    letThrough(dirname(data));
  }
  execFileSync(join(folder, 'initdb'), ['-D', data, '-A', 'trust', '-U', 'postgres'], {
    cwd: data,
    stdio: 'pipe',
    ...as,
  });
}

async function ready(folder: string, port: number): Promise<void> {
  const deadline = performance.now() + READY_LIMIT_MS;
  for (;;) {
    try {
      execFileSync(join(folder, 'pg_isready'), ['-q', '-h', '127.0.0.1', '-p', String(port)]);
      return;
    } catch (thrown) {
      if (performance.now() > deadline) throw new Error('PostgreSQL does not become ready', { cause: thrown });
      await sleep(RETRY_MS);
    }
  }
}

async function start({ dataDir, processes, port }: Place): Promise<void> {
  const folder = binaries();
  if (folder === null) throw new Error(missing() ?? '');
  const data = join(dataDir, 'postgres');
  cluster(folder, data);
  const settings = ['listen_addresses=127.0.0.1', `unix_socket_directories=${data}`];
  const durable = ['fsync=on', 'synchronous_commit=on', 'full_page_writes=on'];
  const options = [...settings, ...durable].flatMap((setting) => ['-c', setting]);
  const number = await port('postgres');
  const as = user();
  const argv = [join(folder, 'postgres'), '-D', data, '-p', String(number), ...options];
  await processes.start('engine', argv, { cwd: data, ...(as === undefined ? {} : { user: as }) });
  await ready(folder, number);
}

function missing(): string | null {
  return binaries() === null ? 'PostgreSQL is not installed: apt-get install postgresql' : null;
}

export const dbos: System = {
  inProcess: true,
  missing,
  start,
  callers: async ({ installDir, port }) => ({
    program: join(installDir, 'dbos.mjs'),
    address: `postgresql://postgres@127.0.0.1:${await port('postgres')}/race`,
  }),
};
