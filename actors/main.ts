/**
 * Entry point of a service: `node actors/main.ts agents|llm|tools`. Owns: building the real adapters and handing them to
 * the runtime, the heartbeat, and the order of shutdown. Does not own: any logic.
 */
import { hash } from 'node:crypto';
import { flushCompileCache } from 'node:module';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectBus } from '../bus/nats-bus.ts';
import { type Bus, BusError } from '../bus/port.ts';
import { ledgerPath, loadEnvFile, natsUrl, readSettings, type Settings, SettingsError } from '../config/settings.ts';
import { tokenSubject } from '../schemas/events/subjects.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { knowledgePart } from './adapters/knowledge.ts';
import { llmPart } from './adapters/llm.ts';
import type { Part } from './adapters/part.ts';
import { routerPart } from './adapters/router.ts';
import { toolsPart } from './adapters/tools.ts';
import { startBackups } from './backups.ts';
import { type Breakers, createBreakers } from './breakers.ts';
import { ingress } from './ingress.ts';
import { createPresence } from './presence.ts';
import { answerRecall } from './recall.ts';
import { loadRoleDefinitions, loadRoles } from './roles/index.ts';
import { stepMs } from './roles/llm/budget.ts';
import type { RolePorts } from './roles/ports.ts';
import { crashPointFromEnv } from './runtime/crash-points.ts';
import { FatalError } from './runtime/errors.ts';
import { createHost } from './runtime/host.ts';
import { openSqliteLedger } from './runtime/ledger/sqlite-ledger.ts';
import { systemClock } from './runtime/ports.ts';
import { loadWorkflows } from './workflows/index.ts';
import { withModelTime } from './workflows/model-time.ts';

const services = ['agents', 'llm', 'tools'] as const;
/** Under a supervisor the log may be starting at the same moment; wait this long for it. */
const LOG_WAIT_MS = 8000;
const RETRY_MS = 50;
async function connect(settings: Settings, name: string): Promise<Bus> {
  const deadline = Date.now() + (process.env.MESH_SUPERVISED === '1' ? LOG_WAIT_MS : 0);
  for (;;) {
    try {
      return await connectBus({ url: natsUrl(settings), name, leaseTtlMs: settings.MESH_LEASE_TTL_MS });
    } catch (error) {
      if (!(error instanceof BusError) || !error.retryable || Date.now() >= deadline) throw error;
      await sleep(RETRY_MS);
    }
  }
}

interface Parts {
  readonly ports: RolePorts;
  /** What the roles of this service use, in the order in which it is closed. */
  readonly own: readonly Part<unknown>[];
}

async function createParts(
  service: string,
  shared: { settings: Settings; bus: Bus; log: Log; breakers: Breakers },
): Promise<Parts> {
  const { settings, bus, log, breakers } = shared;
  const definitions = await loadRoleDefinitions();
  const files = loadWorkflows(new Set(definitions.map(({ name }) => name)));
  const asking = new Set(definitions.filter(({ asks = [] }) => asks.includes('llm')).map(({ name }) => name));
  const workflows = withModelTime(files, asking, stepMs(settings.LLM_TIMEOUT_MS));
  const router = routerPart({ settings, workflows, definitions, bus, log, breakers });
  const knowledge = knowledgePart(settings, log, breakers);
  const llm = llmPart(settings, log);
  const tools = toolsPart(settings, { bus, log, breakers });
  const used: Record<string, readonly Part<unknown>[]> = { agents: [router, knowledge], llm: [llm], tools: [tools] };
  const ports: RolePorts = {
    router: router.port,
    workflows,
    knowledge: knowledge.port,
    llm: llm.port,
    tools: tools.port,
    breakers,
    showText(correlationId, generation) {
      let number = 0;
      return (text) => {
        number += 1;
        bus.publishVolatile(tokenSubject(correlationId), JSON.stringify({ ...generation, number, text }));
      };
    },
  };
  return { ports, own: used[service] ?? [] };
}

async function run(service: string, settings: Settings, log: Log): Promise<void> {
  const path = ledgerPath(settings, service);
  const bus = await connect(settings, `mesh-${service}`);
  await bus.ensureTopology();
  const ledger = await openSqliteLedger(path);
  const breakers = createBreakers(log);
  const { ports, own } = await createParts(service, { settings, bus, log, breakers });
  const roles = await loadRoles(service, ports);
  const name =
    settings.MESH_HOST_ID === undefined
      ? `${hostname()}-${hash('sha256', path).slice(0, 8)}`
      : `${settings.MESH_HOST_ID}-${service}`;
  const crashAt = crashPointFromEnv(process.env.MESH_CRASH_AT);
  let stopping = false;

  const end = (exitCode: number): void => {
    if (stopping) return;
    stopping = true;
    void stop(exitCode);
  };
  const onOver = (): void => end(1);
  const presence = await createPresence({ service, name, settings, bus, log, roles, parts: own, breakers, onOver });
  const host = createHost({
    name,
    roles,
    ...(service === 'agents' ? { ingress } : {}),
    bus,
    ledger,
    clock: systemClock,
    log,
    commitMode: settings.MESH_COMMIT,
    ...presence.hostOptions,
    ...(crashAt ? { at: crashAt } : {}),
    onFatal: (error) => {
      log.error({ error: error.message }, 'cannot go on');
      process.exit(error.exitCode);
    },
  });
  presence.show(host);
  const stopBackups = startBackups({ ledger, path, bus, log, everyMs: settings.MESH_BACKUP_INTERVAL_MS });
  const endRecall = service === 'agents' ? answerRecall({ bus, host, log }) : () => undefined;
  const stop = async (exitCode: number): Promise<void> => {
    log.info({}, 'stopping');
    endRecall();
    await presence.leave();
    await stopBackups();
    await host.stop();
    for (const part of own) await part.close?.();
    await presence.close();
    await bus.close();
    log.info({}, 'stopped');
    process.exit(exitCode);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(0));
  if (process.env.MESH_SUPERVISED === '1') process.stdin.on('end', () => end(0)).resume();
  await host.start();
  if (stopping) return;
  presence.ready();
  log.info(
    {
      roles: roles.map((role) => role.name),
      host: name,
      engine: service === 'llm' ? ports.llm.kind : undefined,
    },
    'ready',
  );
  for (const part of own) part.start?.();
  // A process that is killed later writes no cache at its end.
  flushCompileCache();
}

const service = process.argv[2] ?? '';
try {
  if (!services.some((known) => known === service))
    throw new SettingsError(`usage: node actors/main.ts ${services.join('|')}`);
  loadEnvFile();
  const settings = readSettings();
  await run(service, settings, createLog(service, settings.MESH_LOG_LEVEL));
} catch (error) {
  const exitCode =
    error instanceof FatalError
      ? error.exitCode
      : error instanceof SettingsError
        ? 2
        : error instanceof BusError
          ? 3
          : 1;
  const expected = error instanceof FatalError || error instanceof SettingsError || error instanceof BusError;
  createLog(service || 'mesh', 'error').error(
    {},
    error instanceof Error ? (expected ? error.message : (error.stack ?? error.message)) : String(error),
  );
  process.exit(exitCode);
}
