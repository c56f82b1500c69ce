/**
 * A mesh in a program of one's own: `startMesh({ home, config })`. Owns: what the program says of it, the services that it
 * hosts, the log server beside them, and the calls of its handle. Does not own: a service at work
 * (`services/service-life.ts`), the log server's process (`cli/supervisor`), or any rule about tasks (`task-client/`).
 *
 * 1. Agents, language model and tools are in this process; only the log server, where none is named, is another. What the
 *    mesh remembers is in `home` and in that server: a program that is killed goes on where it was at its next start.
 * 2. One mesh a process: what a mesh brings itself is found in one place by everything that asks for it.
 * 3. Its log lines go to files in `home`; standard output is the program's.
 */
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { connectBus } from '../bus/nats-bus.ts';
import { logPath } from '../cli/supervisor/services.ts';
import { type Supervisor, supervise } from '../cli/supervisor/supervise.ts';
import { natsAccess } from '../config/nats-access.ts';
import { keepFilesPrivate } from '../config/private-files.ts';
import { readSettings, type Settings, SettingsError } from '../config/settings.ts';
import type { TaskStatus, TaskView } from '../schemas/events/task-view.ts';
import type { MeshConfig } from '../sdk/define-mesh.ts';
import { checkMesh, loadMesh } from '../sdk/load-mesh.ts';
import { addedRolesOf } from '../services/adapters/added-roles.ts';
import { openKnowledge } from '../services/adapters/knowledge.ts';
import { allRoles, bringMesh, ownMesh } from '../services/adapters/own-mesh.ts';
import { readSigning } from '../services/adapters/signing.ts';
import type { Caps } from '../services/caps.ts';
import { openService, type ServiceLife } from '../services/service-life.ts';
import { services } from '../services/table.ts';
import { openClient, type TaskClient } from '../task-client/client.ts';
import type { CallContext } from '../task-client/ports.ts';
import type { Submission } from '../task-client/submissions.ts';
import type { TaskNow } from '../task-client/task-feed.ts';
import { isSettled } from '../task-client/tasks.ts';
import type { WatchItem } from '../task-client/watch.ts';

export interface MeshOptions {
  /** Address of a NATS server with JetStream; absent: one is started, and keeps its store in `home`. */
  readonly nats?: string;
  /** Folder of all that the mesh remembers on this machine; it is made when it is not there. */
  readonly home: string;
  /** What the mesh has beside what ships: as `defineMesh` gives it, or the path of a `mesh.config.ts`. */
  readonly config?: MeshConfig | string;
  /** Settings by their names (docs/configuration.md); of those that are not named the environment says what they are. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Told what the log server and its keeper have to say. */
  readonly onNote?: (text: string) => void;
  /** Told when a part cannot go on; calls under way fail by the same error. Close the mesh, and start it again. */
  readonly onFatal?: (error: Error) => void;
}

export interface CallOptions {
  /** Leaves; the task goes on. */
  readonly signal?: AbortSignal;
  /** How long to wait, milliseconds; for ever when absent. The task goes on afterwards. */
  readonly timeoutMs?: number;
}

export interface RespondOptions extends CallOptions {
  /** The question that the person saw (`view.question.questionId`); absent: the first one of the task. */
  readonly questionId?: string;
}

export interface TaskOutcome {
  readonly id: string;
  /** `input_required`: it asks a person; `respond` answers. */
  readonly status: TaskStatus;
  /** Null while there is none. */
  readonly answer: string | null;
  /** All that is known of it. */
  readonly view: TaskView;
}

export interface EmbeddedMesh {
  /** Address of the log server, for other programs. */
  readonly natsUrl: string;
  /** Submits a task and waits for its end, or its question. The same id or key twice is the same task. */
  run(task: string | Submission, options?: CallOptions): Promise<TaskOutcome>;
  /** Returns when the mesh has the task on disk. */
  submit(task: string | Submission, options?: CallOptions): Promise<TaskOutcome>;
  /** A task as it is now. */
  get(id: string, options?: CallOptions): Promise<TaskOutcome>;
  /** Waits for the end of a task, or its question. */
  wait(id: string, options?: CallOptions): Promise<TaskOutcome>;
  /** Every fact of a task, from its beginning to its end, and the text of models as it is written. */
  watch(id: string, options?: CallOptions): AsyncIterable<WatchItem>;
  /** Answers a question of a task. */
  respond(id: string, text: string, options?: RespondOptions): Promise<TaskOutcome>;
  /** Cancelling twice is no error; a task that has ended another way was not cancelled, and that is one. */
  cancel(id: string, reason?: string, options?: CallOptions): Promise<TaskOutcome>;
  /** Stops in order: steps are finished and recorded; tasks go on at the next start. */
  close(): Promise<void>;
}

/** Stands on tasks as their caller. */
const CALLER = 'program';
const HOSTED = services.filter(({ hasLedger }) => hasLedger);
const BYTES_PER_MB = 1_048_576;

let isStarted = false;

/** @throws SettingsError for a mistake in what is said, CliError when something that it needs is missing */
export async function startMesh(options: MeshOptions): Promise<EmbeddedMesh> {
  if (isStarted) throw new SettingsError('there is a mesh in this process already; close it first');
  isStarted = true;
  try {
    return await start(options);
  } catch (error) {
    isStarted = false;
    throw error;
  }
}

async function start(options: MeshOptions): Promise<EmbeddedMesh> {
  keepFilesPrivate();
  await bring(options.config);
  const settings = await settingsOf(options);
  const supervisor = await logServer(settings, options);
  const failed = Promise.withResolvers<never>();
  // Whoever waits is told; nobody has to.
  failed.promise.catch(() => undefined);
  const lives = HOSTED.map((service) =>
    openService({
      ...{ service, settings, caps: capsOfProgram(), waitsForLog: true },
      logFile: logPath(settings, service.name),
      onOver: () => undefined,
      onFatal(error) {
        failed.reject(error);
        options.onFatal?.(error);
      },
    }),
  );
  const closing: (() => Promise<void>)[] = [() => supervisor.stop()];
  const close = async (): Promise<void> => {
    for (const end of closing.splice(0)) await end();
    isStarted = false;
  };
  closing.unshift(() => stopAll(lives));
  try {
    await Promise.race([Promise.all(lives.map((life) => life.begin())), failed.promise]);
    await indexOnce(settings);
    const bus = await connectBus({
      ...{ ...natsAccess(settings, 'owner'), name: 'mesh-program', identity: 'owner' },
      signing: readSigning(settings) ?? undefined,
    });
    closing.unshift(() => bus.close());
    const client = await openClient({ bus, log: quiet, indexFolder: join(settings.MESH_HOME, 'index') });
    closing.unshift(() => client.stop());
    return handle({ client, failed: failed.promise, close, natsUrl: supervisor.state.natsUrl });
  } catch (error) {
    await close();
    throw error;
  }
}

async function bring(config: MeshConfig | string | undefined): Promise<void> {
  if (typeof config === 'string') bringMesh(await loadMesh(resolve(config)));
  else bringMesh(await checkMesh(config ?? {}, join(process.cwd(), 'config')));
}

async function settingsOf({ nats, home, settings = {} }: MeshOptions): Promise<Settings> {
  const { NATS_URL: _of, ...env } = process.env;
  const named = { ...env, ...settings, MESH_HOME: resolve(home) };
  if (nats !== undefined) return readSettings({ ...named, NATS_URL: nats });
  return readSettings({ MESH_NATS_PORT: String(await freePort()), ...named });
}

function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const server = createServer().once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address === null || typeof address === 'string' ? failed(new Error('no port')) : found(address.port),
      );
    });
  });
}

async function logServer(settings: Settings, { onNote }: MeshOptions): Promise<Supervisor> {
  const output = { note: (text: string) => onNote?.(text), line: () => undefined, begun: () => undefined };
  const addedRoles = addedRolesOf(await allRoles());
  const supervisor = await supervise(settings, true, output, new AbortController().signal, { addedRoles });
  if (supervisor === null)
    throw new SettingsError(`home: another mesh is at work in ${settings.MESH_HOME}; stop it, or name another folder`);
  // A program that ends without closing leaves no server behind.
  process.once('exit', () => supervisor.kill());
  return supervisor;
}

/** The memory of the program is the program's: nothing is refused, and nothing ends, because of it. */
function capsOfProgram(): Caps {
  const rssMb = (): number => Math.round(process.memoryUsage.rss() / BYTES_PER_MB);
  const memoryLimitMb = Math.round((process.constrainedMemory() || Number.MAX_SAFE_INTEGER) / BYTES_PER_MB);
  return { memoryLimitMb, rssMb, admission: () => null, look: () => undefined, stop: () => undefined };
}

/** What the config names for the knowledge base, where nothing was ever indexed. */
async function indexOnce(settings: Settings): Promise<void> {
  const { knowledge } = await ownMesh();
  if (knowledge === null || knowledge.length === 0) return;
  const store = openKnowledge(settings);
  try {
    if (store.stats().lastIndexedAt === null) await store.index(knowledge, {});
  } finally {
    await store.close();
  }
}

async function stopAll(lives: readonly ServiceLife[]): Promise<void> {
  await Promise.all(lives.map((life) => life.stop()));
}

const silent = (): void => undefined;
const quiet = { debug: silent, info: silent, warn: silent, error: silent };

interface Handled {
  readonly client: TaskClient;
  readonly failed: Promise<never>;
  readonly close: () => Promise<void>;
  readonly natsUrl: string;
}

function handle({ client, failed, close, natsUrl }: Handled): EmbeddedMesh {
  const { tasks, watches } = client;
  let isClosed = false;
  const closed = (cause?: unknown): Error =>
    new Error('this mesh is closed; what was under way goes on when it is started again', { cause });
  const call = async (make: () => Promise<TaskNow>): Promise<TaskOutcome> => {
    if (isClosed) throw closed();
    try {
      return outcomeOf(await Promise.race([make(), failed]));
    } catch (error) {
      throw isClosed ? closed(error) : error;
    }
  };
  const following = { until: isSettled, onFact: () => undefined };
  return {
    natsUrl,
    run: (task, options) => call(() => tasks.run(submissionOf(task), contextOf(options))),
    submit: (task, options) => call(() => tasks.submit(submissionOf(task), contextOf(options))),
    get: (id, options) => call(() => tasks.get(id, contextOf(options))),
    wait: (id, options) => call(() => tasks.follow(id, contextOf(options), following)),
    watch: (id, options) => watches.watch({ correlationId: id, includeTokens: true }, contextOf(options)),
    respond: (id, text, { questionId, ...options } = {}) => {
      const order = { correlationId: id, text, ...(questionId === undefined ? {} : { questionId }) };
      return call(() => tasks.respond(order, contextOf(options)));
    },
    cancel: (id, reason, options) => call(() => tasks.cancel(id, reason, contextOf(options))),
    close() {
      isClosed = true;
      return close();
    },
  };
}

function submissionOf(task: string | Submission): Submission {
  return typeof task === 'string' ? { prompt: task } : task;
}

/** The program is the owner of its mesh. */
function contextOf({ signal, timeoutMs }: CallOptions = {}): CallContext {
  return {
    ...{ caller: { name: CALLER, role: 'admin' }, door: 'cli', traceparent: null },
    signal: signal ?? new AbortController().signal,
    deadlineMs: timeoutMs === undefined ? null : Date.now() + timeoutMs,
  };
}

function outcomeOf({ view }: TaskNow): TaskOutcome {
  return { id: view.taskId, status: view.status, answer: view.result?.answer ?? null, view };
}
