/**
 * A mesh of a user's own, from an empty folder: `mesh init`, a role that is written there, its workflow, a tool, and a
 * process that dies in the middle of that role's effect. Owns: the promises of docs/your-own.md.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { killProcess } from '../support/kill.ts';
import { createMeshCommand, type MeshCommand } from './command.ts';

const ARRIVAL_LIMIT_MS = 60_000;
const folder = mkdtempSync(join(tmpdir(), 'mesh-own-'));
const own = join(folder, 'my-mesh');
/** Every call of the role's effect, in order; the test answers them. */
const calls: { readonly key: string; readonly body: string; readonly response: ServerResponse }[] = [];
let server: Server;

let mesh: MeshCommand;

/** Asks the test's server under its idempotency key, and waits for what that says. */
const clerk = (port: number): string => `
import { defineRole, effect, type HopInput, type HopOutput, workMachine } from 'agent-mesh';

export const clerk = defineRole({
  name: 'clerk',
  machine: workMachine('clerk', 'ask'),
  effects: {
    ask: effect<HopInput, HopOutput>({ fence: 'keyed', timeoutMs: 60_000 }, async ({ tool }, { key, signal }) => {
      const reply = await fetch('http://127.0.0.1:${port}/', { headers: { 'idempotency-key': key }, signal });
      const text = \`\${tool?.result}, says the clerk: \${await reply.text()}\`;
      return { engine: 'clerk', summary: 'asked', answer: { text, citations: [] } };
    }),
  },
});
`;

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const body = await text(request);
    if (request.url === '/v1/models') return void response.end('{"data":[{"id":"m1"}]}');
    calls.push({ key: String(request.headers['idempotency-key']), body, response });
    server.emit('call');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const outside = await createMeshCommand({}, folder);
  expect(await outside.run(['init', 'my-mesh'])).toMatchObject({ code: 0 });
  rmSync(outside.home, { recursive: true });
  writeFileSync(join(own, 'roles', 'clerk.ts'), clerk((server.address() as AddressInfo).port));
  const steps = [
    { step: 'look-up', role: 'tools' },
    { step: 'ask', role: 'clerk' },
  ];
  const workflow = { name: 'clerical', description: 'Look a word up, and ask the clerk.', steps };
  writeFileSync(join(own, 'workflows', 'clerical.json'), JSON.stringify(workflow));
  const config = join(own, 'mesh.config.ts');
  const changed = readFileSync(config, 'utf8')
    .replace(/^import \{ translator \}/m, "import { clerk } from './roles/clerk.ts';\n$&")
    .replace('roles: [translator]', 'roles: [translator, clerk]');
  writeFileSync(config, changed);
  mesh = await createMeshCommand({ MESH_HOME: '', ...model() }, own);
});
afterAll(async () => {
  await mesh.end();
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The call of that number, counted from 0. */
async function call(at: number): Promise<(typeof calls)[number]> {
  for (;;) {
    const arrived = calls[at];
    if (arrived !== undefined) return arrived;
    await once(server, 'call', { signal: AbortSignal.timeout(ARRIVAL_LIMIT_MS) });
  }
}

/** What the language model says. */
function answer(response: ServerResponse, content: string): void {
  response.setHeader('content-type', 'application/json');
  const message = { role: 'assistant', content };
  response.end(JSON.stringify({ choices: [{ index: 0, message, finish_reason: 'stop' }] }));
}

const model = (): Record<string, string> => ({
  OPENAI_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
  OPENAI_MODEL: 'm1',
});

/** `mesh up --watch`, and what it has said. */
let up: ChildProcess | null = null;
let told = '';

async function saying(words: string): Promise<void> {
  while (!told.includes(words)) {
    if (up === null) throw new Error('the mesh is not up');
    await once(up, 'told', { signal: AbortSignal.timeout(ARRIVAL_LIMIT_MS) });
  }
}

const pidOf = (service: string): number | null => {
  const state: { services: { name: string; state: string; process: { pid: number } | null }[] } = JSON.parse(
    readFileSync(join(own, '.mesh', 'run.json'), 'utf8'),
  );
  const found = state.services.find(({ name }) => name === service);
  return found?.state === 'ready' ? (found.process?.pid ?? null) : null;
};

test('a folder that is not empty is left as it is', async () => {
  const { code, stderr } = await mesh.run(['init', '.']);
  expect(code).toBe(2);
  expect(stderr).toContain('is not empty');
});

test('S4 S6: a role, a workflow and a tool of the folder do a task whose host is killed in the middle', async () => {
  up = mesh.start(['up', '--watch']);
  up.stdout?.setEncoding('utf8').on('data', (some: string) => {
    told += some;
    up?.emit('told');
  });
  await saying('ready on nats://');
  expect(told).toContain('indexing the documents of this mesh');
  expect(existsSync(join(own, '.mesh', 'ledger', 'agents.db'))).toBe(true);
  const running = mesh.run(['run', '--json', '--workflow', 'clerical', 'tool:glossary {"word": "mesh"}']);
  const first = await call(0);
  const killed = pidOf('agents');
  killProcess(killed);
  const again = await call(1);
  expect(again.key).toBe(first.key);
  again.response.end('yes');
  const { code, stdout } = await running;
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    status: 'completed',
    answer: 'mesh is Netz, says the clerk: yes',
    engine: 'clerk',
    hops: [
      { role: 'tools', status: 'completed' },
      { role: 'clerk', status: 'completed' },
    ],
  });
  expect(calls).toHaveLength(2);
  expect(pidOf('agents')).not.toBe(killed);
});

test('the role of the template prompts a model its own way, and the model’s host is killed in the middle', async () => {
  const begun = calls.length;
  const running = mesh.run(['run', '--workflow', 'translate', 'Good morning']);
  const first = await call(begun);
  expect(JSON.parse(first.body)).toMatchObject({
    messages: [
      { role: 'system', content: readFileSync(join(own, 'prompts', 'translator.md'), 'utf8') },
      { role: 'user', content: 'Good morning' },
    ],
  });
  killProcess(pidOf('llm'));
  const again = await call(begun + 1);
  answer(again.response, 'Guten Morgen');
  expect(await running).toMatchObject({ code: 0, stdout: expect.stringContaining('Guten Morgen') });
});

test('its documents are in the knowledge base', async () => {
  const { stdout } = await mesh.run(['search', 'knowledge base of the mesh']);
  expect(stdout).toContain('docs/about.md');
});

test('an edit is taken while the mesh runs, and one with a mistake is not', async () => {
  const words = join(own, 'tools', 'words.ts');
  const before = readFileSync(words, 'utf8');
  writeFileSync(words, before.replace("'Netz'", "'Geflecht'"));
  await saying('tools takes what was edited');
  const asked = ['run', '--json', 'tool:glossary {"word": "mesh"}'];
  const mended = await mesh.run(asked);
  expect(JSON.parse(mended.stdout)).toMatchObject({ answer: expect.stringContaining('mesh is Geflecht') });
  writeFileSync(words, `${before}\nconst x = (;\n`);
  await saying('tools/words.ts changed and cannot be taken');
  const still = await mesh.run(asked);
  expect(JSON.parse(still.stdout)).toMatchObject({ answer: expect.stringContaining('mesh is Geflecht') });
  writeFileSync(words, before);
});

test('S4: the same mesh in a program, which is killed in the middle and started again', async () => {
  await mesh.run(['down']);
  const begun = calls.length;
  const program = () => {
    const env = { ...process.env, ...model(), MESH_HOME: '' };
    return spawn(process.execPath, ['program.ts', 'Good night'], {
      cwd: own,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  };
  const first = program();
  await call(begun);
  const ended = once(first, 'exit');
  killProcess(first.pid ?? null);
  await ended;
  const second = program();
  const again = await call(begun + 1);
  answer(again.response, 'Gute Nacht');
  expect(await text(second.stdout)).toBe('Gute Nacht\n');
  expect(second.exitCode ?? (await once(second, 'exit'))[0]).toBe(0);
  expect(calls).toHaveLength(begun + 2);
});

test('a mistake in the config is named, and nothing is started', async () => {
  const config = join(own, 'mesh.config.ts');
  const before = readFileSync(config, 'utf8');
  writeFileSync(config, before.replace('./prompts/code.md', './prompts/none.md'));
  const { code, stderr } = await mesh.run(['up', '--detach']);
  writeFileSync(config, before);
  expect(code).toBe(2);
  expect(stderr).toContain('mesh.config.ts: prompts.code: there is no file ./prompts/none.md');
});
