/**
 * The HTTP port of the gateway. Owns: listening, its limits, health, who may reach a gateway that knows no callers, and
 * the order of its end. Does not own: A2A (`a2a/http.ts`) or Dapr (`dapr/app.ts`); both are asked by path.
 */
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { boundHalfSent, HALF_GREETED, HALF_SENT } from '../../guards/half-sent.ts';
import { createServer } from '../../guards/lean-http.ts';
import { type Ends, otherUserText } from '../../guards/loopback-users.ts';
import { foreignPage, isFromBrowser, isStrangeName, type OwnOrigin } from '../../guards/web-page.ts';
import type { TlsFiles } from '../grpc/server.ts';
import { AddressError } from '../grpc/server.ts';
import { certificateOf } from './certificate.ts';

export type Handle = (request: IncomingMessage, response: ServerResponse) => void;

export interface HttpSettings {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly tls?: TlsFiles;
  /** Whoever reaches the port is somebody: then it answers to its own names only. */
  readonly knowsNobody: boolean;
  /** Whether a connection is another user's of this machine; null where callers say who they are. */
  readonly isOtherUser: ((connection: Ends) => Promise<boolean>) | null;
  /** Of the port behind a proxy, as `MESH_PUBLIC_URL` has it; null for none. */
  readonly publicUrl: URL | null;
}

export interface HttpPorts {
  /** Null when it is not set up. */
  readonly dapr: Handle | null;
  /** Read at its first use: a start does not wait for it. */
  readonly a2a: () => Promise<Handle>;
  /** Why the mesh does not work, or null. */
  readonly problem: () => string | null;
}

export interface HttpServer {
  readonly port: number;
  /** Lets calls that end soon end; cuts off the others. */
  stop(): Promise<void>;
}

/** A silent peer is asked after this time whether it lives. */
const KEEPALIVE_MS = 30_000;
const HEADERS_MAX_BYTES = 16 * 1024;
const CONNECTIONS_MAX = 4000;
/** Calls are told at once that the gateway stops; this is the time for the answers to leave. */
const STOP_MS = 1000;

/** @throws AddressError, or an error that says why the address cannot be used */
export async function startHttp(ports: HttpPorts, settings: HttpSettings): Promise<HttpServer> {
  const { tls } = settings;
  const options = {
    // Answers have no limit: streams last as long as their tasks.
    ...HALF_SENT,
    maxHeaderSize: HEADERS_MAX_BYTES,
    keepAlive: true,
    keepAliveInitialDelay: KEEPALIVE_MS,
  };
  const { publicUrl } = settings;
  const own: OwnOrigin = {
    scheme: tls === undefined ? 'http' : 'https',
    names: new Set(publicUrl === null ? [] : [publicUrl.hostname]),
    publicOrigin: publicUrl?.origin ?? null,
  };
  const judge: Judge = { ...settings, own };
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const isOtherUser = judge.isOtherUser?.(request.socket);
    if (isOtherUser === undefined) route(ports, judge, request, response);
    else answerOwn(ports, judge, isOtherUser, request, response);
  };
  const server =
    tls === undefined
      ? createServer(options, handle)
      : createTlsServer(
          {
            ...options,
            ...HALF_GREETED,
            key: tls.key,
            cert: tls.certificate,
            ...(tls.clientAuthority === undefined ? {} : { ca: tls.clientAuthority, requestCert: true }),
          },
          handle,
        );
  server.maxConnections = CONNECTIONS_MAX;
  boundHalfSent(server);
  const port = await listen(server, settings);
  return { port, stop: () => stop(server) };
}

interface Judge extends Pick<HttpSettings, 'knowsNobody' | 'isOtherUser'> {
  readonly own: OwnOrigin;
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '/';
}

function answerOwn(
  ports: HttpPorts,
  judge: Judge,
  isOtherUser: Promise<boolean>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  isOtherUser.then(
    (isOther) => (isOther ? turnAway(ports, request, response) : route(ports, judge, request, response)),
    (error: unknown) => refuse(response, 500, 'INTERNAL', String(error)),
  );
}

/** Another user may know that the mesh works, and nothing else. */
function turnAway(ports: HttpPorts, request: IncomingMessage, response: ServerResponse): void {
  if (pathOf(request) === '/healthz') health(ports, response);
  else refuse(response, 403, 'PERMISSION_DENIED', otherUserText('this gateway', 'MESH_GATEWAY_CALLERS'));
}

function route(ports: HttpPorts, judge: Judge, request: IncomingMessage, response: ServerResponse): void {
  const path = pathOf(request);
  const refusal = refusalOf(request, judge);
  if (path === '/healthz') health(ports, response);
  else if (refusal !== null) refuse(response, 403, 'PERMISSION_DENIED', refusal);
  else if (path.startsWith('/dapr/')) {
    if (ports.dapr !== null) ports.dapr(request, response);
    else refuse(response, 404, 'NOT_FOUND', 'Dapr is not set up here; set MESH_DAPR_PUBSUB, or MESH_DAPR_DOOR=open');
  } else
    ports.a2a().then(
      (serve) => serve(request, response),
      (error: unknown) => refuse(response, 500, 'INTERNAL', error instanceof Error ? error.message : String(error)),
    );
}

/**
 * Why a request is not answered whose caller shows only what a browser sends by itself: its place on loopback, or a
 * certificate. Null when it is, and for callers with tokens.
 */
function refusalOf({ headers, socket }: IncomingMessage, { own, knowsNobody }: Judge): string | null {
  if (!knowsNobody && certificateOf(socket).certificate === undefined) return null;
  // Programs call a gateway with certificates by any name that resolves to it; a browser only by one of its own.
  if ((knowsNobody || isFromBrowser(headers)) && isStrangeName(headers, own.names)) {
    const instead = knowsNobody ? 'call it by 127.0.0.1 or set MESH_GATEWAY_CALLERS' : 'set MESH_PUBLIC_URL';
    return `this gateway does not answer to the name ${headers.host ?? ''}; ${instead}`;
  }
  const page = foreignPage(headers, own);
  return page === null ? null : `this gateway answers no web page of ${page}`;
}

/** For Dapr, compose and Kubernetes. */
function health({ problem }: HttpPorts, response: ServerResponse): void {
  const now = problem();
  response.writeHead(now === null ? 200 : 503, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ status: now ?? 'ok' }));
}

function refuse(response: ServerResponse, code: number, status: string, message: string): void {
  response.writeHead(code, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify({ error: { code, status, message } }));
}

async function listen(server: Server, { host, port }: HttpSettings): Promise<number> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const what = reason.includes('EADDRINUSE')
      ? `port ${port} is taken by another program; set MESH_HTTP_PORT to a free one`
      : `${host}:${port} cannot be used, set MESH_GATEWAY_HOST and MESH_HTTP_PORT: ${reason}`;
    throw new AddressError(what, { cause: error });
  }
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : port;
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  const late = setTimeout(() => server.closeAllConnections(), STOP_MS);
  await closed;
  clearTimeout(late);
}
