/**
 * Entry point of the gateway: `node gateway/main.ts`. Owns: building the adapters, putting core and bindings together,
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
import type { Part } from '../actors/adapters/part.ts';
import { connectBus } from '../bus/nats-bus.ts';
import { type Bus, BusError } from '../bus/port.ts';
import { loadEnvFile, natsUrl, projectRoot, readSettings, type Settings, SettingsError } from '../config/settings.ts';
import type { KnowledgeStore } from '../knowledge/port.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { Admission } from './core/admission.ts';
import { byCertificate, type Callers, CallersError, onlyLocal, readCallers } from './core/callers.ts';
import { openMesh } from './core/mesh.ts';
import type { Catalog } from './core/ports.ts';
import { exposureProblem } from './exposure.ts';
import { AddressError, startServer, type TlsFiles } from './grpc/server.ts';
import { startHeartbeat } from './heartbeat.ts';

/** Under a supervisor the log may be starting at the same moment; wait this long for it. */
const LOG_WAIT_MS = 8000;
const RETRY_MS = 50;

async function connect(settings: Settings): Promise<Bus> {
  const deadline = Date.now() + (process.env.MESH_SUPERVISED === '1' ? LOG_WAIT_MS : 0);
  for (;;) {
    try {
      return await connectBus({ url: natsUrl(settings), name: 'mesh-gateway' });
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
    return { workflows: new Set(workflows.keys()), messageRoles: new Set(['orchestrator', ...talkers]) };
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
      import('../actors/adapters/knowledge.ts'),
      import('../actors/breakers.ts'),
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
  const mesh = await openMesh({ bus, knowledge: knowledge.open, catalog: lazyCatalog(), log });
  const { MESH_GATEWAY_HOST: host, MESH_GRPC_PORT: port } = settings;
  const grpc = await startServer(
    mesh,
    { callers, admission, log },
    { host, port, keepaliveMs: settings.MESH_GATEWAY_KEEPALIVE_MS, ...(tls === undefined ? {} : { tls }) },
  );
  bus.onConnection((connected) => grpc.setServing(connected));
  const stopHeartbeat = startHeartbeat({
    bus,
    log,
    host: settings.MESH_HOST_ID ?? `${hostname()}-${hash('sha256', settings.MESH_HOME).slice(0, 8)}`,
    capabilities: [`grpc:${host}:${grpc.port}`],
    callsUnderWay: () => admission.callsUnderWay,
    callsMax: settings.MESH_GATEWAY_CALLS_AT_ONCE,
    memoryLimitMb: settings.GATEWAY_MEMORY_MB,
  });
  stopOnSignals(log, async () => {
    await stopHeartbeat();
    grpc.setServing(false);
    await mesh.stop();
    await grpc.stop();
    await knowledge.close();
    await bus.close();
  });
  log.info({ grpc: `${host}:${grpc.port}`, tls: tls !== undefined }, 'ready');
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
