/**
 * A client of A2A 0.3: what it finds in the card, and its calls, translated by the SDK's own layer.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LegacyJsonRpcTransport, parseLegacyAgentCard } from '@a2a-js/sdk/compat/v0_3/client';
import { afterAll, describe, expect, test } from 'vitest';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { asTask, request } from '../../support/a2a.ts';
import { useGateway } from '../../support/gateway.ts';
import { answerPrompt } from '../../support/prompts.ts';

const TYPE = { 'content-type': 'application/json' };

async function json(url: string, headers: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const answer = await fetch(url, { headers });
  expect(answer.status).toBe(200);
  return (await answer.json()) as Record<string, unknown>;
}

describe('a client of A2A 0.3', () => {
  const gateway = useGateway('a2a-legacy');
  const send = async (path: string, body: unknown): Promise<Response> =>
    fetch(`${gateway().http}${path}`, { method: 'POST', headers: TYPE, body: JSON.stringify(body) });
  const said = (text: string) => ({
    kind: 'message',
    messageId: newCorrelationId(),
    role: 'user',
    parts: [{ kind: 'text', text }],
  });

  test.each<[string, string, Record<string, string>]>([
    ['by its version', '/.well-known/agent-card.json', { 'a2a-version': '0.3' }],
    ['where releases before 0.3 looked', '/.well-known/agent.json', {}],
  ])('finds its fields in the card %s', async (_what, path, headers) => {
    const { http } = gateway();
    expect(await json(`${http}${path}`, headers)).toMatchObject({
      ...{ url: `${http}/a2a/jsonrpc`, preferredTransport: 'JSONRPC', protocolVersion: '0.3.0' },
      additionalInterfaces: [{ url: `${http}/a2a/rest`, transport: 'HTTP+JSON' }],
      ...{ name: 'Agent Mesh', capabilities: { streaming: true }, skills: expect.any(Array) },
    });
  });

  test('the card of 1.0, whose schema allows no further field, has none of them', async () => {
    const card = await json(`${gateway().http}/.well-known/agent-card.json`);
    expect(card).toHaveProperty('supportedInterfaces');
    for (const field of ['url', 'preferredTransport', 'protocolVersion', 'additionalInterfaces', 'security'])
      expect(card).not.toHaveProperty(field);
  });

  test('message/send, tasks/get and a stream, as it writes them', async () => {
    const call = (method: string, params: unknown) => send('/a2a/jsonrpc', { jsonrpc: '2.0', id: 1, method, params });
    const { result } = (await (await call('message/send', { message: said(answerPrompt) })).json()) as {
      result: { id: string; kind: string };
    };
    expect(result).toMatchObject({ kind: 'task', status: { state: 'completed' } });
    expect(await (await call('tasks/get', { id: result.id })).json()).toMatchObject({ result: { id: result.id } });
    expect(await (await call('tasks/get', { id: 'x' })).json()).toMatchObject({ error: { code: -32001 } });
    const text = await (await call('message/stream', { message: said(answerPrompt) })).text();
    expect(text).toContain('"kind":"status-update"');
    expect(text).toMatch(/"final":true/);
  });

  test('HTTP+JSON under /v1', async () => {
    const message = { messageId: newCorrelationId(), role: 'ROLE_USER', content: [{ text: answerPrompt }] };
    const answer = await send('/a2a/rest/v1/message:send', { message });
    expect(await answer.json()).toMatchObject({ task: { status: { state: 'TASK_STATE_COMPLETED' } } });
  });

  test('the SDK\u2019s own client of 0.3 reads the card and is answered', async () => {
    const card = parseLegacyAgentCard(await json(`${gateway().http}/.well-known/agent.json`));
    const endpoint = card.supportedInterfaces.find(({ protocolBinding }) => protocolBinding === 'JSONRPC')?.url ?? '';
    const transport = new LegacyJsonRpcTransport({ endpoint });
    const task = asTask(await transport.sendMessage(request(answerPrompt)));
    expect(task.status?.state).toBe(3);
  });
});

describe('a client of A2A 0.3 where a token is needed, and a card for both is wished', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-legacy-callers-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'callers.json');
  const tokenSha256 = createHash('sha256').update('of-alice').digest('hex');
  writeFileSync(file, JSON.stringify({ callers: [{ name: 'alice', tokenSha256 }] }), { mode: 0o600 });
  const gateway = useGateway('a2a-legacy-callers', { env: { MESH_GATEWAY_CALLERS: file, MESH_A2A_CARD: 'both' } });

  test('reads in the card which one, in the form of either version', async () => {
    const card = await json(`${gateway().http}/.well-known/agent-card.json`);
    expect(card).toMatchObject({
      securitySchemes: { token: { type: 'http', scheme: 'Bearer', httpAuthSecurityScheme: { scheme: 'Bearer' } } },
      security: [{ token: [] }],
    });
  });
});
