/**
 * What the gateway needs from outside. Owns: the words. Does not own: any adapter; `services/gateway.ts` builds them.
 */
import type { Bus } from '../../bus/port.ts';
import type { KnowledgeStore } from '../../knowledge/port.ts';
import type { Caller } from './callers.ts';
import type { Patience } from './task-feed.ts';
import type { CallTracing } from './tracing.ts';

/** What exists in this mesh, for checking requests before they are written to the log. */
export interface Catalog {
  /** Descriptions of the workflows by their names. */
  readonly workflows: ReadonlyMap<string, string>;
  /** Roles that take Agent2Agent messages. */
  readonly messageRoles: ReadonlySet<string>;
}

export interface GatewayLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface GatewayPorts {
  readonly bus: Bus;
  /** Opened at its first use. */
  readonly knowledge: () => Promise<Pick<KnowledgeStore, 'search'>>;
  /** Read at its first use. */
  readonly catalog: () => Promise<Catalog>;
  readonly log: GatewayLog;
  /** Absent: nobody collects spans. */
  readonly tracing?: CallTracing;
}

/** A call as a binding hands it over. */
export interface CallContext extends Patience {
  readonly caller: Caller;
  /** W3C traceparent that the caller sent, checked by `readTraceparent`; null for none. */
  readonly traceparent: string | null;
}
