/**
 * The dashboard as a service: pages that show the mesh and let one act on it. Owns: building its adapters, and putting
 * door and server together. Does not own: the process (`run-service.ts`), a page, or any logic.
 *
 * It reads the log by itself, only what it shows; what a person does goes through the gateway and its rights.
 */
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectRoot, type Settings, SettingsError } from '../config/settings.ts';
import { Door, type ObservationView } from '../dashboard/server/door.ts';
import { type Pages, serveDashboard } from '../dashboard/server/http.ts';
import { Hub } from '../dashboard/server/hub.ts';
import { killOwn, ownProcesses } from '../dashboard/server/own-processes.ts';
import { redrive } from '../dashboard/server/quarantine-view.ts';
import { Rooms } from '../dashboard/server/rooms.ts';
import { ServicesView } from '../dashboard/server/services-view.ts';
import { createMeshClient, type MeshClient } from '../gateway/client/index.ts';
import { isLoopback } from '../gateway/exposure.ts';
import type { SearchResult } from '../knowledge/port.ts';
import manifest from '../package.json' with { type: 'json' };
import { atTheStart } from '../router/port.ts';
import { remainingMs } from '../telemetry/mode.ts';
import type { Observability } from './observability.ts';
import type { RunningService, ServiceContext, StartService } from './run-service.ts';

const BUILD = join(projectRoot, 'dashboard', 'build');
const SAMPLES = join(projectRoot, 'router', 'samples', 'test.tsv');
/** Between two looks whether the gateway answers. */
const GATEWAY_LOOK_MS = 2500;
const GATEWAY_LIMIT_MS = 1500;
const ROUTER_LOAD_MS = 20_000;

function checkExposure({ MESH_DASHBOARD_HOST: host, MESH_DASHBOARD_TOKEN: token }: Settings): void {
  if (isLoopback(host) || token !== undefined) return;
  throw new SettingsError(
    `MESH_DASHBOARD_HOST=${host} is reached from other machines: set MESH_DASHBOARD_TOKEN, or serve on 127.0.0.1`,
  );
}

/** Without pages the process lives and says what to do: the mesh does not need them. */
const notBuilt: Pages = (_request, response) =>
  response
    .writeHead(503, { 'content-type': 'text/plain; charset=utf-8' })
    .end('The pages of the dashboard are not built: run `./mesh --version`, then `./mesh down` and `./mesh up`.\n');

async function loadPages(log: ServiceContext['log']): Promise<Pages> {
  const path = join(BUILD, 'handler.js');
  if (!existsSync(path)) {
    log.warn({ path }, 'the pages of the dashboard are not built');
    return notBuilt;
  }
  const built: { handler: Pages } = await import(pathToFileURL(path).href);
  return built.handler;
}

function gatewayClient(settings: Settings): MeshClient {
  const { MESH_GATEWAY_HOST: host, MESH_GRPC_PORT: port, MESH_DASHBOARD_CALLER_TOKEN: token } = settings;
  // A gateway that listens everywhere is on loopback as well.
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const { MESH_GATEWAY_TLS_CERT: certificate } = settings;
  return createMeshClient({
    address: `${name.includes(':') ? `[${name}]` : name}:${port}`,
    ...(token === undefined ? {} : { token }),
    ...(certificate === undefined ? {} : { tls: { authority: readFileSync(resolve(projectRoot, certificate)) } }),
  });
}

function openRooms(context: ServiceContext, client: MeshClient): Rooms {
  const { settings, log, breakers } = context;
  const routing = once(async () => {
    const [{ loadRoleDefinitions }, { loadRouting, routerPart }] = await Promise.all([
      import('../actors/roles/index.ts'),
      import('./adapters/router.ts'),
    ]);
    const definitions = await loadRoleDefinitions();
    const { workflows } = await loadRouting();
    const open = async () => {
      const part = routerPart({ settings, definitions, workflows, bus: await context.connect(), log, breakers });
      part.start?.();
      // The first decision also loads the model: that is not the time of a query.
      await part.port.decide('What is this?', atTheStart, AbortSignal.timeout(ROUTER_LOAD_MS));
      return part.port;
    };
    return { workflows, router: once(open) };
  });
  return new Rooms({
    router: async () => (await routing()).router(),
    workflows: async () =>
      [...(await routing()).workflows.values()].map(({ name, description, steps, loop }) => ({
        ...{ name, description, loop: loop ?? null },
        steps: steps.map(({ step, role, optional }) => ({ step, role, optional: optional === true })),
      })),
    samples: async () => {
      const { parseSamples } = await import('../router/samples.ts');
      const { workflows } = await routing();
      return parseSamples(await readFile(SAMPLES, 'utf8'), [...workflows.keys()]);
    },
    knowledge: once(async () => (await import('./adapters/knowledge.ts')).openKnowledge(settings)),
    search: async (query, limit): Promise<SearchResult> => {
      const { passages, engine, problem } = await client.search({ query, limit }, { timeoutMs: 10_000 });
      const kindOf = (kind: string) => (kind === 'code' || kind === 'markdown' ? kind : 'text');
      return {
        passages: passages.map(({ $typeName: _type, kind, ...passage }) => ({ ...passage, kind: kindOf(kind) })),
        ...{ engine, problem: problem === '' ? null : problem },
      };
    },
  });
}

/** At its first use; after a failure, again. */
function once<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | null = null;
  return () => {
    opened ??= open().catch((error: unknown) => {
      opened = null;
      throw error;
    });
    return opened;
  };
}

/** Says every few seconds whether the gateway answers. Returns the function that ends it. */
function watchGateway(client: MeshClient, hub: Hub): () => void {
  let isOver = false;
  const look = async (): Promise<void> => {
    const answers = await client.registry({ timeoutMs: GATEWAY_LIMIT_MS, attemptsMax: 1 }).then(
      () => true,
      // Whatever it says, it is there when it is not unreachable.
      (error: unknown) =>
        !/UNAVAILABLE|DEADLINE/.test(error instanceof Error ? String(Reflect.get(error, 'code')) : ''),
    );
    if (!isOver) hub.setLinks({ gateway: answers });
  };
  void look();
  const timer = setInterval(() => void look(), GATEWAY_LOOK_MS);
  return () => {
    isOver = true;
    clearInterval(timer);
  };
}

/** Null for no price at all: a model on this machine costs nothing that the mesh could know. */
function priceOf({
  OBS_PRICE_INPUT: input,
  OBS_PRICE_OUTPUT: output,
}: Settings): { input: number; output: number } | null {
  return input === 0 && output === 0 ? null : { input, output };
}

function observationOf(observability: Observability): ObservationView {
  return {
    listen: (onChange) => observability.listen(onChange),
    now() {
      const { mode, window } = observability;
      if (window === null) return { mode, window };
      const { id, cause, forMs, byHand } = window;
      return { mode, window: { id, cause, forMs, byHand, leftMs: remainingMs(window, Date.now()) } };
    },
  };
}

function listenProblem(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error ? Reflect.get(error, 'code') : null;
  if (code === 'EADDRINUSE')
    return new SettingsError(`port ${port} is taken by another program; set MESH_DASHBOARD_PORT to a free one`);
  if (code === 'EADDRNOTAVAIL') return new SettingsError(`MESH_DASHBOARD_HOST=${host} is no address of this machine`);
  return error;
}

export const startDashboard: StartService = async (context): Promise<RunningService> => {
  const { settings, log } = context;
  checkExposure(settings);
  const pages = await loadPages(log);
  const bus = await context.connect();
  const hub = new Hub(bus, log);
  const client = gatewayClient(settings);
  const services = new ServicesView(bus);
  const home = settings.MESH_HOME;
  const { MESH_DASHBOARD_HOST: host, MESH_DASHBOARD_PORT: port } = settings;
  const mayKill = isLoopback(host);
  const door = new Door({
    ...{ bus, hub, services, version: manifest.version, price: priceOf(settings) },
    rooms: openRooms(context, client),
    observation: observationOf(context.telemetry.observability),
    chaos: () => mayKill && ownProcesses(home).length > 0,
    commands: {
      ...{ client, hub },
      redrive: (seq) => redrive(bus, seq),
      kill: (service) =>
        mayKill ? killOwn(home, service) : 'services are killed from a dashboard on loopback only; use `mesh chaos`',
    },
  });
  const token = settings.MESH_DASHBOARD_TOKEN ?? null;
  const server = await serveDashboard({ host, port, token, pages, door }).catch((error: unknown) => {
    throw listenProblem(error, host, port);
  });
  let endGateway = (): void => undefined;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${server.port}`;
  return {
    roles: [],
    parts: [{ status: () => ({ capabilities: [`dashboard:${url}`] }) }],
    stats: () => null,
    async begin() {
      // Facts that are stored are read beside: a page that comes early sees the list grow.
      hub.open().catch(context.fatal);
      endGateway = watchGateway(client, hub);
      return { url };
    },
    async stop() {
      endGateway();
      door.stop();
      await server.close();
      await hub.stop();
      client.close();
    },
  };
};
