/** The OpenAI-compatible engine against a real HTTP server: what works, what is slow or fails for a while, and aborting. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createOpenAiEngine } from '../../../actors/roles/llm/engines/index.ts';
import { asking } from './asking.ts';
import { type ChatServer, event, failWith, startChatServer, streamText } from './chat-server.ts';
import { passage } from './fixtures.ts';
import { engineFor, errorOf, run } from './openai-runs.ts';

const servers: ChatServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(...args: Parameters<typeof startChatServer>): Promise<ChatServer> {
  const server = await startChatServer(...args);
  servers.push(server);
  return server;
}

describe('a working endpoint', () => {
  test('streams an answer with its citations', async () => {
    const server = await start((response) => streamText(response, ['Because ', 'of ', '[1].']));
    const { output, shown } = run(engineFor(server, { apiKey: 'secret', temperature: 0, maxTokens: 99 }), {
      prompt: 'Why?',
      passages: [passage({ text: 'Reasons.' })],
    });
    expect(await output).toMatchObject({
      engine: 'openai:m1',
      answer: { text: 'Because of [1].', citations: [{ marker: 1, path: 'docs/guide.md' }] },
    });
    expect(shown).toEqual(['Because ', 'of ', '[1].']);
    expect(server.requests[0]).toMatchObject({
      path: '/v1/chat/completions',
      headers: { authorization: 'Bearer secret' },
      body: { model: 'm1', stream: true, max_tokens: 99, temperature: 0 },
    });
  });

  test('without a model set takes the first one listed, and asks for the list once', async () => {
    const server = await start((response) => streamText(response, ['x']), { data: [{ id: 'qwen' }, { id: 'other' }] });
    const engine = createOpenAiEngine({ baseUrl: `${server.baseUrl}/` });
    expect(engine.name).toBe('openai');
    expect((await run(engine).output).engine).toBe('openai:qwen');
    expect((await run(engine).output).engine).toBe('openai:qwen');
    expect(engine.name).toBe('openai:qwen');
    expect(server.requests.map(({ path }) => path)).toEqual([
      '/v1/models',
      '/v1/chat/completions',
      '/v1/chat/completions',
    ]);
  });

  test('gives code and reviews', async () => {
    const server = await start((response, index) =>
      streamText(
        response,
        index === 0 ? ['```py\nx = 1\n```\nDone.'] : ['{"verdict":"approved","summary":"Fine.","findings":[]}'],
      ),
    );
    const engine = engineFor(server);
    const made = await run(engine, { prompt: 'Write x in python' }, 'code').output;
    expect(made.code).toMatchObject({ language: 'python', text: 'x = 1\n', explanation: 'Done.' });
    const reviewed = await run(engine, { prompt: 'x' }, 'review').output;
    expect(reviewed.review).toEqual({ verdict: 'approved', summary: 'Fine.', findings: [], checkedBy: ['openai:m1'] });
  });

  test('is asked to hold a review to its form, and nothing else', async () => {
    const server = await start((response) =>
      streamText(response, ['{"findings":[],"summary":"","verdict":"approved"}']),
    );
    const engine = engineFor(server);
    await run(engine, { prompt: 'f' }, 'review').output;
    await run(engine, { prompt: 'f' }, 'answer').output;
    const [review, answer] = server.requests.map(({ body }) => body);
    expect(review).toMatchObject({
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'review', strict: true, schema: { type: 'object' } },
      },
    });
    expect(answer).not.toHaveProperty('response_format');
  });

  test('chooses a tool with arguments; one that was not offered is no answer, none is none', async () => {
    const replies = [
      '{"tool":"clock","arguments":{"zone":"UTC"}}',
      'I take {"tool":"none","arguments":{}}',
      '{"tool":"x"}',
    ];
    const server = await start((response, index) => streamText(response, [replies[index] ?? '{"tool":"x"}']));
    const clock = { name: 'clock', description: 'Tells the time.', inputSchema: { type: 'object' } };
    const choose = () =>
      engineFor(server, { attempts: 1 }).generate(asking('tool', { prompt: 'What time is it?' }, { tools: [clock] }), {
        signal: new AbortController().signal,
      });
    expect((await choose()).tool).toEqual({ name: 'clock', arguments: { zone: 'UTC' }, result: '' });
    expect(await choose()).toEqual({ engine: 'openai:m1', summary: 'No tool fits.' });
    await expect(choose()).rejects.toMatchObject({ code: 'engine_no_answer', retryable: false });
    expect(server.requests[0]?.body).toMatchObject({
      tools: [{ type: 'function', function: { name: 'clock', parameters: { type: 'object' } } }],
    });
    // A model that was offered tools and chose none is asked once more in words, held to the names.
    expect(server.requests.at(-1)?.body).toMatchObject({
      response_format: { json_schema: { schema: { properties: { tool: { enum: ['clock', 'none'] } } } } },
    });
  });

  test('that refuses forms is asked without, and not again with one', async () => {
    const server = await start((response, index) =>
      index === 0 ? failWith(response, 400) : streamText(response, ['{"verdict":"approved","findings":[]}']),
    );
    const engine = engineFor(server);
    for (const _ of [1, 2]) {
      const { review } = await run(engine, { prompt: 'f' }, 'review').output;
      expect(review?.verdict).toBe('approved');
    }
    const held = server.requests.map(({ body }) => Object.hasOwn(body as object, 'response_format'));
    expect(held).toEqual([true, false, false]);
  });

  test('that refuses a request with and without a form has refused it', async () => {
    const server = await start((response) => failWith(response, 400));
    expect((await errorOf(run(engineFor(server), { prompt: 'f' }, 'review').output)).code).toBe('engine_rejected');
    expect(server.requests).toHaveLength(2);
  });

  test('that does not stream is understood', async () => {
    const server = await start((response) => {
      response.setHeader('content-type', 'application/json; charset=utf-8');
      response.end(JSON.stringify({ choices: [{ message: { content: 'Whole.' }, finish_reason: 'stop' }] }));
    });
    const { output, shown } = run(engineFor(server));
    expect((await output).answer?.text).toBe('Whole.');
    expect(shown).toEqual(['Whole.']);
  });

  test('characters cut between two packets arrive whole, and thinking is not shown', async () => {
    const bytes = Buffer.from(event('<think>hm</think>Żółć'));
    const server = await start(async (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const byte of bytes) response.write(Buffer.of(byte));
      response.end(event('', 'stop'));
    });
    const { output, shown } = run(engineFor(server));
    expect((await output).answer?.text).toBe('Żółć');
    expect(shown.join('')).toBe('Żółć');
  });

  test('that stops at its token limit is said to', async () => {
    const server = await start((response) => streamText(response, ['half'], 'length'));
    expect((await run(engineFor(server)).output).summary).toContain('cut at the token limit');
  });
});

describe('an endpoint that fails for a while', () => {
  test('429: Retry-After is honoured', async () => {
    const times: number[] = [];
    const server = await start((response, index) => {
      times.push(performance.now());
      if (index === 0) failWith(response, 429, { 'retry-after': '0.2' });
      else streamText(response, ['ok']);
    });
    const { output, notes } = run(engineFor(server));
    expect((await output).answer?.text).toBe('ok');
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(190);
    expect(notes.join()).toMatch(/429.*Trying again/);
  });

  test('429 with a longer pause than is waited for is told at once', async () => {
    const server = await start((response) => failWith(response, 429, { 'retry-after': '3600' }));
    expect(await errorOf(run(engineFor(server)).output)).toMatchObject({
      code: 'engine_rate_limited',
      retryable: true,
    });
    expect(server.requests).toHaveLength(1);
  });

  test('500s are tried again, a bounded number of times (S8)', async () => {
    const server = await start((response, index) =>
      index < 2 ? failWith(response, 500) : streamText(response, ['ok']),
    );
    expect((await run(engineFor(server)).output).answer?.text).toBe('ok');
    const broken = await start((response) => failWith(response, 503));
    const error = await errorOf(run(engineFor(broken, { attempts: 3 })).output);
    expect(error).toMatchObject({ code: 'engine_unavailable', retryable: true });
    expect(error.message).toContain('status 503 on purpose');
    expect(broken.requests).toHaveLength(3);
  });

  test('nothing listening is unreachable', async () => {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const address = probe.address();
    const port = typeof address === 'object' ? address?.port : 0;
    probe.close();
    await once(probe, 'close');
    const engine = engineFor({ baseUrl: `http://127.0.0.1:${port}/v1` }, { attempts: 2 });
    const error = await errorOf(run(engine).output);
    expect(error).toMatchObject({ code: 'engine_unreachable', retryable: true });
    expect(error.message).toContain('ECONNREFUSED');
  });
});

describe('an endpoint that is slow', () => {
  test('with its first byte', async () => {
    const server = await start(() => undefined);
    const error = await errorOf(run(engineFor(server, { firstByteTimeoutMs: 50, attempts: 2 })).output);
    expect(error).toMatchObject({ code: 'engine_timeout', retryable: false });
    expect(error.message).toContain('gave no answer');
    // What was slow is not begun anew.
    expect(server.requests).toHaveLength(1);
  });

  test('between two pieces: no second try once text was shown', async () => {
    const server = await start((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(event('Half'));
    });
    const { output, shown } = run(engineFor(server, { idleTimeoutMs: 50 }));
    expect(await errorOf(output)).toMatchObject({ code: 'engine_timeout', retryable: false });
    expect(shown).toEqual(['Half']);
    expect(server.requests).toHaveLength(1);
  });

  test('on the whole', async () => {
    const server = await start((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const timer = setInterval(() => response.write(event('x')), 10);
      response.on('close', () => clearInterval(timer));
    });
    const error = await errorOf(run(engineFor(server, { timeoutMs: 100 })).output);
    expect(error).toMatchObject({ code: 'engine_slow' });
    expect(error.message).toContain('took longer');
  });
});

describe('aborting', () => {
  test('ends a stream, and the endpoint sees the connection close', async () => {
    let closed: Promise<unknown> = Promise.resolve();
    const server = await start((response) => {
      closed = once(response, 'close');
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(event('Half'));
    });
    const controller = new AbortController();
    const output = engineFor(server).generate(asking('answer', { prompt: 'x' }), {
      signal: controller.signal,
      onText: () => controller.abort(new Error('cancelled by the caller')),
    });
    await expect(output).rejects.toThrow('cancelled by the caller');
    await closed;
  });

  test('ends a wait before the next try', async () => {
    const server = await start((response) => failWith(response, 429, { 'retry-after': '30' }));
    const controller = new AbortController();
    const output = engineFor(server).generate(asking('answer', { prompt: 'x' }), {
      signal: controller.signal,
      heartbeat: () => controller.abort(new Error('no more')),
    });
    await expect(output).rejects.toThrow('no more');
  });
});
