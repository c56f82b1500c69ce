/**
 * A real nats-server for tests. Owns: its process, port, configuration and store folder. Does not own: what is stored.
 *
 * The binary is `MESH_NATS_SERVER`, or `nats-server` on the PATH. `kill` is SIGKILL, so a test sees what a crash
 * leaves behind; `start` after it uses the same port and store.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const START_LIMIT_MS = 15_000;
const STOP_LIMIT_MS = 5000;
const RETRY_MS = 20;
/** Where Debian puts the server, and what the PATH of an ordinary user leaves out. */
const SYSTEM_BINARIES = '/usr/sbin';
const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;
/** Below those that systems give to connections: nobody gets one of these by chance before it is listened on. */
const PORTS_FROM = 10_000;
const PORTS = 22_000;
let nextPort = randomInt(PORTS);

export interface NatsServerOptions {
  /** Path of the nats-server binary. */
  readonly binary?: string;
  /** False starts a server without JetStream. */
  readonly jetStream?: boolean;
  /** Further lines of configuration. */
  readonly extraConfig?: string;
  /** Where it stores; in its own folder when absent. */
  readonly storeDir?: string;
}

export interface NatsServer {
  readonly url: string;
  readonly port: number;
  readonly storeDir: string;
  /** Process id of the running server, or null. */
  readonly pid: number | null;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts again on the same port and store. */
  start(): Promise<void>;
  /** Removes everything stored; only while the server does not run. */
  wipeStore(): Promise<void>;
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
}

export function findNatsServer(): string {
  const named = process.env.MESH_NATS_SERVER;
  if (named !== undefined && named !== '') return named;
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), SYSTEM_BINARIES]) {
    const candidate = join(folder, 'nats-server');
    if (isExecutable(candidate)) return candidate;
  }
  throw new Error('no nats-server found: install it (apt-get install nats-server) or set MESH_NATS_SERVER to its path');
}

export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const server = new ServerProcess(options.binary ?? findNatsServer(), await freePort(), await makeFolder(), options);
  await server.start();
  return server;
}

class ServerProcess implements NatsServer {
  readonly url: string;
  readonly port: number;
  readonly storeDir: string;
  readonly #binary: string;
  readonly #folder: string;
  readonly #options: NatsServerOptions;
  #child: ChildProcess | null = null;

  constructor(binary: string, port: number, folder: string, options: NatsServerOptions) {
    this.#binary = binary;
    this.port = port;
    this.url = `nats://127.0.0.1:${port}`;
    this.#folder = folder;
    this.storeDir = options.storeDir ?? join(folder, 'store');
    this.#options = options;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  async start(): Promise<void> {
    if (this.#child !== null) throw new Error('this nats-server runs already');
    const config = join(this.#folder, 'server.conf');
    await writeFile(config, this.#config());
    const child = spawn(this.#binary, ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    let output = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-10_000);
    });
    this.#child = child;
    const failed = new Promise<never>((_, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`nats-server ended with ${code} while starting:\n${output}`)));
    });
    failed.catch(() => undefined);
    await Promise.race([untilListening(this.port), failed]);
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async wipeStore(): Promise<void> {
    if (this.#child !== null) throw new Error('stop the nats-server before its store is removed');
    await rm(this.storeDir, { recursive: true, force: true });
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    const forced = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await gone;
    clearTimeout(forced);
  }

  #config(): string {
    const lines = [`listen: "127.0.0.1:${this.port}"`, `max_payload: ${MAX_PAYLOAD_BYTES}`];
    if (this.#options.jetStream !== false) lines.push(`jetstream { store_dir: ${JSON.stringify(this.storeDir)} }`);
    if (this.#options.extraConfig !== undefined) lines.push(this.#options.extraConfig);
    return `${lines.join('\n')}\n`;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown) return false;
    throw thrown;
  }
}

function makeFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'mesh-nats-'));
}

/** A port nobody listens on now, and none that was given before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS_FROM + (nextPort++ % PORTS);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/** The server is ready when it greets: JetStream has recovered its streams before that. */
async function untilListening(port: number): Promise<void> {
  const deadline = performance.now() + START_LIMIT_MS;
  while (performance.now() < deadline) {
    if (await greets(port)) return;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  throw new Error(`nats-server does not listen on port ${port} after ${START_LIMIT_MS} ms`);
}

function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const answer = (greeted: boolean) => {
      socket.destroy();
      resolve(greeted);
    };
    socket.once('data', () => answer(true));
    socket.once('error', () => answer(false));
    socket.once('close', () => answer(false));
  });
}
