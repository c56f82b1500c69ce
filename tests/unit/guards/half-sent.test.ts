/** Requests that are begun and never sent on: who does that hinders nobody else, and not even themselves. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { boundHalfSent, HALF_GREETED, HALF_SENT } from '../../../guards/half-sent.ts';
import { Authority } from '../../support/certificates.ts';

const MOST = 20;
let server: Server | null = null;
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  const ending = server;
  server = null;
  if (ending === null) return;
  ending.closeAllConnections();
  ending.close();
  await once(ending, 'close');
});

async function open(options: object = HALF_SENT): Promise<number> {
  server = createServer(options, (request, response) => {
    if (request.url === '/stream') response.write('begun\n');
    else request.resume().once('end', () => response.end('whole'));
  });
  boundHalfSent(server, MOST);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function begin(port: number, sent: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(sent);
  return socket;
}

const closed = (socket: Socket): Promise<unknown> => (socket.destroyed ? Promise.resolve() : once(socket, 'close'));
const ask = async (port: number, body?: string): Promise<string> =>
  (await fetch(`http://127.0.0.1:${port}/`, body === undefined ? {} : { method: 'POST', body })).text();

test.each([
  ['heads', 'GET / HTTP/1.1\r\nhost: a\r\nx-slow: '],
  ['nothing at all', ''],
  ['bodies', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n{'],
  ['second requests', 'GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: '],
])('half-sent %s: the oldest go, and whole requests of the same address are answered', async (_what, sent) => {
  const port = await open();
  const first = await begin(port, sent);
  const begun = [first];
  for (let at = 1; at < MOST * 3; at++) begun.push(await begin(port, sent));
  first.resume();
  await closed(first);
  expect(await ask(port)).toBe('whole');
  expect(await ask(port, 'a body')).toBe('whole');
  expect(await new Promise((resolve) => server?.getConnections((_error, count) => resolve(count)))).toBeLessThanOrEqual(
    MOST + 2,
  );
});

test('streams that last are not half-sent, however many there are', async () => {
  const port = await open();
  const streams: Socket[] = [];
  for (let at = 0; at < MOST; at++) {
    const stream = await begin(port, 'GET /stream HTTP/1.1\r\nhost: a\r\n\r\n');
    await once(stream, 'data');
    streams.push(stream);
  }
  for (let at = 0; at < MOST * 2; at++) await begin(port, 'GET ');
  expect(await ask(port)).toBe('whole');
  expect(streams.some(({ destroyed, readableEnded }) => destroyed || readableEnded)).toBe(false);
});

test.each([
  ['no HTTP', 'hello\r\n\r\n', 400],
  ['a head that is too large', `GET / HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(40_000)}\r\n\r\n`, 431],
])('%s is refused in JSON', async (_what, sent, code) => {
  const port = await open();
  const answer = await text(await begin(port, sent));
  expect(answer).toContain(`HTTP/1.1 ${code} `);
  expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({ error: { code } });
});

test('a head that does not come in time is told so', async () => {
  const port = await open({ headersTimeout: 100, requestTimeout: 200, connectionsCheckingInterval: 50 });
  expect(await text(await begin(port, 'GET / HTTP/1.1\r\n'))).toContain('HTTP/1.1 408 ');
});

test.each([
  ['half a greeting of TLS', Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3])],
  ['nothing', Buffer.alloc(0)],
  ['HTTP without TLS', Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n')],
])('%s does not keep a connection to a port of TLS', async (_what, sent) => {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-half-greeted-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { key, certificate } = new Authority(folder, 'ours').sign('gateway', ['IP:127.0.0.1']);
  expect(HALF_GREETED.handshakeTimeout).toBeLessThanOrEqual(10_000);
  const secure = createTlsServer(
    { ...HALF_SENT, key, cert: certificate, handshakeTimeout: 300 },
    (_request, response) => response.end(),
  );
  onTestFinished(() => void secure.close());
  boundHalfSent(secure, MOST);
  secure.listen(0, '127.0.0.1');
  await once(secure, 'listening');
  const socket = connect((secure.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined).resume();
  await once(socket, 'connect');
  socket.write(sent);
  await closed(socket);
});
