/**
 * Who is at work in the mesh, from the heartbeats of services. Owns: reading the registry and its notion of "gone".
 * Does not own: writing it; services do.
 */
import { z } from 'zod';
import type { Bus } from '../bus/port.ts';

/** Services beat every two seconds; one that has missed four beats is gone. */
const HEARTBEAT_MAX_AGE_MS = 10_000;

/** Only what names a service is required: a service of another release may say more or less. */
const heartbeat = z.looseObject({
  service: z.string(),
  host: z.string(),
  pid: z.number(),
  roles: z.array(z.string()),
  startedAt: z.union([z.string(), z.number()]),
  version: z.string().nullish(),
  /** Events in the log that the service has not applied yet. */
  cursorLag: z.number().nullish(),
  /** Effects that run or wait to run. */
  pendingEffects: z.number().nullish(),
  instances: z.number().nullish(),
  memoryMb: z.number().nullish(),
});

export type Heartbeat = z.infer<typeof heartbeat> & { readonly ageMs: number };

/** Null when the entry is no heartbeat this release understands. */
export function parseHeartbeat(value: string): z.infer<typeof heartbeat> | null {
  try {
    const parsed = heartbeat.safeParse(JSON.parse(value));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** The services that beat lately, by name. */
export async function livingServices(bus: Bus, nowMs: number = Date.now()): Promise<Heartbeat[]> {
  const living: Heartbeat[] = [];
  for (const entry of await bus.kv('registry').entries()) {
    const beat = parseHeartbeat(entry.value);
    const ageMs = Math.max(0, nowMs - entry.atMs);
    if (beat !== null && ageMs <= HEARTBEAT_MAX_AGE_MS) living.push({ ...beat, ageMs });
  }
  return living.sort((a, b) => a.service.localeCompare(b.service) || a.host.localeCompare(b.host));
}
