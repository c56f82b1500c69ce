/** The OpenAI-compatible engine against endpoints that answer badly: each becomes one clear error, tried again or not. */
import { afterEach, describe, expect, test } from 'vitest';
import { createOpenAiEngine } from '../../../actors/roles/llm/engines/index.ts';
import { type ChatServer, event, failWith, startChatServer } from './chat-server.ts';
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

describe('an endpoint that answers badly', () => {
  test('half a stream', async () => {
    const server = await start((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(event('Half an ans'));
      response.end('data: {"choices": [{"del');
    });
    expect(await errorOf(run(engineFor(server)).output)).toMatchObject({ code: 'engine_stream_cut', retryable: true });
    expect(server.requests).toHaveLength(1);
  });

  test('a connection that breaks inside the stream', async () => {
    const server = await start((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(event('Half'), () => response.destroy());
    });
    expect(await errorOf(run(engineFor(server)).output)).toMatchObject({ retryable: true });
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    ['a web page', 'text/html', '<html></html>', 'engine_bad_answer', 1],
    ['events that are not JSON', 'text/event-stream', 'data: rubbish\n\n', 'engine_bad_answer', 1],
    ['nothing', 'text/event-stream', '', 'engine_bad_answer', 2],
    ['other JSON', 'application/json', '{"hello": 1}', 'engine_bad_answer', 1],
    ['JSON that is none', 'application/json', '{choices}', 'engine_bad_answer', 1],
    [
      'an error inside the stream',
      'text/event-stream',
      'data: {"error": {"message": "out of memory"}}\n\n',
      'engine_unavailable',
      2,
    ],
    ['an empty answer', 'text/event-stream', `${event('', 'stop')}data: [DONE]\n\n`, 'engine_no_answer', 1],
  ])('%s', async (_what, type, body, code, tries) => {
    const server = await start((response) => {
      response.setHeader('content-type', type);
      response.end(body);
    });
    expect(await errorOf(run(engineFor(server, { attempts: 2 })).output)).toMatchObject({ code });
    expect(server.requests).toHaveLength(tries);
  });

  test.each([
    [401, 'engine_unauthorised'],
    [403, 'engine_unauthorised'],
    [404, 'engine_rejected'],
    [400, 'engine_rejected'],
  ])('%i is final', async (status, code) => {
    const server = await start((response) => failWith(response, status));
    const error = await errorOf(run(engineFor(server, { apiKey: 'secret' })).output);
    expect(error).toMatchObject({ code, retryable: false });
    expect(error.message).not.toContain('secret');
    expect(server.requests).toHaveLength(1);
  });

  test('no model at all', async () => {
    const server = await start(() => undefined, { data: [] });
    const error = await errorOf(run(createOpenAiEngine({ baseUrl: server.baseUrl })).output);
    expect(error).toMatchObject({ code: 'engine_no_model', retryable: false });
  });

  test('a redirect is not followed, since it would carry the key elsewhere', async () => {
    const server = await start((response) => {
      response.writeHead(307, { location: 'http://127.0.0.1:1/v1/chat/completions' });
      response.end();
    });
    const error = await errorOf(run(engineFor(server)).output);
    expect(error).toMatchObject({ code: 'engine_rejected', retryable: false });
    expect(error.message).toContain('it is elsewhere (http://127.0.0.1:1/v1). Set OPENAI_BASE_URL');
    expect(server.requests).toHaveLength(1);
  });

  test.each(['not an address', 'http://user:hidden@127.0.0.1:1/v1'])(
    'an address it cannot use: %s',
    async (baseUrl) => {
      const error = await errorOf(run(engineFor({ baseUrl }, { attempts: 1 })).output);
      expect(error.code).toBe('engine_unreachable');
      expect(error.message).not.toContain('hidden');
    },
  );
});
