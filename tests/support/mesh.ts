/**
 * A private mesh of real processes for one test: a nats-server, services, and a watcher. Owns: starting them
 * on free ports and in temporary folders, submitting, and ending all of them. Does not own: any of them
 * (`nats-server.ts`, `service-process.ts`, `task-watch.ts`).
 *
 * Logs lie under `artifacts/<name>`; they stay when a test fails, and the folder is named.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { connectBus } from '../../bus/nats-bus.ts';
import { type Bus, BusError } from '../../bus/port.ts';
import { projectRoot } from '../../config/settings.ts';
import { openSqliteStore } from '../../knowledge/sqlite-store.ts';
import type { DataByName } from '../../schemas/events/generated.ts';
import { newCorrelationId } from '../../schemas/events/ids.ts';
import { INGRESS_SUBJECT } from '../../schemas/events/subjects.ts';
import { within } from './changes.ts';
import { Counter } from './counter.ts';
import { startNatsCluster } from './nats-cluster.ts';
import { type NatsServer, startNatsServer } from './nats-server.ts';
import { type Environment, type ServiceName, ServiceProcess } from './service-process.ts';
import { slowdownOf } from './starvation.ts';
import { TaskWatch } from './task-watch.ts';

const serviceNames: readonly ServiceName[] = ['agents', 'llm', 'tools'];
const knowledgeFolder = join(projectRoot, 'tests', 'fixtures', 'crash-knowledge');
const PUBLISH_LIMIT_MS = 90_000;

export interface MeshOptions {
  readonly leaseTtlMs?: number;
  /** Settings of all services. */
  readonly env?: Environment;
  /** Further lines of the server's configuration. */
  readonly natsConfig?: string;
  /** Where the server stores. */
  readonly natsStore?: string;
  /** A cluster of so many servers, each with a copy of the log, instead of one. */
  readonly copies?: number;
  /** Started at once unless told otherwise. */
  readonly services?: readonly ServiceName[];
}

export class Mesh {
  readonly folder: string;
  readonly home: string;
  readonly nats: NatsServer;
  readonly counter: Counter;
  readonly watch = new TaskWatch();
  readonly #options: MeshOptions;
  readonly #services = new Map<string, ServiceProcess>();
  /** Resolves when another connection takes the place of this one. */
  #replaced = Promise.withResolvers<void>();
  #bus: Bus | null = null;

  private constructor(folder: string, home: string, nats: NatsServer, counter: Counter, options: MeshOptions) {
    this.folder = folder;
    this.home = home;
    this.nats = nats;
    this.counter = counter;
    this.#options = options;
  }

  static async open(name: string, options: MeshOptions = {}): Promise<Mesh> {
    const folder = join(projectRoot, 'artifacts', name.replaceAll(/[^\w-]+/g, '-'));
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const home = await mkdtemp(join(tmpdir(), 'mesh-home-'));
    const { natsConfig: extraConfig, natsStore: storeDir, copies } = options;
    const one = {
      ...(extraConfig === undefined ? {} : { extraConfig }),
      ...(storeDir === undefined ? {} : { storeDir }),
    };
    const nats = copies === undefined ? await startNatsServer(one) : await startNatsCluster(copies);
    const mesh = new Mesh(folder, home, nats, await Counter.open(), options);
    await mesh.#begin();
    return mesh;
  }

  get bus(): Bus {
    if (this.#bus === null) throw new Error('this mesh is closed');
    return this.#bus;
  }

  service(name: string): ServiceProcess {
    const service = this.#services.get(name);
    if (!service) throw new Error(`no service ${name}`);
    return service;
  }

  get services(): ServiceProcess[] {
    return [...this.#services.values()];
  }

  /** How much slower the slowest of its processes is because others want the same processors. */
  get slowdown(): number {
    return Math.max(1, ...this.services.flatMap(({ lives }) => lives.slice(-1)).map(({ pid }) => slowdownOf(pid)));
  }

  ledger(service: string): string {
    return join(this.home, 'ledger', `${service}.db`);
  }

  /** Adds a process; it has to be started. A second one of a service brings a name, and a ledger by its settings. */
  add(service: ServiceName, name: string = service, env: Environment = {}): ServiceProcess {
    const added = new ServiceProcess({ service, name, folder: this.folder, env: { ...this.#environment(), ...env } });
    this.#services.set(name, added);
    return added;
  }

  /** Submits as a bare JSON would be by `nats pub`; while the log is away it is tried again until the deadline. */
  async submit(
    task: DataByName['task.submitted'] | string,
    id: string = newCorrelationId(),
    limitMs: number = PUBLISH_LIMIT_MS,
  ): Promise<string> {
    const data = typeof task === 'string' ? { prompt: task } : task;
    await this.publish(INGRESS_SUBJECT, JSON.stringify({ ...data, id }), { msgId: `submit-${id}`, limitMs });
    return id;
  }

  /** Tells the mesh something about a task, as a structured CloudEvent. */
  async say<N extends 'task.input.provided' | 'task.cancel.requested'>(
    name: N,
    id: string,
    data: DataByName[N],
  ): Promise<void> {
    const event = {
      specversion: '1.0',
      id: newCorrelationId(),
      source: '/tests',
      type: `dev.agentmesh.${name}.v1`,
      datacontenttype: 'application/json',
      correlationid: id,
      data,
    };
    await this.publish(INGRESS_SUBJECT, JSON.stringify(event), { msgId: event.id });
  }

  async publish(
    subject: string,
    body: string | Uint8Array,
    options: { msgId?: string; limitMs?: number; headers?: Record<string, string> } = {},
  ): Promise<number> {
    const { limitMs = PUBLISH_LIMIT_MS, ...rest } = options;
    const deadline = performance.now() + limitMs;
    for (;;) {
      const { bus } = this;
      try {
        return (await bus.publish({ subject, body, ...rest })).seq;
      } catch (thrown) {
        // The one that was closed under it has a successor (`followAnew`).
        if (bus !== this.bus) continue;
        if (!(thrown instanceof BusError) || !thrown.retryable || performance.now() > deadline) throw thrown;
        await this.#connected(deadline - performance.now());
      }
    }
  }

  /** Reads the log from its beginning again: it was made anew. */
  async followAnew(): Promise<void> {
    const { copies: replicas = 1 } = this.#options;
    const before = this.#bus;
    this.#bus = await eventually(() => connectBus({ url: this.nats.url, name: 'tests', replicas }));
    this.#replaced.resolve();
    this.#replaced = Promise.withResolvers<void>();
    await before?.close();
    await eventually(() => this.bus.ensureTopology());
    await this.watch.follow(this.#bus);
  }

  async close(options: { keepLogs: boolean }): Promise<void> {
    const ends = await Promise.allSettled(this.services.map((service) => service.close()));
    await this.#bus?.close();
    this.#bus = null;
    await this.counter.close();
    await this.nats.stop();
    await rm(this.home, { recursive: true, force: true });
    if (options.keepLogs || process.env.MESH_KEEP_LOGS === '1')
      process.stderr.write(`logs of the test: ${this.folder}\n`);
    else rmSync(this.folder, { recursive: true, force: true });
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async #begin(): Promise<void> {
    await this.followAnew();
    await index(join(this.home, 'knowledge.db'));
    const wanted = this.#options.services ?? serviceNames;
    await Promise.all(wanted.map((service) => this.add(service).start()));
  }

  #environment(): Environment {
    return {
      MESH_HOME: this.home,
      CHECKPOINT_DB_PATH: this.ledger('agents'),
      MESH_KNOWLEDGE_PATH: join(this.home, 'knowledge.db'),
      NATS_URL: this.nats.url,
      MESH_LEASE_TTL_MS: String(this.#options.leaseTtlMs ?? 2000),
      MESH_LOG_LEVEL: 'debug',
      MESH_COMMIT: undefined,
      MESH_HOST_ID: undefined,
      MESH_LOG_REPLICAS: String(this.#options.copies ?? 1),
      OPENAI_BASE_URL: '',
      TOOLS_ALLOW_HOSTS: this.counter.host,
      // Most tests submit on the log itself, where every tool that acts would ask; who asks has tests of its own.
      TOOLS_POLICY: join(import.meta.dirname, 'every-tool.policy.json'),
      ...this.#options.env,
    };
  }

  #connected(limitMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = this.bus.onConnection((connected) => {
      if (connected) resolve();
    });
    const either = Promise.race([promise, this.#replaced.promise]);
    return within(Math.max(1, limitMs), either, 'the log did not come back').finally(end);
  }
}

/** A cluster that has just begun has no leader yet. */
async function eventually<T>(action: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + PUBLISH_LIMIT_MS;
  for (;;) {
    try {
      return await action();
    } catch (thrown) {
      if (!(thrown instanceof BusError) || !thrown.retryable || performance.now() > deadline) throw thrown;
    }
  }
}

async function index(path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const store = openSqliteStore(path);
  await store.index([knowledgeFolder]);
  store.close();
}

/** One mesh for all tests of a suite; its logs stay when one of them fails. */
export function useMesh(name: string, options: MeshOptions | (() => Promise<MeshOptions>) = {}): () => Mesh {
  let mesh: Mesh | null = null;
  let failed = false;
  beforeAll(async () => {
    mesh = await Mesh.open(name, typeof options === 'function' ? await options() : options);
  });
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') failed = true;
  });
  afterAll(async () => {
    await mesh?.close({ keepLogs: failed || mesh === null });
  });
  return () => {
    if (mesh === null) throw new Error('the mesh of this suite did not start');
    return mesh;
  };
}
