/**
 * A2A on the wire, without the SDK's client: codes, versions, content types, callers, and what is not let in.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, Metadata, makeClientConstructor, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, describe, expect, test } from 'vitest';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { useGateway } from '../../support/gateway.ts';
import { answerPrompt } from '../../support/prompts.ts';

const VERSION = { 'a2a-version': '1.0' };
const JSON_TYPE = { 'content-type': 'application/json' };

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, never>;
}

async function ask(url: string, body?: unknown, headers: Record<string, string> = VERSION): Promise<Answer> {
  const init =
    body === undefined
      ? { headers }
      : {
          method: 'POST',
          headers: { ...JSON_TYPE, ...headers },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        };
  const response = await fetch(url, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: JSON.parse(text === '' ? '{}' : text) };
}

function rpc(method: string, params: unknown = {}) {
  return { jsonrpc: '2.0', id: 7, method, params };
}

function userMessage(parts: unknown[], more: object = {}) {
  return { message: { messageId: newCorrelationId(), role: 'ROLE_USER', parts, ...more } };
}

/** One call of the A2A service with raw bytes. */
function rawGrpc(address: string, method: string, bytes: Buffer, metadata: Record<string, string>): Promise<Buffer> {
  const same = (value: Buffer): Buffer => value;
  const definition = {
    path: `/lf.a2a.v1.A2AService/${method}`,
    ...{ requestStream: false, responseStream: false },
    ...{ requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same },
  };
  const Client = makeClientConstructor({ call: definition }, 'raw');
  const client = new Client(address, credentials.createInsecure());
  const sent = new Metadata();
  for (const [key, value] of Object.entries(metadata)) sent.set(key, value);
  const call = client.makeUnaryRequest.bind(client);
  return new Promise<Buffer>((resolve, reject) => {
    call(definition.path, same, same, bytes, sent, {}, (error: ServiceError | null, value?: Buffer) => {
      client.close();
      if (error === null) resolve(value ?? Buffer.alloc(0));
      else reject(error);
    });
  });
}

describe('the wire of A2A', () => {
  const gateway = useGateway('a2a-wire');
  const jsonRpc = (): string => `${gateway().http}/a2a/jsonrpc`;
  const rest = (path: string): string => `${gateway().http}/a2a/rest${path}`;

  test('the agent card lies at the well-known path, and names the three bindings and a skill per workflow', async () => {
    const { status: code, body } = await ask(`${gateway().http}/.well-known/agent-card.json`);
    expect(code).toBe(200);
    expect(body).toMatchObject({
      capabilities: { streaming: true, pushNotifications: true },
      supportedInterfaces: [
        { protocolBinding: 'JSONRPC', protocolVersion: '1.0', url: jsonRpc() },
        { protocolBinding: 'HTTP+JSON', protocolVersion: '1.0', url: rest('') },
        { protocolBinding: 'GRPC', protocolVersion: '1.0', url: gateway().address },
        { protocolBinding: 'JSONRPC', protocolVersion: '0.3', url: jsonRpc() },
        { protocolBinding: 'HTTP+JSON', protocolVersion: '0.3', url: rest('') },
      ],
    });
    const skills = (body.skills as unknown as { id: string }[]).map(({ id }) => id);
    expect(skills).toEqual(expect.arrayContaining(['answer', 'build', 'review', 'tool', 'direct']));
  });

  test.each([
    ['TaskNotFound', 'GetTask', { id: newCorrelationId() }, -32001, 'TASK_NOT_FOUND'],
    ['TaskNotFound for what is no id of ours', 'GetTask', { id: 'x' }, -32001, 'TASK_NOT_FOUND'],
    ['UnsupportedOperation', 'GetExtendedAgentCard', {}, -32004, 'UNSUPPORTED_OPERATION'],
    [
      'ContentTypeNotSupported',
      'SendMessage',
      userMessage([{ url: 'https://example.org/a.png', mediaType: 'image/png' }]),
      -32005,
      'CONTENT_TYPE_NOT_SUPPORTED',
    ],
    [
      'ContentTypeNotSupported for a link',
      'SendMessage',
      userMessage([{ url: 'https://example.org/a' }]),
      -32005,
      'CONTENT_TYPE_NOT_SUPPORTED',
    ],
    ['invalid params without a message', 'SendMessage', {}, -32602, 'INVALID_PARAMS'],
    ['invalid params without parts', 'SendMessage', userMessage([]), -32602, 'INVALID_PARAMS'],
    [
      'invalid params for an unknown workflow',
      'SendMessage',
      userMessage([{ text: 'x' }], { metadata: { workflow: 'none' } }),
      -32602,
      'INVALID_PARAMS',
    ],
    [
      'invalid params for a negative history',
      'GetTask',
      { id: newCorrelationId(), historyLength: -1 },
      -32602,
      'INVALID_PARAMS',
    ],
    [
      'invalid params for a time that is too short, by its own name',
      'SendMessage',
      userMessage([{ text: 'x' }], { metadata: { timeLimitMs: 1 } }),
      -32602,
      'INVALID_PARAMS',
      /^message\.metadata\.timeLimitMs: /,
    ],
    ['invalid params for a page that is too large', 'ListTasks', { pageSize: 1000 }, -32602, 'INVALID_PARAMS'],
    [
      'invalid params for a time that is none',
      'ListTasks',
      { statusTimestampAfter: 'yesterday' },
      -32602,
      'INVALID_PARAMS',
    ],
  ])('JSON-RPC: %s', async (_name, method, params, code, reason, words = /./) => {
    const { status: http, body } = await ask(jsonRpc(), rpc(method, params));
    expect(http).toBe(200);
    expect(body).toMatchObject({ jsonrpc: '2.0', id: 7, error: { code, message: expect.stringMatching(words) } });
    expect(body).toMatchObject({ error: { data: [{ reason, domain: 'a2a-protocol.org' }] } });
  });

  test('JSON-RPC: no such method, no request, no JSON, another content type', async () => {
    expect((await ask(jsonRpc(), rpc('message/send'))).body).toMatchObject({ error: { code: -32601 } });
    expect((await ask(jsonRpc(), '{"jsonrpc":')).body).toMatchObject({ error: { code: -32700 } });
    expect((await ask(jsonRpc(), { id: 1 })).body).toHaveProperty('error.code');
    const text = await ask(jsonRpc(), 'hello', { ...VERSION, 'content-type': 'text/plain' });
    expect(text.body).toMatchObject({ error: { code: -32005 } });
  });

  test('the version header: 1.0 and its patches are served, and what there is not is refused', async () => {
    const list = rpc('ListTasks');
    expect((await ask(jsonRpc(), list, { 'a2a-version': '1.0.7' })).body).toHaveProperty('result.tasks');
    const refused: Record<string, string>[] = [{ 'a2a-version': '0.2' }, { 'a2a-version': '2.0' }];
    for (const headers of refused) {
      expect((await ask(jsonRpc(), list, headers)).body).toMatchObject({ error: { code: -32009 } });
      const answer = await ask(rest('/tasks'), undefined, headers);
      expect(answer).toMatchObject({
        status: 400,
        body: { error: { details: [{ reason: 'VERSION_NOT_SUPPORTED' }] } },
      });
    }
    const old = rawGrpc(gateway().address, 'ListTasks', Buffer.alloc(0), {});
    await expect(old).rejects.toMatchObject({ code: status.UNIMPLEMENTED, details: /0\.3.* is not supported/ });
  });

  test('HTTP+JSON: statuses, reasons and fields of the answers', async () => {
    const missing = await ask(rest(`/tasks/${newCorrelationId()}`));
    expect(missing).toMatchObject({
      status: 404,
      body: { error: { code: 404, status: 'NOT_FOUND', details: [{ reason: 'TASK_NOT_FOUND' }] } },
    });
    const sent = await ask(rest('/message:send'), userMessage([{ text: answerPrompt }]));
    expect(sent).toMatchObject({ status: 200, body: { task: { status: { state: 'TASK_STATE_COMPLETED' } } } });
    expect(sent.headers.get('content-type')).toMatch(/^application\/json/);
    const a2a = await ask(rest('/tasks'), undefined, { ...VERSION, accept: 'application/a2a+json' });
    expect(a2a.headers.get('content-type')).toMatch(/^application\/a2a\+json/);
    const image = userMessage([{ url: 'https://example.org/a.png', mediaType: 'image/png' }]);
    expect(await ask(rest('/message:send'), image)).toMatchObject({
      ...{ status: 415, body: { error: { details: [{ reason: 'CONTENT_TYPE_NOT_SUPPORTED' }] } } },
    });
    const form = await fetch(rest('/message:send'), {
      method: 'POST',
      headers: VERSION,
      body: new URLSearchParams('a=b'),
    });
    expect([form.status, form.headers.get('content-type')]).toEqual([415, expect.stringMatching(/json/)]);
    const { id } = sent.body.task as unknown as { id: string };
    for (const method of ['GET', 'POST']) {
      const ended = await fetch(rest(`/tasks/${id}:subscribe`), { method, headers: VERSION });
      expect(ended.status).toBe(400);
      expect(await ended.json()).toMatchObject({ error: { details: [{ reason: 'UNSUPPORTED_OPERATION' }] } });
    }
    const cancelled = await ask(rest(`/tasks/${id}:cancel`), {});
    expect(cancelled).toMatchObject({ status: 400, body: { error: { details: [{ reason: 'TASK_NOT_CANCELABLE' }] } } });
    const list = await ask(rest('/tasks?pageSize=1'));
    expect(list.body).toMatchObject({ tasks: [{ id }], pageSize: 1, totalSize: 1, nextPageToken: '' });
    expect(list.body.tasks?.[0]).not.toHaveProperty('artifacts');
    expect((await ask(rest('/message:send'), '{"message":')).status).toBe(400);
  });

  test.each(['GET', 'POST'])('HTTP+JSON: :subscribe by %s is a stream of events', async (method) => {
    const { mesh } = gateway();
    const path = `/wire/${method}`;
    mesh.counter.hold(path);
    const order = {
      ...userMessage([{ text: mesh.counter.prompt('http_post', path) }]),
      configuration: { returnImmediately: true },
    };
    const { body } = await ask(rest('/message:send'), order);
    const { id } = body.task as unknown as { id: string };
    const stream = await fetch(rest(`/tasks/${id}:subscribe`), { method, headers: VERSION });
    expect(stream.headers.get('content-type')).toMatch(/^text\/event-stream/);
    mesh.counter.release(path);
    const events = (await stream.text())
      .trim()
      .split('\n\n')
      .map((line) => JSON.parse(line.replace(/^data: /, '')));
    expect(events[0]).toMatchObject({ task: { id } });
    expect(events.at(-1)).toMatchObject({ statusUpdate: { taskId: id, status: { state: 'TASK_STATE_COMPLETED' } } });
  });

  test('gRPC: bytes that are no message are an invalid argument, and leave the gateway standing', async () => {
    for (const bytes of [Buffer.from([0xff, 0xff, 0xff]), Buffer.from([0x12, 0x7f, 0x01]), Buffer.alloc(5000, 0x0a)]) {
      const call = rawGrpc(gateway().address, 'SendMessage', bytes, VERSION);
      await expect(call).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    }
    const missing = rawGrpc(gateway().address, 'GetTask', Buffer.from([0x12, 0x01, 0x78]), VERSION);
    await expect(missing).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  test('a message that is too large is refused in the form of its binding', async () => {
    const large = userMessage([{ text: 'x'.repeat(1_200_000) }]);
    expect((await ask(jsonRpc(), rpc('SendMessage', large))).body).toMatchObject({ error: { code: -32602 } });
    expect((await ask(rest('/message:send'), large)).status).toBe(400);
  });

  test.each([
    ['deep', (value: string) => `${'{"a":'.repeat(6000)}${value}${'}'.repeat(6000)}`],
    ['deep in lists', (value: string) => `${'['.repeat(100_000)}${value}${']'.repeat(100_000)}`],
    ['with a name that changes what objects are', (value: string) => `{"__proto__":{"role":${value}}}`],
    ['huge', (value: string) => `"${'x'.repeat(1_300_000)}${value.length}"`],
  ])('JSON that is %s is the caller’s mistake, and the log has a line', async (_what, made) => {
    const { life } = gateway().mesh.service('gateway');
    const refused = () => life.lines.filter(({ msg }) => msg === 'a body of A2A was refused').length;
    const before = refused();
    const body = `{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"data":${made('1')}}]}}`;
    expect(await ask(rest('/message:send'), body)).toMatchObject({ status: 400, body: { error: { code: 400 } } });
    const { body: told } = await ask(jsonRpc(), `{"jsonrpc":"2.0","id":7,"method":"SendMessage","params":${body}}`);
    expect([-32600, -32602]).toContain((told.error as { code: number } | undefined)?.code);
    await expect.poll(refused).toBe(before + 2);
  });

  test('numbers that are not whole, and bodies that are no object, are the caller’s mistake', async () => {
    for (const pageSize of [1.5, Number.MAX_VALUE, -1])
      expect((await ask(jsonRpc(), rpc('ListTasks', { pageSize }))).body).toMatchObject({ error: { code: -32602 } });
    const halfHistory = { id: newCorrelationId(), historyLength: 0.5 };
    expect((await ask(jsonRpc(), rpc('GetTask', halfHistory))).body).toMatchObject({ error: { code: -32602 } });
    for (const body of ['"__proto__"', '7', 'null', '[]'])
      for (const path of ['/message:send', `/tasks/${newCorrelationId()}:cancel`])
        expect(await ask(rest(path), body)).toMatchObject({ status: 400, body: { error: { code: 400 } } });
  });

  test('what is not there is told in JSON, whatever the path or the method', async () => {
    for (const [method, path] of [
      ['GET', rest('/nothing')],
      ['POST', rest('/tasks/x/nothing')],
      ['GET', rest('/tasks/%ff')],
      ['PUT', jsonRpc()],
      ['OPTIONS', rest('/tasks')],
      ['GET', `${gateway().http}/nothing`],
      ['GET', `${gateway().http}/%ff`],
      ['GET', `${gateway().http}/dapr/subscribe`],
      ['POST', `${gateway().http}/dapr/tasks`],
    ] as const) {
      const response = await fetch(path, { method, headers: VERSION });
      const type = response.headers.get('content-type');
      expect([path, response.status < 500, type]).toEqual([path, true, expect.stringMatching(/^application\/json/)]);
      expect(await response.json()).toHaveProperty('error');
    }
  });

  test('S5: the same message is the same task; its id with another text, context or wish is another question', async () => {
    const task = async (message: object): Promise<string> => {
      const { status: code, body } = await ask(rest('/message:send'), { message });
      expect(code).toBe(200);
      return (body.task as unknown as { id: string }).id;
    };
    const { message } = userMessage([{ text: answerPrompt }]);
    const first = await task(message);
    expect(await task(message)).toBe(first);
    const others = [
      await task({ ...message, parts: [{ text: `${answerPrompt} Say it again.` }] }),
      await task({ ...message, contextId: 'another' }),
      await task({ ...message, metadata: { workflow: 'answer' } }),
    ];
    expect(new Set([first, ...others]).size).toBe(4);
  });

  test('what a client may not send is refused, and says which field', async () => {
    const { message } = userMessage([{ text: answerPrompt }]);
    for (const role of ['ROLE_AGENT', 'ROLE_UNSPECIFIED']) {
      const { body } = await ask(jsonRpc(), rpc('SendMessage', { message: { ...message, role } }));
      expect(body).toMatchObject({ error: { code: -32602, message: expect.stringMatching(/message\.role/) } });
    }
    const ofModes = (acceptedOutputModes: string[]) =>
      ask(jsonRpc(), rpc('SendMessage', { message, configuration: { acceptedOutputModes } }));
    expect((await ofModes(['image/png'])).body).toMatchObject({ error: { code: -32005 } });
    for (const fits of [['image/png', 'text/plain'], ['*/*'], ['text/markdown'], ['application/json; charset=utf-8']]) {
      expect((await ofModes(fits)).body).toHaveProperty('result.task');
    }
  });

  test('whatever is sent where, the answer is JSON that says what is wrong', async () => {
    const { http } = gateway();
    const deep = `{"message":${'{"a":'.repeat(5000)}1${'}'.repeat(5001)}`;
    const very = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    for (const body of [deep, very]) {
      expect((await ask(rest('/message:send'), body)).body).toMatchObject({
        error: { code: 400, message: expect.stringMatching(/deep/) },
      });
      expect((await ask(jsonRpc(), body)).body).toMatchObject({
        error: { code: -32600, message: expect.stringMatching(/deep/) },
      });
    }
    for (const body of ['[]', '[{"jsonrpc":"2.0","id":1,"method":"GetTask"}]', '7', 'null'])
      expect((await ask(jsonRpc(), body)).body).toMatchObject({ error: { code: -32600 } });
    for (const [method, path] of [
      ['POST', '/'],
      ['GET', '/'],
      ['GET', '/a2a'],
      ['GET', '/a2a/jsonrpc'],
      ['DELETE', '/.well-known/agent-card.json'],
      ['GET', '/a2a/rest/nothing/here/at/all'],
      ['PUT', '/a2a/rest/message:send'],
    ] as const) {
      const answer = await fetch(`${http}${path}`, { method, headers: VERSION });
      expect([path, answer.status, answer.headers.get('content-type')]).toEqual([
        path,
        404,
        expect.stringMatching(/json/),
      ]);
      expect(await answer.json()).toMatchObject({ error: { message: expect.stringContaining('agent-card.json') } });
    }
  });

  test('the door of Dapr is closed where nobody has set it up, whatever is sent there', async () => {
    const { http } = gateway();
    const event = { specversion: '1.0', id: newCorrelationId(), source: '/evil', type: 't', data: answerPrompt };
    for (const [method, path, type] of [
      ['POST', '/dapr/tasks', 'application/cloudevents+json'],
      ['POST', '/dapr/tasks', 'text/plain'],
      ['POST', '/dapr/tasks/', 'application/json'],
      ['GET', '/dapr/subscribe', 'application/json'],
      ['GET', '/dapr/', 'application/json'],
    ] as const) {
      const body = method === 'POST' ? JSON.stringify(event) : null;
      const answer = await fetch(`${http}${path}`, { method, body, headers: { 'content-type': type } });
      expect([path, type, answer.status]).toEqual([path, type, 404]);
      expect(await answer.json()).toMatchObject({ error: { message: expect.stringContaining('MESH_DAPR_PUBSUB') } });
    }
  });

  test('the card may be kept: it has an ETag, and is not sent again to whoever has it', async () => {
    const url = `${gateway().http}/.well-known/agent-card.json`;
    const first = await fetch(url, { headers: VERSION });
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"\w+"$/);
    expect(Date.parse(first.headers.get('last-modified') ?? '')).toBeLessThanOrEqual(Date.now());
    // Not by `fetch`, which says with such a header that it wants no stored answer.
    const again = await new Promise<number | undefined>((resolve, reject) => {
      const call = httpRequest(url, { headers: { ...VERSION, 'if-none-match': etag } }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      call.on('error', reject).end();
    });
    expect(again).toBe(304);
  });

  test('a push config may name a host that is not found yet; deleting it is answered with an object', async () => {
    const { body } = await ask(rest('/message:send'), userMessage([{ text: answerPrompt }]));
    const { id } = body.task as unknown as { id: string };
    const configs = rest(`/tasks/${id}/pushNotificationConfigs`);
    const made = await ask(configs, { url: 'https://hooks.nowhere.invalid/a' });
    expect(made.status).toBe(201);
    expect((await ask(configs, { url: 'http://127.0.0.1:9/' })).status).toBe(400);
    const deleted = await fetch(`${configs}/${String(made.body.id)}`, { method: 'DELETE', headers: VERSION });
    expect([deleted.status, await deleted.text()]).toEqual([200, '{}']);
  });

  test('a web page that reaches loopback by a name of its own, or from another origin, is refused', async () => {
    const { port } = new URL(gateway().http);
    const code = (headers: Record<string, string>): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const path = '/.well-known/agent-card.json';
        const call = httpRequest({ host: '127.0.0.1', port, path, headers }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        });
        call.on('error', reject).end();
      });
    expect(await code({ host: `evil.example:${port}` })).toBe(403);
    expect(await code({ host: `localhost:${port}`, origin: 'https://evil.example' })).toBe(403);
    expect(await code({ host: `localhost:${port}`, origin: `http://localhost:${port}` })).toBe(200);
    expect(await code({ host: `localhost:${port}`, origin: 'http://localhost:3000' })).toBe(403);
    expect(await code({ host: `localhost:${port}`, 'sec-fetch-site': 'cross-site' })).toBe(403);
  });
});

describe('A2A callers with tokens', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-a2a-callers-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'callers.json');
  const callers = ['alice', 'bob'].map((name) => ({
    name,
    tokenSha256: createHash('sha256').update(`of ${name}`.replace(' ', '-')).digest('hex'),
  }));
  writeFileSync(file, JSON.stringify({ callers }), { mode: 0o600 });
  const gateway = useGateway('a2a-callers', {
    env: { MESH_GATEWAY_CALLERS: file, MESH_GATEWAY_CALLS_PER_SECOND: '20', MESH_CALLER_MB_PER_DAY: '1' },
  });
  const as = (name: string) => ({ ...VERSION, authorization: `Bearer of-${name}` });

  test('the card says that a token is needed; without one nothing else is answered, in any binding', async () => {
    const { http, address } = gateway();
    const card = await ask(`${http}/.well-known/agent-card.json`);
    expect(card.body).toMatchObject({ securitySchemes: { token: { httpAuthSecurityScheme: { scheme: 'Bearer' } } } });
    for (const url of [`${http}/a2a/rest/tasks`, `${http}/a2a/jsonrpc`]) {
      const answer = await ask(url, url.endsWith('rpc') ? rpc('ListTasks') : undefined, {
        ...VERSION,
        authorization: 'Bearer x',
      });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
    const call = rawGrpc(address, 'ListTasks', Buffer.alloc(0), VERSION);
    await expect(call).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  });

  test('a task of somebody else is not found, listed, or taken over by its message id', async () => {
    const { http } = gateway();
    const sent = userMessage([{ text: answerPrompt }]);
    const mine = await ask(`${http}/a2a/rest/message:send`, sent, as('alice'));
    const { id } = mine.body.task as unknown as { id: string };
    expect((await ask(`${http}/a2a/rest/tasks/${id}`, undefined, as('alice'))).status).toBe(200);
    expect((await ask(`${http}/a2a/rest/tasks/${id}`, undefined, as('bob'))).status).toBe(404);
    expect((await ask(`${http}/a2a/rest/tasks/${id}/pushNotificationConfigs`, undefined, as('bob'))).status).toBe(404);
    expect((await ask(`${http}/a2a/rest/tasks`, undefined, as('bob'))).body).toMatchObject({ tasks: [], totalSize: 0 });
    const theirs = await ask(`${http}/a2a/rest/message:send`, sent, as('bob'));
    expect((theirs.body.task as unknown as { id: string }).id).not.toBe(id);
  });

  test('S8: JSON-RPC: who has had a share of bytes is told why and when to come again, and its push config is not kept', async () => {
    const { http } = gateway();
    const send = (text: string) => {
      const taskPushNotificationConfig = { id: 'hook', url: 'http://8.8.8.8/' };
      const configuration = { returnImmediately: true, taskPushNotificationConfig };
      return ask(`${http}/a2a/jsonrpc`, rpc('SendMessage', { ...userMessage([{ text }]), configuration }), as('alice'));
    };
    expect((await send('x'.repeat(100_000))).body.error).toBeUndefined();
    const { body, headers } = await send('y'.repeat(100_000));
    expect(body.error).toMatchObject({
      code: -32012,
      data: [{ reason: 'BYTES_LIMIT', metadata: { retryAfterMs: expect.stringMatching(/^\d+$/) } }],
    });
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(3600);
    const { body: never, headers: noTime } = await send('z'.repeat(200_000));
    expect(never.error).toMatchObject({ code: -32012, message: expect.stringContaining('send less at a time') });
    expect(noTime.get('retry-after')).toBeNull();
  });

  test('who asks too often is told when to come again', async () => {
    const { http } = gateway();
    const answers = await Promise.all(
      Array.from({ length: 80 }, () => ask(`${http}/a2a/rest/tasks`, undefined, as('bob'))),
    );
    const refused = answers.find(({ status: code }) => code === 429);
    expect(refused?.body).toMatchObject({ error: { code: 429, status: 'RESOURCE_EXHAUSTED' } });
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});
