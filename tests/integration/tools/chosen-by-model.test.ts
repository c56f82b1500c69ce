/**
 * Tools chosen by a model in meshes of real processes: behind an endpoint that says what the test wants, and by a real
 * model in llama.cpp that is held to the tools' schemas and has no sense.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Mesh, useMesh } from '../../support/mesh.ts';
import { freePort } from '../../support/nats-server.ts';
import { writeTinyModel } from '../../support/tiny-gguf.ts';
import { type ChatServer, failWith, startChatServer, streamText } from '../../unit/engines/chat-server.ts';

const TASK_MS = 90_000;
/** Means no tool by its words. */
const VAGUE = 'please take care of the thing we talked about';

async function ended(mesh: Mesh, id: string) {
  const { name, result } = await mesh.watch.result(id, TASK_MS);
  return { name, result, tools: result.hops.find(({ role }) => role === 'tools'), error: result.error };
}

async function task(mesh: Mesh, prompt = VAGUE) {
  return ended(mesh, await mesh.submit({ prompt, workflow: 'tool' }));
}

describe('behind an endpoint', () => {
  let server: ChatServer | null = null;
  type Answer = (response: ServerResponse) => void | Promise<void>;
  const says = (choice: unknown): Answer => {
    return (response) => streamText(response, [JSON.stringify(choice)]);
  };
  let choose: Answer = says({ tool: 'none', arguments: {} });
  /** What the last choice was asked with. */
  const questions: string[] = [];
  const port = Promise.withResolvers<number>();
  beforeAll(async () => {
    const free = await freePort();
    server = await startChatServer(
      (response) => {
        const asked = JSON.stringify(server?.requests.at(-1)?.body);
        if (!asked.includes('"content":"Tools:')) return streamText(response, [`Said: ${asked.length}`]);
        questions.push(asked);
        return choose(response);
      },
      undefined,
      free,
    );
    port.resolve(free);
  });
  afterAll(async () => {
    await server?.close();
  });
  const running = useMesh('chosen', async () => ({
    env: { OPENAI_BASE_URL: `http://127.0.0.1:${await port.promise}/v1`, OPENAI_MODEL: 'm1' },
  }));

  test('the tool it chooses runs with its arguments, and the hop says who chose', async () => {
    choose = says({ tool: 'calculator', arguments: { expression: '6 * 7' } });
    const { name, tools } = await task(running());
    expect(name).toBe('task.completed');
    expect(tools).toMatchObject({ engine: 'tool:calculator', summary: 'calculator ran, chosen by openai:m1' });
    // The tool's result is what the answer is written from.
    expect(JSON.stringify(server?.requests.at(-1)?.body)).toMatch(/calculator\(\{.*6 \* 7.*answered:.*42/);
    expect(questions.at(-1)).toContain(VAGUE);
    for (const offered of ['convert:', 'read_file:', 'http_post_once:']) expect(questions.at(-1)).toContain(offered);
  });

  test('what the words say is not asked about', async () => {
    const before = questions.length;
    expect((await task(running(), 'what is 12 % of 50?')).tools?.summary).toBe('calculator ran');
    expect(questions).toHaveLength(before);
  });

  test('S6: an act it chooses is done once, though the tools process is killed while it is asked', async () => {
    const mesh = running();
    const asked = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const url = mesh.counter.url('/chosen');
    choose = async (response) => {
      asked.resolve();
      await go.promise;
      streamText(response, [JSON.stringify({ tool: 'http_post_once', arguments: { url, body: '{"n":1}' } })]);
    };
    const id = await mesh.submit({ prompt: VAGUE, workflow: 'tool' });
    await asked.promise;
    await mesh.service('tools').kill('SIGKILL');
    go.resolve();
    expect((await ended(mesh, id)).name).toBe('task.completed');
    expect(mesh.counter.requests('/chosen').map(({ body }) => body)).toEqual(['{"n":1}']);
  });

  test.each<[string, (url: string) => Answer, RegExp]>([
    [
      'arguments that the tool does not take',
      (url) => says({ tool: 'http_post_once', arguments: { url, body: 1 } }),
      /its choice \(openai:m1\) cannot be run\. .*body must be string/,
    ],
    ['no tool', () => says({ tool: 'none', arguments: {} }), /No tool fits/],
    ['a tool that there is not', () => says({ tool: 'rm', arguments: {} }), /chose no tool that was offered/],
    ['an error', () => (response) => failWith(response, 400), /status 400 on purpose/],
  ])('%s: the task fails, says how to name a tool, and nothing runs', async (_what, answer, why) => {
    const mesh = running();
    choose = answer(mesh.counter.url('/never'));
    const { name, error } = await task(mesh);
    expect({ name, code: error?.code }).toEqual({ name: 'task.failed', code: 'no_tool' });
    expect(error?.message).toContain('name one, as in tool:calculator {"expression": "6 * 7"}');
    expect(error?.message).toMatch(why);
    expect(mesh.counter.requests('/never')).toEqual([]);
  });

  test('a cancel reaches the endpoint: the choice is not waited for', async () => {
    const mesh = running();
    const asked = Promise.withResolvers<ServerResponse>();
    choose = (response) => asked.resolve(response);
    const id = await mesh.submit({ prompt: VAGUE, workflow: 'tool' });
    const response = await asked.promise;
    const closed = once(response, 'close', { signal: AbortSignal.timeout(TASK_MS) });
    await mesh.say('task.cancel.requested', id, { reason: 'enough' });
    await closed;
    expect((await ended(mesh, id)).name).toBe('task.cancelled');
  });
});

describe('by a model in llama.cpp', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-chosen-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  // A character is about a token of this model, and the offers are some 6,000.
  const model = writeTinyModel(join(folder, 'tiny.gguf'), { name: 'tiny-one', contextLength: 16_384 });
  const running = useMesh('chosen-llama', {
    env: {
      ...{ LLM_MODEL_PATH: model, LLM_THREADS: '1', LLM_CONTEXT_SIZE: '16384', LLM_MAX_TOKENS: '400' },
      ...{ LLM_TEMPERATURE: '1.5', LLM_SEED: '3', LLM_PARALLEL: '1' },
    },
  });

  test.each([1, 2, 3])(
    'task %i: a tool runs with arguments of its schema, or the task says why none does',
    async (nth) => {
      const { name, tools, error } = await task(running(), `${VAGUE}, the ${nth}. time`);
      if (name === 'task.completed') {
        expect(tools).toMatchObject({
          ...{ status: 'completed', engine: expect.stringMatching(/^tool:\w+$/) },
          summary: expect.stringMatching(/^\w+ ran, chosen by llama:tiny-one$/),
        });
        return;
      }
      expect(name).toBe('task.failed');
      if (error?.code === 'no_tool') {
        expect(error.message).toContain('A language model was asked: ');
        // Held to a grammar, it has never named what is not there.
        expect(error.message).not.toContain('there is no tool');
      } else {
        // A tool that ran and says no: arguments that fit the schema are seldom sensible when they are random.
        expect(error?.message).toMatch(/^\w+: /);
        expect(error?.message).not.toContain('cannot be called like this');
      }
    },
  );
});
