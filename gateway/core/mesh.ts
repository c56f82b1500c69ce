/**
 * The one set of handlers behind every binding: gRPC, A2A and whatever comes. Owns: what can be asked of a mesh from
 * outside: its tasks, by the client of tasks, and what is about no task. Does not own: any wire format, who the caller
 * is, or how many calls are let in (`callers.ts`, `admission.ts`; a binding uses both before it calls here).
 *
 * Every method throws MeshError, or something that `toMeshError` turns into one.
 */
import { type Heartbeat, livingServices } from '../../bus/registry.ts';
import { isAdmin } from '../../client/caller.ts';
import { openClient, type TaskClient } from '../../client/client.ts';
import { MeshError } from '../../client/errors.ts';
import type { CallContext } from '../../client/ports.ts';
import { Traced } from '../../client/tracing.ts';
import type { SearchResult } from '../../knowledge/port.ts';
import type { GatewayPorts } from './ports.ts';

export type ObservationMode = 'debug' | 'shipping';

export interface Mesh extends TaskClient {
  search(order: { readonly query: string; readonly limit?: number }, context: CallContext): Promise<SearchResult>;
  registry(): Promise<readonly Heartbeat[]>;
  /** Takes effect in all services at once; needs an admin. */
  setMode(mode: ObservationMode, context: CallContext): Promise<void>;
}

/** Key of the live setting in KV `mesh-config`. */
const MODE_KEY = 'OBS_MODE';

/** @throws BusError when the log cannot be read */
export async function openMesh(ports: GatewayPorts): Promise<Mesh> {
  const { bus } = ports;
  const client = await openClient(ports);
  const traced = new Traced(ports.tracing);
  const ofNoTask = (): null => null;
  return {
    ...client,
    search: ({ query, limit }, context) =>
      traced.call('search', context, ofNoTask, async () => {
        const knowledge = await ports.knowledge();
        return knowledge.search(query, { signal: context.signal, ...(limit === undefined ? {} : { limit }) });
      }),
    registry: () => livingServices(bus),
    setMode: (mode, context) =>
      traced.call('set_mode', context, ofNoTask, async () => {
        if (!isAdmin(context.caller)) {
          throw new MeshError('permission_denied', 'NOT_ADMIN', 'only an admin may switch the mode');
        }
        await bus.kv('config').put(MODE_KEY, mode);
      }),
  };
}
