/**
 * A copy of the log server's store. Owns: copying it while the server writes, and trying the copy. Does not own: where it
 * goes.
 *
 * The files of a store that is written are of different moments. The server mends that when it starts, as after a power
 * loss; a copy that it cannot mend to at least what the log held before is made again.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectBus } from '../../bus/nats-bus.ts';
import { BusError } from '../../bus/port.ts';
import { blankSecrets } from '../../config/settings.ts';
import { makeFolder } from '../../guards/make-folder.ts';
import { CliError } from '../errors.ts';

const TRIES_MAX = 3;
const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 10_000;
const RETRY_MS = 50;

/**
 * @param lastSeq what the copy has to reach; 0 when the server does not run, and nobody can say
 * @returns the last sequence of the copy
 * @throws CliError exit code 3
 */
export async function copyStore(from: string, to: string, binary: string, lastSeq: number): Promise<number> {
  let problem = '';
  for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
    rmSync(to, { recursive: true, force: true });
    try {
      copyLive(from, to);
      const reached = await lastSeqOf(to, binary);
      if (reached >= lastSeq) return reached;
      problem = `it reaches ${reached}, not ${lastSeq}`;
    } catch (error) {
      if (!(error instanceof BusError) && !isGone(error)) throw error;
      problem = error.message;
    }
  }
  throw new CliError(
    3,
    `the log's store could not be copied soundly in ${TRIES_MAX} tries: ${problem}; try again with less work under way, or after \`mesh down\``,
  );
}

function copyLive(from: string, to: string): void {
  if (existsSync(from)) cpSync(from, to, { recursive: true, preserveTimestamps: true });
  else makeFolder(to);
}

/** The server removed a file that was to be copied. */
function isGone(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Starts a server on the store, and stops it in order. @throws BusError */
async function lastSeqOf(store: string, binary: string): Promise<number> {
  const port = await freePort();
  // It serves all that the log holds, so it asks who comes; a token among the arguments would be seen by everybody.
  const token = randomBytes(32).toString('hex');
  const folder = mkdtempSync(join(tmpdir(), 'mesh-backup-'));
  const config = join(folder, 'server.conf');
  const lines = [`listen: "127.0.0.1:${port}"`, `jetstream { store_dir: ${JSON.stringify(store)} }`];
  writeFileSync(config, [...lines, `authorization { token: "${token}" }`, ''].join('\n'), { mode: 0o600 });
  const env = { ...process.env, ...blankSecrets([]) };
  const server = spawn(binary, ['--config', config], { stdio: 'ignore', env });
  const ended = once(server, 'exit');
  try {
    const bus = await connected(`nats://${token}@127.0.0.1:${port}`);
    try {
      await bus.ensureTopology();
      return (await bus.streamInfo()).lastSeq;
    } finally {
      await bus.close();
    }
  } finally {
    server.kill('SIGTERM');
    const forced = setTimeout(() => server.kill('SIGKILL'), STOP_LIMIT_MS);
    await ended;
    clearTimeout(forced);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function connected(url: string) {
  const deadline = performance.now() + START_LIMIT_MS;
  for (;;) {
    try {
      return await connectBus({ url, name: 'mesh-backup' });
    } catch (error) {
      if (!(error instanceof BusError) || !error.retryable || performance.now() > deadline) throw error;
      await sleep(RETRY_MS);
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new CliError(3, 'no free port on this machine');
  return address.port;
}
