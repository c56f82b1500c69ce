/**
 * Runs A2A's compatibility kit (github.com/a2aproject/a2a-tck) against a private mesh, over all three bindings. Owns:
 * starting and ending the mesh, and naming the kit's commit. Does not own: the kit, of which nothing is kept here.
 *
 *   git clone https://github.com/a2aproject/a2a-tck KIT && (cd KIT && git checkout COMMIT)
 *   python3 -m venv VENV && VENV/bin/pip install -e KIT
 *   node tests/a2a-kit/run.ts KIT VENV/bin/python [argument of run_tck.py …]
 *
 * Ends with the exit code of the kit. Its reports lie in KIT/reports.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { connectBus } from '../../bus/nats-bus.ts';
import { freePort, startNatsServer } from '../support/nats-server.ts';
import { ServiceProcess } from '../support/service-process.ts';
import { TOOL_TIMEOUT_MS } from './script.ts';

const READY_LIMIT_MS = 30_000;
const here = import.meta.dirname;
const [kit, python = 'python3', ...further] = process.argv.slice(2);
if (kit === undefined) {
  console.error('usage: node tests/a2a-kit/run.ts KIT [PYTHON [argument of run_tck.py …]]');
  process.exit(2);
}

async function isReady(child: ChildProcess): Promise<void> {
  if (child.stdout === null) throw new Error('the gateway has no output');
  const late = setTimeout(() => child.kill(), READY_LIMIT_MS);
  for await (const line of createInterface({ input: child.stdout })) {
    clearTimeout(late);
    if (line === 'ready') return;
  }
  throw new Error('the gateway does not start');
}

const home = mkdtempSync(join(tmpdir(), 'mesh-a2a-kit-'));
const logs = join(home, 'logs');
mkdirSync(logs);
const servers = {
  kit: { command: process.execPath, args: [join(here, 'tools.ts')], timeoutMs: TOOL_TIMEOUT_MS },
};
writeFileSync(join(home, 'mcp.json'), JSON.stringify({ mcpServers: servers }));
const nats = await startNatsServer({});
const bus = await connectBus({ url: nats.url, name: 'a2a-kit-setup' });
await bus.ensureTopology();
await bus.close();
// The kit plays no person who says yes to each of its own tools.
const policy = join(here, '..', 'support', 'every-tool.policy.json');
const env = { NATS_URL: nats.url, MESH_HOME: home, MESH_MCP_CONFIG: join(home, 'mcp.json'), TOOLS_POLICY: policy };
const workflows = { MESH_WORKFLOWS: join(here, '..', 'fixtures', 'a2a-kit') };
const services = (['agents', 'llm', 'tools'] as const).map(
  (service) => new ServiceProcess({ service, name: service, folder: logs, env: { ...env, ...workflows } }),
);
const [httpPort, grpcPort] = [await freePort(), await freePort()];
const started: ChildProcess[] = [];
try {
  await Promise.all(services.map((service) => service.start()));
  const args = [join(here, 'gateway.ts'), nats.url, String(httpPort), String(grpcPort)];
  const gateway = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  started.push(gateway);
  await isReady(gateway);
  const git = { cwd: kit, encoding: 'utf8' } as const;
  console.log(`kit ${execFileSync('git', ['log', '-1', '--format=%H %cs'], git).trim()}`);
  const runner = ['run_tck.py', '--sut-host', `http://127.0.0.1:${httpPort}`, ...further];
  const run = spawn(resolve(python), runner, { cwd: kit, stdio: 'inherit' });
  started.push(run);
  process.exitCode = await new Promise<number>((done) => run.once('close', (code) => done(code ?? 1)));
} finally {
  for (const child of started) child.kill();
  await Promise.all(services.map((service) => service.close()));
  await nats.stop();
  rmSync(home, { recursive: true, force: true });
}
