/**
 * What goes wrong on a user's machine. Owns: one clear line and the right exit code for each.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { projectRoot } from '../../config/settings.ts';
import { asNobody, canBeNobody } from '../support/nobody.ts';
import { createMeshCommand, eventually, type MeshCommand, type Outcome } from './command.ts';

let mesh: MeshCommand | undefined;
afterEach(async () => {
  await mesh?.end();
  mesh = undefined;
});

function expectOneLine({ stderr }: Outcome, pattern: RegExp): void {
  const lines = stderr.trim().split('\n');
  expect(lines.at(-1)).toMatch(pattern);
  expect(stderr).not.toMatch(/\n\s+at /);
}

/** All that somebody of this machine may try by HTTP and HTTP/2 on the ports of a mesh: what came back, one line each. */
const TRIES = `
const [, http, grpc, dashboard, task] = process.argv;
const a2a = 'http://127.0.0.1:' + http;
const board = 'http://127.0.0.1:' + dashboard;
const json = { 'content-type': 'application/json', 'a2a-version': '1.0' };
const message = { message: { messageId: 'm', role: 'ROLE_USER', parts: [{ text: 'tool:clock {}' }] } };
const rpc = (method, params) => JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
const tries = [
  [a2a + '/a2a/rest/tasks'],
  [a2a + '/a2a/rest/tasks/' + task],
  [a2a + '/a2a/rest/message:send', JSON.stringify(message)],
  [a2a + '/a2a/rest/tasks/' + task + ':cancel', '{}'],
  [a2a + '/a2a/jsonrpc', rpc('ListTasks', {})],
  [a2a + '/a2a/jsonrpc', rpc('SendMessage', message)],
  [a2a + '/dapr/subscribe'],
  [a2a + '/.well-known/agent-card.json'],
  [board + '/'],
  [board + '/api/board'],
  [board + '/api/task/' + task],
  [board + '/events'],
  [board + '/api/command', JSON.stringify({ kind: 'submit', prompt: 'tool:clock {}' })],
];
const empty = (path) => new Promise((resolve) => {
  const session = require('node:http2').connect('http://127.0.0.1:' + grpc);
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });
  const ends = (headers) => { if (headers['grpc-status'] !== undefined) resolve(path + ' ' + headers['grpc-status']); };
  stream.on('response', ends).on('trailers', ends).on('close', () => session.close()).resume();
  stream.end(Buffer.alloc(5));
});
(async () => {
  for (const [url, body] of tries) {
    const response = await fetch(url, { headers: json, ...(body ? { method: 'POST', body } : {}) });
    console.log(response.status, url, (await response.text()).includes('MESH_LOOPBACK_USERS=any'));
  }
  for (const one of ['mesh.v1.MeshService/List', 'mesh.v1.MeshService/SetMode', 'mesh.v1.MeshService/Watch', 'lf.a2a.v1.A2AService/ListTasks'])
    console.log(await empty('/' + one));
  process.exit(0);
})();
`;

async function expectNothingForOthers(own: MeshCommand, task: string): Promise<void> {
  const args = ['-e', TRIES, String(own.httpPort), String(own.grpcPort), String(own.dashboardPort), task];
  const { text } = await asNobody(process.execPath, ...args);
  const lines = text.trim().split('\n');
  expect(lines).toHaveLength(17);
  // Refused, with what to do; 7 is PERMISSION_DENIED.
  expect(lines.filter((line) => !/^403 \S+ true$|^\/\S+ 7$/.test(line))).toEqual([]);
  const asTheirs = [`MESH_HOME=${own.home}`, `MESH_NATS_PORT=${own.port}`, join(projectRoot, 'mesh'), 'tasks'];
  expect((await asNobody('env', ...asTheirs)).ok).toBe(false);
  expect(JSON.parse((await own.run(['tasks', '--json'])).stdout)).toHaveLength(1);
}

describe('configuration', () => {
  it.each([
    ['MESH_LEASE_TTL_MS', 'soon'],
    ['NATS_URL', 'http://127.0.0.1:1'],
    ['OPENAI_BASE_URL', 'not a url'],
    ['ROUTER_CONFIDENCE_THRESHOLD', '7'],
    ['LLM_MODEL_PATH', '/nowhere/model.gguf'],
    ['MESH_MCP_CONFIG', '/nowhere/mcp.json'],
  ])('%s=%s ends with exit code 2 and names the setting', async (name, value) => {
    mesh = await createMeshCommand({ [name]: value });
    const outcome = await mesh.run(['up', '--detach']);
    expect(outcome.code).toBe(2);
    expectOneLine(outcome, new RegExp(name));
  });

  it('a home that cannot be written ends with exit code 2', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mesh-e2e-file-'));
    writeFileSync(join(folder, 'file'), '');
    mesh = await createMeshCommand({ MESH_HOME: join(folder, 'file', 'home') });
    const outcome = await mesh.run(['up', '--detach']);
    expect(outcome.code).toBe(2);
    expectOneLine(outcome, /MESH_HOME|home/i);
    rmSync(folder, { recursive: true });
  });

  it('a taken port ends with exit code 2 and says which', async () => {
    mesh = await createMeshCommand();
    const taker = createServer().listen(mesh.port, '127.0.0.1');
    const outcome = await mesh.run(['up', '--detach']);
    taker.close();
    expect(outcome.code).toBe(2);
    expectOneLine(outcome, new RegExp(String(mesh.port)));
  });

  it('a wrong workflow file stops a start at once, with file and field', async () => {
    const file = join(import.meta.dirname, '..', '..', 'actors', 'workflows', 'wrong-turn.json');
    const steps = [{ step: 'one', role: 'coder', timeoutMs: 'soon' }];
    writeFileSync(file, JSON.stringify({ name: 'wrong-turn', description: 'A file with a mistake.', steps }));
    try {
      mesh = await createMeshCommand();
      const outcome = await mesh.run(['up', '--detach']);
      expect(outcome.code).toBe(2);
      expectOneLine(outcome, /^mesh: agents: wrong-turn\.json\/steps\/0\/timeoutMs must be integer$/);
      expect(outcome.stderr).not.toContain('"level"');
    } finally {
      rmSync(file);
    }
  });

  it('a NATS server that is not there ends with exit code 3', async () => {
    mesh = await createMeshCommand({ NATS_URL: 'nats://127.0.0.1:1' });
    const outcome = await mesh.run(['tasks']);
    expect(outcome.code).toBe(3);
    expectOneLine(outcome, /127\.0\.0\.1:1/);
  });

  it.each([[['run']], [['show', 'zz']], [['nonsense']], [['run', '--id', 'not-a-uuid', 'x']]])(
    '%j is a usage error',
    async (args) => {
      mesh = await createMeshCommand();
      expect((await mesh.run(args)).code).toBe(2);
    },
  );
});

describe('killed processes', () => {
  it('come back by themselves, and a task asked meanwhile is answered', async () => {
    mesh = await createMeshCommand();
    const own = mesh;
    await own.run(['up', '--detach']);
    const status = async () =>
      JSON.parse((await own.run(['status', '--json'])).stdout) as {
        processes: { name: string; pid: number; state: string }[];
      };
    const before = await status();
    for (const { pid } of before.processes) process.kill(pid, 'SIGKILL');
    const after = await eventually(async () => {
      const now = await status();
      const back = now.processes.every(
        ({ state, pid }, index) => state === 'ready' && pid !== before.processes[index]?.pid,
      );
      return back ? now : null;
    });
    expect(after.processes).toHaveLength(before.processes.length);
    const { code } = await own.run(['run', 'What is 6 * 7?']);
    expect(code).toBe(0);
  });

  it('other users get nothing; down leaves nothing running, and what was asked is there after the next up', async () => {
    mesh = await createMeshCommand();
    const { stdout } = await mesh.run(['run', '--json', 'What is 6 * 7?']);
    if (canBeNobody) await expectNothingForOthers(mesh, (JSON.parse(stdout) as { taskId: string }).taskId);
    await mesh.run(['down']);
    expect((await mesh.run(['status'])).code).not.toBe(0);
    await mesh.run(['up', '--detach']);
    expect((await mesh.run(['tasks'])).stdout).toContain('What is 6 * 7?');
  });
});
