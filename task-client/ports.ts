/**
 * What the client of tasks needs from outside. Owns: the words. Does not own: any adapter; who opens it builds them.
 */
import type { Bus } from '../bus/port.ts';
import type { Door } from '../schemas/events/generated.ts';
import type { Caller } from './caller.ts';
import type { WrittenInHour } from './index-store.ts';
import type { Patience } from './task-feed.ts';
import type { CallTracing } from './tracing.ts';

/** What exists in this mesh, for checking requests before they are written to the log. */
export interface Catalog {
  /** Descriptions of the workflows by their names. */
  readonly workflows: ReadonlyMap<string, string>;
  /** Roles that take Agent2Agent messages. */
  readonly messageRoles: ReadonlySet<string>;
}

export interface ClientLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What the log tells of a caller, when it is asked. */
export interface CallerRecord {
  /** Tasks that have not ended. */
  unfinished(): Promise<number>;
  /** What the caller wrote since then, by the hour; an hour may come more than once. */
  written(sinceMs: number): Promise<readonly WrittenInHour[]>;
}

/** What one caller may take of the mesh. */
export interface Shares {
  /**
   * Before a new task is written. The returned function is called when the log tells of it, or it was not taken.
   * @throws MeshError resource_exhausted, with the time after which to try again
   */
  begin(caller: Caller, bytes: number, record: CallerRecord): Promise<() => void>;
  /** Before anything else is written for a caller. @throws MeshError as above */
  write(caller: Caller, bytes: number, record: CallerRecord): Promise<void>;
}

export interface ClientPorts {
  readonly bus: Bus;
  /** Read at its first use. Absent: the mesh says what it does not have, when it comes to that. */
  readonly catalog?: () => Promise<Catalog>;
  readonly log: ClientLog;
  /** Folder of the index of tasks, which processes of a machine share; absent: it is kept in memory. */
  readonly indexFolder?: string;
  /** The client lives for one command: what is only quicker for many calls is not worth its beginning. */
  readonly onlyForLists?: boolean;
  /** Absent: the caller is the owner of this machine, whom nothing is kept from. */
  readonly shares?: Shares;
  /** What a door stores for a caller beside the log, since then and by the hour; counts towards its share. */
  readonly alsoWritten?: (caller: string, sinceMs: number) => Promise<readonly WrittenInHour[]>;
  /** Absent: nobody collects spans. */
  readonly tracing?: CallTracing;
}

/** A call as a door hands it over. */
export interface CallContext extends Patience {
  readonly caller: Caller;
  /** By which it came: stands on what is submitted, and decides with the caller which tools may run. */
  readonly door?: Door;
  /** What is called, by the name that the protocol of the door has for it; for traces. */
  readonly method?: string;
  /** W3C traceparent that the caller sent, checked by `readTraceparent`; null for none. */
  readonly traceparent: string | null;
  /** How long the mesh may take to take a request, milliseconds; 20 s when absent. */
  readonly takenWithinMs?: number;
}
