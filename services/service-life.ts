/**
 * A service at work, in whatever process: its own (`run-service.ts`), or a program that embeds the mesh (`embed/`). Owns:
 * what a service does not do itself: its connection to the log of the mesh, the name of its host, telemetry, breakers, caps,
 * heartbeat, and the order of beginning and ending. Does not own: the process, or what a service does (its start function).
 *
 * Order of the end: nobody is told to come here any more, the service stops, its parts close, the last spans leave, the
 * connection closes. It may be asked for at any moment, also in the middle of a start.
 */
import { hash } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bus } from '../bus/port.ts';
import { BusError } from '../bus/port.ts';
import { natsAccess } from '../config/nats-access.ts';
import { ledgerPath, type Settings } from '../config/settings.ts';
import manifest from '../package.json' with { type: 'json' };
import { type Breakers, createBreakers } from '../resilience/breakers.ts';
import type { Log } from '../telemetry/log.ts';
import { readSigning } from './adapters/signing.ts';
import type { Caps } from './caps.ts';
import { createPresence, type Presence, type Shown } from './presence.ts';
import type { Service } from './table.ts';
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

export interface LifeOptions {
  readonly service: Service;
  readonly settings: Settings;
  /** Where its log lines go; standard output when absent. */
  readonly logFile?: string;
  /** The log server is started at the same moment: it is waited for. */
  readonly waitsForLog: boolean;
  /** Of the process, where the service has none of its own. */
  readonly caps?: Caps;
  /** It is over its memory cap, and should end in order. */
  readonly onOver: () => void;
  /** It cannot go on. */
  readonly onFatal: (error: Error, log: Log) => void;
}

export interface ServiceLife {
  readonly log: Log;
  readonly hasBegun: boolean;
  readonly isStopping: boolean;
  /** False while the log of the mesh cannot be reached. */
  readonly isConnected: boolean;
  /** Why nothing new may begin, or null. */
  refusal(): string | null;
  /** Resolves when it works, or when a stop has cut the start short. @throws when it cannot work */
  begin(): Promise<void>;
  stop(): Promise<void>;
}

export function openService(options: LifeOptions): ServiceLife {
  const { service, settings, onOver, onFatal } = options;
  const hostId = hostIdOf(service, settings);
  const file = options.logFile === undefined ? {} : { logFile: options.logFile };
  const telemetry = createTelemetry({ service, settings, hostId, version: manifest.version, ...file });
  const { log } = telemetry;
  const breakers = createBreakers(log);
  const connection = connectionOf(service, settings, log, options.waitsForLog ? LOG_WAIT_MS : 0);
  const caps = options.caps === undefined ? {} : { caps: options.caps };
  const presence = createPresence({ service, hostId, settings, log, breakers, onOver, ...caps });
  let running: RunningService | null = null;
  let isStopping = false;
  let hasBegun = false;
  return {
    log,
    get hasBegun() {
      return hasBegun;
    },
    get isStopping() {
      return isStopping;
    },
    get isConnected() {
      return connection.isUp;
    },
    refusal: presence.process.admission,
    async begin() {
      const [start] = await Promise.all([service.start(), telemetry.open()]);
      const context = { service, settings, log, hostId, telemetry, breakers, process: presence.process };
      running = await start({ ...context, connect: connection.open, fatal: (error) => onFatal(error, log) });
      if (isStopping) return;
      telemetry.show(presence.process, () => breakers.states(), running);
      if (connection.bus !== null) {
        telemetry.attach(connection.bus);
        presence.show(connection.bus, running);
      }
      const ready = await running.begin();
      if (isStopping) return;
      await presence.ready();
      if (isStopping) return;
      telemetry.ready();
      hasBegun = true;
      log.info({ host: hostId, ...ready }, 'ready');
      for (const part of running.parts) part.start?.();
    },
    async stop() {
      isStopping = true;
      await presence.leave();
      await running?.stop();
      for (const part of running?.parts ?? []) await part.close?.();
      presence.close();
      await telemetry.close();
      await connection.close();
    },
  };
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

function connectionOf({ name }: Service, settings: Settings, log: Log, waitMs: number): Connection {
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
    const topology = name === 'keeper' ? 'make' : isOwn ? 'wait' : 'ask';
    const identity = identityNamed(name);
    return connectBus({ ...access, identity, name: `mesh-${name}`, leaseTtlMs, replicas, topology, signing });
  };
  const deadline = Date.now() + waitMs;
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
