/**
 * The one set of handlers behind every binding: gRPC, A2A and whatever comes. Owns: what can be asked of a mesh from
 * outside. Does not own: any wire format, who the caller is, or how many calls are let in (`callers.ts`,
 * `admission.ts`; a binding uses both before it calls here).
 *
 * Every method throws MeshError, or something that `toMeshError` turns into one.
 */
import { type Heartbeat, livingServices } from '../../bus/registry.ts';
import { isAdmin } from '../../client/caller.ts';
import { MeshError } from '../../client/errors.ts';
import { FactTail } from '../../client/fact-tail.ts';
import { type ListOrder, listTasks, type TaskPage } from '../../client/list.ts';
import { Messages } from '../../client/messages.ts';
import type { CallContext } from '../../client/ports.ts';
import { TaskFeeds } from '../../client/task-feed.ts';
import { TaskIndex } from '../../client/task-index.ts';
import { TaskOrder } from '../../client/task-order.ts';
import { Tasks } from '../../client/tasks.ts';
import { Traced } from '../../client/tracing.ts';
import { Watches } from '../../client/watch.ts';
import type { SearchResult } from '../../knowledge/port.ts';
import type { GatewayPorts } from './ports.ts';

export type ObservationMode = 'debug' | 'shipping';

export interface Mesh {
  /** Run, submit, get, cancel, respond, fork. */
  readonly tasks: Tasks;
  /** Send and list Agent2Agent messages. */
  readonly messages: Messages;
  /** Follow a task. */
  readonly watches: Watches;
  list(order: ListOrder, context: CallContext): Promise<TaskPage>;
  search(order: { readonly query: string; readonly limit?: number }, context: CallContext): Promise<SearchResult>;
  registry(): Promise<readonly Heartbeat[]>;
  /** Takes effect in all services at once; needs an admin. */
  setMode(mode: ObservationMode, context: CallContext): Promise<void>;
  stop(): Promise<void>;
}

/** Key of the live setting in KV `mesh-config`. */
const MODE_KEY = 'OBS_MODE';

/** @throws BusError when the log cannot be read */
export async function openMesh(ports: GatewayPorts): Promise<Mesh> {
  const { bus } = ports;
  const tail = await FactTail.open(bus, ports.log);
  const order = new TaskOrder(bus, tail);
  const feeds = new TaskFeeds(bus, tail, order);
  const index = new TaskIndex(feeds);
  const traced = new Traced(ports.tracing);
  const ofNoTask = (): null => null;
  tail.onBreak = () => {
    order.reset();
    index.reset();
  };
  return {
    tasks: new Tasks(ports, feeds),
    messages: new Messages(ports, feeds),
    watches: new Watches(ports, feeds),
    list: (wanted, context) =>
      traced.call('list', context, ofNoTask, () => listTasks({ feeds, index, order }, wanted, context)),
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
    stop: () => tail.stop(),
  };
}
