/**
 * The mesh as an MCP server over streamable HTTP, for clients on this machine. Owns: who may ask at all, and bounds on
 * requests. Does not own: the protocol (the SDK), or what is offered (server.ts).
 *
 * 1. It listens on loopback only, and asks for a token: any program and any web page of this machine can reach a port.
 * 2. A request that a web page sends, or one that came by another host name (DNS rebinding), is refused before anything
 *    is read from it.
 */
import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createMcpHandler, type McpHttpHandler } from '@modelcontextprotocol/server';
import { boundHalfSent, HALF_SENT } from '../../guards/half-sent.ts';
import { createServer } from '../../guards/lean-http.ts';
import { foreignPage, isStrangeName, type OwnOrigin } from '../../guards/web-page.ts';
import type { MeshDoor } from './port.ts';
import { createMeshMcpServer } from './server.ts';

const PATH = '/mcp';
const BODY_BYTES_MAX = 4 * 1024 * 1024;
const CONNECTIONS_MAX = 100;
/** In the middle of a request, of one address. */
const WAITING_MAX = 50;
const own: OwnOrigin = { scheme: 'http', names: new Set(), publicOrigin: null };

export interface HttpServing {
  readonly url: string;
  close(): Promise<void>;
}

export interface HttpServingOptions {
  /** 0 takes a free one. */
  readonly port: number;
  readonly token: string;
  readonly onError: (error: Error) => void;
}

/** @throws Error with a `code` such as EADDRINUSE */
export async function serveMcpHttp(door: MeshDoor, { port, token, onError }: HttpServingOptions): Promise<HttpServing> {
  let closing = false;
  // From the revision of 2026 on a client cancels a call by closing its stream; before, that only says that it left.
  const handler = createMcpHandler(({ era }) => createMeshMcpServer(door, () => era === 'modern' && !closing), {
    onerror: onError,
  });
  const endNews = door.onToolsChanged(() => handler.notify.toolsChanged());
  const server = createServer({ ...HALF_SENT }, (incoming, outgoing) => {
    answer(handler, token, incoming, outgoing).catch((error: unknown) => {
      onError(error instanceof Error ? error : new Error(String(error)));
      outgoing.destroy();
    });
  });
  server.maxConnections = CONNECTIONS_MAX;
  boundHalfSent(server, WAITING_MAX);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const taken = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://127.0.0.1:${taken}${PATH}`,
    async close() {
      closing = true;
      endNews();
      await handler.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(
  handler: McpHttpHandler,
  token: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const refused = refusal(incoming, token);
  if (refused !== null) return send(refused, outgoing);
  const head = new Request(`http://${incoming.headers.host ?? 'localhost'}${PATH}`, {
    method: incoming.method ?? 'GET',
    headers: headersOf(incoming),
  });
  const body = incoming.method === 'POST' ? await bodyOf(incoming) : undefined;
  if (body === null) return send(plain(413, `a request holds at most ${BODY_BYTES_MAX} bytes`), outgoing);
  const gone = new AbortController();
  outgoing.once('close', () => gone.abort());
  const request = new Request(head, { signal: gone.signal, ...(body === undefined ? {} : { body }) });
  await send(await handler.fetch(request), outgoing);
}

const METHODS: ReadonlySet<string | undefined> = new Set(['GET', 'POST', 'DELETE', 'OPTIONS', 'HEAD']);

/** Why the request is refused, or null. */
function refusal({ headers, url = '/', method }: IncomingMessage, token: string): Response | null {
  if (isStrangeName(headers, own.names)) return plain(403, 'call it by 127.0.0.1, localhost or [::1]');
  const page = foreignPage(headers, own);
  if (page !== null) return plain(403, `no web page of ${page} is answered`);
  if (!METHODS.has(method)) return plain(405, 'send POST, GET or DELETE');
  if (url.split('?', 1)[0] !== PATH) return plain(404, `the address is ${PATH}`);
  const given = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
  if (same(given, token)) return null;
  const response = plain(401, 'send the token that `mesh mcp --http` printed: Authorization: Bearer …');
  response.headers.set('www-authenticate', 'Bearer');
  return response;
}

function same(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function plain(code: number, message: string): Response {
  return Response.json({ error: { code, message } }, { status: code });
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) headers.append(rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '');
  return headers;
}

/** Null when it is too large. */
async function bodyOf(incoming: IncomingMessage): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming) {
    const piece = Buffer.from(chunk);
    bytes += piece.length;
    if (bytes > BODY_BYTES_MAX) return null;
    chunks.push(piece);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) outgoing.end();
  else
    await pipeline(Readable.fromWeb(response.body), outgoing).catch((error: unknown) => {
      // A client that goes away before the end is its own affair.
      if (!outgoing.destroyed) throw error;
    });
}
