/**
 * Says every two seconds that a service lives, and how it is. Owns: the form of a heartbeat. Does not own: who reads it.
 */

import type { Bus } from '../bus/port.ts';
import { HEARTBEAT_MS } from '../bus/registry.ts';
import manifest from '../package.json' with { type: 'json' };
import type { Part, PartStatus } from './adapters/part.ts';
import type { BreakerState, Breakers } from './breakers.ts';
import type { Host, HostStats } from './runtime/host.ts';
import type { RuntimeLog } from './runtime/ports.ts';

export interface Heartbeat extends HostStats {
  readonly service: string;
  readonly host: string;
  readonly pid: number;
  readonly roles: readonly string[];
  /** RFC 3339. */
  readonly startedAt: string;
  readonly memoryMb: number;
  /** Of the release that runs. */
  readonly version: string;
  /** Effects that run or wait to. */
  readonly pendingEffects: number;
  readonly capabilities: readonly string[];
  readonly capacity: Required<PartStatus>['capacity'];
  readonly breakers: readonly BreakerState[];
  readonly problems: readonly string[];
}

export interface HeartbeatOptions {
  service: string;
  name: string;
  bus: Bus;
  host: Host;
  roles: readonly { name: string }[];
  /** The parts this process uses; each speaks for itself. */
  parts: readonly Pick<Part<unknown>, 'status'>[];
  breakers: Breakers;
  log: RuntimeLog;
}

/** Returns the function that ends it and takes the entry back. */
export function startHeartbeat(options: HeartbeatOptions): () => Promise<void> {
  const { service, name, bus, host, log } = options;
  const registry = bus.kv('registry');
  const key = `${service}.${name.replaceAll(/[^\w-]/g, '_')}`;
  const startedAt = new Date().toISOString();
  const beat = (): void => {
    const stats = host.stats();
    const heartbeat: Heartbeat = {
      ...{ service, host: name, pid: process.pid, roles: options.roles.map((role) => role.name), startedAt },
      memoryMb: Math.round(process.memoryUsage.rss() / 1_048_576),
      version: manifest.version,
      pendingEffects: stats.effectsRunning + stats.effectsQueued,
      ...described(options.parts.map((part) => part.status())),
      breakers: options.breakers.states(),
      ...stats,
    };
    registry
      .put(key, JSON.stringify(heartbeat))
      .catch((error: unknown) => log.debug({ error: String(error) }, 'no heartbeat'));
  };
  const timer = setInterval(beat, HEARTBEAT_MS);
  beat();
  return async () => {
    clearInterval(timer);
    await registry
      .delete(key)
      .catch((error: unknown) => log.debug({ error: String(error) }, 'the heartbeat stays until it is stale'));
  };
}

function described(parts: readonly PartStatus[]) {
  return {
    capabilities: parts.flatMap(({ capabilities = [] }) => capabilities),
    capacity: Object.assign({}, ...parts.map(({ capacity = {} }) => capacity)) as Required<PartStatus>['capacity'],
    problems: parts.flatMap(({ problems = [] }) => problems),
  };
}
