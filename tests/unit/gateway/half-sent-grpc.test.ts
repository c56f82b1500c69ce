/** gRPC that is begun and never sent on: who does that hinders nobody else, and not even themselves for long. */
import { once } from 'node:events';
import { type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { Admission } from '../../../gateway/core/admission.ts';
import { onlyLocal } from '../../../gateway/core/callers.ts';
import { openMesh } from '../../../gateway/core/mesh.ts';
import type { HalfSentLimits } from '../../../gateway/grpc/half-sent.ts';
import { startServer } from '../../../gateway/grpc/server.ts';
import { memoryMesh } from '../client/log.ts';

const MOST = 5;
const CHECK = '/grpc.health.v1.Health/Check';

async function open(halfSent: HalfSentLimits): Promise<number> {
  const { ports } = await memoryMesh();
  const mesh = await openMesh(ports);
  const admission = new Admission({ callsPerSecond: 1000, callsAtOnce: 1000 });
  const rules = { callers: onlyLocal, admission, log: ports.log, isOtherUser: () => Promise.resolve(false) };
  const server = await startServer(mesh, rules, { host: '127.0.0.1', port: 0, keepaliveMs: 30_000, halfSent });
  onTestFinished(async () => {
    await server.stop();
    await mesh.stop();
  });
  return server.port;
}

async function begin(port: number, sent: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined).resume();
  await once(socket, 'connect');
  socket.write(sent);
  return socket;
}

const closed = (socket: Socket): Promise<unknown> => (socket.closed ? Promise.resolve() : once(socket, 'close'));

function clientOf(port: number): Client {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  return client;
}

function check(client: Client): Promise<number> {
  const same = (bytes: Buffer): Buffer => bytes;
  return new Promise((resolve) => {
    client.makeUnaryRequest(CHECK, same, same, Buffer.alloc(0), (error: ServiceError | null) =>
      resolve(error?.code ?? status.OK),
    );
  });
}

/** Calls on one connection whose message is announced and not sent. */
async function halfCalls(port: number, count: number) {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  session.on('error', () => undefined);
  await once(session, 'connect');
  const headers = { ':method': 'POST', ':path': CHECK, 'content-type': 'application/grpc', te: 'trailers' };
  const calls = Array.from({ length: count }, () => {
    const call = session.request(headers, { endStream: false });
    call.on('error', () => undefined).write(Buffer.from([0, 0, 0, 0, 9, 1]));
    return { call, code: codeOf(call) };
  });
  return { session, calls };
}

async function codeOf(call: ClientHttp2Stream): Promise<number> {
  const [headers] = await once(call, 'response');
  return Number(headers['grpc-status']);
}

test.each([
  ['nothing at all', ''],
  ['half a preface', 'PRI * HTTP/2.0\r\n'],
  ['a preface and no call', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0'],
])('connections with %s: the oldest go, and a call of the same address is answered', async (_what, sent) => {
  const port = await open({ most: MOST });
  const begun: Socket[] = [];
  for (let at = 0; at < MOST * 2; at++) begun.push(await begin(port, sent));
  await Promise.all(begun.slice(0, MOST).map(closed));
  expect(await check(clientOf(port))).toBe(status.OK);
});

test('a connection on which nothing is asked is closed in time; one that was used is kept', async () => {
  const port = await open({ wholeWithinMs: 200 });
  const client = clientOf(port);
  expect(await check(client)).toBe(status.OK);
  const used = client.getChannel().getConnectivityState(false);
  await closed(await begin(port, 'PRI * HTTP/2.0\r\n'));
  expect(client.getChannel().getConnectivityState(false)).toBe(used);
  expect(await check(client)).toBe(status.OK);
});

test('half a message is told that it was not sent in time, and its connection goes', async () => {
  const port = await open({ wholeWithinMs: 200 });
  const { session, calls } = await halfCalls(port, 3);
  const gone = once(session, 'close');
  expect(await Promise.all(calls.map(({ code }) => code))).toEqual(calls.map(() => status.DEADLINE_EXCEEDED));
  await gone;
});

test('half messages beyond the share of an address: the oldest are refused, and a whole call is answered', async () => {
  const port = await open({ most: MOST });
  const { calls } = await halfCalls(port, MOST + 2);
  expect(await Promise.all(calls.slice(0, 2).map(({ code }) => code))).toEqual([
    status.RESOURCE_EXHAUSTED,
    status.RESOURCE_EXHAUSTED,
  ]);
  expect(await check(clientOf(port))).toBe(status.OK);
});

test('calls that last are not half-sent, however many connections wait beside them', async () => {
  const port = await open({ most: MOST, wholeWithinMs: 300 });
  const client = clientOf(port);
  const same = (bytes: Buffer): Buffer => bytes;
  const watch = client.makeServerStreamRequest('/grpc.health.v1.Health/Watch', same, same, Buffer.alloc(0));
  let end: unknown = null;
  watch.on('error', (error) => {
    end = error;
  });
  await once(watch, 'data');
  const begun: Socket[] = [];
  for (let at = 0; at < MOST * 2; at++) begun.push(await begin(port, ''));
  await Promise.all(begun.map(closed));
  expect([end, await check(client)]).toEqual([null, status.OK]);
  watch.cancel();
});
