/**
 * What the gateway needs from outside. Owns: the words. Does not own: any adapter; `services/gateway.ts` builds them.
 */

import type { KnowledgeStore } from '../../knowledge/port.ts';
import type { ClientPorts } from '../../task-client/ports.ts';

export type ObservationMode = 'debug' | 'shipping';

/** How much the mesh tells of itself; takes effect in all services at once. Every method throws BusError. */
export interface Observation {
  setMode(mode: ObservationMode): Promise<void>;
  /** Opens a window of full telemetry for that long, milliseconds, or closes the one that is open with null. */
  setWindow(forMs: number | null): Promise<void>;
}

export interface GatewayPorts extends ClientPorts {
  readonly observation: Observation;
  /** Opened at its first use. */
  readonly knowledge: () => Promise<Pick<KnowledgeStore, 'search'>>;
}
