/**
 * Health of a service's process over HTTP, for whoever keeps its container. Owns: three questions and their port. Does
 * not own: what the answers rest on (`run-service.ts`).
 *
 * 1. `/startupz`: has it begun its work? Opening a long log takes its time; nobody kills it meanwhile.
 * 2. `/readyz`: does it take work now? No while the log cannot be reached, near its memory cap, and once it stops.
 * 3. `/livez`: does its event loop turn? It never asks for the log: a start does not help against an outage there, and
 *    one outage would restart everything.
 */
import type { Server } from 'node:http';
import type { Settings } from '../config/settings.ts';
import { SettingsError } from '../config/settings.ts';
import { createServer } from '../guards/lean-http.ts';

export interface HealthState {
  readonly hasBegun: boolean;
  readonly isStopping: boolean;
  readonly isConnected: boolean;
  /** Why nothing new may begin, or null. */
  readonly refusal: string | null;
}

export interface Health {
  readonly port: number;
  close(): Promise<void>;
}

/** Why the answer is no, or null for yes. */
type Question = (state: HealthState) => string | null;

const startup: Question = ({ hasBegun }) => (hasBegun ? null : 'starting');

const readiness: Question = (state) => {
  if (state.isStopping) return 'stopping';
  if (!state.isConnected) return 'the log cannot be reached';
  return startup(state) ?? state.refusal;
};

const questions: Readonly<Record<string, Question>> = {
  '/startupz': startup,
  '/readyz': readiness,
  '/livez': () => null,
};

const REQUEST_LIMIT_MS = 5000;
const CONNECTIONS_MAX = 16;

type Address = Pick<Settings, 'MESH_HEALTH_HOST' | 'MESH_HEALTH_PORT'>;

/** Null when no port is named. @throws SettingsError when it is taken */
export async function openHealth(settings: Address, state: () => HealthState): Promise<Health | null> {
  const { MESH_HEALTH_HOST: host, MESH_HEALTH_PORT: port } = settings;
  return port === undefined ? null : serveHealth({ host, port }, state);
}

/** @param address port 0 takes a free one */
export async function serveHealth(
  { host, port }: { readonly host: string; readonly port: number },
  state: () => HealthState,
): Promise<Health> {
  const server = createServer({ requestTimeout: REQUEST_LIMIT_MS }, (request, response) => {
    const ask = questions[(request.url ?? '/').split('?', 1)[0] ?? '/'];
    const problem = ask === undefined ? `ask one of ${Object.keys(questions).join(', ')}` : ask(state());
    response.writeHead(ask === undefined ? 404 : problem === null ? 200 : 503, {
      'content-type': 'text/plain; charset=utf-8',
      connection: 'close',
    });
    response.end(`${problem ?? 'ok'}\n`);
  });
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, host, port);
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new SettingsError(
          `MESH_HEALTH_PORT=${port}: cannot listen on ${host}: ${error.message}; each service needs a port of its own`,
          { cause: error },
        ),
      );
    });
    server.listen(port, host, resolve);
  });
}
