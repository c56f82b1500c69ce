/**
 * The `mesh` command as a user has it, on a mesh of its own: a temporary home and a free port. Owns: running commands
 * and ending the mesh. Does not own: what is expected of them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, nkeyAuthenticator } from 'nats';
import { freePort } from '../support/nats-server.ts';

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface MeshCommand {
  readonly home: string;
  readonly port: number;
  /** Of the gateway. */
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly dashboardPort: number;
  run(args: readonly string[], env?: Record<string, string>): Promise<Outcome>;
  /** Starts a command that goes on, such as `watch`. */
  start(args: readonly string[]): ChildProcess;
  /** Publishes as any NATS client does that has the key of who may submit. */
  publish(subject: string, payload: string): Promise<void>;
  /** Ends the mesh and removes its home. */
  end(): Promise<void>;
}

const root = join(import.meta.dirname, '..', '..');
/** Tools that act run without a yes, whoever submits: for tests that are about something else. */
export const everyTool = join(root, 'tests', 'support', 'every-tool.policy.json');

/** @param folder in which the commands are called */
export async function createMeshCommand(env: Record<string, string> = {}, folder = root): Promise<MeshCommand> {
  const home = mkdtempSync(join(tmpdir(), 'mesh-e2e-'));
  const port = await freePort();
  const [grpcPort, httpPort, dashboardPort] = [await freePort(), await freePort(), await freePort()];
  const ports = {
    MESH_NATS_PORT: String(port),
    MESH_GRPC_PORT: String(grpcPort),
    MESH_HTTP_PORT: String(httpPort),
    MESH_DASHBOARD_PORT: String(dashboardPort),
  };
  const base = { ...process.env, MESH_HOME: home, ...ports, NO_COLOR: '1', ...env };
  const start = (args: readonly string[], more: Record<string, string> = {}): ChildProcess =>
    spawn(join(root, 'mesh'), args, { cwd: folder, env: { ...base, ...more }, stdio: ['ignore', 'pipe', 'pipe'] });
  const run = async (args: readonly string[], more: Record<string, string> = {}): Promise<Outcome> => {
    const child = start(args, more);
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout, stderr };
  };
  return {
    home,
    port,
    httpPort,
    grpcPort,
    dashboardPort,
    run,
    start,
    async publish(subject, payload) {
      const seed = readFileSync(join(home, 'nats', 'keys', 'public.nk'));
      const authenticator = nkeyAuthenticator(new TextEncoder().encode(seed.toString().trim()));
      const client = await connect({ servers: `127.0.0.1:${port}`, authenticator, inboxPrefix: '_INBOX.public' });
      client.publish(subject, payload);
      await client.flush();
      await client.close();
    },
    async end() {
      await run(['down']);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Calls until the answer is there. @throws the last reason when it did not come in time */
export async function eventually<T>(ask: () => Promise<T | null>, limitMs = 120_000): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms`);
  }
}
