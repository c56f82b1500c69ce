/** What is asked fits the endpoint: its context, its own API, its pace. */
import type { ServerResponse } from 'node:http';
import { afterAll, describe, expect, test } from 'vitest';
import { createOpenAiEngine } from '../../../actors/roles/llm/engines/index.ts';
import { asking } from './asking.ts';
import { type ChatServer, event, startChatServer, streamText } from './chat-server.ts';
import { passage } from './fixtures.ts';
import { engineFor, errorOf, run } from './openai-runs.ts';
import { json } from './server-behaviours/behaviour.ts';

const servers: ChatServer[] = [];
afterAll(async () => Promise.all(servers.map((server) => server.close())));
async function start(...given: Parameters<typeof startChatServer>): Promise<ChatServer> {
  const server = await startChatServer(...given);
  servers.push(server);
  return server;
}

const passages = Array.from({ length: 8 }, (_, index) =>
  passage({
    path: `docs/${index}.md`,
    text: `Fact ${index}. ${'All work and no play. '.repeat(60)}`,
    score: 8 - index,
  }),
);
const long = { prompt: 'Which facts are there?', passages };
const contentOf = (server: ChatServer, index: number): string => {
  const body = server.requests.filter(({ method }) => method === 'POST')[index]?.body;
  return JSON.stringify(body === undefined ? '' : (body as { messages: unknown }).messages);
};

describe('the context', () => {
  test('learned from a refusal: the weakest passages go, the rest is asked, and it is remembered', async () => {
    const server = await start((response, index) =>
      index === 0
        ? json(response, 400, {
            error: { message: "This model's maximum context length is 4096 tokens.", code: 'context_length_exceeded' },
          })
        : streamText(response, ['Facts.']),
    );
    const engine = engineFor(server);
    const { summary } = await run(engine, long).output;
    expect(summary).toMatch(/\d of the passages did not fit/);
    expect(contentOf(server, 1)).toContain('Fact 0.');
    expect(contentOf(server, 1)).not.toContain('Fact 7.');
    expect(contentOf(server, 1).length).toBeLessThan(4096 * 3);
    await run(engine, long).output;
    expect(server.requests.filter(({ method }) => method === 'POST')).toHaveLength(3);
  });

  test('told by the list of models: nothing has to be refused', async () => {
    const server = await start((response) => streamText(response, ['Facts.']), {
      data: [{ id: 'm1', max_model_len: 2048 }],
    });
    await run(engineFor(server), long).output;
    expect(contentOf(server, 0).length).toBeLessThan(2048 * 3);
    expect(server.requests.map(({ method }) => method)).toEqual(['GET', 'POST']);
  });

  test('a short prompt fits everywhere, and nobody is asked', async () => {
    const server = await start((response) => streamText(response, ['Yes.']));
    await run(engineFor(server), { prompt: 'Why?' }).output;
    expect(server.requests.map(({ method }) => method)).toEqual(['POST']);
  });

  test('a prompt that fits no context is refused with what to do', async () => {
    const server = await start((response) => streamText(response, ['Yes.']));
    const error = await errorOf(run(engineFor(server, { contextTokens: 512 }), { prompt: 'why '.repeat(4000) }).output);
    expect(error).toMatchObject({ code: 'engine_prompt_too_large', retryable: false });
  });

  test('characters beyond ASCII count for more tokens', async () => {
    const server = await start((response) => streamText(response, ['はい']));
    const texts = Array.from({ length: 8 }, (_, index) =>
      passage({ path: `${index}.md`, text: '事実。'.repeat(400), score: 8 - index }),
    );
    await run(engineFor(server, { contextTokens: 4096 }), { prompt: '何ですか', passages: texts }).output;
    expect(contentOf(server, 0).replace(/[ -~]/g, '').length).toBeLessThan(4096);
  });
});

describe('an Ollama by its own API', () => {
  const line = (value: object): string => `${JSON.stringify(value)}\n`;
  const chat = (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.write(line({ model: 'qwen3', message: { role: 'assistant', content: '', thinking: 'hm' }, done: false }));
    response.write(line({ model: 'qwen3', message: { role: 'assistant', content: 'The ' }, done: false }));
    response.write(line({ model: 'qwen3', message: { role: 'assistant', content: 'answer.' }, done: false }));
    response.end(
      line({ model: 'qwen3', message: { role: 'assistant', content: '' }, done_reason: 'stop', done: true }),
    );
  };
  const ollama = (server: ChatServer) =>
    createOpenAiEngine({
      baseUrl: server.baseUrl.replace('/v1', ''),
      api: 'ollama',
      model: 'qwen3',
      contextTokens: 8192,
    });

  test('is asked for the context, and its lines are read', async () => {
    const server = await start((response) => chat(response));
    const { output, shown } = run(ollama(server));
    expect(await output).toMatchObject({ engine: 'ollama:qwen3', answer: { text: 'The answer.' } });
    expect(shown.join('')).toBe('The answer.');
    expect(server.requests[0]).toMatchObject({
      path: '/api/chat',
      body: { options: { num_ctx: 8192, num_predict: 2048 } },
    });
  });

  test('its tool calls are taken', async () => {
    const server = await start((response) => {
      const call = { function: { name: 'clock_now', arguments: { zone: 'UTC' } } };
      response.end(
        line({ message: { role: 'assistant', content: '', tool_calls: [call] }, done_reason: 'stop', done: true }),
      );
    });
    const tools = [{ name: 'clock.now', description: 'The time.', inputSchema: { type: 'object' } }];
    const output = await ollama(server).generate(asking('tool', { prompt: 'time?' }, { tools }), {
      signal: new AbortController().signal,
    });
    expect(output.tool).toEqual({ name: 'clock.now', arguments: { zone: 'UTC' }, result: '' });
  });

  test('its error in the middle is one', async () => {
    const server = await start((response) => {
      response.write(line({ message: { role: 'assistant', content: 'The' }, done: false }));
      response.end(line({ error: 'an error was encountered while running the model' }));
    });
    expect((await errorOf(run(ollama(server)).output)).message).toContain('while running the model');
  });

  test('half of its lines are half an answer', async () => {
    const server = await start((response) => {
      response.end(line({ message: { role: 'assistant', content: 'The' }, done: false }));
    });
    expect((await errorOf(run(ollama(server)).output)).code).toBe('engine_stream_cut');
  });
});

describe('a slow endpoint', () => {
  test('is waited for, and what it is at is told', async () => {
    let release: (response: ServerResponse) => void = () => undefined;
    const asked = new Promise<ServerResponse>((resolve) => {
      release = resolve;
    });
    const server = await start((response) => release(response));
    const { output, notes } = run(engineFor(server, { progressMs: 10 }));
    const response = await asked;
    await expect.poll(() => notes.join('\n')).toMatch(/reading the prompt, \d+ s/);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(event('The ans'));
    await expect.poll(() => notes.join('\n')).toMatch(/writing, 7 characters, \d+ s/);
    response.end(`${event('wer.', 'stop')}data: [DONE]\n\n`);
    expect((await output).answer?.text).toBe('The answer.');
    expect(server.requests).toHaveLength(1);
  });

  test('that was loading its model and reads now is said to read', async () => {
    let release: (response: ServerResponse) => void = () => undefined;
    const asked = new Promise<ServerResponse>((resolve) => {
      release = resolve;
    });
    const server = await start((response, index) =>
      index < 2
        ? json(response, 503, { error: { message: 'Loading model' } }, { 'retry-after': '0.1' })
        : release(response),
    );
    const { output, notes } = run(engineFor(server, { progressMs: 10 }));
    const response = await asked;
    expect(notes.join('\n')).toMatch(/waiting for the model to be loaded, \d+ s/);
    await expect.poll(() => notes.at(-1)).toMatch(/^reading the prompt, \d+ s/);
    streamText(response, ['Ready.']);
    expect((await output).answer?.text).toBe('Ready.');
  });

  test('that loads its model for longer than the tries would last is waited for', async () => {
    let loads = 0;
    const server = await start((response) => {
      loads += 1;
      return loads > 8
        ? streamText(response, ['Ready.'])
        : json(response, 503, { error: { message: 'Loading model' } }, { 'retry-after': '0.01' });
    });
    expect((await run(engineFor(server, { attempts: 2 })).output).answer?.text).toBe('Ready.');
  });
});

test('an address with a query and a name keeps both where they belong', async () => {
  const server = await start((response) => streamText(response, ['Yes.']));
  const baseUrl = `${server.baseUrl.replace('//', '//ann:s3cret@')}?api-version=2024-10-21`;
  await run(createOpenAiEngine({ baseUrl, model: 'm1' })).output;
  expect(server.requests[0]?.path).toBe('/v1/chat/completions?api-version=2024-10-21');
  expect(server.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from('ann:s3cret').toString('base64')}`);
});
