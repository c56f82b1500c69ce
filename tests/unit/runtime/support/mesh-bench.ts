/**
 * Hosts around one log in memory, each with a simulated disk, on one fake clock. Owns: starting and killing them, tasks of
 * a dispatcher and a courier, the deeds that were done, and what can be seen of it all from outside.
 */

import type { FatalError } from '../../../../actors/runtime/errors.ts';
import { createHost, type Host } from '../../../../actors/runtime/host.ts';
import type { HostOptions } from '../../../../actors/runtime/host-context.ts';
import type { Ledger } from '../../../../actors/runtime/ledger/port.ts';
import { effect, type Fence, type Role, type RoleDefinition } from '../../../../actors/runtime/role.ts';
import { createMemoryBus, createMemoryLog, type MemoryBus, type MemoryLog } from '../../../../bus/memory-bus.ts';
import type { Bus, StoredMessage, StreamName } from '../../../../bus/port.ts';
import { ingress } from '../../../../ingress/ingress.ts';
import { type MeshEvent, parseEvents } from '../../../../schemas/events/envelope.ts';
import { FACT_FILTER, INGRESS_SUBJECT, journalSubject, PARTITIONS } from '../../../../schemas/events/subjects.ts';
import type { Disk } from '../../../../simulation/disk.ts';
import { bent, type Door, door } from './bent-bus.ts';
import { courier } from './courier.ts';
import { dispatcher } from './dispatcher.ts';
import { eagerDisk } from './eager-disk.ts';
import { createFakeClock, createSilentLog, type FakeClock, type SilentLog, settled } from './fake-clock.ts';

export const LEASE_TTL_MS = 3000;
/** Longer than it takes a host to find that another one has fallen silent, and to open its partitions. */
export const TAKEOVER_MS = 3 * LEASE_TTL_MS;

export interface Life {
  readonly name: string;
  readonly host: Host;
  readonly bus: MemoryBus;
  readonly disk: Disk;
  readonly log: SilentLog;
  readonly fatal: FatalError[];
  /** Shut, what it publishes is held back. */
  readonly publishing: Door;
  /** Readers that it has opened. */
  readonly reads: string[];
  /** Said at this level, in order. */
  said(level: 'info' | 'warn' | 'error'): string[];
  /** As SIGKILL does: what was written stays, and nothing more happens. */
  kill(): void;
}

export interface LifeOptions extends Partial<Pick<HostOptions, 'limits' | 'commitMode' | 'service' | 'standby'>> {
  readonly disk?: Disk;
  /** In place of the disk. */
  readonly ledger?: Ledger;
  readonly roles?: readonly RoleDefinition[];
  /** False: nobody waits until it has caught up. */
  readonly waits?: boolean;
  /** What is different about its bus. */
  readonly bends?: (bus: MemoryBus) => Partial<Bus>;
}

export class Mesh {
  readonly clock: FakeClock = createFakeClock();
  readonly log: MemoryLog = createMemoryLog({ now: () => this.clock.now() });
  readonly bus: MemoryBus = createMemoryBus(this.log);
  /** Keys of the effects that were carried out, in order. */
  readonly deeds: string[] = [];
  /** Called as an effect begins, before anything else happens in its process. */
  onDeed: () => void = () => undefined;
  readonly fences: { fetch: Fence; sign: Fence } = { fetch: 'pure', sign: 'keyed' };
  /** Shut, the effect has begun and does not end. */
  readonly fetching: Door = door();
  readonly signing: Door = door();
  #processes = 0;

  static async open(): Promise<Mesh> {
    const mesh = new Mesh();
    await mesh.bus.ensureTopology();
    return mesh;
  }

  async start(name: string, options: LifeOptions = {}): Promise<Life> {
    const {
      disk = eagerDisk(),
      ledger = disk.open(),
      roles = [dispatcher, courier],
      waits = true,
      service = 'tests',
      bends,
      ...rest
    } = options;
    const bus = createMemoryBus(this.log, { now: () => this.clock.elapsed(), leaseTtlMs: LEASE_TTL_MS });
    const log = createSilentLog();
    const fatal: FatalError[] = [];
    const publishing = door();
    const reads: string[] = [];
    const changes: Partial<Bus> = {
      async publish(request) {
        await publishing.passed;
        return bus.publish(request);
      },
      read(request) {
        reads.push(request.filter);
        return bus.read(request);
      },
      ...bends?.(bus),
    };
    this.#processes += 1;
    const host = createHost({
      ...{ name, service, bus: bent(bus, changes), ledger, clock: this.clock, log, ...rest },
      roles: roles.map((role) => this.#withEffects(role)),
      ...(roles.some((role) => role.name === ingress.role) ? { ingress: [ingress] } : {}),
      process: `${name}-${this.#processes}`,
      onFatal: (error) => void fatal.push(error),
    });
    const started = host.start();
    const life: Life = {
      ...{ name, host, bus, disk, log, fatal, publishing, reads },
      said: (level) => log.lines.filter((line) => line.level === level).map(({ message }) => message),
      kill() {
        disk.crash('kill');
        bus.disconnect();
      },
    };
    if (waits) await started;
    else started.catch((error: FatalError) => void fatal.push(error));
    return life;
  }

  /** Ends a host in order; what it waits for is waited for on the fake clock. */
  async stop(life: Life): Promise<void> {
    let over = false;
    const stopped = life.host.stop().finally(() => {
      over = true;
    });
    while (!over) await this.clock.advance(50);
    await stopped;
  }

  async submit(...tasks: readonly string[]): Promise<void> {
    for (const id of tasks) await this.ask(id, `parcel of ${id}`);
  }

  async ask(id: string, prompt: string): Promise<void> {
    await this.bus.publish({ subject: INGRESS_SUBJECT, body: JSON.stringify({ id, prompt }) });
  }

  /** Lets time pass. */
  async pass(ms = 100): Promise<void> {
    await this.clock.advance(ms);
    await settled();
  }

  /** All that the log has for this filter. */
  stored(filter: string): Promise<StoredMessage[]> {
    return this.storedIn('log', filter);
  }

  async storedIn(stream: StreamName, filter: string): Promise<StoredMessage[]> {
    const found: StoredMessage[] = [];
    const onMessage = (message: StoredMessage): void => void found.push(message);
    const reader = await this.bus.read({ stream, filter, fromSeq: 1, onMessage });
    await reader.caughtUp;
    await reader.stop();
    return found;
  }

  /** What watchers are told of a task, in order: the notes. */
  async facts(task?: string): Promise<string[]> {
    const messages = await this.stored(task === undefined ? FACT_FILTER : `mesh.events.${task}`);
    return messages.flatMap(({ data }) => eventsIn(data)).map(({ data }) => (data as { note?: string }).note ?? '');
  }

  /** Tasks that have ended, each as often as it was said. */
  async ended(): Promise<string[]> {
    const messages = await this.stored(FACT_FILTER);
    const events = messages.flatMap(({ data }) => eventsIn(data));
    const ends = events.filter(({ data }) => (data as { note?: string }).note?.startsWith('ended'));
    return ends.map(({ correlationid }) => correlationid).sort();
  }

  /** The records of the log, as text, by partition. */
  async journal(service = 'tests'): Promise<string[][]> {
    const journals: string[][] = [];
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const messages = await this.stored(journalSubject(service, partition));
      journals.push(messages.map(({ data }) => Buffer.from(data).toString()));
    }
    return journals;
  }

  #withEffects(role: RoleDefinition): Role {
    if (role.name !== courier.name) return { ...role, effects: {} };
    const carrying = (what: 'fetch' | 'sign', passage: Door) =>
      effect<unknown, string>(
        { fence: () => this.fences[what], timeoutMs: 600_000, concurrencyMax: 1000 },
        async (_input, { key }) => {
          this.deeds.push(key);
          this.onDeed();
          await passage.passed;
          return what;
        },
      );
    return { ...role, effects: { fetch: carrying('fetch', this.fetching), sign: carrying('sign', this.signing) } };
  }
}

/** The records of a disk, as text, by partition. */
export function journalOn(disk: Disk): string[][] {
  return disk.tables.partitions.map(({ records }) =>
    [...records.values()].map(({ body }) => Buffer.from(body).toString()),
  );
}

/** The nth task. */
export function taskName(nth: number): string {
  return `7c9e6679-7425-40de-944b-${nth.toString(16).padStart(12, '0')}`;
}

/** Keys of what couriers have signed, each as often as it was done. */
export function signedIn(mesh: Mesh): string[] {
  return mesh.deeds.filter((key) => key.includes('/sign/')).sort();
}

/** A host that has taken a task to where its courier signs, and no further. */
export async function signing(fence: 'keyed' | 'once'): Promise<{ mesh: Mesh; life: Life }> {
  const mesh = await Mesh.open();
  mesh.fences.sign = fence;
  mesh.signing.shut();
  const life = await mesh.start('one');
  await mesh.submit(taskName(1));
  await mesh.pass();
  if (signedIn(mesh).length !== 1) throw new Error('its courier does not sign');
  return { mesh, life };
}

/** Each name once. */
export function tasks(count: number): string[] {
  return Array.from({ length: count }, (_, at) => taskName(at + 1));
}

function eventsIn(data: Uint8Array): readonly MeshEvent[] {
  const events = parseEvents(data);
  if (!events.ok) throw new Error(events.rejection.reason);
  return events.value;
}
