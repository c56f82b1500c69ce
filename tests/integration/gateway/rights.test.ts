/**
 * Every method of every door, asked by every kind of caller: who may only look steers nothing, and a stranger does not
 * even learn that the task exists. A method that is missing here fails the test.
 */
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonValue } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createMeshClient } from '../../../gateway/client/index.ts';
import { canonicalJson } from '../../../schemas/events/envelope.ts';
import { contentHash, correlationIdOfMessage, newCorrelationId } from '../../../schemas/events/ids.ts';
import { failure, useGateway } from '../../support/gateway.ts';
import { answerPrompt } from '../../support/prompts.ts';
import {
  type Answer,
  a2aMethods,
  callA2aGrpc,
  callJsonRpc,
  callMesh,
  grpcClient,
  meshMethods,
  rawHttp,
  type Verdict,
} from '../../support/raw-doors.ts';

const folder = mkdtempSync(join(tmpdir(), 'mesh-rights-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const LIMIT_MS = 90_000;
const SECRETS = ['WEBHOOK-SECRET', 'CREDENTIAL-SECRET'];

const roles = { alice: 'user', bob: 'user', olga: 'observer', root: 'admin' } as const;
type Name = keyof typeof roles;

function writeCallers(names: readonly Name[]): string {
  const path = join(folder, 'callers.json');
  const callers = names.map((name) => ({
    ...{ name, role: roles[name] },
    tokenSha256: createHash('sha256').update(`token-of-${name}`).digest('hex'),
  }));
  writeFileSync(`${path}.next`, JSON.stringify({ callers }));
  chmodSync(`${path}.next`, 0o600);
  renameSync(`${path}.next`, path);
  return path;
}

const gateway = useGateway('gateway-rights', {
  env: {
    MESH_GATEWAY_CALLERS: writeCallers(['alice', 'bob', 'olga', 'root']),
    MESH_DAPR_PUBSUB: 'orders',
    MESH_PUSH_ALLOW_HOSTS: 'receiver.invalid,127.0.0.1',
  },
});

/** Whom a method lets in. `own` works on the caller's own things, `look` on a task of Alice's, `steer` changes it. */
type Kind = 'own' | 'look' | 'steer' | 'admin';
const kinds: Readonly<Record<Kind, Readonly<Record<Name, Verdict>>>> = {
  own: { alice: 'allowed', bob: 'allowed', olga: 'allowed', root: 'allowed' },
  look: { alice: 'allowed', bob: 'not_found', olga: 'allowed', root: 'allowed' },
  steer: { alice: 'allowed', bob: 'not_found', olga: 'forbidden', root: 'allowed' },
  admin: { alice: 'forbidden', bob: 'forbidden', olga: 'forbidden', root: 'allowed' },
};

/** Each with a request for the task of Alice's. */
const mesh: Readonly<Record<string, readonly [Kind, (task: string) => JsonValue]>> = {
  Run: ['own', () => ({ prompt: answerPrompt })],
  Submit: ['own', () => ({ prompt: answerPrompt })],
  List: ['own', () => ({})],
  Search: ['own', () => ({ query: 'crash' })],
  Registry: ['own', () => ({})],
  Get: ['look', (correlationId) => ({ correlationId })],
  Watch: ['look', (correlationId) => ({ correlationId })],
  ListMessages: ['look', (correlationId) => ({ correlationId })],
  Respond: ['steer', (correlationId) => ({ correlationId, text: 'yes' })],
  SendMessage: ['steer', (correlationId) => ({ correlationId, recipientRole: 'coder', parts: [{ text: 'hello' }] })],
  Fork: ['steer', (correlationId) => ({ correlationId, hop: 1, prompt: answerPrompt })],
  Cancel: ['steer', (correlationId) => ({ correlationId })],
  SetMode: ['admin', () => ({ mode: 'MODE_SHIPPING' })],
  SetWindow: ['admin', () => ({})],
};

const CONFIG = 'hook';
const config = (taskId: string) => ({
  ...{ taskId, id: CONFIG, url: 'https://127.0.0.1:1/hook', token: SECRETS[0] },
  authentication: { scheme: 'Bearer', credentials: SECRETS[1] },
});
const said = (text: string, more: object = {}) => ({
  message: { messageId: newCorrelationId(), role: 'ROLE_USER', parts: [{ text }], ...more },
  configuration: { returnImmediately: true },
});

/** With the request as JSON-RPC has it, and how REST asks the same; null where that is no A2A way of HTTP. */
type Rest = readonly [verb: string, path: string, body?: object];
const a2a: Readonly<Record<string, readonly [Kind, (task: string) => object, (task: string) => Rest]>> = {
  SendMessage: ['own', () => said(answerPrompt), () => ['POST', '/message:send', said(answerPrompt)]],
  SendStreamingMessage: ['own', () => said(answerPrompt), () => ['POST', '/message:stream', said(answerPrompt)]],
  ListTasks: ['own', () => ({}), () => ['GET', '/tasks']],
  GetExtendedAgentCard: ['own', () => ({}), () => ['GET', '/extendedAgentCard']],
  GetTask: ['look', (id) => ({ id }), (id) => ['GET', `/tasks/${id}`]],
  SubscribeToTask: ['look', (id) => ({ id }), (id) => ['POST', `/tasks/${id}:subscribe`]],
  CreateTaskPushNotificationConfig: [
    'steer',
    (id) => config(id),
    (id) => ['POST', `/tasks/${id}/pushNotificationConfigs`, config(id)],
  ],
  GetTaskPushNotificationConfig: [
    'steer',
    (taskId) => ({ taskId, id: CONFIG }),
    (id) => ['GET', `/tasks/${id}/pushNotificationConfigs/${CONFIG}`],
  ],
  ListTaskPushNotificationConfigs: [
    'steer',
    (taskId) => ({ taskId }),
    (id) => ['GET', `/tasks/${id}/pushNotificationConfigs`],
  ],
  DeleteTaskPushNotificationConfig: [
    'steer',
    (taskId) => ({ taskId, id: 'another' }),
    (id) => ['DELETE', `/tasks/${id}/pushNotificationConfigs/another`],
  ],
  CancelTask: ['steer', (id) => ({ id }), (id) => ['POST', `/tasks/${id}:cancel`, {}]],
};

type Ask = (task: string, token?: string) => Promise<Answer>;
interface Row {
  readonly door: string;
  readonly method: string;
  readonly kind: Kind;
  readonly ask: Ask;
}

function rows(): Row[] {
  const { address, http } = gateway();
  const client = grpcClient(address);
  const ofMesh = meshMethods.map((method): Row => {
    const [kind, json] = mesh[method.name] ?? unknown(method.name);
    return {
      door: 'gRPC',
      method: method.name,
      kind,
      ask: (task, token) => callMesh(client, method, json(task), token),
    };
  });
  const ofA2a = [...a2aMethods].flatMap(([method, { requestSerialize }]): Row[] => {
    const [kind, params, rest] = a2a[method] ?? unknown(method);
    const asRest: Ask = (task, token) => {
      const [verb, path, body] = rest(task);
      const init = { method: verb, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
      return rawHttp(`${http}/a2a/rest${path}`, init, token);
    };
    return [
      {
        door: 'A2A gRPC',
        method,
        kind,
        ask: (task, token) => callA2aGrpc(client, method, requestSerialize(forGrpc(params(task))), token),
      },
      { door: 'A2A JSON-RPC', method, kind, ask: (task, token) => callJsonRpc(http, method, params(task), token) },
      { door: 'A2A REST', method, kind, ask: asRest },
    ];
  });
  const event = { specversion: '1.0', source: '/rights', type: 't', data: answerPrompt };
  const dapr: Ask = (_task, token) =>
    rawHttp(
      `${http}/dapr/tasks`,
      { method: 'POST', body: JSON.stringify({ ...event, id: newCorrelationId() }) },
      token,
    );
  return [...ofMesh, ...ofA2a, { door: 'Dapr', method: 'tasks', kind: 'own', ask: dapr }];
}

function unknown(method: string): never {
  throw new Error(`${method} is a method of the gateway, and nobody has said here who may call it`);
}

/** The SDK's own messages name the content of a part otherwise. */
function forGrpc(params: object): object {
  if (!('message' in params)) return { tenant: '', contextId: '', status: 0, pageSize: 10, pageToken: '', ...params };
  const { message, configuration } = params as ReturnType<typeof said>;
  const parts = message.parts.map(({ text }) => ({
    content: { $case: 'text', value: text },
    filename: '',
    mediaType: '',
  }));
  return {
    message: { contextId: '', taskId: '', ...message, role: 1, parts, extensions: [], referenceTaskIds: [] },
    configuration: { acceptedOutputModes: [], ...configuration },
    tenant: '',
  };
}

const tokenOf = (name: Name): string => `token-of-${name}`;

describe('who may do what', () => {
  let task = '';
  let order: ReturnType<typeof said>;
  const path = '/rights';

  beforeAll(async () => {
    const { mesh: private_, http } = gateway();
    private_.counter.hold(path);
    order = said(private_.counter.prompt('http_post', path));
    const { text } = await callJsonRpc(http, 'SendMessage', order, tokenOf('alice'));
    task = String((JSON.parse(text) as { result: { task: { id: string } } }).result.task.id);
    await private_.counter.arrived(path, 1, LIMIT_MS);
  });
  afterAll(() => gateway().mesh.counter.release(path));

  /** Asks for all of them, and tells those that answer otherwise than they should. */
  const wrong = async (name: Name | null, token: string | undefined, wanted: (kind: Kind) => Verdict | null) => {
    const found: string[] = [];
    for (const { door, method, kind, ask } of rows()) {
      const want = wanted(kind);
      if (want === null) continue;
      const { verdict, text } = await ask(task, token);
      if (verdict !== want) found.push(`${door} ${method} as ${name}: ${verdict}, not ${want}: ${text.slice(0, 200)}`);
      if (text.includes('"status":"UNKNOWN"'))
        found.push(`${door} ${method} as ${name}: no name for ${text.slice(0, 200)}`);
      for (const secret of SECRETS)
        if (text.includes(secret)) found.push(`${door} ${method} tells ${secret} to ${name}`);
    }
    return found;
  };

  test('without a token, or with a wrong one: nothing', async () => {
    expect(await wrong(null, undefined, () => 'unauthenticated')).toEqual([]);
    expect(await wrong(null, 'guessed', () => 'unauthenticated')).toEqual([]);
  });

  test.each(['bob', 'olga'] as const)('%s: what is not theirs stays as it is', async (name) => {
    const { http } = gateway();
    await callJsonRpc(http, 'CreateTaskPushNotificationConfig', config(task), tokenOf('alice'));
    const state = async () => [
      (await callJsonRpc(http, 'ListTaskPushNotificationConfigs', { taskId: task }, tokenOf('alice'))).text,
      (await callJsonRpc(http, 'GetTask', { id: task }, tokenOf('alice'))).text,
    ];
    const before = await state();
    expect(before[0]).toContain(CONFIG);
    expect(await wrong(name, tokenOf(name), (kind) => kinds[kind][name])).toEqual([]);
    expect(await state()).toEqual(before);
  });

  test("a message that repeats the owner's own brings no webhook of somebody else", async () => {
    const { http } = gateway();
    const repeated = {
      message: { ...order.message, taskId: task },
      configuration: {
        ...order.configuration,
        taskPushNotificationConfig: { id: 'theirs', url: 'https://127.0.0.1:1/x' },
      },
    };
    expect((await callJsonRpc(http, 'SendMessage', repeated, tokenOf('olga'))).verdict).toBe('forbidden');
    expect((await callJsonRpc(http, 'SendMessage', repeated, tokenOf('bob'))).verdict).toBe('not_found');
    const all = await callJsonRpc(http, 'ListTaskPushNotificationConfigs', { taskId: task }, tokenOf('alice'));
    expect(all.text).not.toContain('theirs');
  });

  test('a message to a task that is not the caller’s own is judged as every other change', async () => {
    const { http } = gateway();
    const more = said('hello', { taskId: task });
    for (const [name, verdict] of [
      ['olga', 'forbidden'],
      ['bob', 'not_found'],
    ] as const) {
      expect((await callJsonRpc(http, 'SendMessage', more, tokenOf(name))).verdict).toBe(verdict);
      expect((await callJsonRpc(http, 'SendStreamingMessage', more, tokenOf(name))).verdict).toBe(verdict);
    }
  });

  test('a task that is refused leaves no webhook behind', async () => {
    const { http, mesh: private_ } = gateway();
    const keys = async () => (await private_.bus.kv('push').entries()).map(({ key }) => key).toSorted();
    const before = await keys();
    const taskPushNotificationConfig = { url: 'https://127.0.0.1:1/orphan' };
    const configuration = { returnImmediately: true, taskPushNotificationConfig };
    const { message } = said(answerPrompt);
    const noWorkflow = { message: { ...message, metadata: { workflow: 'nosuch' } }, configuration };
    expect((await callJsonRpc(http, 'SendMessage', noWorkflow, tokenOf('bob'))).text).toContain('nosuch');
    // The task of that message is there already, and is another one: only the mesh can tell.
    const key = JSON.stringify([
      message.messageId,
      contentHash(canonicalJson({ prompt: answerPrompt, contextId: '' })),
    ]);
    const bob = createMeshClient({ address: gateway().address, token: tokenOf('bob') });
    await bob.submit({ prompt: 'something else', correlationId: correlationIdOfMessage('a2a', 'bob', key) });
    bob.close();
    const taken = await callJsonRpc(http, 'SendMessage', { message, configuration }, tokenOf('bob'));
    expect(taken.text).toContain('was used before');
    expect(await keys()).toEqual(before);
  });

  test('the owner and an admin may, and hear no secret again', async () => {
    expect(await wrong('alice', tokenOf('alice'), (kind) => kinds[kind].alice)).toEqual([]);
    expect(await wrong('root', tokenOf('root'), (kind) => kinds[kind].root)).toEqual([]);
  });

  test('a token that is taken out of the file ends the streams that it has opened', async () => {
    const { address, mesh: private_ } = gateway();
    const held = '/rights/revoked';
    private_.counter.hold(held);
    const bob = createMeshClient({ address, token: tokenOf('bob') });
    const { task: his } = await bob.submit({ prompt: private_.counter.prompt('http_post', held) });
    const watch = bob.watch(his.correlationId)[Symbol.asyncIterator]();
    await watch.next();
    const ended = failure(
      (async () => {
        for (;;) if ((await watch.next()).done === true) return;
      })(),
    );
    writeCallers(['alice', 'olga', 'root']);
    expect(await ended).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await failure(bob.get(his.correlationId))).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'WRONG_TOKEN' });
    private_.counter.release(held);
    bob.close();
  });
});
