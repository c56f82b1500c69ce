/**
 * The one client of tasks: submit, follow, answer, cancel, fork, list, recall. Owns: what every door of the mesh asks of
 * its log, with one set of rules: the command line, gRPC, A2A, Dapr, MCP, benchmarks and tests. Does not own: any wire
 * format, who the caller is, or how much a caller may ask.
 *
 * Every method throws MeshError, or something that `toMeshError` turns into one.
 */

import type { Bus } from '../bus/port.ts';
import { ShownQuestions } from './answers.ts';
import type { Caller } from './caller.ts';
import { FactTail } from './fact-tail.ts';
import { type ListOrder, listTasks, type TaskPage } from './list.ts';
import { Messages } from './messages.ts';
import type { CallContext, CallerRecord, ClientPorts } from './ports.ts';
import { RefusedMessages } from './refused-messages.ts';
import { TaskFeeds } from './task-feed.ts';
import { TaskIndex } from './task-index.ts';
import { Tasks } from './tasks.ts';
import { Traced } from './tracing.ts';
import { Watches } from './watch.ts';

export interface TaskClient {
  /** Run, submit, get, follow, cancel, respond, fork. */
  readonly tasks: Tasks;
  /** Send and list Agent2Agent messages. */
  readonly messages: Messages;
  /** Follow a task for somebody who may be slower than it. */
  readonly watches: Watches;
  list(order: ListOrder, context: CallContext): Promise<TaskPage>;
  /** Ids of known tasks that begin so, at most so many. */
  idsBeginningWith(prefix: string, limit: number): Promise<string[]>;
  /** Before something beside tasks is stored for a caller. @throws MeshError resource_exhausted */
  spend(caller: Caller, bytes: number): Promise<void>;
  /** A task that was taken out of the log is listed no more. */
  forget(correlationId: string): Promise<void>;
  stop(): Promise<void>;
}

/** @throws BusError when the log cannot be read */
export async function openClient(ports: ClientPorts): Promise<TaskClient> {
  const { bus, log, indexFolder: folder = null, onlyForLists = false } = ports;
  const tail = await FactTail.open(bus, log);
  const index = new TaskIndex({ bus, tail, log, folder, onlyForLists });
  const feeds = new TaskFeeds(bus, tail, index);
  const refused = new RefusedMessages(bus);
  const shown = new ShownQuestions();
  const traced = new Traced(ports.tracing);
  const recordOf = (caller: string): CallerRecord => ({
    unfinished: async () => (await index.upToDate()).unfinishedOf(caller),
    written: async (sinceMs) => [
      ...(await index.upToDate()).writtenBy(caller, sinceMs),
      ...((await ports.alsoWritten?.(caller, sinceMs)) ?? []),
    ],
  });
  tail.onBreak = () => index.reset();
  // A command lists once, and reads what the log has then.
  const endRemovals = onlyForLists ? () => undefined : await followRemovals(bus, index);
  return {
    tasks: new Tasks(ports, feeds, { refused, shown, recordOf }),
    messages: new Messages(ports, feeds, recordOf),
    watches: new Watches(ports, feeds, shown),
    list: (wanted, context) =>
      traced.call(
        'list',
        context,
        () => null,
        () => listTasks(index, () => feeds.mark, wanted, context),
      ),
    idsBeginningWith: async (prefix, limit) => (await index.upToDate()).beginningWith(prefix, limit),
    spend: async (caller, bytes) => {
      await ports.shares?.write(caller, bytes, recordOf(caller.name));
    },
    forget: async (correlationId) => {
      await index.upToDate();
      index.forget(correlationId);
    },
    async stop() {
      endRemovals();
      await Promise.all([tail.stop(), refused.stop()]);
      index.stop();
    },
  };
}

/** The notes say what was removed, by whichever process. @throws BusError */
async function followRemovals(bus: Bus, index: TaskIndex): Promise<() => void> {
  const notes = bus.kv('removed');
  const unwatch = await notes.watch((correlationId, note) => {
    if (note !== null) index.forget(correlationId);
  });
  for (const { key } of await notes.entries()) index.forget(key);
  return unwatch;
}
