/**
 * Requests that are begun and not sent on. Owns: how long the head of a request may take, how many connections of one
 * address may be in the middle of one, and the answer to what is no HTTP. Does not own: what is asked.
 *
 * A connection waits from its opening to the end of its request, and again after the answer. Who opens more than its share
 * loses the oldest of its own: a new request of the same address still comes in, since it is there at once, and other
 * addresses notice nothing.
 */
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TlsOptions } from 'node:tls';

/** For `createServer`. A head that is not there by then is not coming; looked at as often. */
export const HALF_SENT: Pick<ServerOptions, 'headersTimeout' | 'requestTimeout' | 'connectionsCheckingInterval'> = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 2000,
};

/** For `createServer` of HTTPS: a greeting of TLS that is not whole by then is no more than a head that is not. */
export const HALF_GREETED: Pick<TlsOptions, 'handshakeTimeout'> = { handshakeTimeout: 10_000 };

const WAITING_OF_AN_ADDRESS_MAX = 256;

/** What waits for the rest of something, by the address that it is waited for from. */
export class Waiting {
  readonly #most: number;
  readonly #addresses = new Map<string, Map<string, () => void>>();

  /** @param most of one address */
  constructor(most = WAITING_OF_AN_ADDRESS_MAX) {
    this.#most = most;
  }

  /** One more, named uniquely, as the youngest. Where it is too much, the oldest of its address is dropped. */
  add(address: string, name: string, drop: () => void): void {
    const waiting = this.#addresses.get(address) ?? new Map<string, () => void>();
    waiting.delete(name);
    this.#addresses.set(address, waiting.set(name, drop));
    const [oldest] = waiting;
    if (waiting.size <= this.#most || oldest === undefined) return;
    this.delete(address, oldest[0]);
    oldest[1]();
  }

  delete(address: string, name: string): void {
    const waiting = this.#addresses.get(address);
    waiting?.delete(name);
    if (waiting?.size === 0) this.#addresses.delete(address);
  }
}

/** @param most connections of one address that wait */
export function boundHalfSent(server: Server, most?: number): void {
  const waiting = new Waiting(most);
  const wait = (address: string, name: string, socket: Socket): void =>
    waiting.add(address, name, () => socket.destroy());
  server.on('connection', (socket: Socket) => {
    const { remoteAddress = '' } = socket;
    const name = nameOf(socket);
    wait(remoteAddress, name, socket);
    socket.once('close', () => waiting.delete(remoteAddress, name));
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    const { remoteAddress = '' } = socket;
    const name = nameOf(socket);
    const whole = (): void => waiting.delete(remoteAddress, name);
    if (hasBody(request)) request.once('end', whole);
    else whole();
    response.once('close', () => {
      if (socket.destroyed) whole();
      else wait(remoteAddress, name, socket);
    });
  });
  server.on('clientError', refuseNonsense);
  // Who has not greeted by TLS can be told nothing, and what waited to be told would keep the connection for ever.
  server.on('tlsClientError', (_error: Error, socket: Duplex) => socket.destroy());
}

/** The same for the socket of TLS and the one below it. */
export function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

const statuses: Readonly<Record<string, readonly [code: number, name: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large', 'the head of the request is too large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout', 'the request was not sent in time'],
};

function refuseNonsense(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [code, name, message] = statuses[error.code ?? ''] ?? [400, 'Bad Request', 'this is no request of HTTP/1.1'];
  const body = JSON.stringify({ error: { code, message } });
  const head = [`HTTP/1.1 ${code} ${name}`, 'content-type: application/json', `content-length: ${body.length}`];
  socket.end(`${[...head, 'connection: close'].join('\r\n')}\r\n\r\n${body}`);
}
