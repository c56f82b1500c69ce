/**
 * How a process shows itself to the mesh: heartbeats in the registry, answers to service discovery, and its caps. Owns:
 * putting these together. Does not own: any of them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostStats } from '../actors/runtime/host.ts';
import type { RuntimeLog } from '../actors/runtime/ports.ts';
import type { Bus } from '../bus/port.ts';
import type { Settings } from '../config/settings.ts';
import manifest from '../package.json' with { type: 'json' };
import { answerDiscovery, type DiscoveredService } from '../registry/service-discovery.ts';
import type { Breakers } from '../resilience/breakers.ts';
import { inboxFilter } from '../schemas/events/subjects.ts';
import type { Part } from './adapters/part.ts';
import type { ProcessFacts } from './attempt-spans.ts';
import { type Caps, neededMb, uvThreads, watchCaps } from './caps.ts';
import { type HeartbeatSender, startHeartbeat } from './heartbeat.ts';
import { type HeartbeatFacts, type ShownRole, statusOf } from './heartbeat-form.ts';
import type { Service } from './table.ts';

/** What a service shows of itself. */
export interface Shown {
  readonly roles: readonly ShownRole[];
  /** Each speaks for itself; in the order in which they are closed. */
  readonly parts: readonly Omit<Part<unknown>, 'port'>[];
  /** Of the host; null without one. */
  stats(): HostStats | null;
}

export interface PresenceOptions {
  readonly service: Service;
  /** Of this process in leases and in the registry. */
  readonly hostId: string;
  readonly settings: Settings;
  readonly log: RuntimeLog;
  readonly breakers: Breakers;
  /** Over a cap: the process should end in order, and be started again. */
  readonly onOver: () => void;
  /** Of a process that is not the service's own; watched here when absent. */
  readonly caps?: Caps;
}

export interface Presence {
  /** The process as its caps see it. */
  readonly process: ProcessFacts & {
    /** Why nothing new may begin, or null. */
    readonly admission: () => string | null;
  };
  /** Shows the service from now on, as starting. */
  show(bus: Bus, shown: Shown): void;
  /** It can work. Resolves when others can see that, or after a second: who waits for the word "ready" looks next. */
  ready(): Promise<void>;
  /** Takes the entry in the registry back; called first in a stop. */
  leave(): Promise<void>;
  /** Called when nothing runs any more. */
  close(): void;
}

/** A server that does not answer holds nothing up. */
const SEEN_MAX_MS = 1000;
const nothing: Shown = { roles: [], parts: [], stats: () => null };

export function createPresence(options: PresenceOptions): Presence {
  const { service, hostId, settings, log } = options;
  const startedAt = new Date().toISOString();
  let shown = nothing;
  const capacities = () => shown.parts.map((part) => statusOf(part).capacity ?? {});
  const threads = (): number => uvThreads() + 1;
  const caps =
    options.caps ??
    watchCaps({
      neededMb: () => neededMb(service.heapMb(settings), capacities()),
      log,
      onOver: options.onOver,
      onFarOver: () => process.exit(1),
    });
  let state: HeartbeatFacts['state'] = 'starting';
  let heartbeat: HeartbeatSender | null = null;
  let endDiscovery = (): void => undefined;

  const facts = (): Omit<HeartbeatFacts, 'clockSkewMs'> => ({
    ...{ service: service.name, host: hostId, pid: process.pid, version: manifest.version, state, startedAt },
    ...{ roles: shown.roles, parts: shown.parts, stats: shown.stats(), breakers: options.breakers.states() },
    threads: threads(),
    memoryMb: caps.rssMb(),
    memoryLimitMb: caps.memoryLimitMb,
    admission: caps.admission(),
  });
  return {
    process: {
      threads: () => capacities().reduce((sum, { threads: own = 0 }) => sum + own, threads()),
      memoryLimitMb: () => caps.memoryLimitMb,
      rssMb: caps.rssMb,
      admission: caps.admission,
    },
    show(bus, what) {
      shown = what;
      heartbeat = startHeartbeat({ bus, log, facts });
      endDiscovery = answerDiscovery(bus, () => discovered(service.description, facts()));
    },
    async ready() {
      state = 'ready';
      await Promise.race([heartbeat?.beat(), sleep(SEEN_MAX_MS, undefined, { ref: false })]);
    },
    async leave() {
      endDiscovery();
      await heartbeat?.stop();
    },
    close: () => caps.stop(),
  };
}

/** Roles are told as endpoints; calls of the gateway are no requests of NATS, so none is told of it. */
function discovered(description: string, facts: Omit<HeartbeatFacts, 'clockSkewMs'>): DiscoveredService {
  const endpoints = facts.roles.flatMap((role) =>
    Object.entries(role.effects).map(([effect, { concurrencyMax }]) => {
      const stats = facts.stats?.effects.find((one) => one.role === role.name && one.effect === effect);
      return {
        name: `${role.name}-${effect}`,
        subject: inboxFilter(role.name),
        metadata: { concurrency: String(concurrencyMax), transport: 'jetstream' },
        requests: stats?.attempts ?? 0,
        errors: stats?.failures ?? 0,
        lastError: stats?.lastError ?? '',
        busyMs: stats?.busyMs ?? 0,
      };
    }),
  );
  const tags = facts.parts.flatMap((part) => statusOf(part).capabilities ?? []);
  return {
    name: `mesh-${facts.service}`,
    id: facts.host,
    version: facts.version,
    description,
    metadata: {
      roles: facts.roles.map((role) => role.name).join(' '),
      capabilities: tags.join(' ').slice(0, CAPABILITIES_MAX_CHARACTERS),
      threads: String(facts.threads),
      memory_limit_mb: String(facts.memoryLimitMb),
    },
    startedAt: facts.startedAt,
    endpoints,
  };
}

const CAPABILITIES_MAX_CHARACTERS = 2000;
