/**
 * Services as the page shows them. Owns: following heartbeats, their memory over time, and what became of a process that
 * fell silent. Does not own: the form of a heartbeat (`registry/registry.ts`).
 */
import { type Bus, BusError } from '../../bus/port.ts';
import { HEARTBEAT_MAX_AGE_MS, parseHeartbeat } from '../../registry/registry.ts';
import { JOURNAL_FILTER } from '../../schemas/events/subjects.ts';
import type { PartitionOwner, ServiceRow } from '../wire.ts';
import { entriesOf, headOf } from './journals.ts';

/** Half an hour of beats of two seconds, every fifth kept. */
const SAMPLES_MAX = 180;
const SAMPLE_EVERY_MS = 10_000;
const LOOK_MS = 1000;
const RETRY_MS = 1000;
/** A process that is gone stays in view for a while, so that one sees what happened. */
const GONE_SHOWN_MS = 60_000;
const ROWS_MAX = 200;

interface Seen {
  row: ServiceRow;
  sampledAtMs: number;
}

export class ServicesView {
  readonly #bus: Bus;
  readonly #seen = new Map<string, Seen>();
  readonly #timer: NodeJS.Timeout;
  #unwatch: (() => void) | null = null;
  #stopped = false;
  /** Told of every change. */
  onChange: (rows: readonly ServiceRow[]) => void = () => undefined;

  constructor(bus: Bus) {
    this.#bus = bus;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    void this.#follow();
  }

  rows(): ServiceRow[] {
    return [...this.#seen.values()]
      .map(({ row }) => row)
      .sort((a, b) => a.service.localeCompare(b.service) || b.startedAtMs - a.startedAtMs);
  }

  /** Who wrote the latest record of each partition of each service. @throws BusError */
  async owners(): Promise<PartitionOwner[]> {
    const latest = await this.#bus.readLast(JOURNAL_FILTER);
    return latest.flatMap(({ subject, data, atMs }) => {
      const [, , service = '', partition = ''] = subject.split('.');
      const head = headOf(entriesOf(data)[0]);
      return head === null ? [] : [{ service, partition: Number(partition), host: head.host, records: head.n, atMs }];
    });
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#unwatch?.();
  }

  async #follow(): Promise<void> {
    while (!this.#stopped) {
      try {
        const registry = this.#bus.kv('registry');
        this.#unwatch = await registry.watch((key, value) => this.#heard(key, value, Date.now()));
        for (const { key, value, atMs } of await registry.entries()) {
          if (!this.#seen.has(key)) this.#heard(key, value, Math.min(atMs, Date.now()));
        }
        return;
      } catch (error) {
        if (!(error instanceof BusError)) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      }
    }
  }

  #heard(key: string, value: string | null, atMs: number): void {
    const known = this.#seen.get(key);
    if (value === null) {
      if (known !== undefined) known.row = { ...known.row, state: 'stopped', heardAtMs: atMs };
      this.onChange(this.rows());
      return;
    }
    const beat = parseHeartbeat(value);
    if (beat === null || atMs < Date.now() - GONE_SHOWN_MS) return;
    const isSample = known === undefined || atMs - known.sampledAtMs >= SAMPLE_EVERY_MS;
    const before = known?.row.memory ?? [];
    const memory = isSample && beat.memoryMb != null ? [...before.slice(1 - SAMPLES_MAX), beat.memoryMb] : before;
    const { state, ...rest } = beat;
    const row: ServiceRow = {
      ...{ service: rest.service, host: rest.host, pid: rest.pid, roles: rest.roles, memory },
      state: state ?? 'ready',
      version: rest.version ?? '',
      startedAtMs: typeof rest.startedAt === 'number' ? rest.startedAt : Date.parse(rest.startedAt),
      heardAtMs: atMs,
      lag: rest.cursorLag ?? null,
      pending: rest.pendingEffects ?? null,
      instances: rest.instances ?? null,
      partitions: countsIn(rest.partitions),
      saturated: rest.saturated ?? null,
      capabilities: rest.capabilities ?? [],
      capacity: countsIn(rest.capacity),
      memoryMb: rest.memoryMb ?? null,
      breakers: (rest.breakers ?? []).map(({ name, state: of, failures, reason }) => ({
        ...{ name, state: of, failures, reason },
      })),
      problems: rest.problems ?? [],
    };
    this.#seen.set(key, { row, sampledAtMs: isSample ? atMs : known.sampledAtMs });
    const oldest = this.#seen.keys().next().value;
    if (this.#seen.size > ROWS_MAX && oldest !== undefined) this.#seen.delete(oldest);
    this.onChange(this.rows());
  }

  /** Silence has no event of its own. */
  #look(): void {
    const nowMs = Date.now();
    let changed = false;
    for (const [key, one] of this.#seen) {
      const ageMs = nowMs - one.row.heardAtMs;
      const isAlive = one.row.state === 'ready' || one.row.state === 'starting';
      if (isAlive && ageMs > HEARTBEAT_MAX_AGE_MS) {
        one.row = { ...one.row, state: 'silent' };
        changed = true;
      } else if (!isAlive && ageMs > GONE_SHOWN_MS) changed = this.#seen.delete(key) || changed;
    }
    if (changed) this.onChange(this.rows());
  }
}

function countsIn(value: unknown): Record<string, number> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter((one): one is [string, number] => typeof one[1] === 'number'));
}
