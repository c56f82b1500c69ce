/**
 * MCP servers as the mesh uses them: real processes and a real HTTP server, killed, hanging, answering too much. One of
 * them, `server-everything`, is the protocol's own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import { parseMcpConfig } from '../../../mcp/client/config.ts';
import { type McpAnswer, McpError, type McpServers, type McpTool } from '../../../mcp/client/port.ts';
import { createMcpServers } from '../../../mcp/client/remote-servers.ts';
import { killProcess } from '../../support/kill.ts';
import { freePort } from '../../support/nats-server.ts';
import { until } from './support/until.ts';

const everything = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/dist/index.js');
const odd = join(import.meta.dirname, 'support/odd-server.ts');
const START_LIMIT_MS = 60_000;
const open: McpServers[] = [];
afterEach(async () => {
  for (const servers of open.splice(0)) await servers.close();
});

interface Line {
  readonly message: string;
  readonly [field: string]: unknown;
}

function servers(mcpServers: Record<string, object>): { all: McpServers; lines: Line[] } {
  const lines: Line[] = [];
  const log = (fields: object, message: string): void => {
    lines.push({ ...fields, message });
  };
  const config = parseMcpConfig(JSON.stringify({ mcpServers }), join(projectRoot, 'mcp.json'), process.env);
  const all = createMcpServers(config, { info: log, warn: log });
  open.push(all);
  return { all, lines };
}

function oddServer(more: object = {}): { entry: object; calls: () => { tool: string; pid: number; key: string }[] } {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-odd-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'calls');
  return {
    entry: { command: process.execPath, args: [odd], env: { CALLS: file }, ...more },
    calls: () =>
      existsSync(file)
        ? readFileSync(file, 'utf8')
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line) as { tool: string; pid: number; key: string })
        : [],
  };
}

async function started(all: McpServers): Promise<void> {
  all.start();
  await all.settled(START_LIMIT_MS);
}

function tool(all: McpServers, name: string): McpTool {
  const found = all.tools().find((one) => one.name === name);
  if (!found) throw new Error(`no tool ${name}; ${all.problems().join('; ')}`);
  return found;
}

async function call(...args: Parameters<typeof answered>): Promise<string> {
  return (await answered(...args)).text;
}

function answered(
  all: McpServers,
  name: string,
  args: Record<string, unknown>,
  options: { signal?: AbortSignal; onProgress?: (note: string) => void } = {},
): Promise<McpAnswer> {
  const { signal = new AbortController().signal, onProgress = () => undefined } = options;
  return all.call(tool(all, name), args, { signal, onProgress, idempotencyKey: 'deed-1' });
}

const failure = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable('it succeeded'),
    (error: unknown) => error,
  );
const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a server that the project did not write', () => {
  const check = async (all: McpServers): Promise<void> => {
    await started(all);
    expect(all.problems()).toEqual([]);
    expect(tool(all, 'echo')).toMatchObject({ server: 'everything', readOnly: true, idempotent: true });
    expect(tool(all, 'gzip-file-as-resource')).toMatchObject({ readOnly: false, idempotent: true });
    expect(tool(all, 'toggle-simulated-logging')).toMatchObject({ readOnly: false, idempotent: false });
    expect(await call(all, 'echo', { message: 'hello' })).toBe('Echo: hello');
    expect(await call(all, 'get-sum', { a: 2, b: 40 })).toBe('The sum of 2 and 40 is 42.');
    const image = await answered(all, 'get-tiny-image', {});
    expect(image.text).toMatch(/\(image image\/png, \d+ bytes, attached\)/);
    expect(image.attachments).toEqual([{ raw: expect.stringMatching(/^iVBORw0KGgo/), mediaType: 'image/png' }]);
    const weather = await answered(all, 'get-structured-content', { location: 'Chicago' });
    expect(weather.text).toContain('temperature');
    expect(weather.attachments).toEqual([
      { data: expect.objectContaining({ temperature: expect.any(Number) }), mediaType: 'application/json' },
    ]);
    const notes: string[] = [];
    await call(
      all,
      'trigger-long-running-operation',
      { duration: 1, steps: 2 },
      { onProgress: (note) => notes.push(note) },
    );
    expect(notes).toContain('1 of 2');
  };

  test('over standard input and output', async () => {
    await check(servers({ everything: { command: process.execPath, args: [everything, 'stdio'] } }).all);
  });

  test('over streamable HTTP; after its end and a new start the next call works', async () => {
    const port = await freePort();
    let server = await startHttp(port);
    onTestFinished(() => void server.kill('SIGKILL'));
    const { all } = servers({ everything: { url: `http://127.0.0.1:${port}/mcp` } });
    await check(all);
    server.kill('SIGKILL');
    await once(server, 'close');
    expect(await failure(call(all, 'echo', { message: 'gone' }))).toMatchObject({ code: 'unavailable' });
    server = await startHttp(port);
    const answer = await until(
      () => call(all, 'echo', { message: 'back' }).catch(() => undefined),
      START_LIMIT_MS,
      'it came back',
    );
    expect(answer).toBe('Echo: back');
  });
});

async function startHttp(port: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, [everything, 'streamableHttp'], {
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const hear = (chunk: unknown): void => {
    said += String(chunk);
  };
  child.stdout?.on('data', hear);
  child.stderr?.on('data', hear);
  await until(
    async () => (said.includes('listening') ? true : undefined),
    START_LIMIT_MS,
    () => `it listens: ${said}`,
  );
  return child;
}

describe('failures', () => {
  test('killed in the middle of a call: the call is cut off, it starts again, and the next call works', async () => {
    const { entry, calls } = oddServer();
    const { all, lines } = servers({ odd: entry });
    await started(all);
    const cutOff = failure(call(all, 'act', { ms: 60_000 }));
    const [first] = await until(
      async () => (calls().length > 0 ? calls() : undefined),
      START_LIMIT_MS,
      'the call began',
    );
    expect(first).toMatchObject({ tool: 'act', key: 'deed-1' });
    killProcess(first?.pid);
    expect(await cutOff).toMatchObject({ code: 'cut_off' });
    expect(await call(all, 'look', { ms: 1 })).toBe('look waited 1 ms');
    expect(new Set(calls().map(({ pid }) => pid)).size).toBe(2);
    expect(lines.map(({ message }) => message)).toContain('the MCP server is gone; connecting again');
    expect(all.states()).toMatchObject([{ name: 'odd', state: 'ready', problem: null }]);
  });

  test('a call without an answer ends at the limit; after two the server is given up and started anew', async () => {
    const { entry, calls } = oddServer({ timeoutMs: 300 });
    const { all } = servers({ odd: entry });
    await started(all);
    expect(await failure(call(all, 'look', { ms: 60_000 }))).toMatchObject({
      code: 'timeout',
      message: 'no answer within 0.3 s',
    });
    expect(await call(all, 'look', { ms: 1 })).toBe('look waited 1 ms');
    expect(await failure(call(all, 'look', { ms: 60_000 }))).toMatchObject({ code: 'timeout' });
    expect(await failure(call(all, 'look', { ms: 60_000 }))).toMatchObject({ code: 'timeout' });
    const hung = calls().at(-1)?.pid ?? 0;
    expect(await call(all, 'look', { ms: 1 })).toBe('look waited 1 ms');
    expect(calls().at(-1)?.pid).not.toBe(hung);
    await until(async () => (alive(hung) ? undefined : true), START_LIMIT_MS, 'the hanging process ended');
  });

  test('five megabytes are taken and bounded; a message without end closes the connection', async () => {
    const { entry } = oddServer();
    const { all } = servers({ odd: entry });
    await started(all);
    const answer = await call(all, 'big', { bytes: 5 * 1024 * 1024 });
    expect(answer.length).toBeLessThan(1_001_000);
    expect(answer).toMatch(/\(4242880 more characters were left out\)$/);
    expect(await failure(call(all, 'big', { bytes: 10 * 1024 * 1024 }))).toMatchObject({
      ...{ code: 'too_large', message: 'its answer is larger than 8 MiB' },
    });
    expect(await call(all, 'look', { ms: 1 })).toBe('look waited 1 ms');
  });

  test('a tool that says that it failed, one that throws, arguments it does not take, and a call given up', async () => {
    const { entry } = oddServer();
    const { all } = servers({ odd: entry });
    await started(all);
    expect(await failure(call(all, 'fail', {}))).toMatchObject({ code: 'failed', message: 'the printer is on fire' });
    expect(await failure(call(all, 'throw', {}))).toMatchObject({ code: 'failed', message: 'thrown in the tool' });
    expect(await failure(call(all, 'look', {}))).toBeInstanceOf(McpError);
    const controller = new AbortController();
    const reason = new Error('enough');
    const given = failure(call(all, 'look', { ms: 60_000 }, { signal: controller.signal }));
    controller.abort(reason);
    expect(await given).toBe(reason);
  });

  test('a list of tools that changes is followed', async () => {
    const { entry } = oddServer();
    const { all } = servers({ odd: entry });
    await started(all);
    await call(all, 'grow', { name: 'newcomer' });
    await until(
      async () => all.tools().find(({ name }) => name === 'newcomer'),
      START_LIMIT_MS,
      'the new tool is listed',
    );
    expect(await call(all, 'newcomer', {})).toBe('I am newcomer');
  });

  test('a server that does not start is tried again and named with its reason; the others work', async () => {
    const { entry } = oddServer();
    const { all, lines } = servers({
      gone: { command: 'no-such-command-anywhere' },
      crashes: {
        command: process.execPath,
        args: ['-e', 'console.error("I need a key, not", process.env.API_KEY); process.exit(1)'],
        env: { API_KEY: 'planted-k3y' },
      },
      nobody: { url: `http://127.0.0.1:${await freePort()}/mcp` },
      odd: entry,
    });
    await started(all);
    expect(await call(all, 'look', { ms: 1 })).toBe('look waited 1 ms');
    const problems = all.problems().join('\n');
    expect(problems).toContain('MCP server gone: command no-such-command-anywhere was not found');
    expect(problems).toContain('it said: I need a key, not (not shown)');
    expect(problems).toMatch(/MCP server nobody: .*ECONNREFUSED/);
    const tried = () => lines.filter(({ server, message }) => server === 'gone' && /trying again/.test(message));
    await until(async () => (tried().length >= 3 ? true : undefined), START_LIMIT_MS, 'it was tried three times');
    expect(
      tried()
        .map(({ pauseMs }) => pauseMs)
        .slice(0, 3),
    ).toEqual([250, 500, 1000]);
  });

  test('what a server wrote after a call, which may be what it was called with, is in no log line', async () => {
    const { entry } = oddServer();
    const { all, lines } = servers({ odd: entry });
    await started(all);
    await failure(call(all, 'blurt', { words: 'zanzibarwords' }));
    const gone = await until(
      async () => lines.find(({ message }) => message === 'the MCP server is gone; connecting again'),
      START_LIMIT_MS,
      'its end is told',
    );
    expect(gone).toMatchObject({ server: 'odd', why: 'it ended' });
    expect(JSON.stringify([lines, all.problems()])).not.toContain('zanzibarwords');
  });

  test('closing ends the processes', async () => {
    const { entry, calls } = oddServer();
    const { all } = servers({ odd: entry });
    await started(all);
    await call(all, 'look', { ms: 1 });
    const pid = calls()[0]?.pid ?? 0;
    expect(alive(pid)).toBe(true);
    await all.close();
    await until(async () => (alive(pid) ? undefined : true), START_LIMIT_MS, 'the process ended');
  });

  test('an endpoint that accepts and never answers holds up nothing', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => void silent.close());
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { entry } = oddServer();
    const { all } = servers({ silent: { url: `http://127.0.0.1:${port}/mcp` }, odd: entry });
    all.start();
    await until(
      async () => all.tools().find(({ name }) => name === 'look'),
      START_LIMIT_MS,
      'the other server is ready',
    );
    expect(await call(all, 'look', { ms: 1 })).toBe('look waited 1 ms');
    await all.close();
  });
});
