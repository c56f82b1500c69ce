/**
 * What a page of the dashboard is answered from. Owns: building it (the pages, the reader of the facts, the client of the
 * gateway), and ending it. Does not own: the server (`dashboard.ts`), or any answer.
 *
 * It is opened when the first page is asked for: until then a dashboard at which nobody looks reads no facts, asks no
 * gateway, and keeps none of this in memory.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { meshFolder, projectRoot, type Settings } from '../config/settings.ts';
import { Door, type ObservationView } from '../dashboard/server/door.ts';
import { type Pages, pagesPath, type Room } from '../dashboard/server/http.ts';
import { Hub } from '../dashboard/server/hub.ts';
import { killOwn, ownProcesses } from '../dashboard/server/own-processes.ts';
import { redrive } from '../dashboard/server/quarantine-view.ts';
import { Rooms } from '../dashboard/server/rooms.ts';
import { ServicesView } from '../dashboard/server/services-view.ts';
import { createMeshClient, type MeshClient } from '../gateway/client/index.ts';
import { readNamed } from '../guards/named-file.ts';
import { isLoopback } from '../guards/web-page.ts';
import type { SearchResult } from '../knowledge/port.ts';
import manifest from '../package.json' with { type: 'json' };
import { atTheStart } from '../router/port.ts';
import { remainingMs } from '../telemetry/mode.ts';
import type { Observability } from './observability.ts';
import { once } from './once.ts';
import type { ServiceContext } from './service-life.ts';

const SAMPLES = join(projectRoot, 'router', 'samples', 'test.tsv');
/** Between two looks whether the gateway answers. */
const GATEWAY_LOOK_MS = 2500;
const GATEWAY_LIMIT_MS = 1500;
const ROUTER_LOAD_MS = 20_000;

/** Without pages the process lives and says what to do: the mesh does not need them. */
const notBuilt: Pages = (_request, response) =>
  response
    .writeHead(503, { 'content-type': 'text/plain; charset=utf-8' })
    .end('The pages of the dashboard are not built: run `./mesh --version`, then `./mesh down` and `./mesh up`.\n');

async function loadPages(): Promise<Pages> {
  if (!existsSync(pagesPath)) return notBuilt;
  const built: { handler: Pages } = await import(pathToFileURL(pagesPath).href);
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
    ...(certificate === undefined ? {} : { tls: { authority: readNamed(resolve(meshFolder(), certificate)) } }),
  });
}

function openRooms(context: ServiceContext, client: MeshClient): Rooms {
  const { settings, log, breakers } = context;
  const routing = once(async () => {
    const [{ allRoles }, { loadRouting, routerPart }] = await Promise.all([
      import('./adapters/own-mesh.ts'),
      import('./adapters/router.ts'),
    ]);
    const definitions = await allRoles();
    const { workflows } = await loadRouting(settings);
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
      [...(await routing()).workflows.values()].map(({ name, description, steps, loop, deadlineMs = null }) => ({
        ...{ name, description, loop: loop ?? null, deadlineMs },
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

export interface OpenRoom extends Room {
  close(): Promise<void>;
}

/** @throws BusError while the log cannot be read */
export async function openRoom(context: ServiceContext): Promise<OpenRoom> {
  const { settings, log } = context;
  const bus = await context.connect();
  const pages = await loadPages();
  const hub = new Hub(bus, log);
  // Facts that are stored are read beside: a page that comes early sees the list grow.
  await hub.open().catch(async (error: unknown) => {
    await hub.stop();
    throw error;
  });
  const client = gatewayClient(settings);
  const home = settings.MESH_HOME;
  const mayKill = isLoopback(settings.MESH_DASHBOARD_HOST);
  const door = new Door({
    ...{ bus, hub, services: new ServicesView(bus), version: manifest.version, price: priceOf(settings) },
    observation: observationOf(context.telemetry.observability),
    rooms: openRooms(context, client),
    chaos: () => mayKill && ownProcesses(home).length > 0,
    commands: {
      ...{ client, hub },
      redrive: (seq) => redrive(bus, seq),
      kill: (service) =>
        mayKill ? killOwn(home, service) : 'services are killed from a dashboard on loopback only; use `mesh chaos`',
    },
  });
  const endGateway = watchGateway(client, hub);
  return {
    ...{ pages, door },
    async close() {
      endGateway();
      door.stop();
      await hub.stop();
      client.close();
    },
  };
}
