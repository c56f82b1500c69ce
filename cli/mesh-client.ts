/**
 * How commands speak with a mesh: by the client of tasks (task-client/), as the person at this machine. Owns: connecting, and
 * finding a task by what a person types. Does not own: any rule about tasks, or how they look.
 */
import { join } from 'node:path';
import { connectBus } from '../bus/nats-bus.ts';
import { type Bus, BusError } from '../bus/port.ts';
import { type NatsAccess, natsAccess } from '../config/nats-access.ts';
import type { Settings } from '../config/settings.ts';
import type { Fact } from '../schemas/events/fact.ts';
import { readCorrelationId, whyNoId } from '../schemas/events/subjects.ts';
import type { TaskView } from '../schemas/events/task-view.ts';
import { readSigning } from '../services/adapters/signing.ts';
import { openClient, type TaskClient } from '../task-client/client.ts';
import { MeshError } from '../task-client/errors.ts';
import type { CallContext } from '../task-client/ports.ts';
import { CliError } from './errors.ts';
import { keysTrouble, localTrouble } from './local-trouble.ts';
import { type Liveness, liveness, readRunState } from './supervisor/run-state.ts';
import { matchId, wholeId } from './task-id.ts';

const silent = (): void => undefined;
const quiet = { debug: silent, info: silent, warn: silent, error: silent };
/** More than fit into the message that says that several tasks begin so. */
const MATCHES_MAX = 100;

/** Runs work with a connection and closes it. @throws CliError when the server is the mesh's own and the reason is known */
export async function withBus<T>(settings: Settings, work: (bus: Bus) => Promise<T>): Promise<T> {
  const local = liveness(readRunState(settings));
  try {
    const bus = await connectBus({
      ...ownerAccess(settings, local),
      name: 'mesh-cli',
      signing: readSigning(settings) ?? undefined,
    });
    try {
      return await work(bus);
    } finally {
      await bus.close();
    }
  } catch (error) {
    const cause = error instanceof MeshError ? error.cause : error;
    if (cause instanceof BusError && settings.NATS_URL === undefined) throw explained(cause, error, settings, local);
    throw error;
  }
}

/** The client of a connection that lives as long as a command, or as the door that it opens. */
export function openCliClient(bus: Bus, settings: Settings): Promise<TaskClient> {
  return openClient({ bus, log: quiet, indexFolder: indexFolderOf(settings), onlyForLists: true });
}

/** A mesh that is up says where its server is; a port that was set since does not count until the next start. */
function ownerAccess(settings: Settings, local: Liveness): NatsAccess {
  const access = natsAccess(settings, 'owner');
  return settings.NATS_URL === undefined && local.kind === 'up' ? { ...access, url: local.state.natsUrl } : access;
}

/** What hinders the mesh's own server is on this machine, and can be looked at. */
function explained(cause: BusError, thrown: unknown, settings: Settings, local: Liveness): unknown {
  if (cause.code === 'refused') {
    const gone = local.kind === 'up' ? keysTrouble(settings) : null;
    return gone === null ? thrown : new CliError(3, gone, { cause: thrown });
  }
  if (!cause.retryable && cause.code !== 'no_jetstream') return thrown;
  const hindrance = hindranceOf(settings, local, thrown);
  if (hindrance !== null) return hindrance;
  if (local.kind !== 'up') return thrown;
  const text = "the mesh's own nats-server does not answer or stores nothing right now; it is started again by itself";
  return new CliError(3, `${text}: try again, and see \`mesh status\``, { cause: thrown });
}

/** Why nothing can go on here, as far as this machine shows it; null when it shows nothing, or the server is elsewhere. */
export function hindranceOf(
  settings: Settings,
  local: Liveness = liveness(readRunState(settings)),
  cause?: unknown,
): CliError | null {
  if (settings.NATS_URL !== undefined) return null;
  const [first, ...rest] = localTrouble(settings, local).filter(({ kind }) => kind === 'fails');
  return first === undefined ? null : new CliError(3, first.text, { cause, details: rest.map(({ text }) => text) });
}

/** Beside the gateway's: both keep the same index. */
function indexFolderOf(settings: Settings): string {
  return join(settings.MESH_HOME, 'index');
}

/** Who calls: a person at this machine may do everything. @param caller stands on what is submitted */
export function asCaller(caller: string, more: Partial<Omit<CallContext, 'caller'>> = {}): CallContext {
  const signal = new AbortController().signal;
  return { caller: { name: caller, role: 'admin' }, door: 'cli', signal, deadlineMs: null, traceparent: null, ...more };
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
  throw new CliError(2, `${option} ${whyNoId(text.trim())}: ${JSON.stringify(text.slice(0, 60))}`);
}
