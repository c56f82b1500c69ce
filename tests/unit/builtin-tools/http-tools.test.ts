/** The HTTP tools against real servers: what is allowed, what is bounded, and what a failure means for a repetition. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { builtinTools, chooseTool, type ToolContext } from '../../../actors/roles/tools/builtin/index.ts';

interface TestServer {
  readonly host: string;
  readonly requests: { method: string; headers: IncomingMessage['headers']; body: string }[];
}

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function serve(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<TestServer> {
  const requests: TestServer['requests'] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += String(piece);
    requests.push({ method: request.method ?? '', headers: request.headers, body });
    handle(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

async function call(
  name: string,
  args: Record<string, unknown>,
  options: { allowHosts?: string[]; httpTimeoutMs?: number; signal?: AbortSignal } = {},
): Promise<string> {
  const { signal = new AbortController().signal, ...toolOptions } = options;
  const chosen = await chooseTool(builtinTools(toolOptions), `tool:${name} ${JSON.stringify(args)}`);
  const context: ToolContext = { signal, idempotencyKey: 'task-1/effect-2', heartbeat: () => undefined };
  if (chosen === null) throw new Error('A named tool is always chosen.');
  const answer = await chosen.tool.run(chosen.arguments, context);
  return typeof answer === 'string' ? answer : answer.text;
}

describe('http_get', () => {
  test('returns the text of an allowed host', async () => {
    const { host } = await serve((_request, response) => response.end('hello'));
    expect(await call('http_get', { url: `http://${host}/a` }, { allowHosts: [host] })).toBe('hello');
  });

  test.each([
    ['no host is allowed by default', undefined, 'http://127.0.0.1:9/', 'tool_host_not_allowed'],
    ['another port', ['127.0.0.1:1'], 'http://127.0.0.1:9/', 'tool_host_not_allowed'],
    ['a host without a port means the default one', ['127.0.0.1'], 'http://127.0.0.1:9/', 'tool_host_not_allowed'],
    ['another spelling of this machine', ['127.0.0.1:9'], 'http://localhost:9/', 'tool_host_not_allowed'],
    ['a host that only ends alike', ['*.example.com'], 'http://badexample.com/', 'tool_host_not_allowed'],
    ['another scheme', ['x'], 'file:///etc/passwd', 'tool_bad_arguments'],
    ['a password', ['127.0.0.1:9'], 'http://a:b@127.0.0.1:9/', 'tool_bad_arguments'],
    ['no address', ['x'], 'nonsense', 'tool_bad_arguments'],
  ])('refuses: %s', async (_what, allowHosts, url, code) => {
    const options = allowHosts === undefined ? {} : { allowHosts };
    await expect(call('http_get', { url }, options)).rejects.toMatchObject({ code, retryable: false });
  });

  test('a name that leads to this machine is refused where only the name is allowed', async () => {
    const { host, requests } = await serve((_request, response) => response.end('secret'));
    const port = host.split(':')[1];
    const url = `http://inner.localhost:${port}/`;
    await expect(call('http_get', { url }, { allowHosts: [`*.localhost:${port}`] })).rejects.toMatchObject({
      code: expect.stringMatching(/^tool_(?:host_not_allowed|unreachable)$/),
    });
    expect(requests).toEqual([]);
    expect(await call('http_get', { url: `http://localhost:${port}/` }, { allowHosts: [`localhost:${port}`] })).toBe(
      'secret',
    );
  });

  test('follows redirects on its host only, and not for ever', async () => {
    const other = await serve((_request, response) => response.end('other'));
    const { host } = await serve((request, response) => {
      const to = { '/same': '/end', '/away': `http://${other.host}/`, '/loop': '/loop' }[request.url ?? ''];
      if (to === undefined) response.end('end');
      else response.writeHead(302, { location: to }).end();
    });
    const allowHosts = [host, other.host];
    expect(await call('http_get', { url: `http://${host}/same` }, { allowHosts })).toBe('end');
    for (const path of ['/away', '/loop']) {
      await expect(call('http_get', { url: `http://${host}${path}` }, { allowHosts })).rejects.toMatchObject({
        code: 'tool_redirect_refused',
      });
    }
    expect(other.requests).toEqual([]);
  });

  test('a long answer is cut and says so (S8)', async () => {
    const { host } = await serve((_request, response) => response.end('x'.repeat(1_000_000)));
    const text = await call('http_get', { url: `http://${host}/` }, { allowHosts: [host] });
    expect(text.length).toBeLessThan(200_000);
    expect(text).toMatch(/The answer was longer; this is its beginning/);
  });

  test.each([
    [503, true],
    [404, false],
  ])('status %i: worth another attempt: %s', async (status, retryable) => {
    const { host } = await serve((_request, response) => response.writeHead(status).end('why'));
    const error = { code: 'tool_http_status', retryable, message: expect.stringContaining(`${status}: why`) };
    await expect(call('http_get', { url: `http://${host}/` }, { allowHosts: [host] })).rejects.toMatchObject(error);
  });

  test('a silent server times out, an abort ends with its reason', async () => {
    const { host } = await serve(() => undefined);
    const url = `http://${host}/`;
    await expect(call('http_get', { url }, { allowHosts: [host], httpTimeoutMs: 50 })).rejects.toMatchObject({
      code: 'tool_timeout',
      retryable: true,
    });
    const controller = new AbortController();
    const aborted = call('http_get', { url }, { allowHosts: [host], signal: controller.signal });
    controller.abort(new Error('cancelled'));
    await expect(aborted).rejects.toThrow('cancelled');
  });

  test('is chosen for an address in the prompt', async () => {
    const chosen = await chooseTool(builtinTools(), 'fetch https://example.com/a?b=c');
    expect(chosen).toMatchObject({ tool: { name: 'http_get' }, arguments: { url: 'https://example.com/a?b=c' } });
  });
});

describe('posting (S6)', () => {
  test('http_post sends the idempotency key, the same at every attempt', async () => {
    const { host, requests } = await serve((_request, response) => response.writeHead(201).end());
    const args = { url: `http://${host}/orders`, body: '{"a":1}' };
    for (let attempt = 0; attempt < 2; attempt += 1) {
      expect(await call('http_post', args, { allowHosts: [host] })).toBe('(201, no content)');
    }
    expect(requests.map(({ method, body }) => [method, body])).toEqual([
      ['POST', '{"a":1}'],
      ['POST', '{"a":1}'],
    ]);
    expect(requests.map(({ headers }) => headers['idempotency-key'])).toEqual(['task-1/effect-2', 'task-1/effect-2']);
    expect(requests[0]?.headers['content-type']).toBe('application/json');
  });

  test('http_post_once sends none', async () => {
    const { host, requests } = await serve((_request, response) => response.end('done'));
    expect(await call('http_post_once', { url: `http://${host}/` }, { allowHosts: [host] })).toBe('done');
    expect(requests[0]?.headers).not.toHaveProperty('idempotency-key');
  });

  test.each([
    ['http_post', 'tool_unreachable', true],
    ['http_post_once', 'tool_outcome_unknown', false],
  ])('%s: a connection that breaks after sending is %s', async (name, code, retryable) => {
    const { host } = await serve((_request, response) => response.destroy());
    await expect(call(name, { url: `http://${host}/` }, { allowHosts: [host] })).rejects.toMatchObject({
      code,
      retryable,
    });
  });

  test.each(['http_post', 'http_post_once'])(
    '%s: where nobody listens nothing was sent, so it may be tried again',
    async (name) => {
      await expect(call(name, { url: 'http://127.0.0.1:1/' }, { allowHosts: ['127.0.0.1:1'] })).rejects.toMatchObject({
        code: 'tool_unreachable',
        retryable: true,
      });
    },
  );

  test.each([
    ['http_post', true],
    ['http_post_once', false],
  ])('%s: a 500 may be tried again: %s', async (name, retryable) => {
    const { host } = await serve((_request, response) => response.writeHead(500).end());
    await expect(call(name, { url: `http://${host}/` }, { allowHosts: [host] })).rejects.toMatchObject({
      code: 'tool_http_status',
      retryable,
    });
  });

  test('a redirect is never followed', async () => {
    const { host, requests } = await serve((_request, response) =>
      response.writeHead(307, { location: '/again' }).end(),
    );
    await expect(call('http_post', { url: `http://${host}/` }, { allowHosts: [host] })).rejects.toMatchObject({
      code: 'tool_redirect_refused',
    });
    expect(requests).toHaveLength(1);
  });

  test('only an unmistakable prompt posts, and never by the tool that cannot be repeated', async () => {
    const chosen = await chooseTool(builtinTools(), 'POST https://example.com/x {"a": 1}');
    expect(chosen).toMatchObject({ tool: { name: 'http_post' }, arguments: { body: '{"a": 1}' } });
  });
});
