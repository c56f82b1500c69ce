/**
 * A Dapr sidecar for one test: a real daprd with a pub/sub component in its memory. Owns: finding the program, its
 * ports, and its end. Does not own: the app it stands beside.
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

  /** @param env such as APP_API_TOKEN */
  static async start(path: string, appPort: string, pubsub: string, env: NodeJS.ProcessEnv = {}): Promise<Sidecar> {
    const folder = mkdtempSync(join(tmpdir(), 'mesh-daprd-'));
    const component = { apiVersion: 'dapr.io/v1alpha1', kind: 'Component', metadata: { name: pubsub } };
    const spec = { type: 'pubsub.in-memory', version: 'v1', metadata: [] };
    writeFileSync(join(folder, 'pubsub.yaml'), JSON.stringify({ ...component, spec }));
    const ports = await Promise.all(Array.from({ length: 3 }, () => freePort()));
    const [http = 0, grpc, internal] = ports;
    const args = [
      ...['--app-id', 'mesh', '--app-port', appPort, '--app-protocol', 'http', '--enable-app-health-check'],
      ...['--app-health-check-path', '/healthz', '--app-health-probe-interval', '1', '--resources-path', folder],
      ...['--dapr-http-port', http, '--dapr-grpc-port', grpc, '--dapr-internal-grpc-port', internal].map(String),
      ...['--enable-metrics=false', '--mode', 'standalone', '--dapr-internal-grpc-listen-address', '127.0.0.1'],
      ...['--dapr-listen-addresses', '127.0.0.1', '--log-level', 'info'],
    ];
    const child = spawn(path, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const sidecar = new Sidecar(child, folder, http);
    await sidecar.line((line) => line.includes('app is subscribed to the following topics'));
    return sidecar;
  }

  /** The first line of its log that fits. */
  line(fits: (line: string) => boolean): Promise<string> {
    const what = () => `daprd did not say it: ${this.lines.slice(-8).join('\n')}`;
    return this.#changes.until(() => this.lines.find(fits), START_LIMIT_MS, what);
  }

  /** Publishes by the sidecar's own API; resolves with the status of its answer. */
  async publish(pubsub: string, topic: string, body: string, contentType: string): Promise<number> {
    const url = `http://127.0.0.1:${this.#port}/v1.0/publish/${pubsub}/${topic}`;
    return (await fetch(url, { method: 'POST', headers: { 'content-type': contentType }, body })).status;
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
