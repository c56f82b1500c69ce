/**
 * What nobody should send to the gateway: each gets its status, the gateway stays the process it was, and its memory
 * stays where it was.
 */
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { type DescMethod, fromJson, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MeshCallError } from '../../../gateway/client/errors.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { within } from '../../support/changes.ts';
import { flood, residentMb } from '../../support/flood.ts';
import { useGateway } from '../../support/gateway.ts';
import { answerPrompt } from '../../support/prompts.ts';
import { ReflectedClient } from './reflected.ts';

const LIMIT_MS = 60_000;
const MIB = 1_048_576;
const SERVICE = 'mesh.v1.MeshService';
const id = newCorrelationId();
const prompt = 'hello';

/** Numbers that look random and are the same at every run. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

type Case = readonly [what: string, method: string, request: JsonObject, code: string, field: string];

const cases: readonly Case[] = [
  ['no prompt', 'run', {}, 'INVALID_ARGUMENT', 'prompt'],
  ['a prompt beyond its limit', 'run', { prompt: 'x'.repeat(262_145) }, 'INVALID_ARGUMENT', 'prompt'],
  ['an id that is no UUID', 'run', { prompt, correlationId: 'task-1' }, 'INVALID_ARGUMENT', 'correlation_id'],
  [
    'the nil UUID',
    'run',
    { prompt, correlationId: '00000000-0000-0000-0000-000000000000' },
    'INVALID_ARGUMENT',
    'correlation_id',
  ],
  ['a key beyond its limit', 'run', { prompt, key: 'k'.repeat(129) }, 'INVALID_ARGUMENT', 'key'],
  ['an id with a wildcard', 'submit', { prompt, correlationId: '>' }, 'INVALID_ARGUMENT', 'correlation_id'],
  ['an unknown workflow', 'run', { prompt, workflow: 'guess' }, 'INVALID_ARGUMENT', 'workflow'],
  ['a workflow that is a path', 'submit', { prompt, workflow: '../build' }, 'INVALID_ARGUMENT', 'workflow'],
  ['a time limit below a second', 'run', { prompt, timeLimit: '0.5s' }, 'INVALID_ARGUMENT', 'time_limit'],
  ['a time limit above a day', 'submit', { prompt, timeLimit: '86401s' }, 'INVALID_ARGUMENT', 'time_limit'],
  ['a priority that is none', 'run', { prompt, priority: 9 }, 'INVALID_ARGUMENT', 'priority'],
  ['no id', 'get', {}, 'INVALID_ARGUMENT', 'correlation_id'],
  ['an id of no task', 'get', { correlationId: id }, 'NOT_FOUND', ''],
  ['a watch of no task', 'watch', { correlationId: id }, 'NOT_FOUND', ''],
  ['a cursor that is none', 'watch', { correlationId: id, cursor: '7' }, 'INVALID_ARGUMENT', 'cursor'],
  ['an endless cursor', 'watch', { correlationId: id, cursor: '7'.repeat(500) }, 'INVALID_ARGUMENT', 'cursor'],
  ['a page beyond its limit', 'list', { pageSize: 201 }, 'INVALID_ARGUMENT', 'page_size'],
  ['a page token that is none', 'list', { pageToken: 'next' }, 'INVALID_ARGUMENT', 'page_token'],
  ['a state that says nothing', 'list', { states: ['TASK_STATE_UNSPECIFIED'] }, 'INVALID_ARGUMENT', 'states'],
  ['a state that does not exist', 'list', { states: [77] }, 'INVALID_ARGUMENT', 'states[0]'],
  ['an answer to no task', 'respond', { correlationId: id, text: 'yes' }, 'NOT_FOUND', ''],
  ['an empty answer', 'respond', { correlationId: id }, 'INVALID_ARGUMENT', 'text'],
  [
    'a reason beyond its limit',
    'cancel',
    { correlationId: id, reason: 'x'.repeat(2001) },
    'INVALID_ARGUMENT',
    'reason',
  ],
  [
    'a message to nobody',
    'sendMessage',
    { correlationId: id, parts: [{ text: 'a' }] },
    'INVALID_ARGUMENT',
    'recipient_role',
  ],
  [
    'a message to a role without ears',
    'sendMessage',
    { correlationId: id, recipientRole: 'retriever', parts: [{ text: 'a' }] },
    'INVALID_ARGUMENT',
    'recipient_role',
  ],
  [
    'a message without parts',
    'sendMessage',
    { correlationId: id, recipientRole: 'coder' },
    'INVALID_ARGUMENT',
    'parts',
  ],
  [
    'a part without content',
    'sendMessage',
    { correlationId: id, recipientRole: 'coder', parts: [{}] },
    'INVALID_ARGUMENT',
    'parts[0].content',
  ],
  ['a fork of no task', 'fork', { correlationId: id, hop: 1 }, 'NOT_FOUND', ''],
  ['a fork from hop 0', 'fork', { correlationId: id, hop: 0 }, 'INVALID_ARGUMENT', 'hop'],
  ['a search for nothing', 'search', {}, 'INVALID_ARGUMENT', 'query'],
  ['a search for everything', 'search', { query: 'x', limit: 101 }, 'INVALID_ARGUMENT', 'limit'],
  ['no mode', 'setMode', {}, 'INVALID_ARGUMENT', 'mode'],
  ['a window of two hours', 'setWindow', { openFor: '7200s' }, 'INVALID_ARGUMENT', 'open_for'],
  ['a window of no time', 'setWindow', { openFor: '0s' }, 'INVALID_ARGUMENT', 'open_for'],
];

describe('bad input', () => {
  const gateway = useGateway('gateway-bad-input', {
    env: { MESH_GATEWAY_KEEPALIVE_MS: '1000', MESH_GATEWAY_CALLS_PER_SECOND: '5000' },
  });
  let client: ReflectedClient;
  let methods: Readonly<Record<string, DescMethod>> = {};
  let pid = 0;
  beforeAll(async () => {
    client = new ReflectedClient(gateway().address);
    methods = (await client.learn(SERVICE)).method;
    pid = gateway().mesh.service('gateway').life.pid;
  });
  afterAll(() => client.close());

  const method = (name: string): DescMethod => {
    const found = methods[name];
    if (found === undefined) throw new Error(`no method ${name}`);
    return found;
  };
  const expectUnharmed = async (): Promise<void> => {
    expect(gateway().mesh.service('gateway').life).toMatchObject({ pid, ended: null });
    expect((await client.call(method('run'), { prompt: answerPrompt })).error).toBeNull();
  };

  test.each(cases)('%s: %s', async (_what, name, request, code, field) => {
    const { error } = await client.call(method(name), request);
    if (error === null) throw new Error('it was taken');
    const told = new MeshCallError(error, null);
    expect([told.code, told.fields[0]?.field ?? '']).toEqual([code, field]);
    if (field !== '') expect(told.message).toContain(field);
    expect(told.reason).not.toBe('');
  });

  test('a hop that the task does not have', async () => {
    const { task } = await gateway().client.run({ prompt: answerPrompt });
    const { error } = await client.call(method('fork'), { correlationId: task.correlationId, hop: 9 });
    expect(error?.details).toBe('hop: the task has hops 1, 2');
  });

  test('bytes that are no message, and messages with broken bytes', async () => {
    const roll = dice(20_261_125);
    const allowed = new Set(['INVALID_ARGUMENT', 'NOT_FOUND', 'RESOURCE_EXHAUSTED', 'none']);
    const valid = Object.values(methods).map((one) => {
      const fields = one.name === 'Search' ? { query: 'a lease' } : { correlationId: id };
      const known = Object.entries(fields).filter(([name]) =>
        one.input.fields.some(({ localName }) => localName === name),
      );
      return { one, request: Object.fromEntries(known) };
    });
    for (let round = 0; round < 300; round += 1) {
      const chosen = valid[roll(valid.length)];
      if (chosen === undefined) throw new Error('no method');
      const bytes = roll(2) === 0 ? noise(roll) : await broken(chosen.one, chosen.request, roll);
      const { error } = await client.raw(chosen.one, bytes, new Metadata(), 10_000);
      const code = error === null ? 'none' : new MeshCallError(error, null).code;
      expect(allowed, `${chosen.one.name} ${bytes.toString('hex')} ${error?.details}`).toContain(code);
    }
    await expectUnharmed();
  });

  test('more bytes than a message may have', async () => {
    const before = residentMb(pid);
    const large = Buffer.concat([Buffer.from([0x0a, 0x80, 0x80, 0x80, 0x02]), Buffer.alloc(4 * MIB, 0x78)]);
    for (let round = 0; round < 20; round += 1) {
      const { error } = await client.raw(method('run'), large);
      expect(error?.code).toBe(8);
    }
    await expectUnharmed();
    expect(residentMb(pid) - before).toBeLessThan(100);
  });

  test('connections that say nothing, half a greeting, or a greeting and no more are closed', async () => {
    const port = Number(gateway().address.split(':')[1]);
    const greeting = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
    const sockets: Socket[] = [];
    for (const opening of ['', greeting.slice(0, 9), greeting, `${greeting}\0\0\0\u0004\0\0\0\0\0`]) {
      for (let each = 0; each < 5; each += 1) {
        const socket = connect(port, '127.0.0.1');
        socket.on('error', () => undefined).resume();
        await once(socket, 'connect');
        if (opening !== '') socket.write(opening, 'latin1');
        sockets.push(socket);
      }
    }
    const closed = Promise.all(sockets.map((socket) => (socket.destroyed ? undefined : once(socket, 'close'))));
    await expectUnharmed();
    await within(LIMIT_MS, closed, 'the gateway keeps dead connections');
    await expectUnharmed();
  });

  test('requests as a web page can make its browser send: nothing is run, whatever it calls itself', async () => {
    const session = connectHttp2(`http://${gateway().address}`);
    const { input } = method('submit');
    const bytes = toBinary(input, fromJson(input, { prompt: 'of a page' }));
    const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, bytes.length]), bytes]);
    const statusOf = async (headers: Readonly<Record<string, string>>): Promise<unknown> => {
      const sent = session.request({ ':path': `/${SERVICE}/Submit`, ...headers });
      sent.end(headers[':method'] === 'POST' ? framed : undefined);
      const [answer] = await once(sent, 'response');
      sent.close();
      return answer[':status'];
    };
    const page = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    // What a page may send without asking first (Fetch, CORS-safelisted request headers).
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])
      expect([type, await statusOf({ ':method': 'POST', 'content-type': type, ...page })]).toEqual([type, 415]);
    expect(await statusOf({ ':method': 'POST', ...page })).toBe(415);
    // Anything else it asks for first, and is not allowed.
    const asked = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' };
    expect(await statusOf({ ':method': 'OPTIONS', ...page, ...asked })).toBe(415);
    session.close();
    expect((await gateway().client.list({})).tasks.map((task) => task.prompt)).not.toContain('of a page');
  });

  test('garbage instead of HTTP/2', async () => {
    const port = Number(gateway().address.split(':')[1]);
    for (const bytes of ['GET / HTTP/1.1\r\nhost: x\r\n\r\n', noise(dice(7)), Buffer.alloc(100_000, 0xff)]) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined).resume();
      socket.write(bytes);
      await within(LIMIT_MS, once(socket, 'close'), 'the gateway keeps a connection of garbage');
    }
    await expectUnharmed();
  });

  test('a watcher that does not read: bounded memory, then an error to go on from, and nothing missed', async () => {
    const { mesh } = gateway();
    const path = '/too/much/to/read';
    mesh.counter.hold(path);
    const { task } = await gateway().client.submit({ prompt: mesh.counter.prompt('http_post', path) });
    const { correlationId } = task;
    await mesh.watch.fact(correlationId, 'hop.started');
    const watching = gateway().client.watch(correlationId);
    const ids: string[] = [];
    const first = await watching.next();
    if (first.done !== true && first.value.item.case === 'fact') ids.push(first.value.item.value.id);
    const slow = await slowWatcher(gateway().address, method('watch'), correlationId);
    const before = residentMb(pid);
    await flood(mesh, correlationId, 12, 250);
    mesh.counter.release(path);
    await mesh.watch.result(correlationId);
    await expectUnharmed();
    expect(residentMb(pid) - before).toBeLessThan(150);
    const error = await within(LIMIT_MS, slow.resume(), 'the slow stream has no end');
    expect(new MeshCallError(error, null)).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'SLOW_READER' });
    for await (const { item } of watching) if (item.case === 'fact') ids.push(item.value.id);
    expect(ids).toEqual([...new Set(mesh.watch.facts(correlationId).map(({ event }) => event.id))]);
  });
});

function noise(roll: (below: number) => number): Buffer {
  return Buffer.from(Array.from({ length: roll(200) }, () => roll(256)));
}

/** A message of the right kind with a few bytes changed. */
async function broken(method: DescMethod, request: JsonObject, roll: (below: number) => number): Promise<Buffer> {
  const { fromJson } = await import('@bufbuild/protobuf');
  const bytes = Buffer.from(toBinary(method.input, fromJson(method.input, request)));
  for (let change = 0; change < 3 && bytes.length > 0; change += 1) bytes[roll(bytes.length)] = roll(256);
  return bytes;
}

/** Opens a watch and does not read it. */
async function slowWatcher(address: string, watch: DescMethod, correlationId: string) {
  const connection = new Client(address, credentials.createInsecure());
  const request = Buffer.from(`\n$${correlationId}`, 'latin1');
  const asIs = (bytes: Buffer): Buffer => bytes;
  const path = `/${watch.parent.typeName}/${watch.name}`;
  const stream = connection.makeServerStreamRequest(path, asIs, asIs, request);
  const error = new Promise<ServiceError>((resolve) => {
    stream.on('error', resolve);
  });
  stream.pause();
  await once(stream, 'metadata');
  return {
    async resume(): Promise<ServiceError> {
      stream.resume();
      const ended = await error;
      connection.close();
      return ended;
    },
  };
}
