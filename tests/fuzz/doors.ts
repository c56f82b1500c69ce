/**
 * The doors of a mesh, each with a way to send it something hostile. Owns: what is sent, and whether what came back is a
 * clear status: of its protocol, in its form, in time, and no "internal error". Does not own: the inputs (`hostile.ts`).
 */

import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, fromJson, toBinary } from '@bufbuild/protobuf';
import type { Client } from '@grpc/grpc-js';
import type { Random } from '../../simulation/random.ts';
import { a2aMethods, meshMethods, rawGrpc } from '../support/raw-doors.ts';
import { hostileBytes, hostileJson, hostileText, mutated } from './hostile.ts';
import { a2aRequests, daprEvent, mcpRequests, meshRequests, restPaths } from './requests.ts';

export interface Outcome {
  /** As the protocol has it: `NOT_FOUND`, `404`, `-32602`. */
  readonly status: string;
  /** Null when it is clear. */
  readonly problem: string | null;
}

export interface Door {
  readonly name: string;
  send(random: Random): Promise<Outcome>;
}

export interface Addresses {
  readonly grpc: Client;
  readonly http: string;
  readonly mcp: { readonly url: string; readonly token: string };
}

const ANSWER_WITHIN_MS = 30_000;
const NO_CLEAR_CODE: ReadonlySet<string> = new Set(['INTERNAL', 'UNKNOWN', 'UNAVAILABLE', 'DEADLINE_EXCEEDED']);

export function doorsOf({ grpc, http, mcp }: Addresses): Door[] {
  return [
    { name: 'gRPC', send: (random) => grpcMesh(grpc, random) },
    { name: 'A2A gRPC', send: (random) => grpcA2a(grpc, random) },
    { name: 'A2A JSON-RPC', send: (random) => jsonRpc(`${http}/a2a/jsonrpc`, random) },
    { name: 'A2A REST', send: (random) => rest(`${http}/a2a/rest`, random) },
    { name: 'Dapr', send: (random) => dapr(`${http}/dapr`, random) },
    { name: 'MCP over HTTP', send: (random) => mcpHttp(mcp, random) },
    { name: 'HTTP/1.1 itself', send: (random) => nonsense(random.chance(0.5) ? http : mcp.url, random) },
  ];
}

async function grpcMesh(client: Client, random: Random): Promise<Outcome> {
  const method = random.pick(meshMethods);
  const streams = method.methodKind === 'server_streaming';
  let message = create(method.input);
  try {
    message = fromJson(method.input, mutated(random, meshRequests[method.name] ?? {}) as never);
  } catch {
    // What protobuf itself cannot say is said by bytes.
  }
  const whole = toBinary(method.input, message);
  const bytes = random.chance(0.5) ? whole : hostileBytes(random, whole);
  return ofGrpc(await rawGrpc(client, `/${method.parent.typeName}/${method.name}`, bytes, { streams }));
}

async function grpcA2a(client: Client, random: Random): Promise<Outcome> {
  const [name, { path, responseStream: streams }] = random.pick([...a2aMethods]);
  const base = Buffer.from(JSON.stringify(a2aRequests[name] ?? {}));
  const bytes = hostileBytes(random, random.chance(0.3) ? base : textField(random, hostileText(random)));
  const version = random.chance(0.9) ? '1.0' : random.pick(['', '0.3', '9', 'x'.repeat(50)]);
  return ofGrpc(await rawGrpc(client, path, bytes, { streams, version }));
}

/** A field of protobuf with a text in it. */
function textField(random: Random, text: string): Uint8Array {
  const bytes = Buffer.from(text.slice(0, 100));
  return Buffer.concat([Buffer.from([(random.int(1, 6) << 3) | 2, bytes.length & 0x7f]), bytes]);
}

/** A code, and for errors what was said. */
function ofGrpc({ verdict, text }: { readonly verdict: string; readonly text: string }): Outcome {
  const code = /^[A-Z_]{2,}(?= )/.exec(text)?.[0];
  const status = code !== undefined && code !== 'OK' ? code : 'OK';
  const isClear = verdict !== 'broken' && !NO_CLEAR_CODE.has(status);
  return { status, problem: isClear ? null : text };
}

interface Sent {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | null;
}

async function asked(url: string, sent: Sent, isRepeated = false): Promise<Outcome & { readonly text: string }> {
  const { method = 'POST', headers = {}, body = null } = sent;
  const init = { method, headers, body: method === 'GET' ? null : body, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) };
  try {
    const response = await fetch(url, init);
    const type = response.headers.get('content-type') ?? '';
    const text = type.startsWith('text/event-stream') ? await firstEvent(response) : await response.text();
    return { status: String(response.status), problem: problemOf(response.status, type, text), text };
  } catch (error) {
    const cause = String((error as Error).cause ?? '');
    // After a pause of this process the server may have closed connections that were idle meanwhile; a new one tells.
    if (!isRepeated && /ECONNRESET|other side closed/.test(cause)) return asked(url, sent, true);
    return {
      status: 'no answer',
      problem: `${method} ${url}: ${String(error)} ${cause}`,
      text: '',
    };
  }
}

async function firstEvent(response: Response): Promise<string> {
  for await (const piece of response.body ?? []) return Buffer.from(piece).toString('utf8');
  return '';
}

function problemOf(status: number, type: string, text: string): string | null {
  if (status >= 500) return `${status}: ${text.slice(0, 300)}`;
  if (text.includes('unexpected error')) return text.slice(0, 300);
  if (text === '' || type.startsWith('text/event-stream')) return null;
  if (!/^application\/(?:a2a\+)?json/.test(type)) return `${status} as ${type}: ${text.slice(0, 100)}`;
  try {
    JSON.parse(text);
    return null;
  } catch {
    return `no JSON: ${text.slice(0, 100)}`;
  }
}

/** The code of JSON-RPC where there is one. */
function ofRpc({ status, problem, text }: Outcome & { readonly text: string }): Outcome {
  const code = /"error":\s*\{[^}]*?"code":\s*(-?\d+)/.exec(text)?.[1];
  return { status: code === undefined || status !== '200' ? status : code, problem };
}

function headersFor(random: Random, more: Record<string, string> = {}): Record<string, string> {
  return {
    'content-type': random.chance(0.95) ? 'application/json' : random.pick(['text/plain', 'application/xml', 'x']),
    'a2a-version': random.chance(0.9) ? '1.0' : random.pick(['', '0.3', '9.9', '1.0.99999']),
    ...(random.chance(0.1) ? { traceparent: random.pick(['x', '00-0-0-0', '0'.repeat(200)]) } : {}),
    ...more,
  };
}

async function jsonRpc(url: string, random: Random): Promise<Outcome> {
  const [method, params] = random.pick(Object.entries(a2aRequests));
  const body = hostileJson(random, { jsonrpc: '2.0', id: 1, method, params });
  return ofRpc(await asked(url, { headers: headersFor(random), body }));
}

async function rest(url: string, random: Random): Promise<Outcome> {
  const [, params] = random.pick(Object.entries(a2aRequests));
  const query = random.chance(0.2) ? `?${encodeURIComponent(hostileText(random).toWellFormed().slice(0, 500))}=1` : '';
  const method = random.pick(['GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'OPTIONS']);
  const body = hostileJson(random, params);
  return asked(`${url}${random.pick(restPaths)}${query}`, { method, headers: headersFor(random), body });
}

async function dapr(url: string, random: Random): Promise<Outcome> {
  const path = random.chance(0.95) ? '/tasks' : random.pick(['/subscribe', '/nothing', '/tasks/x', '/']);
  const body = hostileJson(random, { ...daprEvent, id: String(random.int(0, 2 ** 31)) });
  const { status, problem, text } = await asked(`${url}${path}`, { headers: headersFor(random), body });
  const verdict = /"status":"(\w+)"/.exec(text)?.[1];
  return { status: verdict ?? status, problem: verdict === 'RETRY' ? 'RETRY for what will never be taken' : problem };
}

async function mcpHttp({ url, token }: Addresses['mcp'], random: Random): Promise<Outcome> {
  const body = hostileJson(random, { jsonrpc: '2.0', id: random.int(1, 1000), ...random.pick(mcpRequests) });
  const headers = headersFor(random, {
    accept: random.chance(0.9) ? 'application/json, text/event-stream' : '*/*',
    authorization: `Bearer ${random.chance(0.97) ? token : hostileText(random).replace(/[^\x20-\x7e]/g, '')}`,
    ...(random.chance(0.2) ? { 'mcp-protocol-version': random.pick(['2025-06-18', '2026-03-26', 'x']) } : {}),
    ...(random.chance(0.05) ? { 'mcp-session-id': 'x' } : {}),
  });
  const method = random.chance(0.95) ? 'POST' : random.pick(['GET', 'DELETE', 'PUT']);
  const answer = await asked(url, { method, headers, body });
  const { status, problem } = ofRpc(answer);
  // "Internal error": what the SDK of MCP calls a wrong field of `initialize` as well, and then it names the field.
  const isInternal = status === '-32603' && !answer.text.includes('\\"path\\"');
  return { status, problem: isInternal ? `${body.slice(0, 300)} -> ${answer.text.slice(0, 300)}` : problem };
}

/** Bytes that are almost HTTP, each over a connection of its own. */
async function nonsense(url: string, random: Random): Promise<Outcome> {
  const { hostname, port, host } = new URL(url);
  const line = random.pick([
    ...[
      'GET / HTTP/1.1',
      'GET  /  HTTP/1.1',
      'GET / HTTP/9.9',
      'BREW / HTTP/1.1',
      `GET ${'/a'.repeat(20_000)} HTTP/1.1`,
    ],
    ...['GET http://evil.example/ HTTP/1.1', 'OPTIONS * HTTP/1.1', 'GET /%ff%00 HTTP/1.1', 'POST /dapr/tasks HTTP/1.0'],
    ...['PRI * HTTP/2.0', 'GET /a2a/rest/tasks HTTP/1.1', 'TRACE /mcp HTTP/1.1', '\u0016\u0003\u0001', 'SUB > 1'],
  ]);
  const headers = [
    ...(random.chance(0.9)
      ? [`Host: ${random.chance(0.7) ? host : random.pick(['', 'evil.example', 'a b', '[', host + host])}`]
      : []),
    ...(random.chance(0.3)
      ? [`Content-Length: ${random.pick(['-1', '1e3', '99999999999999999999', '0', '4, 5'])}`]
      : []),
    ...(random.chance(0.2) ? [`Transfer-Encoding: ${random.pick(['chunked', 'chunked, chunked', 'gzip', 'x'])}`] : []),
    ...(random.chance(0.2) ? [`X-${hostileText(random).slice(0, 50)}: ${hostileText(random).slice(0, 20_000)}`] : []),
    ...(random.chance(0.2)
      ? [random.pick([' folded', 'no colon', ': nameless', 'Upgrade: websocket\r\nConnection: Upgrade'])]
      : []),
  ];
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', (piece) => {
    answer += piece.toString('latin1');
  });
  const closed = once(socket, 'close').catch(() => undefined);
  socket.on('error', () => undefined);
  socket.end(`${[line, ...headers].join('\r\n')}\r\n\r\n${random.chance(0.3) ? '4\r\nabcd\r\nZZZ\r\n' : ''}`);
  const late = new AbortController();
  const inTime = await Promise.race([
    closed.then(() => true),
    sleep(ANSWER_WITHIN_MS, false, { signal: late.signal }).catch(() => true),
  ]);
  late.abort();
  socket.destroy();
  const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 'closed';
  const isClear = inTime && !(status.startsWith('5') && status !== '501' && status !== '505');
  return { status, problem: isClear ? null : `${JSON.stringify(line.slice(0, 60))}: ${answer.slice(0, 200)}` };
}
