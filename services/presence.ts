/**
 * How a process shows itself to the mesh: heartbeats in the registry, answers to service discovery, spans, and its
 * caps. Owns: putting these together. Does not own: any of them.
 */

import type { Host, HostOptions } from '../actors/runtime/host.ts';
import type { RuntimeLog } from '../actors/runtime/ports.ts';
import type { Role } from '../actors/runtime/role.ts';
import type { Bus } from '../bus/port.ts';
import { answerDiscovery, type DiscoveredService } from '../bus/service-discovery.ts';
import type { Settings } from '../config/settings.ts';
import manifest from '../package.json' with { type: 'json' };
import { inboxFilter } from '../schemas/events/subjects.ts';
import type { Tracer } from '../telemetry/tracer.ts';
import type { Part } from './adapters/part.ts';
import type { Breakers } from './breakers.ts';
import { heapLimitMb, neededMb, uvThreads, watchCaps } from './caps.ts';
import { type ProcessFacts, traceEffects } from './effect-spans.ts';
import { type HeartbeatSender, startHeartbeat } from './heartbeat.ts';
import { type HeartbeatFacts, statusOf } from './heartbeat-form.ts';

export interface PresenceOptions {
  readonly service: string;
  /** Of this host in leases. */
  readonly name: string;
  readonly settings: Settings;
  readonly bus: Bus;
  readonly log: RuntimeLog;
  readonly roles: readonly Role[];
  /** The parts this process uses; each speaks for itself. */
  readonly parts: readonly Pick<Part<unknown>, 'status'>[];
  readonly breakers: Breakers;
  /** Over a cap: the process should end in order, and be started again. */
  readonly onOver: () => void;
}

export interface Presence {
  /** What the host takes from here. */
  readonly hostOptions: Pick<HostOptions, 'tracing' | 'admission'>;
  /** Shows the host from now on, as starting. */
  show(host: Host): void;
  /** It has caught up with the log. */
  ready(): void;
  /** Takes the entry in the registry back; called first in a stop. */
  leave(): Promise<void>;
  /** Sends the last spans; called when nothing runs any more. */
  close(): Promise<void>;
}

export async function createPresence(options: PresenceOptions): Promise<Presence> {
  const { service, settings, bus, log } = options;
  const startedAt = new Date().toISOString();
  const capacities = () => options.parts.map((part) => statusOf(part).capacity ?? {});
  const threads = (): number => uvThreads() + 1;
  const caps = watchCaps({
    neededMb: () => neededMb(heapLimitMb(service, settings), capacities()),
    log,
    onOver: options.onOver,
    onFarOver: () => process.exit(1),
  });
  const tracer = await openTracer(options);
  const facts: ProcessFacts = {
    threads: () => capacities().reduce((sum, { threads: own = 0 }) => sum + own, threads()),
    memoryLimitMb: () => caps.memoryLimitMb,
    rssMb: caps.rssMb,
  };
  let state: HeartbeatFacts['state'] = 'starting';
  let heartbeat: HeartbeatSender | null = null;
  let endDiscovery = (): void => undefined;

  const factsOf = (host: Host): HeartbeatFacts => ({
    ...{ service, host: options.name, pid: process.pid, version: manifest.version, state, startedAt },
    ...{ roles: options.roles, parts: options.parts, stats: host.stats(), breakers: options.breakers.states() },
    threads: threads(),
    memoryMb: caps.rssMb(),
    memoryLimitMb: caps.memoryLimitMb,
    admission: caps.admission(),
  });
  return {
    hostOptions: { admission: caps.admission, ...(tracer === null ? {} : { tracing: traceEffects(tracer, facts) }) },
    show(host) {
      heartbeat = startHeartbeat({ bus, log, facts: () => factsOf(host) });
      endDiscovery = answerDiscovery(bus, () => discovered(options, factsOf(host)));
    },
    ready() {
      state = 'ready';
      heartbeat?.beat();
    },
    async leave() {
      endDiscovery();
      await heartbeat?.stop();
    },
    async close() {
      caps.stop();
      await tracer?.close();
    },
  };
}

/** Null when no collector is named; the SDK is not loaded then. */
async function openTracer({ service, name, settings, log }: PresenceOptions): Promise<Tracer | null> {
  const endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint === undefined) return null;
  const { createTracer } = await import('../telemetry/tracer.ts');
  return createTracer({
    ...{ endpoint, service: `mesh-${service}`, instance: name, version: manifest.version },
    onLoss: (reason) => log.warn({ endpoint, reason }, 'spans are lost'),
  });
}

const descriptions: Readonly<Record<string, string>> = {
  agents: 'Agent Mesh: decides and does the steps of tasks',
  llm: 'Agent Mesh: makes text',
  tools: 'Agent Mesh: runs tools',
};

function discovered({ service, name, roles, parts }: PresenceOptions, facts: HeartbeatFacts): DiscoveredService {
  const endpoints = roles.flatMap((role) =>
    Object.entries(role.effects).map(([effect, { concurrencyMax }]) => {
      const stats = facts.stats.effects.find((one) => one.role === role.name && one.effect === effect);
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
  const tags = parts.flatMap((part) => statusOf(part).capabilities ?? []);
  return {
    name: `mesh-${service}`,
    id: name,
    version: facts.version,
    description: descriptions[service] ?? 'Agent Mesh',
    metadata: {
      roles: roles.map((role) => role.name).join(' '),
      capabilities: tags.join(' ').slice(0, CAPABILITIES_MAX_CHARACTERS),
      threads: String(facts.threads),
      memory_limit_mb: String(facts.memoryLimitMb),
    },
    startedAt: facts.startedAt,
    endpoints,
  };
}

const CAPABILITIES_MAX_CHARACTERS = 2000;
