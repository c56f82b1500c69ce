/**
 * How commands speak with a mesh: by the client of tasks (client/), as the person at this machine. Owns: connecting, and
 * finding a task by what a person types. Does not own: any rule about tasks, or how they look.
 */
import { join } from 'node:path';
import { connectBus } from '../bus/nats-bus.ts';
import type { Bus } from '../bus/port.ts';
import { openClient, type TaskClient } from '../client/client.ts';
import type { CallContext } from '../client/ports.ts';
import { natsUrl, type Settings } from '../config/settings.ts';
import type { Fact } from '../schemas/events/fact.ts';
import { readCorrelationId } from '../schemas/events/subjects.ts';
import type { TaskView } from '../schemas/events/task-view.ts';
import { CliError } from './errors.ts';
import { matchId, wholeId } from './task-id.ts';

const silent = (): void => undefined;
const quiet = { debug: silent, info: silent, warn: silent, error: silent };
/** More than fit into the message that says that several tasks begin so. */
const MATCHES_MAX = 100;

/** Runs work with a connection and closes it. */
export async function withBus<T>(settings: Settings, work: (bus: Bus) => Promise<T>): Promise<T> {
  const bus = await connectBus({ url: natsUrl(settings), name: 'mesh-cli' });
  try {
    return await work(bus);
  } finally {
    await bus.close();
  }
}

/** The client of a connection that lives as long as a command, or as the door that it opens. */
export function openCliClient(bus: Bus, settings: Settings): Promise<TaskClient> {
  return openClient({ bus, log: quiet, indexFolder: indexFolderOf(settings), onlyForLists: true });
}

/** Beside the gateway's: both keep the same index. */
function indexFolderOf(settings: Settings): string {
  return join(settings.MESH_HOME, 'index');
}

/** Who calls: a person at this machine may do everything. @param caller stands on what is submitted */
export function asCaller(caller: string, more: Partial<Omit<CallContext, 'caller'>> = {}): CallContext {
  const signal = new AbortController().signal;
  return { caller: { name: caller, role: 'admin' }, signal, deadlineMs: null, traceparent: null, ...more };
}

export async function withClient<T>(
  settings: Settings,
  work: (client: TaskClient, bus: Bus) => Promise<T>,
): Promise<T> {
  return withBus(settings, async (bus) => {
    const client = await openCliClient(bus, settings);
    try {
      return await work(client, bus);
    } finally {
      await client.stop();
    }
  });
}

/** A task that must exist. */
export interface KnownTask {
  readonly client: TaskClient;
  readonly bus: Bus;
  readonly taskId: string;
}

/** Runs work on a task named as a person names it. @throws CliError when there is no such task */
export async function withTask<T>(settings: Settings, id: string, work: (task: KnownTask) => Promise<T>): Promise<T> {
  wholeId(id);
  return withClient(settings, async (client, bus) => work({ client, bus, taskId: await resolved(client, id) }));
}

async function resolved(client: TaskClient, text: string): Promise<string> {
  const prefix = text.trim().toLowerCase();
  return wholeId(text) ?? matchId(prefix, await client.idsBeginningWith(prefix, MATCHES_MAX));
}

/** All that the log tells of a task. @throws MeshError when there is no such task */
export async function wholeTask(
  { client, taskId }: Pick<KnownTask, 'client' | 'taskId'>,
  caller: string,
): Promise<{ readonly facts: readonly Fact[]; readonly view: TaskView }> {
  const facts: Fact[] = [];
  const how = { until: () => true, onFact: (fact: Fact) => void facts.push(fact) };
  const { view } = await client.tasks.follow(taskId, asCaller(caller), how);
  return { facts, view };
}

/** @throws CliError for a text that is no id of a task */
export function newTaskId(text: string | undefined, option: string): string | undefined {
  if (text === undefined) return undefined;
  const id = readCorrelationId(text.trim());
  if (id !== null) return id;
  throw new CliError(2, `${option} must be a UUID: ${JSON.stringify(text.slice(0, 60))}`);
}
