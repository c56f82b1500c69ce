/**
 * A private mesh to be driven into overload. Owns: starting it, submitting, and reading what it said of itself: breakers
 * from its logs, spans from a real collector, effects from service discovery. Does not own: what goes wrong, or judging.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectBus } from '../../bus/nats-bus.ts';
import type { Bus } from '../../bus/port.ts';
import { type Heartbeat, livingServices } from '../../registry/registry.ts';
import { newCorrelationId } from '../../schemas/events/ids.ts';
import { INGRESS_SUBJECT } from '../../schemas/events/subjects.ts';
import { startNatsServer } from '../../tests/support/nats-server.ts';
import {
  type Environment,
  type LogLine,
  type ServiceName,
  ServiceProcess,
} from '../../tests/support/service-process.ts';
import { SpanCollector } from '../../tests/support/span-collector.ts';
import { TaskWatch } from '../../tests/support/task-watch.ts';

const serviceNames: readonly ServiceName[] = ['agents', 'llm', 'tools'];
/** A task that takes longer counts as hanging; its own deadline is far beyond. */
const TASK_LIMIT_MS = 45_000;
const LOOK_AGAIN_MS = 50;

export interface Transition {
  /** Seconds since the run began. */
  readonly atS: number;
  readonly service: string;
  readonly breaker: string;
  readonly state: string;
  readonly reason: string;
}

export interface EndedTask {
  readonly id: string;
  /** `hangs`: not ended within the limit. */
  readonly status: 'completed' | 'failed' | 'cancelled' | 'hangs';
  readonly answer: string;
}

export class Stage {
  readonly bus: Bus;
  readonly collector: SpanCollector;
  readonly watch = new TaskWatch();
  readonly #services: ServiceProcess[];
  readonly #beganMs = Date.now();
  readonly #end: () => Promise<void>;
  #deaths: number | null = null;

  private constructor(bus: Bus, collector: SpanCollector, services: ServiceProcess[], end: () => Promise<void>) {
    this.bus = bus;
    this.collector = collector;
    this.#services = services;
    this.#end = end;
  }

  /** @param env settings of all services beside what the stage needs itself */
  static async open(env: Environment): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), 'mesh-stress-'));
    mkdirSync(join(folder, 'ledger'));
    const nats = await startNatsServer();
    const bus = await connectBus({ url: nats.url, name: 'stress' });
    await bus.ensureTopology();
    const collector = await SpanCollector.open();
    const services = serviceNames.map(
      (service) =>
        new ServiceProcess({
          ...{ service, name: service, folder },
          env: {
            MESH_HOME: folder,
            CHECKPOINT_DB_PATH: join(folder, 'ledger', 'agents.db'),
            MESH_KNOWLEDGE_PATH: join(folder, 'knowledge.db'),
            NATS_URL: nats.url,
            OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
            ...env,
          },
        }),
    );
    const stage = new Stage(bus, collector, services, async () => {
      await Promise.all(services.map((service) => service.close()));
      await bus.close();
      await collector.close();
      await nats.stop();
      rmSync(folder, { recursive: true, force: true });
    });
    await stage.watch.follow(bus);
    await Promise.all(services.map((service) => service.start()));
    return stage;
  }

  get elapsedS(): number {
    return Math.round((Date.now() - this.#beganMs) / 100) / 10;
  }

  /** Submits all at once; resolves when each has ended, or hangs. */
  async tasks(tasks: readonly { prompt: string; workflow?: string }[]): Promise<EndedTask[]> {
    const ids = tasks.map(() => newCorrelationId());
    await Promise.all(
      tasks.map((task, index) =>
        this.bus.publish({ subject: INGRESS_SUBJECT, body: JSON.stringify({ ...task, id: ids[index] }) }),
      ),
    );
    return Promise.all(ids.map((id) => this.#ended(id)));
  }

  /** What the services logged of their breakers, in order. */
  transitions(): Transition[] {
    const found = this.#services.flatMap((service) =>
      service.lives.flatMap(({ lines }) => lines.flatMap((line) => this.#transition(service.name, line))),
    );
    return found.sort((one, other) => one.atS - other.atS);
  }

  /** Log lines of all services with that message. */
  logged(message: string): LogLine[] {
    return this.#services.flatMap(({ lives }) =>
      lives.flatMap(({ lines }) => lines.filter(({ msg }) => msg === message)),
    );
  }

  /** Looks until the registry says so, or the time is over. */
  async beat(service: string, fits: (beat: Heartbeat) => boolean, limitMs: number): Promise<Heartbeat | null> {
    const deadline = performance.now() + limitMs;
    while (performance.now() < deadline) {
      const beat = (await livingServices(this.bus)).find((one) => one.service === service);
      if (beat !== undefined && fits(beat)) return beat;
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
    return null;
  }

  /** Processes that ended by themselves. */
  get deaths(): number {
    return this.#deaths ?? this.#services.reduce((sum, service) => sum + service.ended, 0);
  }

  /** Ends the services in order, so that their last spans are here; nothing can be submitted any more. */
  async spansSent(): Promise<void> {
    this.#deaths ??= this.deaths;
    await Promise.all(this.#services.map((service) => service.down('SIGTERM')));
  }

  close(): Promise<void> {
    return this.#end();
  }

  async #ended(id: string): Promise<EndedTask> {
    try {
      const { name, result } = await this.watch.result(id, TASK_LIMIT_MS);
      const status = name === 'task.completed' ? 'completed' : name === 'task.cancelled' ? 'cancelled' : 'failed';
      return { id, status, answer: result.answer ?? '' };
    } catch {
      return { id, status: 'hangs', answer: '' };
    }
  }

  #transition(service: string, line: LogLine): Transition[] {
    const { breaker, state, reason, time } = line;
    if (typeof breaker !== 'string' || typeof state !== 'string') return [];
    const atS = Math.round((Date.parse(String(time)) - this.#beganMs) / 100) / 10;
    return [{ atS, service, breaker, state, reason: typeof reason === 'string' ? reason : '' }];
  }
}
