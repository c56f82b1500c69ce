/**
 * A bus in memory of which a test bends some methods. Owns: handing on all others as they are.
 */
import type { MemoryBus } from '../../../../bus/memory-bus.ts';
import type { Bus, LeaseStore } from '../../../../bus/port.ts';

export function bent(bus: MemoryBus, changes: Partial<Bus>): Bus {
  return {
    ...{ leases: bus.leases, serverVersion: bus.serverVersion, maxPayloadBytes: bus.maxPayloadBytes },
    ensureTopology: () => bus.ensureTopology(),
    streamInfo: (stream) => bus.streamInfo(stream),
    publish: (request) => bus.publish(request),
    zstdOf: () => null,
    read: (request) => bus.read(request),
    readLast: (filter, stream) => bus.readLast(filter, stream),
    getLast: (subject, stream) => bus.getLast(subject, stream),
    get: (seq, stream) => bus.get(seq, stream),
    purge: (subject, beforeSeq, stream) => bus.purge(subject, beforeSeq, stream),
    remove: (seq, stream) => bus.remove(seq, stream),
    setMaxAge: (ms, stream) => bus.setMaxAge(ms, stream),
    publishVolatile: (subject, body) => bus.publishVolatile(subject, body),
    subscribeVolatile: (subject, onMessage) => bus.subscribeVolatile(subject, onMessage),
    answerVolatile: (subject, answer) => bus.answerVolatile(subject, answer),
    askVolatile: (subject, body, until) => bus.askVolatile(subject, body, until),
    kv: (bucket) => bus.kv(bucket),
    onConnection: (listener) => bus.onConnection(listener),
    close: () => bus.close(),
    ...changes,
  };
}

/** Something that is held until the test lets it go. */
export interface Door {
  /** Resolves while it is open. */
  readonly passed: Promise<void>;
  shut(): void;
  open(): void;
}

/** Leases whose beats wait at a door. */
export function beating(leases: LeaseStore, beats: Door): LeaseStore {
  return {
    ...{ ttlMs: leases.ttlMs, claim: leases.claim.bind(leases) },
    ...{ confirm: leases.confirm.bind(leases), release: leases.release.bind(leases) },
    beat: (holder) => beats.passed.then(() => leases.beat(holder)),
  };
}

/** Whether it is certain which log this is, as the witness has it. */
export interface Certainty {
  whenCertain(task: () => void): void;
  doubt(): void;
  settle(): void;
}

export function certainty(): Certainty {
  let isCertain = true;
  const kept: (() => void)[] = [];
  return {
    whenCertain(task) {
      if (isCertain) task();
      else kept.push(task);
    },
    doubt() {
      isCertain = false;
    },
    settle() {
      isCertain = true;
      for (const task of kept.splice(0)) task();
    },
  };
}

export function door(): Door {
  let passed = Promise.resolve();
  let open = (): void => undefined;
  return {
    get passed() {
      return passed;
    },
    shut() {
      const { promise, resolve } = Promise.withResolvers<void>();
      passed = promise;
      open = resolve;
    },
    open: () => open(),
  };
}
