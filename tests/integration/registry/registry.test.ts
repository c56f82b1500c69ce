/** The registry of real processes: who lives, what does not work, and how the rest of the world can ask. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import type { Heartbeat } from '../../../registry/registry.ts';
import { openRegistryView, type RegistryView } from '../../../registry/registry-view.ts';
import { useMesh } from '../../support/mesh.ts';
import { freePort } from '../../support/nats-server.ts';
import { SpanCollector } from '../../support/span-collector.ts';

const LIMIT_MS = 60_000;
const LOOK_AGAIN_MS = 100;
const run = promisify(execFile);

const mesh = useMesh('registry');
let view: RegistryView;

/** The view is asked, not told: looks until it says so, or the time is over. */
async function eventually<T>(look: () => T | undefined | Promise<T | undefined>, what: string): Promise<T> {
  const deadline = performance.now() + LIMIT_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`not within ${LIMIT_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

/** What `mesh status` prints. */
async function status(...args: string[]): Promise<string> {
  const env = { ...process.env, MESH_HOME: mesh().home, NATS_URL: mesh().nats.url, NO_COLOR: '1' };
  const cli = [join(projectRoot, 'cli/main.ts'), 'status', ...args];
  return (await run(process.execPath, cli, { env, timeout: LIMIT_MS })).stdout;
}

const service = (name: string): Heartbeat | undefined => view.services().find((beat) => beat.service === name);
const role = (name: string) => view.roles().find((state) => state.role === name);

beforeAll(() => {
  view = openRegistryView(mesh().bus);
});
afterAll(() => view.close());

describe('heartbeats of real processes', () => {
  it('say who each is, what it offers, and how much it takes', async () => {
    for (const name of ['agents', 'llm', 'tools']) {
      const beat = await eventually(() => service(name), `a heartbeat of ${name}`);
      expect(beat).toMatchObject({ pid: mesh().service(name).life.pid, version: '0.1.0', cursorLag: 0 });
      expect(beat.capacity?.memoryMb).toBeGreaterThan(20);
      expect(beat.capacity?.memoryLimitMb).toBeGreaterThan(256);
      expect(beat.capacity?.threads).toBeGreaterThanOrEqual(2);
      expect(beat.capacity?.freeSlots).toBeGreaterThan(0);
    }
    await eventually(() => (service('agents')?.state === 'ready' ? true : undefined), 'agents ready');
    expect(service('agents')?.roles).toEqual(expect.arrayContaining(['orchestrator', 'retriever', 'reviewer']));
    expect(role('llm')).toMatchObject({ healthy: true, saturated: false, tags: ['engine:extractive'] });
  });

  it('vanish when a process stops in order', async () => {
    await mesh().service('tools').down('SIGTERM');
    await eventually(() => (role('tools')?.healthy === false ? true : undefined), 'tools stopped');
    expect(role('tools')?.reason).toBe('tools has stopped');
    await mesh().service('tools').start();
    await eventually(() => (role('tools')?.healthy ? true : undefined), 'tools back');
  });

  it('are too old ten seconds after a SIGKILL, and not before', async () => {
    await eventually(() => service('tools'), 'tools alive');
    const killed = performance.now();
    await mesh().service('tools').down('SIGKILL');
    await eventually(() => (service('tools') === undefined ? true : undefined), 'tools forgotten');
    // The last beat was at most two seconds before the kill.
    expect(performance.now() - killed).toBeGreaterThan(7900);
    expect(role('tools')).toMatchObject({
      healthy: false,
      reason: expect.stringMatching(/^tools has been silent for/),
    });
    expect(role('llm')).toMatchObject({ healthy: true });
    await mesh().service('tools').start();
    await eventually(() => (role('tools')?.healthy ? true : undefined), 'tools back');
  });
});

describe('mesh status', () => {
  it('shows every service over a real mesh, for people and for programs', async () => {
    const stdout = await status();
    for (const word of ['agents', 'llm', 'tools', 'MiB', 'threads', 'engine:extractive'])
      expect(stdout).toContain(word);
    const { services } = JSON.parse(await status('--json')) as { services: Heartbeat[] };
    expect(services.map(({ service: name }) => name).sort()).toEqual(['agents', 'llm', 'tools']);
    expect(services.every(({ capacity }) => (capacity?.memoryLimitMb ?? 0) > 0)).toBe(true);
  });
});

/** The real CLI: named by MESH_NATS_CLI, on the PATH, or where `go install` puts it. */
function natsCli(): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), join(homedir(), 'go', 'bin')];
  const candidates = [process.env.MESH_NATS_CLI ?? '', ...folders.map((folder) => join(folder, 'nats'))];
  return candidates.find((path) => path !== '' && isExecutable(path)) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

describe('NATS service discovery', () => {
  it('answers by the bytes that the protocol wants', async () => {
    const answers = await mesh().bus.askVolatile('$SRV.INFO', '', { answers: 3, limitMs: LIMIT_MS });
    const infos = answers.map((data) => JSON.parse(new TextDecoder().decode(data)) as { name: string; type: string });
    expect(infos.map(({ name }) => name).sort()).toEqual(['mesh-agents', 'mesh-llm', 'mesh-tools']);
    expect(infos.every(({ type }) => type === 'io.nats.micro.v1.info_response')).toBe(true);
  });

  it('answers the real nats CLI, where there is one', async () => {
    const path = natsCli();
    // Without it the bytes above are what is known.
    if (path === null) return;
    const cli = (...args: string[]) =>
      run(path, ['--server', mesh().nats.url, 'micro', ...args], { timeout: LIMIT_MS });
    const id = await mesh().submit('tool:calculator {"expression": "6*7"}');
    await mesh().watch.result(id);
    const { stdout: list } = await cli('ls');
    for (const name of ['mesh-agents', 'mesh-llm', 'mesh-tools']) expect(list).toContain(name);
    expect((await cli('info', 'mesh-tools')).stdout).toMatch(/mesh\.in\.tools/);
    const { stdout } = await cli('stats', 'mesh-tools', '--json');
    expect(stdout).toMatch(/"num_requests":\s*[1-9]/);
  });
});

describe('breakers of real processes', () => {
  it('that are open are seen by the registry, the router and mesh status, while the task takes its fallback', async () => {
    const llm = mesh().service('llm');
    await llm.down('SIGTERM');
    // Nobody listens there.
    llm.configure({ OPENAI_BASE_URL: `http://127.0.0.1:${await freePort()}/v1`, OPENAI_MODEL: 'absent' });
    await llm.start();
    const ids = await Promise.all(
      Array.from({ length: 6 }, () => mesh().submit({ prompt: 'What is a ledger?', workflow: 'direct' })),
    );
    for (const id of ids) expect(await mesh().watch.result(id)).toMatchObject({ name: 'task.completed' });
    const open = await eventually(
      () => service('llm')?.breakers?.find(({ name, state }) => name === 'llm:openai' && state === 'open'),
      'an open breaker in the heartbeat',
    );
    expect(open).toMatchObject({ failures: expect.any(Number), reason: expect.stringContaining('127.0.0.1') });
    expect(role('llm')).toMatchObject({ healthy: true, openBreakers: ['llm:openai'] });
    expect(await status()).toMatch(/! llm on \S+: llm:openai is left alone for .* after \d+ failures: /);
  });
});

describe('spans of real processes', () => {
  it('carry the task, the threads and the memory', async () => {
    const collector = await SpanCollector.open();
    const tools = mesh().service('tools');
    await tools.down('SIGTERM');
    tools.configure({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, UV_THREADPOOL_SIZE: '6' });
    await tools.start();
    const id = await mesh().submit('tool:calculator {"expression": "2+2"}');
    await mesh().watch.result(id);
    const span = await collector.span(({ name }) => name === 'agent.tool_call', LIMIT_MS, 'of the tool');
    expect(span).toMatchObject({
      ...{ service: 'mesh-tools', failed: false, traceId: id.replaceAll('-', '') },
      attributes: { 'mesh.correlation_id': id, 'process.threads': 7, 'process.memory.limit_mb': 512 },
    });
    expect(span.attributes['process.memory.rss_mb']).toBeGreaterThan(20);
    await collector.close();
  });
});
