/** Restate: its server, and a worker that it calls. Owns: their configuration, and telling the server of the worker. */
import { existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { listening } from '../processes.ts';
import type { Place, System } from '../system.ts';

const REGISTER_LIMIT_MS = 30_000;
const RETRY_MS = 50;

function serverBinary(installDir: string): string {
  const at = createRequire(join(installDir, 'package.json'));
  const own = createRequire(at.resolve('@restatedev/restate-server/package.json'));
  const platform = `@restatedev/restate-server-${process.platform}-${process.arch}/package.json`;
  return join(dirname(own.resolve(platform)), 'bin', 'restate-server');
}

async function configuration({ dataDir, port }: Place): Promise<string> {
  const [node, ingress, admin] = [await port('node'), await port('ingress'), await port('admin')];
  const lines = [
    'auto-provision = true',
    'disable-telemetry = true',
    'node-name = "race"',
    `base-dir = ${JSON.stringify(join(dataDir, 'restate'))}`,
    `advertised-address = "http://127.0.0.1:${node}"`,
    'bind-ip = "127.0.0.1"',
    `bind-port = ${node}`,
    '[ingress]',
    `bind-address = "127.0.0.1:${ingress}"`,
    '[admin]',
    `bind-address = "127.0.0.1:${admin}"`,
  ];
  const path = join(dataDir, 'restate.toml');
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

async function register(place: Place): Promise<void> {
  const url = `http://127.0.0.1:${await place.port('admin')}/deployments`;
  const body = JSON.stringify({ uri: `http://127.0.0.1:${await place.port('worker')}` });
  const deadline = performance.now() + REGISTER_LIMIT_MS;
  for (;;) {
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    if (response.ok) return;
    if (performance.now() > deadline) throw new Error(`the worker is not taken: ${await response.text()}`);
    await sleep(RETRY_MS);
  }
}

export const restate: System = {
  inProcess: false,
  async start(place) {
    const first = !existsSync(join(place.dataDir, 'restate'));
    const config = await configuration(place);
    const quiet = { RUST_LOG: 'warn', DO_NOT_TRACK: '1', RESTATE_LOGGING: 'WARN', NODE_ENV: 'production' };
    const worker = [join(import.meta.dirname, '..', 'worker.ts'), join(place.installDir, 'restate.mjs')];
    await Promise.all([
      place.processes.start('engine', [serverBinary(place.installDir), '--config-file', config], { env: quiet }),
      place.processes.start('worker', [process.execPath, ...worker, String(await place.port('worker'))], {
        env: { ...place.env, ...quiet },
        ready: 'ready',
      }),
    ]);
    for (const name of ['admin', 'ingress']) await listening(await place.port(name));
    if (first) await register(place);
  },
  callers: async ({ installDir, port }) => ({
    program: join(installDir, 'restate.mjs'),
    address: String(await port('ingress')),
  }),
};
