/**
 * A real Chroma server for tests. Owns: fetching the package that carries it, its process, port and folder. Does not own:
 * what is stored.
 *
 * The server is a native library inside an npm package of 110 MB. It is no dependency of the project: it is fetched at
 * its first use into `.mesh/tools/chroma` and stays there. `kill` is SIGKILL; `start` after it uses the same port and
 * folder.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ChromaClient } from 'chromadb';
import { freePort } from './nats-server.ts';

const run = promisify(execFile);
const TOOLS = resolve(import.meta.dirname, '..', '..', '.mesh', 'tools');
/** Its version is not that of the client. This one needs glibc 2.34, later ones 2.39. */
const PACKAGE = 'chromadb-js-bindings-linux-x64-gnu';
const VERSION = '1.0.5';
const START_LIMIT_MS = 90_000;
const RETRY_MS = 50;

const PROGRAM = `require(process.argv[1]).cli(['chroma', 'run', '--host', '127.0.0.1', '--path', process.argv[2], '--port', process.argv[3]])`;

export interface ChromaServer {
  readonly url: string;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts again on the same port and folder. */
  start(): Promise<void>;
  /** Removes every collection of the running server. */
  clear(): Promise<void>;
  /** Forgets everything stored; only while the server does not run. */
  wipe(): void;
  /** The process stops answering, its connections stay open. */
  freeze(): void;
  thaw(): void;
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
}

export async function startChromaServer(): Promise<ChromaServer> {
  const server = chromaServer(await fetchedPackage(), await freePort());
  await server.start();
  return server;
}

/** Installed beside its place and moved there whole, so that an interrupted download is not taken for a package. */
async function fetchedPackage(): Promise<string> {
  const folder = join(TOOLS, 'chroma');
  const path = join(folder, 'node_modules', PACKAGE);
  if (existsSync(path)) return path;
  const fresh = `${folder}-${process.pid}`;
  await mkdir(fresh, { recursive: true });
  await run('npm', ['install', '--prefix', fresh, '--no-save', '--no-audit', '--no-fund', `${PACKAGE}@${VERSION}`]);
  await rm(folder, { recursive: true, force: true });
  await rename(fresh, folder);
  return path;
}

function chromaServer(library: string, port: number): ChromaServer {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-chroma-'));
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess | null = null;
  const end = async (): Promise<void> => {
    const running = child;
    child = null;
    if (running === null || running.exitCode !== null || running.signalCode !== null) return;
    const gone = once(running, 'exit');
    running.kill('SIGKILL');
    await gone;
  };
  return {
    url,
    kill: end,
    async start() {
      if (child !== null) throw new Error('this Chroma server runs already');
      const started = spawn(process.execPath, ['-e', PROGRAM, library, folder, String(port)], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      child = started;
      let output = '';
      started.stderr.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-5_000);
      });
      const deadline = Date.now() + START_LIMIT_MS;
      while (!(await answers(url))) {
        if (started.exitCode !== null || Date.now() > deadline)
          throw new Error(`Chroma did not start (exit ${started.exitCode}):\n${output}`);
        await sleep(RETRY_MS);
      }
    },
    async clear() {
      const client = new ChromaClient({ host: '127.0.0.1', port, ssl: false });
      for (const { name } of await client.listCollections({ limit: 1000 })) await client.deleteCollection({ name });
    },
    wipe() {
      if (child !== null) throw new Error('stop the Chroma server before its folder is emptied');
      rmSync(folder, { recursive: true, force: true });
    },
    freeze: () => child?.kill('SIGSTOP'),
    thaw: () => child?.kill('SIGCONT'),
    async stop() {
      await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/api/v2/heartbeat`, { signal: AbortSignal.timeout(1000) })).ok;
  } catch {
    return false;
  }
}
