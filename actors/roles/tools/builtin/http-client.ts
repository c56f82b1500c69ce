/**
 * HTTP requests for tools, kept inside a list of allowed hosts (protection against server-side request forgery).
 * Owns the list's meaning, time and size limits, and how failures become ToolErrors.
 *
 * 1. Nothing is allowed by default. `host` allows the default ports, `host:port` that port, `*.example.com` its
 *    subdomains.
 * 2. A name that resolves to this machine or to link-local addresses is refused unless the list names that very
 *    address or localhost; a wildcard allows no private address at all. The check is made on the address that is then
 *    connected to, so a name that changes between check and use gains nothing.
 * 3. Redirects are followed for GET only, on the same host only, three times at most.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { guardedLookup, kindOfAddress } from '../../../../guards/addresses.ts';
import { request as requestHttp } from '../../../../guards/lean-http.ts';
import { ToolError } from './port.ts';

/** A ToolCall's result holds 200,000 characters. */
const BODY_BYTES_MAX = 256 * 1024;
const REDIRECTS_MAX = 3;

export interface HttpRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpOptions {
  readonly allowHosts: readonly string[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  /** True when the body was longer than 256 KiB and only its beginning is here. */
  readonly cut: boolean;
}

/** Whether the request may have reached the other side when it failed. */
export class HttpFailure extends Error {
  readonly kind: 'timeout' | 'unreachable' | 'blocked';
  readonly wasSent: boolean;
  constructor(kind: HttpFailure['kind'], message: string, options: { wasSent: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.wasSent = options.wasSent;
  }
}

/** Sends a request. Rejects with a ToolError (not allowed), an HttpFailure (no answer) or the signal's reason. */
export async function sendHttp(request: HttpRequest, options: HttpOptions): Promise<HttpAnswer> {
  let url = allowedUrl(request.url, options.allowHosts);
  for (let redirects = 0; ; redirects += 1) {
    const answer = await sendOnce(url, request, options);
    if (answer.location === null) return answer;
    const next = URL.parse(answer.location, url.href);
    const sameHost = next !== null && next.host === url.host && next.protocol === url.protocol;
    if (!sameHost || request.method !== 'GET' || redirects >= REDIRECTS_MAX) {
      const message = `${url.host} answered ${answer.status} and sends on to ${next?.origin ?? 'a bad address'}; redirects are followed for GET on the same host only.`;
      throw new ToolError('tool_redirect_refused', message);
    }
    url = next;
  }
}

function allowedUrl(text: string, allowHosts: readonly string[]): URL {
  const url = URL.parse(text);
  if (url === null) throw new ToolError('tool_bad_arguments', `${text.slice(0, 200)} is not an address.`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new ToolError('tool_bad_arguments', `Only http and https addresses are fetched, not ${url.protocol}//.`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new ToolError('tool_bad_arguments', 'An address with a password in it is not fetched.');
  }
  if (matchingEntry(url, allowHosts) !== null) return url;
  const known =
    allowHosts.length === 0 ? 'No host is allowed yet (TOOLS_ALLOW_HOSTS)' : `Allowed are ${allowHosts.join(', ')}`;
  throw new ToolError('tool_host_not_allowed', `The host ${url.host} is not on the list of allowed hosts. ${known}.`);
}

function matchingEntry(url: URL, allowHosts: readonly string[]): string | null {
  const port = url.port !== '' ? url.port : url.protocol === 'https:' ? '443' : '80';
  const match = allowHosts.find((raw) => {
    const entry = raw.trim().toLowerCase();
    const [, host = entry, entryPort] = /^(.*?|\[.*\])(?::(\d+))?$/.exec(entry) ?? [];
    if (entryPort === undefined ? url.port !== '' : entryPort !== port) return false;
    if (host.startsWith('*.')) return url.hostname.endsWith(host.slice(1));
    return host === url.hostname;
  });
  return match ?? null;
}

interface Received extends HttpAnswer {
  readonly location: string | null;
}

function sendOnce(url: URL, request: HttpRequest, options: HttpOptions): Promise<Received> {
  options.signal.throwIfAborted();
  return new Promise<Received>((resolve, reject) => {
    let wasSent = false;
    const send = url.protocol === 'https:' ? requestHttps : requestHttp;
    const outgoing: ClientRequest = send(
      url,
      {
        method: request.method,
        headers: { 'user-agent': 'agent-mesh', accept: '*/*', ...request.headers, ...lengthOf(request.body) },
        lookup: lookupFor(url, options.allowHosts),
        agent: false,
      },
      (incoming) => {
        receive(incoming).then(finish, (cause: unknown) => fail(cause));
      },
    );
    const timer = setTimeout(() => {
      const message = `${url.host} did not answer within ${options.timeoutMs / 1000} s.`;
      stop(new HttpFailure('timeout', message, { wasSent }));
    }, options.timeoutMs);
    const onAbort = (): void => stop(options.signal.reason);
    options.signal.addEventListener('abort', onAbort, { once: true });
    outgoing.on('error', fail);
    // Bytes can leave only over a connection; before it nothing can have happened on the other side.
    outgoing.on('socket', (socket) => {
      const connected = url.protocol === 'https:' ? 'secureConnect' : 'connect';
      socket.once(connected, () => {
        wasSent = true;
      });
    });
    outgoing.end(request.body);

    function clear(): void {
      clearTimeout(timer);
      options.signal.removeEventListener('abort', onAbort);
    }
    function finish(answer: Received): void {
      clear();
      outgoing.destroy();
      resolve(answer);
    }
    function stop(error: unknown): void {
      clear();
      reject(error);
      outgoing.destroy();
    }
    function fail(cause: unknown): void {
      stop(asFailure(url, cause, wasSent));
    }
  });
}

function lengthOf(body: string | undefined): Record<string, string> {
  return body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
}

async function receive(incoming: IncomingMessage): Promise<Received> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of incoming) {
    if (!(piece instanceof Uint8Array)) throw new TypeError('A response body is made of bytes.');
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > BODY_BYTES_MAX) break;
  }
  const status = incoming.statusCode ?? 0;
  const isRedirect = [301, 302, 303, 307, 308].includes(status);
  return {
    status,
    contentType: incoming.headers['content-type'] ?? '',
    body: new TextDecoder().decode(Buffer.concat(pieces).subarray(0, BODY_BYTES_MAX)),
    cut: bytes > BODY_BYTES_MAX,
    location: isRedirect ? (incoming.headers.location ?? '') : null,
  };
}

function asFailure(url: URL, cause: unknown, wasSent: boolean): HttpFailure {
  if (cause instanceof HttpFailure) return cause;
  const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : String(cause);
  const message = wasSent
    ? `The connection to ${url.host} broke before the answer was complete (${code}).`
    : `${url.host} cannot be reached (${code}).`;
  return new HttpFailure('unreachable', message, { wasSent, cause });
}

/**
 * The look-up of a connection. A host that is named on the list may be of the operator's own network; one that fits a
 * wildcard may not; only localhost may be this machine. Addresses in the URL itself are not looked up: the list names them.
 */
function lookupFor(url: URL, allowHosts: readonly string[]): LookupFunction {
  const isWildcard = (matchingEntry(url, allowHosts) ?? '').startsWith('*.');
  const mayBeLocal = url.hostname === 'localhost' && !isWildcard;
  return guardedLookup((hostname, address) => {
    const kind = kindOfAddress(address);
    if (mayBeLocal || kind === 'public' || (kind === 'private' && !isWildcard)) return null;
    const message = `${hostname} resolves to an address of this machine or its private network, which its name does not allow. Put the address itself on the list of allowed hosts if it is meant.`;
    return new HttpFailure('blocked', message, { wasSent: false });
  });
}
