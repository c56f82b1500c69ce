/**
 * A Dapr sidecar for one test: a real daprd, with the components of a folder or with a pub/sub in its memory. Owns: finding the
 * program, its ports, and its end. Does not own: the app it stands beside.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { projectRoot } from '../../config/settings.ts';
import { Changes } from './changes.ts';
import { freePort } from './nats-server.ts';

const START_LIMIT_MS = 60_000;

/** Null where there is none; tests/fixtures/daprd says how to build one. */
export function daprdPath(): string | null {
  const folders = [join(projectRoot, '.mesh', 'tools', 'daprd'), ...(process.env.PATH ?? '').split(delimiter)];
  return folders.map((folder) => join(folder, 'daprd')).find((path) => existsSync(path)) ?? null;
}

interface AppOptions {
  readonly appId?: string;
  readonly appPort: string;
  readonly healthPath?: string;
  /** A file with a `Configuration`. */
  readonly config?: string;
  /** Such as APP_API_TOKEN. */
  readonly env?: NodeJS.ProcessEnv;
}
/** A folder of components, or the name of one in memory. */
export type SidecarOptions = AppOptions & ({ readonly resources: string } | { readonly pubsub: string });

function inMemory(name: string): string {
  const component = { apiVersion: 'dapr.io/v1alpha1', kind: 'Component', metadata: { name } };
  return JSON.stringify({ ...component, spec: { type: 'pubsub.in-memory', version: 'v1', metadata: [] } });
}

export class Sidecar {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #port: number;
  readonly #changes = new Changes();

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#child = child;
    this.#folder = folder;
    this.#port = port;
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) throw new Error('daprd has no output');
      createInterface({ input: stream }).on('line', (line) => {
        this.lines.push(line);
        this.#changes.tell();
      });
    }
  }

  static async start(path: string, options: SidecarOptions): Promise<Sidecar> {
    const { appId = 'mesh', appPort, healthPath = '/healthz', config, env = {} } = options;
    const folder = mkdtempSync(join(tmpdir(), 'mesh-daprd-'));
    if ('pubsub' in options) writeFileSync(join(folder, 'pubsub.yaml'), inMemory(options.pubsub));
    const resources = 'resources' in options ? options.resources : folder;
    const ports = await Promise.all(Array.from({ length: 3 }, () => freePort()));
    const [http = 0, grpc, internal] = ports;
    const args = [
      ...['--app-id', appId, '--app-port', appPort, '--app-protocol', 'http', '--enable-app-health-check'],
      ...['--app-health-check-path', healthPath, '--app-health-probe-interval', '1', '--resources-path', resources],
      ...(config === undefined ? [] : ['--config', config]),
      ...['--dapr-http-port', http, '--dapr-grpc-port', grpc, '--dapr-internal-grpc-port', internal].map(String),
      ...['--enable-metrics=false', '--mode', 'standalone', '--dapr-internal-grpc-listen-address', '127.0.0.1'],
      ...['--dapr-listen-addresses', '127.0.0.1', '--log-level', 'info'],
    ];
    const child = spawn(path, args, {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const sidecar = new Sidecar(child, folder, http);
    // It says nothing of subscriptions that are declared.
    const begun = 'pubsub' in options ? 'app is subscribed to the following topics' : 'App entered healthy status';
    await sidecar.line((line) => line.includes(begun));
    return sidecar;
  }

  /** The first line of its log that fits. */
  line(fits: (line: string) => boolean): Promise<string> {
    const what = () => `daprd did not say it: ${this.lines.slice(-8).join('\n')}`;
    return this.#changes.until(() => this.lines.find(fits), START_LIMIT_MS, what);
  }

  /** Publishes by the sidecar's own API; resolves with the status of its answer. */
  async publish(
    pubsub: string,
    topic: string,
    body: string,
    contentType: string,
    more: Record<string, string> = {},
  ): Promise<number> {
    const headers = { 'content-type': contentType, ...more };
    return (await this.ask(`v1.0/publish/${pubsub}/${topic}`, { method: 'POST', headers, body })).status;
  }

  /** Any call of its HTTP API. */
  ask(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.#port}/${path}`, init);
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = once(this.#child, 'exit');
      this.#child.kill('SIGKILL');
      await gone;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
