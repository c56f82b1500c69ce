/**
 * Who is at work in the mesh: heartbeats of services in KV `mesh-registry`. Owns: the form of a heartbeat, and when a
 * service counts as gone. Does not own: measuring anything; each service says it of itself.
 */
import { z } from 'zod';
import { writeAndMeasure } from '../bus/broker-clock.ts';
import type { Bus, KeyValue, KvEntry } from '../bus/port.ts';

/** How often a service beats, milliseconds. */
export const HEARTBEAT_MS = 2000;
/** A service that has been silent for this long is gone. */
export const HEARTBEAT_MAX_AGE_MS = 10_000;

/** Where a process beats. */
export function heartbeatKey(service: string, host: string): string {
  return `${service}.${host.replaceAll(/[^\w-]/g, '_')}`;
}

/** An entry that is no heartbeat: whoever wants to know the server's time writes it. */
const CLOCK_KEY = 'clock';

const capacity = z.looseObject({
  threads: z.number().optional(),
  memoryMb: z.number().optional(),
  memoryLimitMb: z.number().optional(),
  /** Requests that wait. */
  queueDepth: z.number().optional(),
  /** Requests that could begin at once. */
  freeSlots: z.number().optional(),
  tokensPerSecond: z.number().optional(),
});

const breaker = z.looseObject({
  name: z.string(),
  state: z.enum(['closed', 'open', 'half_open']),
  failures: z.number(),
  openedAt: z.string().nullable(),
  reason: z.string().nullable(),
});

/** Only what names a service is required: a service of another release may say more or less. */
const heartbeat = z.looseObject({
  service: z.string(),
  host: z.string(),
  pid: z.number(),
  roles: z.array(z.string()),
  startedAt: z.union([z.string(), z.number()]),
  version: z.string().nullish(),
  /** `starting` until it has caught up with the log. */
  state: z.enum(['starting', 'ready']).nullish(),
  /** Events in the log that the service has not applied yet. */
  cursorLag: z.number().nullish(),
  /** Effects that run or wait to run. */
  pendingEffects: z.number().nullish(),
  instances: z.number().nullish(),
  memoryMb: z.number().nullish(),
  /** By how much its clock is ahead of the log server's, negative when behind; 0 when that cannot be told. */
  clockSkewMs: z.number().nullish(),
  /** Why the service takes new work late: it is near a cap. Absent or null while it has room. */
  saturated: z.string().nullish(),
  /** Tags such as `tool:calculator`, `model:qwen2.5-3b`, `language:python`, `store:chroma`. */
  capabilities: z.array(z.string()).nullish(),
  capacity: capacity.nullish(),
  breakers: z.array(breaker).nullish(),
  /** What does not work as configured, for people. */
  problems: z.array(z.string()).nullish(),
});

export type HeartbeatData = z.infer<typeof heartbeat>;
export type Heartbeat = HeartbeatData & { readonly ageMs: number };

/** Null when the entry is no heartbeat this release understands. */
export function parseHeartbeat(value: string): HeartbeatData | null {
  try {
    const parsed = heartbeat.safeParse(JSON.parse(value));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** The services that beat lately, by name. */
export async function livingServices(bus: Bus, nowMs: () => number = Date.now): Promise<Heartbeat[]> {
  const registry = bus.kv('registry');
  const entries = await registry.entries();
  const serverMs = nowMs() - (await skewBy(registry, entries, nowMs()));
  const living: Heartbeat[] = [];
  for (const entry of entries) {
    const beat = parseHeartbeat(entry.value);
    const ageMs = Math.max(0, serverMs - entry.atMs);
    if (beat !== null && ageMs <= HEARTBEAT_MAX_AGE_MS) living.push({ ...beat, ageMs });
  }
  return living.sort((a, b) => a.service.localeCompare(b.service) || a.host.localeCompare(b.host));
}

/** Where the newest beat seems old, or from the future, the clocks may be apart: the server is asked what time it is. */
async function skewBy(registry: KeyValue, entries: readonly KvEntry[], nowMs: number): Promise<number> {
  const newestMs = Math.max(...entries.map(({ atMs }) => atMs));
  const ageMs = nowMs - newestMs;
  if (entries.length === 0 || (ageMs >= 0 && ageMs <= 2 * HEARTBEAT_MS)) return 0;
  return writeAndMeasure(registry, CLOCK_KEY, '{}');
}
