/**
 * The bus as one life of a host sees it: the bus in memory, behind the gate of its process, with a network that loses,
 * repeats and delays. Owns: that. Does not own: the log, or when a fault is due.
 */
import type { MemoryBus } from '../bus/memory-bus.ts';
import {
  type Bus,
  BusError,
  type LeaseStore,
  type PubAck,
  type PublishRequest,
  type Reader,
  type ReadRequest,
} from '../bus/port.ts';
import type { Fault } from './faults.ts';
import { Gate } from './gate.ts';
import type { Scheduler } from './scheduler.ts';

type PublishFault = Extract<Fault, { kind: 'publish' }>;

export interface SimulatedBusOptions {
  readonly inner: MemoryBus;
  readonly gate: Gate;
  readonly scheduler: Scheduler;
  readonly onError: (error: unknown) => void;
  /** The process sends: what follows is the network's doing, also when the process is dead by then. */
  readonly onSend: (request: PublishRequest, connection: 'certain' | 'disturbed') => void;
  readonly onPublish: (request: PublishRequest) => PublishFault | null;
  /** Sends on a connection that outlives the process: what the network had already. */
  readonly afterwards: (request: PublishRequest) => void;
}

export interface SimulatedBus extends Bus {
  /** The connection neither carries anything nor breaks, for a while; then everything arrives, in order. */
  hang(forMs: number): void;
  /** What is read at the moment. */
  readonly filters: readonly string[];
  /** It has told the others last that it stands by. */
  readonly tellsStandby: boolean;
  /** When that host was heard of for the last time; null when never, or when it has said that it goes. */
  heardMs(host: string): number | null;
  /** Holds back what is read from subjects that begin so. */
  slow(filter: string, forMs: number): void;
  /** Ends all that. */
  heal(): void;
}

/** Where the hosts of a service tell what they have. */
const HOSTS = 'mesh.hosts.';

/** How long a client waits for an acknowledgement that does not come. */
const ACK_WAIT_MS = 2000;

export function createSimulatedBus(options: SimulatedBusOptions): SimulatedBus {
  const { inner, gate, scheduler } = options;
  /** Until then the server takes nothing: it is up, but its stream is not. */
  let refusingUntilMs = 0;
  let tellsStandby = false;
  const heardMs = new Map<string, number>();
  const hear = (data: Uint8Array): void => {
    const told = JSON.parse(new TextDecoder().decode(data)) as { readonly host: string; readonly leaves: boolean };
    if (told.leaves) heardMs.delete(told.host);
    else heardMs.set(told.host, scheduler.nowMs);
  };
  const network = new Gate(scheduler, options.onError);
  const call = <T>(ask: () => Promise<T>): Promise<T> => gate.call(() => network.call(ask));
  const come = (task: () => void): void => network.pass(() => gate.pass(task));
  const lanes = new Set<{ filter: string; gate: Gate }>();

  const publishNow = (request: PublishRequest): Promise<PubAck> => {
    const fault = options.onPublish(request);
    if (scheduler.nowMs < refusingUntilMs) return Promise.reject(unavailable());
    if (!fault) return inner.publish(request);
    switch (fault.how) {
      case 'lost':
        refusingUntilMs = scheduler.nowMs + fault.ms;
        return Promise.reject(unavailable());
      case 'ack-lost':
        return inner.publish(request).then(() => later(scheduler, ACK_WAIT_MS, unavailable));
      case 'duplicate': {
        const { msgId: _msgId, ...twin } = request;
        scheduler.after(fault.ms, () => options.afterwards(twin));
        return inner.publish(request);
      }
      default:
        throw new Error(`unknown ${JSON.stringify(fault.how satisfies never)}`);
    }
  };
  const read = async (request: ReadRequest): Promise<Reader> => {
    const lane = { filter: request.filter, gate: new Gate(scheduler, options.onError) };
    let stopped = false;
    const arrive = (task: () => void): void => come(() => lane.gate.pass(() => (stopped ? undefined : task())));
    const reader = await call(() =>
      inner.read({
        ...request,
        onMessage: (message) => arrive(() => request.onMessage(message)),
        onError: (error) => arrive(() => request.onError?.(error)),
      }),
    );
    lanes.add(lane);
    const caughtUp = new Promise<void>((resolve, reject) => {
      reader.caughtUp.then(
        () => come(() => lane.gate.pass(resolve)),
        (error: unknown) => come(() => lane.gate.pass(() => reject(error))),
      );
    });
    // Whoever does not wait for it must not be killed by its rejection.
    caughtUp.catch(() => undefined);
    return {
      caughtUp,
      get pending() {
        return reader.pending;
      },
      stop: () => {
        stopped = true;
        lanes.delete(lane);
        return call(() => reader.stop());
      },
    };
  };
  const { leases } = inner;
  const simulatedLeases: LeaseStore = {
    ttlMs: leases.ttlMs,
    claim: (...asked) => call(() => leases.claim(...asked)),
    confirm: (...asked) => call(() => leases.confirm(...asked)),
    release: (...asked) => call(() => leases.release(...asked)),
    beat: (holder) => call(() => leases.beat(holder)),
  };
  return {
    ensureTopology: () => call(() => inner.ensureTopology()),
    streamInfo: (stream) => call(() => inner.streamInfo(stream)),
    publish: (request) =>
      gate.call(() => {
        options.onSend(request, network.busy || gate.busy ? 'disturbed' : 'certain');
        return network.call(() => publishNow(request));
      }),
    zstdOf: (subject, body) => inner.zstdOf(subject, body),
    read,
    readLast: (filter, stream) => call(() => inner.readLast(filter, stream)),
    getLast: (subject, stream) => call(() => inner.getLast(subject, stream)),
    get: (seq, stream) => call(() => inner.get(seq, stream)),
    purge: (subject, beforeSeq, stream) => call(() => inner.purge(subject, beforeSeq, stream)),
    remove: (seq, stream) => call(() => inner.remove(seq, stream)),
    setMaxAge: (ms, stream) => call(() => inner.setMaxAge(ms, stream)),
    publishVolatile(subject, body) {
      tellsStandby = body.includes('"standby":true');
      gate.pass(() => network.pass(() => inner.publishVolatile(subject, body)));
    },
    get tellsStandby() {
      return tellsStandby;
    },
    heardMs: (host) => heardMs.get(host) ?? null,
    subscribeVolatile: (subject, onMessage) =>
      inner.subscribeVolatile(subject, (on, data) =>
        come(() => {
          if (on.startsWith(HOSTS)) hear(data);
          onMessage(on, data);
        }),
      ),
    answerVolatile: (subject, answer) => inner.answerVolatile(subject, answer),
    askVolatile: (subject, body, until) => call(() => inner.askVolatile(subject, body, until)),
    leases: simulatedLeases,
    kv: (bucket) => inner.kv(bucket),
    onConnection: (listener) => inner.onConnection((up) => come(() => listener(up))),
    serverVersion: inner.serverVersion,
    maxPayloadBytes: inner.maxPayloadBytes,
    close: () => call(() => inner.close()),
    hang: (forMs) => network.close(forMs),
    get filters() {
      return [...lanes].map(({ filter }) => filter);
    },
    slow(filter, forMs) {
      for (const lane of lanes) if (lane.filter.startsWith(filter)) lane.gate.close(forMs);
    },
    heal() {
      refusingUntilMs = 0;
      network.open();
      for (const lane of lanes) lane.gate.open();
    },
  };
}

function unavailable(): BusError {
  return new BusError('unavailable', 'no acknowledgement came');
}

function later(scheduler: Scheduler, ms: number, error: () => Error): Promise<never> {
  return new Promise((_, reject) => {
    scheduler.after(ms, () => reject(error()));
  });
}
