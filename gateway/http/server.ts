/**
 * The HTTP port of the gateway. Owns: listening, its limits, health, who may reach a gateway that knows no callers, and
 * the order of its end. Does not own: A2A (`a2a/http.ts`) or Dapr (`dapr/app.ts`); both are asked by path.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { TlsFiles } from '../grpc/server.ts';
import { AddressError } from '../grpc/server.ts';
import { strangeHost } from './hosts.ts';

export type Handle = (request: IncomingMessage, response: ServerResponse) => void;

export interface HttpSettings {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly tls?: TlsFiles;
  /** Names by which a gateway without callers may be called; null when callers say who they are. */
  readonly onlyHosts: ReadonlySet<string> | null;
}

export interface HttpPorts {
  readonly dapr: Handle;
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

/** A request that is not there by then is not coming. Answers have no limit: streams last as long as their tasks. */
const REQUEST_WITHIN_MS = 30_000;
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
    requestTimeout: REQUEST_WITHIN_MS,
    maxHeaderSize: HEADERS_MAX_BYTES,
    keepAlive: true,
    keepAliveInitialDelay: KEEPALIVE_MS,
  };
  const handle = (request: IncomingMessage, response: ServerResponse): void =>
    route(ports, settings, request, response);
  const server =
    tls === undefined
      ? createServer(options, handle)
      : createTlsServer(
          {
            ...options,
            key: tls.key,
            cert: tls.certificate,
            ...(tls.clientAuthority === undefined ? {} : { ca: tls.clientAuthority, requestCert: true }),
          },
          handle,
        );
  server.maxConnections = CONNECTIONS_MAX;
  const port = await listen(server, settings);
  return { port, stop: () => stop(server) };
}

function route(ports: HttpPorts, settings: HttpSettings, request: IncomingMessage, response: ServerResponse): void {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  const stranger = settings.onlyHosts === null ? null : strangeHost(request.headers, settings.onlyHosts);
  if (path === '/healthz') health(ports, response);
  else if (stranger !== null) plain(response, 403, stranger);
  else if (path.startsWith('/dapr/')) ports.dapr(request, response);
  else
    ports.a2a().then(
      (serve) => serve(request, response),
      (error: unknown) => plain(response, 500, error instanceof Error ? error.message : String(error)),
    );
}

/** For Dapr, compose and Kubernetes. */
function health({ problem }: HttpPorts, response: ServerResponse): void {
  const now = problem();
  response.writeHead(now === null ? 200 : 503, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ status: now ?? 'ok' }));
}

function plain(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
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
