/**
 * The life of a service's process, the same for all of them. Owns: settings, log, name of the host, the connection to the
 * log of the mesh, tracer, caps, heartbeat, signals, the order of the end, and exit codes. Does not own: what a service
 * does (its start function), or which there are (`table.ts`).
 *
 * 1. It ends at SIGTERM, SIGINT, at the end of standard input under a supervisor, and over its memory cap; once,
 *    whichever comes first, also in the middle of a start.
 * 2. Order of the end: nobody is told to come here any more, the service stops, its parts close, the last spans leave,
 *    the connection closes.
 * 3. Its health is told from before its start to after its end (`health.ts`).
 * 4. Whatever is thrown ends the process with one line in the log and an exit code (`exit.ts`).
 */
import { hash } from 'node:crypto';
import { flushCompileCache } from 'node:module';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bus } from '../bus/port.ts';
import { BusError } from '../bus/port.ts';
import { natsAccess } from '../config/nats-access.ts';
import { ledgerPath, loadEnvFile, readSettings, type Settings, SettingsError } from '../config/settings.ts';
import manifest from '../package.json' with { type: 'json' };
import { createLog, type Log } from '../telemetry/log.ts';
import { readSigning } from './adapters/signing.ts';
import { type Breakers, createBreakers } from './breakers.ts';
import { type ExitCode, endingOf } from './exit.ts';
import { openHealth } from './health.ts';
import { giveBackMemory } from './idle-memory.ts';
import { beatToSupervisor } from './loop-beat.ts';
import { createPresence, type Presence, type Shown } from './presence.ts';
import { type Service, serviceNamed, services } from './table.ts';
import { createTelemetry, type Telemetry } from './telemetry.ts';

/**
 * A supervisor starts its log server at the same moment, and gives it half a minute; a service does not give up before
 * the supervisor does.
 */
const LOG_WAIT_MS = 35_000;
const RETRY_MS = 25;

/** What a start function is given. */
export interface ServiceContext {
  readonly service: Service;
  readonly settings: Settings;
  readonly log: Log;
  /** Of this process in leases, heartbeats and spans; the same after a restart. */
  readonly hostId: string;
  readonly telemetry: Telemetry;
  readonly breakers: Breakers;
  /** Threads and memory of this process, and whether it is near its cap. */
  readonly process: Presence['process'];
  /** The log of the mesh, streams and buckets made; the same connection at every call. @throws BusError */
  connect(): Promise<Bus>;
  /** It cannot go on. */
  fatal(error: Error): void;
}

/** What a start function makes; nothing is at work before `begin`. */
export interface RunningService extends Shown {
  /** Resolves when it can work, with what the line in the log says, or when a stop has cut the start short. */
  begin(): Promise<object>;
  /** Ends the work; the parts are closed after it, in their order. */
  stop(): Promise<void>;
}

/** What it finds wrong before it calls `connect`, settings above all, is told without a log server. */
export type StartService = (context: ServiceContext) => Promise<RunningService>;

/** Runs the service of that name until this process ends. */
export async function runService(name: string): Promise<void> {
  try {
    const service = serviceNamed(name);
    if (service === null)
      throw new SettingsError(`usage: node services/main.ts ${services.map((one) => one.name).join('|')}`);
    loadEnvFile();
    const settings = readSettings();
    await run(service, settings);
  } catch (thrown) {
    const { exitCode, text } = endingOf(thrown);
    createLog(name || 'mesh', 'error').error({}, text);
    process.exit(exitCode);
  }
}

async function run(service: Service, settings: Settings): Promise<void> {
  beatToSupervisor(process.env.MESH_BEAT_FD);
  const hostId = hostIdOf(service, settings);
  const telemetry = createTelemetry({ service, settings, hostId, version: manifest.version });
  const { log } = telemetry;
  const [start] = await Promise.all([service.start(), telemetry.open()]);
  const breakers = createBreakers(log);
  const connection = connectionOf(service, settings, log);
  let running: RunningService | null = null;
  let stopping = false;
  const end = (exitCode: 0 | ExitCode): void => {
    if (stopping) return;
    stopping = true;
    log.info({}, 'stopping');
    stop().then(
      () => {
        log.info({}, 'stopped');
        process.exit(exitCode);
      },
      (error: unknown) => {
        log.error({ error: String(error) }, 'did not stop in order');
        process.exit(1);
      },
    );
  };
  let hasBegun = false;
  const presence = createPresence({ service, hostId, settings, log, breakers, onOver: () => end(1) });
  const health = await openHealth(settings, () => ({
    hasBegun,
    isStopping: stopping,
    isConnected: connection.isUp,
    refusal: presence.process.admission(),
  }));
  const stop = async (): Promise<void> => {
    await presence.leave();
    await running?.stop();
    for (const part of running?.parts ?? []) await part.close?.();
    presence.close();
    await telemetry.close();
    await connection.close();
    await health?.close();
  };
  endOnSignals(() => end(0));
  const context = { service, settings, log, hostId, telemetry, breakers, process: presence.process };
  running = await start({ ...context, connect: connection.open, fatal: (error) => die(error, log) });
  if (stopping) return;
  telemetry.show(presence.process, () => breakers.states(), running);
  if (connection.bus !== null) {
    telemetry.attach(connection.bus);
    presence.show(connection.bus, running);
  }
  const ready = await running.begin();
  if (stopping) return;
  await presence.ready();
  if (stopping) return;
  telemetry.ready();
  hasBegun = true;
  log.info({ host: hostId, ...ready }, 'ready');
  for (const part of running.parts) part.start?.();
  // A process that is killed later writes no cache at its end.
  flushCompileCache();
  giveBackMemory();
}

function die(error: Error, log: Log): void {
  const { exitCode, text } = endingOf(error);
  log.error({ error: text }, 'cannot go on');
  process.exit(exitCode);
}

function endOnSignals(end: () => void): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end);
  if (process.env.MESH_SUPERVISED === '1') process.stdin.on('end', end).resume();
}

/** Two processes of one machine that keep something apart have names apart. */
function hostIdOf({ name, hasLedger }: Service, settings: Settings): string {
  if (settings.MESH_HOST_ID !== undefined) return `${settings.MESH_HOST_ID}-${name}`;
  const kept = hasLedger ? ledgerPath(settings, name) : settings.MESH_HOME;
  return `${hostname()}-${hash('sha256', kept).slice(0, 8)}`;
}

interface Connection {
  /** Null before `open` has connected. */
  readonly bus: Bus | null;
  /** False while the log cannot be reached; true of a service that needs none. */
  readonly isUp: boolean;
  open(): Promise<Bus>;
  close(): Promise<void>;
}

function connectionOf({ name }: Service, settings: Settings, log: Log): Connection {
  const { MESH_LEASE_TTL_MS: leaseTtlMs, MESH_LOG_REPLICAS: replicas } = settings;
  const keys = readSigning(settings);
  const onPassedOver = (reason: string): void => log.warn({ reason }, 'a message is passed over: it is not trusted');
  const signing = keys === null ? undefined : { ...keys, onPassedOver };
  let bus: Bus | null = null;
  let isUp = true;
  const connect = async (): Promise<Bus> => {
    const [{ connectBus }, { identityNamed }] = await Promise.all([
      import('../bus/nats-bus.ts'),
      import('../bus/identities.ts'),
    ]);
    const access = natsAccess(settings, name);
    // On the mesh's own server a service makes no streams: the supervisor does.
    const isOwn = settings.NATS_URL === undefined && access.seed !== undefined;
    const topology = isOwn ? 'wait' : 'ask';
    const identity = identityNamed(name);
    return connectBus({ ...access, identity, name: `mesh-${name}`, leaseTtlMs, replicas, topology, signing });
  };
  const deadline = Date.now() + (process.env.MESH_SUPERVISED === '1' ? LOG_WAIT_MS : 0);
  const untilDeadline = async <T>(work: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof BusError) || !error.retryable || Date.now() >= deadline) throw error;
        await sleep(RETRY_MS);
      }
    }
  };
  let opened: Promise<Bus> | null = null;
  const open = async (): Promise<Bus> => {
    const made = await untilDeadline(connect);
    bus = made;
    made.onConnection((connected) => {
      isUp = connected;
    });
    await untilDeadline(() => made.ensureTopology());
    return made;
  };
  return {
    get bus() {
      return bus;
    },
    get isUp() {
      return isUp;
    },
    open() {
      opened ??= open();
      return opened;
    },
    close: async () => bus?.close(),
  };
}
