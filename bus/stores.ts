/**
 * Whether the log server stores what it acknowledges. Owns: writing a message and reading it back. Does not own: who is
 * told. A server that answers may still store nothing: on a full or read-only disk, say.
 */
import { randomUUID } from 'node:crypto';
import type { Bus } from './port.ts';
import { BusError } from './port.ts';

/** An entry of the registry that is no heartbeat. */
const PROBE_KEY = 'probe';

/** @throws BusError when a message could not be stored, or not be read back */
export async function assertStores(bus: Bus): Promise<void> {
  const registry = bus.kv('registry');
  const value = randomUUID();
  const revision = await registry.put(PROBE_KEY, value);
  const stored = await registry.get(PROBE_KEY);
  // Somebody else may have written since: then that was stored.
  if (stored !== null && (stored.revision > revision || stored.value === value)) return;
  throw new BusError('unavailable', 'the NATS server acknowledged a message and does not give it back');
}
