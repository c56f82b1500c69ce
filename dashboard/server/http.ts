/**
 * The HTTP server of the dashboard. Owns: who may ask, headers that every answer has, and handing over to the built
 * pages. Does not own: any page, or what the door answers.
 *
 * 1. Without a token it answers on loopback only, to the user who runs it, to names of loopback, and to no other web page: a
 *    page elsewhere reaches loopback by a name of its own, or by a request to another origin.
 * 2. With a token, whoever shows it once (`?token=`) gets a cookie; nothing is answered without one of the two. A browser
 *    sends a cookie to every port of its host: the token is not in it, and each dashboard has a name of its own for it.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { boundHalfSent, HALF_SENT } from '../../guards/half-sent.ts';
import { createServer } from '../../guards/lean-http.ts';
import { LoopbackUsers, otherUserText, peerOf } from '../../guards/loopback-users.ts';
import { foreignPage, isStrangeName, type OwnOrigin } from '../../guards/web-page.ts';
import type { Door } from './door.ts';

/** Without a token it is called by names of loopback, without TLS. */
const own: OwnOrigin = { scheme: 'http', names: new Set(), publicOrigin: null };

/** The build of the pages (`npm run dashboard`). */
export const pagesPath: string = join(import.meta.dirname, '..', 'build', 'handler.js');

/** What the build exports: a handler as Node's own, which gives the request to the routes as `platform.req`. */
export type Pages = (request: IncomingMessage, response: ServerResponse, next: () => void) => unknown;

export interface DashboardServerOptions {
  readonly host: string;
  readonly port: number;
  readonly token: string | null;
  /** Without a token, answers every user of this machine. */
  readonly anyUser: boolean;
  /** Asked at each request that may be answered. */
  readonly room: () => Promise<Room>;
}

/** What answers. */
export interface Room {
  readonly pages: Pages;
  readonly door: Door;
}

export interface DashboardServer {
  readonly port: number;
  close(): Promise<void>;
}

export async function serveDashboard(options: DashboardServerOptions): Promise<DashboardServer> {
  const { host, port, token, anyUser, room } = options;
  const users = token === null && !anyUser ? new LoopbackUsers() : null;
  const server = createServer({ ...HALF_SENT }, async (request, response) => {
    for (const [name, value] of headers) response.setHeader(name, value);
    const url = addressOf(request);
    if (url === null) return refuse(response, 400, 'this is no address of a page');
    const isOther = users !== null && (await users.isOther(request.socket.localPort ?? 0, peerOf(request.socket)));
    if (isOther) return refuse(response, 403, otherUserText('the dashboard', 'MESH_DASHBOARD_TOKEN'));
    const refusal = token === null ? stranger(request) : null;
    if (refusal !== null) return refuse(response, 403, refusal);
    if (isForeignWrite(request)) return refuse(response, 403, 'commands are taken from the dashboard itself only');
    if (token !== null && !admit(request, url, response, token)) return;
    room().then(
      ({ pages, door }) => {
        Object.assign(request, { door });
        pages(request, response, () => refuse(response, 404, 'there is nothing here'));
      },
      (error: unknown) => refuse(response, 503, `the dashboard cannot be opened: ${String(error)}; try again`),
    );
  });
  boundHalfSent(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      users?.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const headers: readonly (readonly [string, string])[] = [
  // What is no page may load and run nothing; the pages have a policy of their own in its place.
  ['content-security-policy', "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"],
  ['x-content-type-options', 'nosniff'],
  ['referrer-policy', 'no-referrer'],
  ['x-frame-options', 'DENY'],
  ['cross-origin-opener-policy', 'same-origin'],
  ['cross-origin-resource-policy', 'same-origin'],
];

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}

/** Null for what is none: a client may write anything into the first line of a request, such as `//`. */
function addressOf({ url = '/' }: IncomingMessage): URL | null {
  const text = `http://dashboard${url}`;
  return url.startsWith('/') && URL.canParse(text) ? new URL(text) : null;
}

/** Why a request is not answered where everybody on loopback may do everything; null when it is. */
function stranger({ headers: sent }: IncomingMessage): string | null {
  if (isStrangeName(sent, own.names))
    return `the dashboard does not answer to the name ${sent.host ?? ''}; open it by 127.0.0.1 or set MESH_DASHBOARD_TOKEN`;
  // A person may come here by a link in another page, and then a whole page is asked for.
  const isPage = sent['sec-fetch-dest'] === 'document' && sent['sec-fetch-mode'] === 'navigate';
  const page = foreignPage(isPage ? { host: sent.host, origin: sent.origin } : sent, own);
  return page === null ? null : `the dashboard answers no web page of ${page}`;
}

/** A form or a script of another page may send a POST, but says where it is from. */
function isForeignWrite({
  method = 'GET',
  headers: { origin, host, 'sec-fetch-site': site },
}: IncomingMessage): boolean {
  if (method === 'GET' || method === 'HEAD') return false;
  if (site !== undefined && site !== 'same-origin') return true;
  return origin !== undefined && !(URL.canParse(origin) && new URL(origin).host === host);
}

/** True when the request may go on; else it was answered. */
function admit(request: IncomingMessage, url: URL, response: ServerResponse, token: string): boolean {
  const shown = url.searchParams.get('token');
  if (shown !== null) {
    if (!same(shown, token)) refuse(response, 401, 'this is not the token of the dashboard');
    else {
      url.searchParams.delete('token');
      const cookie = `${cookieName(request)}=${pass(token)}; HttpOnly; SameSite=Strict; Path=/`;
      // A path that begins with two slashes is an address elsewhere.
      const location = `${url.pathname.replace(/^\/+/, '/')}${url.search}`;
      response.writeHead(303, { location, 'set-cookie': cookie }).end();
    }
    return false;
  }
  const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (bearer === undefined ? same(cookieOf(request), pass(token)) : same(bearer, token)) return true;
  refuse(response, 401, 'open the dashboard once with ?token=… (MESH_DASHBOARD_TOKEN), or by `mesh open`');
  return false;
}

function cookieName({ socket: { localPort } }: IncomingMessage): string {
  return `mesh-dashboard-${localPort ?? 0}`;
}

/** What the cookie holds: as good as the token here, and for nothing else that the token opens. */
function pass(token: string): string {
  return createHmac('sha256', token).update('mesh-dashboard').digest('base64url');
}

function cookieOf(request: IncomingMessage): string {
  const { cookie = '' } = request.headers;
  const name = `${cookieName(request)}=`;
  return (
    cookie
      .split(/;\s*/)
      .find((one) => one.startsWith(name))
      ?.slice(name.length) ?? ''
  );
}

function same(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
