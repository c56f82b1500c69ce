/** A mesh of real processes whose endpoint fails in every way: the task is answered all the same, and says why. */
import type { ServerResponse } from 'node:http';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { livingServices } from '../../../registry/registry.ts';
import { type Mesh, useMesh } from '../../support/mesh.ts';
import { freePort } from '../../support/nats-server.ts';
import { type ChatServer, event, failWith, startChatServer, streamText } from '../../unit/engines/chat-server.ts';

const TASK_MS = 90_000;
let server: ChatServer | null = null;
let answer: (response: ServerResponse) => void | Promise<void> = (response) => streamText(response, ['Hello.']);
const port = await freePort();
beforeAll(async () => {
  server = await startChatServer((response) => answer(response), undefined, port);
});
afterAll(async () => {
  await server?.close();
});

async function direct(mesh: Mesh) {
  const id = await mesh.submit({ prompt: 'Hello, who are you?', workflow: 'direct' });
  const { name, result } = await mesh.watch.result(id, TASK_MS);
  expect(name).toBe('task.completed');
  const hop = result.hops.at(-1);
  if (!hop) throw new Error('the task has no hop');
  return hop;
}

async function breaker(mesh: Mesh) {
  const beats = await livingServices(mesh.bus);
  return beats.flatMap(({ breakers }) => breakers ?? []).find(({ name }) => name === 'llm:openai');
}

/** How often the process will have ended in the middle of the generation at work, should it end now. */
function crashesOnDisk(path: string): number {
  const db = new Database(path, { readonly: true });
  try {
    return db.prepare<[], number>('SELECT max(crashes) FROM begun').pluck().get() ?? 0;
  } finally {
    db.close();
  }
}

describe('a mesh with an endpoint', () => {
  const running = useMesh('endpoint', {
    env: { OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1`, OPENAI_MODEL: 'm1' },
  });
  const silent: ServerResponse[] = [];

  test.each<[string, (response: ServerResponse) => void, string, string?]>([
    ['that is slow', (response) => silent.push(response), 'took longer than', '2000'],
    ['that asks for a long pause', (response) => failWith(response, 429, { 'retry-after': '900' }), 'answered 429'],
    [
      'that talks rubbish',
      (response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {{{\n\n'),
      'not JSON',
    ],
    [
      'that sends half a stream',
      (response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end(event('Hel')),
      'before the answer was complete',
    ],
    ['that refuses', (response) => response.socket?.destroy(), 'broke the connection before the answer was there'],
  ])('%s: the embedded engine answers, and the hop says why', async (_what, behave, why, timeoutMs) => {
    const mesh = running();
    answer = behave;
    mesh.service('llm').configure({ LLM_TIMEOUT_MS: timeoutMs });
    // A process that begins has forgotten the failures of the case before.
    await mesh.service('llm').kill('SIGTERM');
    await mesh.service('llm').ready();
    const hop = await direct(mesh);
    expect(hop.engine).toBe('extractive (fallback)');
    expect(hop.summary).toContain(why);
  });

  test('what failed is told in the answer and marked in the result, with the server’s words', async () => {
    const mesh = running();
    const gone = { error: { message: 'model "qwen9" not found, try pulling it first' } };
    answer = (response) => {
      response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify(gone));
    };
    const id = await mesh.submit({ prompt: 'What is the capital of France?', workflow: 'direct' });
    const { result } = await mesh.watch.result(id, TASK_MS);
    expect(result.answer).toContain('model "qwen9" not found, try pulling it first');
    expect(result.answer).not.toMatch(/none is set up/);
    expect(result.degraded).toMatchObject({ reason: 'model_failed', instead: 'nothing' });
  });

  test('what its model writes, however useless, is no fault of the endpoint', async () => {
    const mesh = running();
    answer = (response) => streamText(response, ['']);
    await Promise.all(Array.from({ length: 6 }, () => direct(mesh)));
    answer = (response) => streamText(response, ['Paris.']);
    expect((await direct(mesh)).engine).toBe('openai:m1');
  });

  test('its breaker opens, lets one call through after a while, and closes', async () => {
    const mesh = running();
    answer = (response) => failWith(response, 503);
    await mesh.service('llm').kill('SIGTERM');
    await mesh.service('llm').ready();
    await Promise.all([direct(mesh), direct(mesh), direct(mesh)]);
    await expect.poll(() => breaker(mesh), { timeout: TASK_MS }).toMatchObject({ state: 'open' });
    const asked = server?.requests.length;
    const hop = await direct(mesh);
    expect(hop.summary).toContain('llm:openai is left alone');
    expect(server?.requests.length).toBe(asked);
    answer = (response) => streamText(response, ['Well again.']);
    await expect.poll(async () => (await direct(mesh)).engine, { timeout: TASK_MS, interval: 1000 }).toBe('openai:m1');
    await expect.poll(() => breaker(mesh), { timeout: TASK_MS }).toMatchObject({ state: 'closed', failures: 0 });
  });

  test('a generation that ends its process again and again is given up, and the task is answered', async () => {
    const mesh = running();
    const llm = mesh.service('llm');
    let died = 0;
    // As llama.cpp would end it: in the middle of the work, without a word.
    answer = async () => {
      await expect.poll(() => crashesOnDisk(mesh.ledger('llm')), { timeout: TASK_MS }).toBe(died + 1);
      died += 1;
      await llm.kill('SIGKILL');
    };
    const hop = await direct(mesh);
    expect(hop.engine).toBe('extractive (fallback)');
    expect(hop.summary).toContain('its process ended 5 times');
    expect(died).toBe(5);
  });
});
