/**
 * The one set of handlers behind every binding: gRPC, A2A and whatever comes. Owns: what can be asked of a mesh from
 * outside: its tasks, by the client of tasks, and what is about no task. Does not own: any wire format, who the caller
 * is, or how many calls are let in (`callers.ts`, `admission.ts`; a binding uses both before it calls here).
 *
 * Every method throws MeshError, or something that `toMeshError` turns into one.
 */

import type { SearchResult } from '../../knowledge/port.ts';
import { type Heartbeat, livingServices } from '../../registry/registry.ts';
import { isAdmin } from '../../task-client/caller.ts';
import { openClient, type TaskClient } from '../../task-client/client.ts';
import { MeshError } from '../../task-client/errors.ts';
import type { CallContext } from '../../task-client/ports.ts';
import { type Operation, Traced } from '../../task-client/tracing.ts';
import type { GatewayPorts, ObservationMode } from './ports.ts';

export interface Mesh extends TaskClient {
  search(order: { readonly query: string; readonly limit?: number }, context: CallContext): Promise<SearchResult>;
  registry(): Promise<readonly Heartbeat[]>;
  /** Takes effect in all services at once; needs an admin. */
  setMode(mode: ObservationMode, context: CallContext): Promise<void>;
  /** Opens a window of full telemetry, milliseconds, or closes it with null; needs an admin. */
  setWindow(forMs: number | null, context: CallContext): Promise<void>;
}

/** @throws BusError when the log cannot be read */
export async function openMesh(ports: GatewayPorts): Promise<Mesh> {
  const { bus, observation } = ports;
  const client = await openClient(ports);
  const traced = new Traced(ports.tracing);
  const ofNoTask = (): null => null;
  const byAdmin = (operation: Operation, context: CallContext, work: () => Promise<void>): Promise<void> =>
    traced.call(operation, context, ofNoTask, async () => {
      if (!isAdmin(context.caller)) {
        throw new MeshError('permission_denied', 'NOT_ADMIN', 'only an admin may switch how much the mesh tells');
      }
      await work();
    });
  return {
    ...client,
    search: ({ query, limit }, context) =>
      traced.call('search', context, ofNoTask, async () => {
        const knowledge = await ports.knowledge();
        return knowledge.search(query, { signal: context.signal, ...(limit === undefined ? {} : { limit }) });
      }),
    registry: () => livingServices(bus),
    setMode: (mode, context) => byAdmin('set_mode', context, () => observation.setMode(mode)),
    setWindow: (forMs, context) => byAdmin('set_window', context, () => observation.setWindow(forMs)),
  };
}
