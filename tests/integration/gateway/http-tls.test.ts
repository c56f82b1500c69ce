/** The HTTP port with TLS: A2A and Dapr over HTTPS, with client certificates and with tokens. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as overHttp } from 'node:http';
import { request as overHttps, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { afterAll, describe, expect, test } from 'vitest';
import { createMeshClient } from '../../../gateway/client/index.ts';
import { correlationIdOfEvent, newCorrelationId } from '../../../schemas/events/ids.ts';
import { Authority, type Certificate } from '../../support/certificates.ts';
import { useGateway } from '../../support/gateway.ts';
import { answerPrompt } from '../../support/prompts.ts';

const folder = mkdtempSync(join(tmpdir(), 'mesh-http-tls-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const ours = new Authority(folder, 'ours');
const theirs = new Authority(folder, 'theirs');
const server = ours.sign('gateway', ['DNS:localhost', 'IP:127.0.0.1']);
const carol = ours.sign('carol');
const dave = ours.sign('dave');
const sidecar = ours.sign('sidecar');
const mallory = theirs.sign('carol');

interface Answer {
  readonly status: number;
  readonly body: Body;
}

/** What the tests read of the answers. */
interface Body {
  readonly task?: { readonly id: string; readonly status: { readonly state: string } };
  readonly result?: { readonly id: string };
  readonly error?: { readonly code: number };
  readonly supportedInterfaces?: readonly { readonly url: string }[];
  readonly securitySchemes?: object;
  readonly length?: number;
}

interface Credentials {
  readonly certificate?: Certificate;
  readonly token?: string;
}

/** One request with a connection of its own. */
async function ask(
  port: string,
  path: string,
  body: unknown,
  { certificate, token }: Credentials,
  more: Record<string, string> = {},
): Promise<Answer> {
  const options: RequestOptions = {
    ...{ host: '127.0.0.1', servername: 'localhost', port, path, ca: ours.certificate, agent: false },
    ...(certificate === undefined ? {} : { key: certificate.key, cert: certificate.certificate }),
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...{ 'a2a-version': '1.0', 'content-type': 'application/json' },
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...more,
    },
  };
  const request = overHttps(options);
  request.end(body === undefined ? undefined : JSON.stringify(body));
  const [response] = await once(request, 'response');
  const answered = await text(response);
  return { status: response.statusCode, body: JSON.parse(answered) as Body };
}

function sent(prompt: string) {
  return { message: { messageId: newCorrelationId(), role: 'ROLE_USER', parts: [{ text: prompt }] } };
}

describe('HTTPS with client certificates', () => {
  const gateway = useGateway('http-mtls', {
    services: ['agents', 'llm', 'gateway'],
    env: {
      MESH_DAPR_PUBSUB: 'orders',
      MESH_GATEWAY_TLS_CERT: server.path,
      MESH_GATEWAY_TLS_KEY: server.keyPath,
      MESH_GATEWAY_TLS_CLIENT_CA: ours.path,
    },
  });
  const port = (): string => new URL(gateway().http).port;
  /** The caller that stands on a task, by gRPC and the same certificate. */
  const callerOf = async (taskId: string, { key, certificate }: Certificate): Promise<string> => {
    const tls = { authority: ours.certificate, key, certificate };
    const client = createMeshClient({ address: gateway().address, tls });
    try {
      return (await client.get(taskId)).task.caller;
    } finally {
      client.close();
    }
  };

  test('the agent card names https addresses and the scheme', async () => {
    const { status, body } = await ask(port(), '/.well-known/agent-card.json', undefined, { certificate: carol });
    expect(status).toBe(200);
    const urls = body.supportedInterfaces?.map(({ url }) => url);
    expect(urls).toContain(`https://127.0.0.1:${port()}/a2a/jsonrpc`);
    expect(Object.keys(body.securitySchemes ?? {})).toEqual(['certificate']);
  });

  test('A2A: the certificate says who calls, and nobody else sees the task', async () => {
    const { status, body } = await ask(port(), '/a2a/rest/message:send', sent(answerPrompt), { certificate: carol });
    expect([status, body.task?.status.state]).toEqual([200, 'TASK_STATE_COMPLETED']);
    const id = body.task?.id ?? '';
    expect(await callerOf(id, carol)).toBe('cert:carol');
    expect((await ask(port(), `/a2a/rest/tasks/${id}`, undefined, { certificate: carol })).status).toBe(200);
    expect((await ask(port(), `/a2a/rest/tasks/${id}`, undefined, { certificate: dave })).status).toBe(404);
    const rpc = { jsonrpc: '2.0', id: 1, method: 'GetTask', params: { id } };
    const [hers, his] = await Promise.all(
      [carol, dave].map((certificate) => ask(port(), '/a2a/jsonrpc', rpc, { certificate })),
    );
    expect(hers?.body.result?.id).toBe(id);
    expect(his?.body.error?.code).toBe(-32001);
  });

  test('Dapr: an event is a task of whom the certificate names', async () => {
    const prompt = `${answerPrompt} By a sidecar`;
    const event = { specversion: '1.0', id: newCorrelationId(), source: 'shop', type: 'order', data: { prompt } };
    expect((await ask(port(), '/dapr/subscribe', undefined, { certificate: sidecar })).body).toHaveLength(1);
    expect((await ask(port(), '/dapr/tasks', event, { certificate: sidecar })).body).toEqual({ status: 'SUCCESS' });
    const taskId = correlationIdOfEvent('cert:sidecar', event.source, event.id);
    await gateway().mesh.watch.fact(taskId, 'task.accepted');
    expect(await callerOf(taskId, sidecar)).toBe('cert:sidecar');
  });

  test('a certificate goes along with what a web page sends: no other page is answered', async () => {
    const event = { specversion: '1.0', id: newCorrelationId(), source: '/evil', type: 't', data: answerPrompt };
    const by = { certificate: carol };
    const evil = 'https://evil.example';
    for (const [path, body, headers] of [
      ['/dapr/tasks', event, { origin: evil, 'sec-fetch-site': 'cross-site', 'content-type': 'text/plain' }],
      ['/dapr/tasks', event, { origin: evil }],
      ['/dapr/tasks', event, { origin: 'null' }],
      ['/dapr/tasks', event, { origin: 'https://localhost:3000', host: `localhost:${port()}` }],
      ['/a2a/rest/tasks', undefined, { host: 'evil.example', origin: evil }],
      ['/a2a/rest/tasks', undefined, { host: 'evil.example', 'sec-fetch-site': 'same-origin' }],
      ['/a2a/rest/tasks', undefined, { 'sec-fetch-site': 'same-site' }],
      ['/a2a/rest/message:send', sent('x'), { origin: evil }],
    ] as const) {
      const { status, body: told } = await ask(port(), path, body, by, headers);
      expect([path, headers, status, told.error?.code]).toEqual([path, headers, 403, 403]);
    }
    const plain = await ask(port(), '/dapr/tasks', event, by, { 'content-type': 'text/plain' });
    expect(plain.status).toBe(415);
    // Its own origin, and programs, which call it by any name.
    const own = { host: `localhost:${port()}`, origin: `https://localhost:${port()}`, 'sec-fetch-site': 'same-origin' };
    expect((await ask(port(), '/a2a/rest/tasks', undefined, by, own)).status).toBe(200);
    expect((await ask(port(), '/a2a/rest/tasks', undefined, by, { host: 'gateway.mesh.svc' })).status).toBe(200);
  });

  test.each([
    ['no certificate', {}],
    ['a certificate of another authority', { certificate: mallory }],
  ])('with %s nothing is answered, not even health', async (_what, credentials) => {
    for (const path of ['/healthz', '/.well-known/agent-card.json', '/dapr/subscribe']) {
      await expect(ask(port(), path, undefined, credentials)).rejects.toThrow(/alert|ECONNRESET|socket hang up/);
    }
    await expect(ask(port(), '/a2a/rest/message:send', sent('x'), credentials)).rejects.toThrow();
    expect((await ask(port(), '/healthz', undefined, { certificate: carol })).status).toBe(200);
  });

  test('without TLS there is no answer', async () => {
    const request = overHttp({ host: '127.0.0.1', port: port(), path: '/healthz' });
    request.end();
    await expect(once(request, 'response')).rejects.toThrow();
  });

  test('old versions of TLS are refused', async () => {
    const socket = connect({
      ...{ host: '127.0.0.1', port: Number(port()), ca: ours.certificate },
      ...{ key: carol.key, cert: carol.certificate, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' },
      ciphers: 'DEFAULT:@SECLEVEL=0',
    });
    await expect(once(socket, 'secureConnect')).rejects.toThrow(/alert protocol version/);
  });
});

describe('HTTPS with tokens', () => {
  const token = 'token-of-alice';
  const callers = join(folder, 'callers.json');
  const tokenSha256 = createHash('sha256').update(token).digest('hex');
  writeFileSync(callers, JSON.stringify({ callers: [{ name: 'alice', tokenSha256 }] }), { mode: 0o600 });
  const gateway = useGateway('http-tls-tokens', {
    services: ['agents', 'llm', 'gateway'],
    env: {
      MESH_GATEWAY_CALLERS: callers,
      MESH_GATEWAY_TLS_CERT: server.path,
      MESH_GATEWAY_TLS_KEY: server.keyPath,
    },
  });
  const port = (): string => new URL(gateway().http).port;

  test('a token over HTTPS is let in, none and a wrong one are not', async () => {
    const message = sent(answerPrompt);
    const refused = await ask(port(), '/a2a/rest/message:send', message, {});
    expect(refused.status).toBe(401);
    expect((await ask(port(), '/a2a/rest/message:send', message, { token: 'guessed' })).status).toBe(401);
    const { status, body } = await ask(port(), '/a2a/rest/message:send', message, { token });
    expect([status, body.task?.status.state]).toEqual([200, 'TASK_STATE_COMPLETED']);
  });

  test('a client that does not know the authority does not go on', async () => {
    const socket = connect({ host: '127.0.0.1', port: Number(port()), ca: theirs.certificate });
    await expect(once(socket, 'secureConnect')).rejects.toThrow(/certificate/);
  });
});
