/**
 * Says every two seconds that the gateway lives, and how it is. Owns: what is said. Does not own: the form
 * (`bus/registry.ts`), or who reads it.
 */
import type { Bus } from '../bus/port.ts';
import { HEARTBEAT_MS, type HeartbeatData } from '../bus/registry.ts';
import { answerDiscovery, type DiscoveredService } from '../bus/service-discovery.ts';
import type { GatewayLog } from '../gateway/core/ports.ts';
import manifest from '../package.json' with { type: 'json' };

export interface HeartbeatOptions {
  readonly bus: Bus;
  readonly log: GatewayLog;
  readonly host: string;
  /** Tags such as `grpc:127.0.0.1:7443`. */
  readonly capabilities: readonly string[];
  readonly callsUnderWay: () => number;
  readonly callsMax: number;
  readonly memoryLimitMb: number;
}

/** Libuv's thread pool; four unless told otherwise. */
function uvThreads(): number {
  return Number(process.env.UV_THREADPOOL_SIZE) || 4;
}

/** What `nats micro ls|info` shows; gRPC calls are no requests of NATS, so no endpoint is told. */
function discovered({ host, capabilities }: HeartbeatOptions, startedAt: string): DiscoveredService {
  const metadata = { capabilities: capabilities.join(' ') };
  const { version } = manifest;
  const description = 'Agent Mesh: the front door for callers from outside';
  return { name: 'mesh-gateway', id: host, version, description, metadata, startedAt, endpoints: [] };
}

/** Returns the function that ends it and takes the entry back. */
export function startHeartbeat(options: HeartbeatOptions): () => Promise<void> {
  const { bus, log, host } = options;
  const registry = bus.kv('registry');
  const key = `gateway.${host.replaceAll(/[^\w-]/g, '_')}`;
  const startedAt = new Date().toISOString();
  const beat = (): void => {
    const memoryMb = Math.round(process.memoryUsage.rss() / 1_048_576);
    const calls = options.callsUnderWay();
    const heartbeat: HeartbeatData = {
      ...{ service: 'gateway', host, pid: process.pid, roles: [], startedAt, state: 'ready' },
      ...{ version: manifest.version, memoryMb },
      capabilities: [...options.capabilities],
      capacity: {
        threads: uvThreads() + 1,
        memoryMb,
        memoryLimitMb: options.memoryLimitMb,
        queueDepth: calls,
        freeSlots: Math.max(0, options.callsMax - calls),
      },
      breakers: [],
      problems: [],
    };
    registry
      .put(key, JSON.stringify(heartbeat))
      .catch((error: unknown) => log.debug({ error: String(error) }, 'no heartbeat'));
  };
  const endDiscovery = answerDiscovery(bus, () => discovered(options, startedAt));
  const timer = setInterval(beat, HEARTBEAT_MS);
  beat();
  return async () => {
    clearInterval(timer);
    endDiscovery();
    await registry
      .delete(key)
      .catch((error: unknown) => log.debug({ error: String(error) }, 'the heartbeat stays until it is stale'));
  };
}
