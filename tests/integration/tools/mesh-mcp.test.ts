/**
 * `mesh mcp` as a real MCP client sees it: the SDK's client starts the command and speaks with it over its standard
 * input and output, in the newest protocol and in the one before.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type CallToolResult, Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { codeOf } from '../../../cli/errors.ts';
import { projectRoot } from '../../../config/settings.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { killProcess } from '../../support/kill.ts';
import { useOddMesh } from './support/odd-mesh.ts';
import { until } from './support/until.ts';

const LIMIT_MS = 90_000;
const { mesh, calls, called } = useOddMesh('mesh-mcp');
const clients: Client[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

function environment(): Record<string, string> {
  const own = {
    NATS_URL: mesh().nats.url,
    MESH_HOME: mesh().home,
    MESH_KNOWLEDGE_PATH: join(mesh().home, 'knowledge.db'),
  };
  return { ...Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value ?? ''])), ...own };
}

async function connect(mode: 'auto' | 'legacy' = 'auto'): Promise<Client> {
  const client = new Client({ name: 'tests', version: '1.0.0' }, { versionNegotiation: { mode } });
  clients.push(client);
  const args = [join(projectRoot, 'cli/main.ts'), 'mcp'];
  await client.connect(new StdioClientTransport({ command: process.execPath, args, env: environment() }));
  await until(
    async () => ((await client.listTools()).tools.some(({ name }) => name === 'odd__look') ? true : undefined),
    LIMIT_MS,
    'the tools of the mesh are listed',
  );
  return client;
}

const textOf = ({ content }: CallToolResult): string =>
  content.map((one) => (one.type === 'text' ? one.text : one.type)).join('\n');

function taskIn(content: unknown): string {
  return typeof content === 'object' && content !== null && 'taskId' in content ? String(content.taskId) : '';
}

async function call(client: Client, name: string, args: Record<string, unknown>, meta: Record<string, unknown> = {}) {
  const result = await client.callTool({ name, arguments: args, _meta: meta }, { timeout: LIMIT_MS });
  return { ...result, text: textOf(result), task: taskIn(result.structuredContent) };
}

describe.each(['auto', 'legacy'] as const)('a client (%s)', (mode) => {
  test('lists the tools with their hints, and calls one', async () => {
    const client = await connect(mode);
    expect(client.getProtocolEra()).toBe(mode === 'auto' ? 'modern' : 'legacy');
    const { tools } = await client.listTools();
    const hints = Object.fromEntries(tools.map(({ name, annotations }) => [name, annotations]));
    expect(hints.calculator).toEqual({ readOnlyHint: true, idempotentHint: true });
    expect(hints.http_post).toEqual({ readOnlyHint: false, idempotentHint: true });
    expect(hints.odd__act).toEqual({ readOnlyHint: false, idempotentHint: false });
    expect(Object.keys(hints)).toEqual(expect.arrayContaining(['run', 'task_status', 'respond', 'cancel', 'search']));
    expect(await call(client, 'calculator', { expression: '2^64' })).toMatchObject({ text: '18446744073709551616' });
    expect(await call(client, 'odd__look', { ms: 1 })).toMatchObject({ text: 'look waited 1 ms' });
  });
});

test('run answers, tells its progress, and the same id is the same task', async () => {
  const client = await connect();
  const notes: string[] = [];
  const id = newCorrelationId();
  const args = { prompt: 'what is 6 * 7?', workflow: 'tool', id };
  const options = { timeout: LIMIT_MS, onprogress: ({ message = '' }) => void notes.push(message) };
  const first = await client.callTool({ name: 'run', arguments: args }, options);
  expect(textOf(first)).toBe('The tool calculator answered: 42');
  expect(first.structuredContent).toMatchObject({ taskId: id, status: 'completed', outcome: 'answered' });
  expect(notes.join('\n')).toContain('tools');
  expect((await call(client, 'run', args)).text).toBe('The tool calculator answered: 42');
  expect(mesh().watch.terminal(id)).toHaveLength(1);
  expect(await call(client, 'run', { ...args, prompt: 'another' })).toMatchObject({
    isError: true,
    text: 'This correlation id is taken by a task with another prompt; choose another.',
  });
});

test('pictures and files of a tool of another server are passed on; what is too large is named', async () => {
  const client = await connect();
  const shown = await call(client, 'odd__show', {});
  expect(shown.content).toEqual([
    { type: 'text', text: expect.stringMatching(/^here it is\n\(image image\/png, \d+ bytes, attached\)/) },
    { type: 'image', data: expect.stringMatching(/^iVBORw0KGgo/), mimeType: 'image/png' },
    {
      type: 'resource',
      resource: { uri: 'attachment:///plan.bin', mimeType: 'application/x-plan', blob: 'aGVsbG8=' },
    },
    { type: 'resource_link', uri: 'https://example.org/more', name: 'more', mimeType: 'text/html' },
  ]);
  const much = await call(client, 'odd__show_much', {});
  expect(much.content).toEqual([{ type: 'text', text: '(image image/png, 300000 bytes, too large to be passed on)' }]);
});

test('S5: a key is a name of the caller’s own: the same key again is the same task', async () => {
  const client = await connect();
  const args = { prompt: 'tool:calculator {"expression": "40 + 2"}', workflow: 'tool', key: 'Rechnung №7' };
  const first = await call(client, 'run', args);
  expect(first.structuredContent).toMatchObject({ key: 'Rechnung №7', status: 'completed' });
  expect((await call(client, 'run', args)).task).toBe(first.task);
  expect(await call(client, 'run', { ...args, id: newCorrelationId() })).toMatchObject({
    ...{ isError: true, text: 'run takes an id or a key, not both.' },
  });
  expect(await call(client, 'run', { ...args, key: 'k'.repeat(129) })).toMatchObject({ isError: true });
  expect(await call(client, 'task_status', { id: first.task.toUpperCase() })).toMatchObject({ task: first.task });
});

test.each(['auto', 'legacy'] as const)('a call that its client cancels (%s) cancels its task', async (mode) => {
  const client = await connect(mode);
  const id = newCorrelationId();
  const cancelling = new AbortController();
  const args = { prompt: 'tool:odd.look {"ms": 60000}', workflow: 'tool', id };
  const running = client.callTool({ name: 'run', arguments: args }, { signal: cancelling.signal, timeout: LIMIT_MS });
  await mesh().watch.fact(id, 'hop.started');
  cancelling.abort('no longer wanted');
  await expect(running).rejects.toThrow();
  await mesh().watch.fact(id, 'task.cancelled');
});

test('a client that goes away leaves its task running', async () => {
  const client = await connect();
  const id = newCorrelationId();
  const args = { prompt: 'tool:odd.look {"ms": 3000}', workflow: 'tool', id };
  const running = client.callTool({ name: 'run', arguments: args }, { timeout: LIMIT_MS }).catch(() => undefined);
  await mesh().watch.fact(id, 'hop.started');
  await client.close();
  await running;
  await mesh().watch.fact(id, 'task.completed');
});

test('a task that takes longer than the wait goes on, and is asked for', async () => {
  const client = await connect();
  const begun = await call(client, 'run', { prompt: 'tool:odd.look {"ms": 1500}', workflow: 'tool', waitSeconds: 0.1 });
  expect(begun.text).toMatch(/goes on: call task_status with this id\)$/);
  const ended = await call(client, 'task_status', { id: begun.task, waitSeconds: 60 });
  expect(ended).toMatchObject({ text: 'The tool odd.look answered: look waited 1500 ms' });
  expect(ended.structuredContent).toMatchObject({ status: 'completed' });
});

test('S6: a call that is made again under its key acts once', async () => {
  const client = await connect();
  const meta = { 'dev.agentmesh/idempotency-key': `order-${newCorrelationId()}` };
  const first = await call(client, 'odd__act', { ms: 1 }, meta);
  expect(first.text).toBe('act waited 1 ms');
  const second = await call(client, 'odd__act', { ms: 1 }, meta);
  expect(second).toMatchObject({ text: 'act waited 1 ms', task: first.task });
  expect(calls(first.task)).toHaveLength(1);
});

test('S6: a call whose outcome nobody knows is an error that names the task; the answer of a person ends it', async () => {
  const client = await connect();
  const id = newCorrelationId();
  const meta = { 'dev.agentmesh/idempotency-key': id };
  const cutOff = call(client, 'odd__act', { ms: 60_000 }, meta);
  const begun = await until(
    async () =>
      mesh()
        .watch.facts()
        .find(({ event }) => JSON.stringify(event.data).includes('odd.act {\\"ms\\":60000}')),
    LIMIT_MS,
    'the task was accepted',
  );
  const [made] = await called(begun.event.correlationid, 1);
  killProcess(made?.pid);
  const asked = await cutOff;
  expect(asked).toMatchObject({ isError: true, task: begun.event.correlationid });
  expect(asked.text).toMatch(/may or may not have happened[\s\S]*call respond with this id/);
  expect(await call(client, 'respond', { id: asked.task, text: 'done' })).toMatchObject({
    text: expect.stringContaining('done'),
  });
  expect(calls(asked.task)).toHaveLength(1);
});

test('wishes of a task: its deadline, and rather no answer than one without the model', async () => {
  const client = await connect();
  const look = { prompt: 'tool:odd.look {"ms": 60000}', workflow: 'tool' };
  const late = await call(client, 'run', { ...look, deadlineSeconds: 1, priority: 'low' });
  expect(late.structuredContent).toMatchObject({ status: 'failed' });
  expect(late.text).toContain('not finished within 1000 ms');
  const without = await call(client, 'run', { prompt: 'What is a lease?', workflow: 'answer', waitForModel: true });
  expect(without.structuredContent).toMatchObject({ status: 'failed' });
  expect(without.text).toContain('No language model is set up to wait for');
});

test('cancel, search, and what is wrong', async () => {
  const client = await connect();
  const begun = await call(client, 'run', {
    prompt: 'tool:odd.look {"ms": 60000}',
    workflow: 'tool',
    waitSeconds: 0.1,
  });
  expect((await call(client, 'cancel', { id: begun.task })).structuredContent).toMatchObject({ status: 'cancelled' });
  expect((await call(client, 'search', { query: 'leases', limit: 1 })).text).toMatch(/^\S+:\d+-\d+/);
  expect(await call(client, 'run', {})).toMatchObject({
    isError: true,
    text: expect.stringContaining('run cannot be called like this: prompt:'),
  });
  expect(await call(client, 'run', { prompt: 'x', workflow: 'nonsense' })).toMatchObject({ isError: true });
  expect(await call(client, 'run', { prompt: 'x', priority: 'urgent' })).toMatchObject({
    isError: true,
    text: expect.stringContaining('run cannot be called like this: priority:'),
  });
  expect(await call(client, 'run', { prompt: 'x', id: 'no' })).toMatchObject({
    isError: true,
    text: expect.stringContaining('must be a UUID'),
  });
  expect(await call(client, 'task_status', { id: newCorrelationId() })).toMatchObject({
    isError: true,
    text: expect.stringContaining('There is no task'),
  });
  expect(await call(client, 'calculator', { e: 1 })).toMatchObject({
    isError: true,
    text: expect.stringContaining("must have required property 'expression'"),
  });
  expect(await call(client, 'no_such_tool', {})).toMatchObject({
    isError: true,
    text: 'There is no tool no_such_tool.',
  });
});

test('standard output carries nothing but the protocol, and the command ends with its input', async () => {
  const child = spawn(process.execPath, [join(projectRoot, 'cli/main.ts'), 'mcp'], {
    env: environment(),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines: unknown[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const say = (message: object): void => void child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
  say({ id: 1, method: 'initialize', params });
  say({ method: 'notifications/initialized' });
  say({
    id: 2,
    method: 'tools/call',
    params: { name: 'run', arguments: { prompt: 'what is 1 + 1?', workflow: 'tool' } },
  });
  child.stdin.write('this is no JSON\n');
  const hasAnswer = () =>
    lines.some((line) => typeof line === 'object' && line !== null && 'id' in line && line.id === 2);
  await until(
    async () => (hasAnswer() ? true : undefined),
    LIMIT_MS,
    () => `an answer: ${JSON.stringify(lines)}`,
  );
  for (const line of lines) expect(line).toMatchObject({ jsonrpc: '2.0' });
  child.stdin.end();
  expect(await ended).toBe(0);
});

describe('over HTTP', () => {
  const TOKEN = 'a-token-for-this-test';

  async function listen(): Promise<{ url: string; child: ChildProcess }> {
    const args = [join(projectRoot, 'cli/main.ts'), 'mcp', '--http', '0'];
    const env = { ...environment(), MESH_MCP_TOKEN: TOKEN };
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += String(chunk);
    });
    const url = await until(
      async () => /listens on (\S+);/.exec(said)?.[1],
      LIMIT_MS,
      () => `it listens: ${said}`,
    );
    return { url, child };
  }

  /** By hand: `fetch` sets the header Host itself. */
  function status(url: string, headers: Record<string, string>, body = '{}'): Promise<number> {
    return new Promise((resolve, reject) => {
      const sent = request(
        url,
        { method: 'POST', headers: { 'content-type': 'application/json', ...headers } },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode ?? 0);
        },
      );
      sent.once('error', reject).end(body);
    });
  }

  test('a client with the token works; anybody else is refused', async () => {
    const { url, child } = await listen();
    const authorization = `Bearer ${TOKEN}`;
    for (const mode of ['auto', 'legacy'] as const) {
      const client = new Client({ name: 'tests', version: '1.0.0' }, { versionNegotiation: { mode } });
      clients.push(client);
      await client.connect(
        new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization } } }),
      );
      await until(
        async () => ((await client.listTools()).tools.some(({ name }) => name === 'odd__look') ? true : undefined),
        LIMIT_MS,
        'the tools are listed',
      );
      expect(await call(client, 'calculator', { expression: '6 * 7' })).toMatchObject({ text: '42' });
    }
    expect(await status(url, {})).toBe(401);
    expect(await status(url, { authorization: 'Bearer another-token-here' })).toBe(401);
    expect(await status(url, { authorization, host: 'evil.example:80' })).toBe(403);
    expect(await status(url, { authorization, origin: 'https://evil.example' })).toBe(403);
    expect(await status(url.replace('/mcp', '/other'), { authorization })).toBe(404);
    // The answer comes while the body is still being sent: some systems tell the sender by cutting the connection.
    const large = await status(url, { authorization }, 'x'.repeat(5 * 1024 * 1024)).catch((error: unknown) =>
      codeOf(error),
    );
    expect([413, 'ECONNRESET', 'EPIPE']).toContain(large);
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    child.kill('SIGINT');
    expect(await ended).toBe(0);
  });
});
