/**
 * Entry point of the gateway: `node services/gateway.ts`. Owns: building the adapters, putting core and bindings together,
 * and the order of shutdown. Does not own: any logic.
 *
 * Order of the end: no new calls are asked for (health), calls that wait are told to come again, the servers close, the
 * connection to the log closes.
 */
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectBus } from '../bus/nats-bus.ts';
import { type Bus, BusError } from '../bus/port.ts';
import { loadEnvFile, natsUrl, projectRoot, readSettings, type Settings, SettingsError } from '../config/settings.ts';
import { lazyA2a } from '../gateway/a2a/lazy.ts';
import { Admission } from '../gateway/core/admission.ts';
import { byCertificate, type Callers, CallersError, onlyLocal, readCallers } from '../gateway/core/callers.ts';
import { openMesh } from '../gateway/core/mesh.ts';
import type { Catalog } from '../gateway/core/ports.ts';
import { daprApp } from '../gateway/dapr/app.ts';
import { exposureProblem } from '../gateway/exposure.ts';
import { AddressError, startServer, type TlsFiles } from '../gateway/grpc/server.ts';
import { startHttp } from '../gateway/http/server.ts';
import type { KnowledgeStore } from '../knowledge/port.ts';
import manifest from '../package.json' with { type: 'json' };
import { traceCalls } from '../telemetry/call-spans.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import type { Tracer } from '../telemetry/tracer.ts';
import type { Part } from './adapters/part.ts';
import { startHeartbeat } from './gateway-heartbeat.ts';

/** Under a supervisor the log may be starting at the same moment; wait this long for it. */
const LOG_WAIT_MS = 8000;
const RETRY_MS = 50;

async function connect(settings: Settings): Promise<Bus> {
  const deadline = Date.now() + (process.env.MESH_SUPERVISED === '1' ? LOG_WAIT_MS : 0);
  for (;;) {
    try {
      return await connectBus({ url: natsUrl(settings), name: 'mesh-gateway', leaseTtlMs: settings.MESH_LEASE_TTL_MS });
    } catch (error) {
      if (!(error instanceof BusError) || !error.retryable || Date.now() >= deadline) throw error;
      await sleep(RETRY_MS);
    }
  }
}

/** Read at its first use: a start does not wait for it. */
function lazyCatalog(): () => Promise<Catalog> {
  let catalog: Promise<Catalog> | null = null;
  const read = async (): Promise<Catalog> => {
    const [{ loadRoleDefinitions }, { loadWorkflows }] = await Promise.all([
      import('../actors/roles/index.ts'),
      import('../actors/workflows/index.ts'),
    ]);
    const roles = await loadRoleDefinitions();
    const workflows = loadWorkflows(new Set(roles.map(({ name }) => name)));
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
function lazyKnowledge(settings: Settings, log: Log): LazyKnowledge {
  let part: Promise<Part<() => KnowledgeStore>> | null = null;
  const load = async (): Promise<Part<() => KnowledgeStore>> => {
    const [{ knowledgePart }, { createBreakers }] = await Promise.all([
      import('./adapters/knowledge.ts'),
      import('./breakers.ts'),
    ]);
    return knowledgePart(settings, log, createBreakers(log));
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
    return readFileSync(resolve(projectRoot, path));
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

function callersFrom(settings: Settings): Callers {
  if (settings.MESH_GATEWAY_CALLERS !== undefined)
    return readCallers(resolve(projectRoot, settings.MESH_GATEWAY_CALLERS));
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

/** Names, beside those of loopback, by which a gateway that knows no callers may be called. */
function knownHosts({ MESH_PUBLIC_URL: url }: Settings): ReadonlySet<string> {
  return new Set(url === undefined ? [] : [new URL(url).hostname]);
}

/** Null when no collector is named; the SDK is not loaded then. */
async function openTracer(settings: Settings, instance: string, log: Log): Promise<Tracer | null> {
  const endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint === undefined) return null;
  const { createTracer } = await import('../telemetry/tracer.ts');
  return createTracer({
    ...{ endpoint, service: 'mesh-gateway', instance, version: manifest.version },
    onLoss: (reason) => log.warn({ endpoint, reason }, 'spans are lost'),
  });
}

async function run(settings: Settings, log: Log): Promise<void> {
  checkExposure(settings);
  const tls = tlsOf(settings);
  const callers = callersFrom(settings);
  const admission = new Admission({
    callsPerSecond: settings.MESH_GATEWAY_CALLS_PER_SECOND,
    callsAtOnce: settings.MESH_GATEWAY_CALLS_AT_ONCE,
  });
  const bus = await connect(settings);
  await bus.ensureTopology();
  const knowledge = lazyKnowledge(settings, log);
  const catalog = lazyCatalog();
  const hostId = settings.MESH_HOST_ID ?? `${hostname()}-${hash('sha256', settings.MESH_HOME).slice(0, 8)}`;
  const tracer = await openTracer(settings, hostId, log);
  const tracing = tracer === null ? {} : { tracing: traceCalls(tracer) };
  const mesh = await openMesh({ bus, knowledge: knowledge.open, catalog, log, ...tracing });
  const { MESH_GATEWAY_HOST: host, MESH_GRPC_PORT: port } = settings;
  const rules = { callers, admission, log };
  const secured = tls === undefined ? {} : { tls };
  const a2a = lazyA2a(
    {
      ...{ mesh, bus, catalog, log },
      card: { ...addressesOf(settings), version: manifest.version, authentication: authenticationOf(settings) },
      pushAllowHosts: (settings.MESH_PUSH_ALLOW_HOSTS ?? '').split(','),
      // Two gateways of one machine have ports of their own.
      holder: () => `gateway-${hostId}-${grpc.port}`,
    },
    rules,
  );
  const grpcSettings = { host, port, keepaliveMs: settings.MESH_GATEWAY_KEEPALIVE_MS, ...secured };
  const grpc = await startServer(mesh, rules, grpcSettings, [a2a.service]);
  let isConnected = true;
  const http = await startHttp(
    {
      dapr: daprApp({ mesh, ...rules, pubsub: settings.MESH_DAPR_PUBSUB ?? null }),
      a2a: a2a.http,
      isConnected: () => isConnected,
    },
    { host, port: settings.MESH_HTTP_PORT, onlyHosts: callers === onlyLocal ? knownHosts(settings) : null, ...secured },
  );
  bus.onConnection((connected) => {
    isConnected = connected;
    grpc.setServing(connected);
  });
  const stopHeartbeat = startHeartbeat({
    bus,
    log,
    host: hostId,
    capabilities: [`grpc:${host}:${grpc.port}`, `http:${host}:${http.port}`],
    callsUnderWay: () => admission.callsUnderWay,
    callsMax: settings.MESH_GATEWAY_CALLS_AT_ONCE,
    memoryLimitMb: settings.GATEWAY_MEMORY_MB,
  });
  stopOnSignals(log, async () => {
    await stopHeartbeat();
    grpc.setServing(false);
    await a2a.stop();
    await mesh.stop();
    await Promise.all([grpc.stop(), http.stop()]);
    await knowledge.close();
    await tracer?.close();
    await bus.close();
  });
  log.info({ grpc: `${host}:${grpc.port}`, http: `${host}:${http.port}`, tls: tls !== undefined }, 'ready');
  a2a.warm();
  // A process that is killed later writes no cache at its end.
  flushCompileCache();
}

function stopOnSignals(log: Log, stop: () => Promise<void>): void {
  let stopping = false;
  const end = (): void => {
    if (stopping) return;
    stopping = true;
    log.info({}, 'stopping');
    stop().then(
      () => {
        log.info({}, 'stopped');
        process.exit(0);
      },
      (error: unknown) => {
        log.error({ error: String(error) }, 'did not stop in order');
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end);
  if (process.env.MESH_SUPERVISED === '1') process.stdin.on('end', end).resume();
}

function exitCodeOf(error: unknown): 1 | 2 | 3 {
  if (error instanceof SettingsError || error instanceof CallersError || error instanceof AddressError) return 2;
  return error instanceof BusError ? 3 : 1;
}

try {
  loadEnvFile();
  const settings = readSettings();
  await run(settings, createLog('gateway', settings.MESH_LOG_LEVEL));
} catch (error) {
  const exitCode = exitCodeOf(error);
  const text =
    error instanceof Error ? (exitCode === 1 ? (error.stack ?? error.message) : error.message) : String(error);
  createLog('gateway', 'error').error({}, text);
  process.exit(exitCode);
}
