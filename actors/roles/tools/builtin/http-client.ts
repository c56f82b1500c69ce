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
import { type LookupAddress, lookup } from 'node:dns';
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
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
        lookup: guardedLookup(url, options.allowHosts),
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

const local = new BlockList();
local.addSubnet('127.0.0.0', 8, 'ipv4');
local.addSubnet('0.0.0.0', 8, 'ipv4');
local.addSubnet('169.254.0.0', 16, 'ipv4');
local.addAddress('::', 'ipv6');
local.addAddress('::1', 'ipv6');
local.addSubnet('fe80::', 10, 'ipv6');

const privateNetworks = new BlockList();
privateNetworks.addSubnet('10.0.0.0', 8, 'ipv4');
privateNetworks.addSubnet('172.16.0.0', 12, 'ipv4');
privateNetworks.addSubnet('192.168.0.0', 16, 'ipv4');
privateNetworks.addSubnet('100.64.0.0', 10, 'ipv4');
privateNetworks.addSubnet('fc00::', 7, 'ipv6');

function isBlocked(address: string, isWildcard: boolean): boolean {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  return local.check(address, family) || (isWildcard && privateNetworks.check(address, family));
}

/** Looks a name up and refuses addresses that the list does not mean. Addresses in the URL itself are not looked up. */
function guardedLookup(url: URL, allowHosts: readonly string[]): LookupFunction {
  const entry = matchingEntry(url, allowHosts) ?? '';
  const mayBeLocal = url.hostname === 'localhost' && !entry.startsWith('*.');
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => {
      if (error !== null) {
        callback(error, []);
        return;
      }
      const usable = found.filter(({ address }) => mayBeLocal || !isBlocked(address, entry.startsWith('*.')));
      const first = usable[0];
      if (first === undefined) {
        const message = `${hostname} resolves to an address of this machine or its private network, which its name does not allow. Put the address itself on the list of allowed hosts if it is meant.`;
        callback(new HttpFailure('blocked', message, { wasSent: false }), []);
        return;
      }
      if (options.all === true) callback(null, usable);
      else callback(null, first.address, first.family);
    });
  };
}
