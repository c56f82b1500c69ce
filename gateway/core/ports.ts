/**
 * What the gateway needs from outside. Owns: the words. Does not own: any adapter; `services/gateway.ts` builds them.
 */
import type { ClientPorts } from '../../client/ports.ts';
import type { KnowledgeStore } from '../../knowledge/port.ts';

export interface GatewayPorts extends ClientPorts {
  /** Opened at its first use. */
  readonly knowledge: () => Promise<Pick<KnowledgeStore, 'search'>>;
}
