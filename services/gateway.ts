/**
 * The gateway as a service: the front door for callers from outside. Owns: building its adapters, and putting core and
 * bindings together. Does not own: the process (`run-service.ts`), or any logic.
 *
 * Order of the end: no new calls are asked for (health), calls that wait are told to come again, the servers close.
 */
import { join, resolve } from 'node:path';
import { hasCredentials } from '../config/nats-access.ts';
import { meshFolder, type Settings, SettingsError } from '../config/settings.ts';
import { type LazyA2a, lazyA2a } from '../gateway/a2a/lazy.ts';
import { Admission } from '../gateway/core/admission.ts';
import { byCertificate, type Callers, onlyLocal } from '../gateway/core/callers.ts';
import { type FileCallers, readCallers } from '../gateway/core/callers-file.ts';
import { openMesh } from '../gateway/core/mesh.ts';
import { CallerShares } from '../gateway/core/shares.ts';
import { daprApp } from '../gateway/dapr/app.ts';
import { exposureProblem } from '../gateway/exposure.ts';
import { startServer, type TlsFiles } from '../gateway/grpc/server.ts';
import { startHttp } from '../gateway/http/server.ts';
import { LoopbackUsers, peerOf } from '../guards/loopback-users.ts';
import { readNamed } from '../guards/named-file.ts';
import type { KnowledgeStore } from '../knowledge/port.ts';
import manifest from '../package.json' with { type: 'json' };
import type { Breakers } from '../resilience/breakers.ts';
import type { Catalog } from '../task-client/ports.ts';
import { traceCalls } from '../telemetry/call-spans.ts';
import type { Log } from '../telemetry/log.ts';
import { obsSwitch } from '../telemetry/mode-bucket.ts';
import type { Part, PartStatus } from './adapters/part.ts';
import { openMetricsDoor } from './metrics-door.ts';
import { followModeFile } from './mode-file.ts';
import { pushSigningKey } from './push-signing-key.ts';
import type { StartService } from './service-life.ts';
import { watchWorking } from './working.ts';

/** Read at its first use: a start does not wait for it. */
function lazyCatalog(settings: Settings): () => Promise<Catalog> {
  let catalog: Promise<Catalog> | null = null;
  const read = async (): Promise<Catalog> => {
    const { allRoles, allWorkflows } = await import('./adapters/own-mesh.ts');
    const roles = await allRoles();
    const workflows = await allWorkflows(settings, roles);
    const talkers = roles.filter(({ startsOn }) => startsOn.includes('agent.message')).map(({ name }) => name);
    const described = [...workflows].map(([name, { description }]) => [name, description] as const);
    return { workflows: new Map(described), messageRoles: new Set(['orchestrator', ...talkers]) };
  };
  return () => {
    catalog ??= read();
    return catalog;
  };
}

interface LazyKnowledge {
  open(): Promise<KnowledgeStore>;
  close(): Promise<void>;
}

/** Stores and models are loaded when somebody searches. */
function lazyKnowledge(settings: Settings, log: Log, breakers: Breakers): LazyKnowledge {
  let part: Promise<Part<() => KnowledgeStore>> | null = null;
  const load = async (): Promise<Part<() => KnowledgeStore>> => {
    const { knowledgePart } = await import('./adapters/knowledge.ts');
    return knowledgePart(settings, log, breakers);
  };
  return {
    async open() {
      part ??= load();
      return (await part).port();
    },
    async close() {
      await (await part)?.close?.();
    },
  };
}

function readPem(name: string, path: string): Buffer {
  try {
    return readNamed(resolve(meshFolder(), path));
  } catch (error) {
    throw new SettingsError(`${name}=${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function tlsOf(settings: Settings): TlsFiles | undefined {
  const {
    MESH_GATEWAY_TLS_CERT: certificate,
    MESH_GATEWAY_TLS_KEY: key,
    MESH_GATEWAY_TLS_CLIENT_CA: authority,
  } = settings;
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate === undefined || key === undefined) {
    throw new SettingsError('MESH_GATEWAY_TLS_CERT and MESH_GATEWAY_TLS_KEY go together; set both or none');
  }
  return {
    key: readPem('MESH_GATEWAY_TLS_KEY', key),
    certificate: readPem('MESH_GATEWAY_TLS_CERT', certificate),
    ...(authority === undefined ? {} : { clientAuthority: readPem('MESH_GATEWAY_TLS_CLIENT_CA', authority) }),
  };
}

function callersFrom(settings: Settings, log: Log): Callers | FileCallers {
  if (settings.MESH_GATEWAY_CALLERS !== undefined)
    return readCallers(resolve(meshFolder(), settings.MESH_GATEWAY_CALLERS), log);
  return settings.MESH_GATEWAY_TLS_CLIENT_CA === undefined ? onlyLocal : byCertificate;
}

function checkExposure(settings: Settings): void {
  const problem = exposureProblem({
    host: settings.MESH_GATEWAY_HOST,
    hasCallers: settings.MESH_GATEWAY_CALLERS !== undefined,
    hasTls: settings.MESH_GATEWAY_TLS_CERT !== undefined,
    hasClientAuthority: settings.MESH_GATEWAY_TLS_CLIENT_CA !== undefined,
  });
  if (problem !== null) throw new SettingsError(problem);
}

/** Where the agent card says that the bindings are. */
function addressesOf(settings: Settings): { httpUrl: string; grpcAddress: string } {
  const { MESH_GATEWAY_HOST: host, MESH_HTTP_PORT: httpPort, MESH_GRPC_PORT: grpcPort, MESH_PUBLIC_URL } = settings;
  const name = host.includes(':') ? `[${host}]` : host;
  const scheme = settings.MESH_GATEWAY_TLS_CERT === undefined ? 'http' : 'https';
  const httpUrl = MESH_PUBLIC_URL?.replace(/\/+$/, '') ?? `${scheme}://${name}:${httpPort}`;
  return { httpUrl, grpcAddress: `${new URL(httpUrl).hostname}:${grpcPort}` };
}

function authenticationOf(settings: Settings): 'none' | 'token' | 'certificate' {
  if (settings.MESH_GATEWAY_CALLERS !== undefined) return 'token';
  return settings.MESH_GATEWAY_TLS_CLIENT_CA === undefined ? 'none' : 'certificate';
}

export const startGateway: StartService = async (context) => {
  const { settings, log, hostId, telemetry } = context;
  checkExposure(settings);
  const tls = tlsOf(settings);
  const callers = callersFrom(settings, log);
  const callsMax = settings.MESH_GATEWAY_CALLS_AT_ONCE;
  const admission = new Admission({ callsPerSecond: settings.MESH_GATEWAY_CALLS_PER_SECOND, callsAtOnce: callsMax });
  const bus = await context.connect();
  if (!hasCredentials(settings))
    log.warn({}, 'NATS is reached without credentials: the rights of callers guard nothing from whoever reaches it');
  const knowledge = lazyKnowledge(settings, log, context.breakers);
  const catalog = lazyCatalog(settings);
  const tracing = traceCalls(telemetry.tracer, telemetry.counters);
  const indexFolder = join(settings.MESH_HOME, 'index');
  const observation = obsSwitch(bus.kv('config'));
  const shares = new CallerShares({
    tasksMax: settings.MESH_CALLER_TASKS_MAX,
    bytesPerDay: settings.MESH_CALLER_MB_PER_DAY * 1024 * 1024,
  });
  const opened = { bus, knowledge: knowledge.open, catalog, log, indexFolder, tracing };
  const alsoWritten = (caller: string, sinceMs: number) => a2a.written(caller, sinceMs);
  const mesh = await openMesh({ ...opened, observation, shares, alsoWritten });
  const { MESH_GATEWAY_HOST: host, MESH_GRPC_PORT: port, MESH_PUBLIC_URL: publicUrl } = settings;
  const pubsub = settings.MESH_DAPR_PUBSUB ?? null;
  const users = callers === onlyLocal && settings.MESH_LOOPBACK_USERS === 'own' ? new LoopbackUsers() : null;
  const isOtherUser = async (peer: string): Promise<boolean> => users?.isOther(grpc.port, peer) ?? false;
  const rules = { callers, admission, log, isOtherUser };
  const secured = tls === undefined ? {} : { tls };
  const a2a: LazyA2a = lazyA2a(
    {
      ...{ mesh, bus, catalog, log, callers },
      card: { ...addressesOf(settings), version: manifest.version, authentication: authenticationOf(settings) },
      cardOfBoth: settings.MESH_A2A_CARD === 'both',
      signingKey: () => pushSigningKey(settings),
      pushConfigsPerCaller: settings.MESH_PUSH_CONFIGS_PER_CALLER,
      pushAllowHosts: (settings.MESH_PUSH_ALLOW_HOSTS ?? '').split(','),
      // Two gateways of one machine have ports of their own.
      holder: () => `gateway-${hostId}-${grpc.port}`,
    },
    rules,
  );
  const grpcSettings = { host, port, keepaliveMs: settings.MESH_GATEWAY_KEEPALIVE_MS, ...secured };
  const grpc = await startServer(mesh, rules, grpcSettings, [a2a.service]);
  let problem: string | null = 'the mesh is starting';
  const http = await startHttp(
    {
      dapr: pubsub !== null || settings.MESH_DAPR_DOOR === 'open' ? daprApp({ mesh, ...rules, pubsub }) : null,
      a2a: a2a.http,
      problem: () => problem,
    },
    {
      ...{ host, port: settings.MESH_HTTP_PORT, knowsNobody: callers === onlyLocal, ...secured },
      isOtherUser: users === null ? null : (ends) => users.isOther(ends.localPort ?? 0, peerOf(ends)),
      publicUrl: publicUrl === undefined ? null : new URL(publicUrl),
    },
  );
  grpc.setServing(false);
  const { OBS_MODE_FILE: modeFile } = settings;
  const endFollowing =
    modeFile === undefined ? () => undefined : followModeFile({ path: modeFile, config: bus.kv('config'), log });
  const endLooking = watchWorking({
    bus,
    log,
    onVerdict: (now) => {
      problem = now;
      grpc.setServing(now === null);
    },
  });
  const metricsPort = settings.MESH_METRICS_PORT;
  const metrics = metricsPort === undefined ? null : await openMetricsDoor(bus, metricsPort, log);
  const doors = { grpc: `${host}:${grpc.port}`, http: `${host}:${http.port}` };
  const status = (): PartStatus => ({
    capabilities: [`grpc:${doors.grpc}`, `http:${doors.http}`],
    capacity: { queueDepth: admission.callsUnderWay, freeSlots: Math.max(0, callsMax - admission.callsUnderWay) },
  });
  return {
    roles: [],
    parts: [{ status, start: a2a.warm, close: knowledge.close }],
    stats: () => null,
    begin: () => Promise.resolve({ ...doors, tls: tls !== undefined }),
    async stop() {
      endLooking();
      endFollowing();
      if ('close' in callers) callers.close();
      grpc.setServing(false);
      await a2a.stop();
      await mesh.stop();
      await Promise.all([grpc.stop(), http.stop(), metrics?.close()]);
      users?.close();
    },
  };
};
