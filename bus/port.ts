/**
 * The port between the mesh and its log. Owns: the words in which the runtime, the gateway and the commands speak of
 * JetStream. Does not own: any connection. Two adapters implement it, `nats-bus.ts` and `memory-bus.ts`, and pass the
 * same contract tests.
 *
 * Invariants:
 * 1. `read` delivers every stored message that matches, once, in stream order, across reconnects (S1).
 * 2. `publish` resolves only after the server has acknowledged the message (PubAck, S4).
 * 3. A message whose `msgId` its subject has seen within the stream's duplicate window is not stored again.
 * 4. Of two publishes to one subject that expect the same last sequence one is stored (J4).
 * 5. A lease has one holder; its fence grows with every change of holder and never repeats (S7).
 */

/**
 * `log` is the stream MESH, `quarantine` the stream MESH_QUARANTINE, `checkpoints` the stream MESH_CHECKPOINTS,
 * `telemetry` the stream MESH_TELEMETRY.
 */
export type StreamName = 'log' | 'quarantine' | 'checkpoints' | 'telemetry';

/** Of all streams this one alone is purged; the log refuses it (`topology.ts`). */
export type Purgeable = Extract<StreamName, 'checkpoints'>;

export interface StoredMessage {
  /** Sequence in its stream, from 1, never reused in the life of the stream. */
  readonly seq: number;
  readonly subject: string;
  /** When the server stored it, milliseconds since the epoch; the same at every reading. */
  readonly atMs: number;
  readonly data: Uint8Array;
  /** A header by its exact, lower-case name; empty when absent. */
  header(name: string): string;
  /** All headers, those of the server too, with their names as they were sent. */
  headers(): Iterable<readonly [name: string, value: string]>;
  /** Why it is not what it says that it is (`signed-bus.ts`); absent when nothing is known against it. */
  readonly distrust?: string;
}

export interface PublishRequest {
  readonly subject: string;
  readonly body: string | Uint8Array;
  /** What `zstdOf` made of the body; made anew when it is absent and needed. */
  readonly zstd?: Uint8Array | undefined;
  /** Sent as `Nats-Msg-Id`. */
  readonly msgId?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Stored only when the last message of this subject has this sequence (0: there is none), else refused with
   * `conflict`. Sent as `Nats-Expected-Last-Subject-Sequence`.
   *
   * A message whose `msgId` is known is never stored again, but whether it is a duplicate or a conflict when its
   * expectation no longer holds is the server's choice: nats-server up to 2.11 looks at the id first, from 2.12 on at
   * the expectation. So a conflict after a repeated publish may be with one's own first try: look at the subject.
   */
  readonly expectLastSeq?: number;
}

export interface PubAck {
  readonly seq: number;
  /** True when the subject had a message of that `msgId` already and nothing was stored. */
  readonly duplicate: boolean;
}

export interface StreamInfo {
  /** Changes when the stream is deleted and made anew: the server's creation time. */
  readonly identity: string;
  /** The oldest message still stored; `lastSeq + 1` when there is none. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Messages older than this go, milliseconds; 0 when they stay. */
  readonly maxAgeMs: number;
}

export interface ReadRequest {
  readonly stream?: StreamName;
  /** One subject filter with NATS wildcards. */
  readonly filter: string;
  /** First sequence wanted; 1 reads from the beginning. */
  readonly fromSeq: number;
  /** Called in stream order; must not throw (the reader would stop with an error). */
  readonly onMessage: (message: StoredMessage) => void;
  /** The reader cannot go on and has stopped (the stream is gone, say). */
  readonly onError?: (error: BusError) => void;
}

export interface Reader {
  /**
   * Resolves when everything that was stored at the opening has been delivered; rejects with a BusError when the reader
   * fails or is stopped before. Nobody has to wait for it.
   */
  readonly caughtUp: Promise<void>;
  /** Stored messages that match and were not delivered yet, as far as the reader has heard. */
  readonly pending: number;
  stop(): Promise<void>;
}

export type LeaseClaim =
  | { readonly granted: true; readonly fence: number }
  | { readonly granted: false; readonly holder: string };

/** Beats in one time to live of a lease: two may be missed. */
export const BEATS_PER_TTL = 3;

/**
 * Leases in KV `mesh-leases`. A holder lives as long as it beats; a claim on a lease whose holder has not beaten for
 * the lease's time to live, while the claimant has beaten three times, is granted with a larger fence. A holder that comes
 * back under the same name (a restarted process with the same ledger) gets its own leases at once, also with a larger fence.
 */
export interface LeaseStore {
  readonly ttlMs: number;
  /** @param takesFree false: only a lease of the claimant itself or of a silent holder is granted, none that nobody has */
  claim(key: string, holder: string, takesFree?: boolean): Promise<LeaseClaim>;
  /** True when the lease is still held by this holder under this fence, decided by the server, not by a cache. */
  confirm(key: string, holder: string, fence: number): Promise<boolean>;
  release(key: string, holder: string, fence: number): Promise<void>;
  /**
   * Says that the holder lives. False when it may have been found silent since its last beat, or when this is its first
   * one: then somebody else may hold its leases, and each has to be claimed again.
   */
  beat(holder: string): Promise<boolean>;
}

export interface KvEntry {
  readonly key: string;
  readonly value: string;
  readonly revision: number;
  /** When it was written, milliseconds since the epoch, by the server's clock. */
  readonly atMs: number;
}

/**
 * `config`: live settings; `registry`: heartbeats of services; `push`: where the gateway tells callers of their tasks;
 * `removed`: tasks whose trail was removed.
 */
export type BucketName = 'config' | 'registry' | 'push' | 'removed';

export interface KeyValue {
  get(key: string): Promise<KvEntry | null>;
  put(key: string, value: string): Promise<number>;
  delete(key: string): Promise<void>;
  entries(): Promise<KvEntry[]>;
  /** Calls back for every later change; a null value is a deletion. Returns the function that ends it. */
  watch(onChange: (key: string, value: string | null) => void): Promise<() => void>;
}

/** What is answered to a request; null is no answer. A promise must not reject. */
export type Answer = (subject: string, data: Uint8Array) => string | null | Promise<string | null>;

export interface Bus {
  /** Streams and buckets are there as they should be, made or changed if need be; safe to call from many processes at once. */
  ensureTopology(): Promise<void>;
  streamInfo(stream?: StreamName): Promise<StreamInfo>;
  publish(request: PublishRequest): Promise<PubAck>;
  /** What a body is sent as, for who stores it elsewhere too; null for one that is sent as it is. */
  zstdOf(subject: string, body: Uint8Array): Uint8Array | null;
  read(request: ReadRequest): Promise<Reader>;
  /**
   * The last stored message of every subject that matches, in stream order.
   * @param options `bare`: only their places are wanted, and the server may leave their data out
   */
  readLast(filter: string, stream?: StreamName, options?: { readonly bare?: boolean }): Promise<StoredMessage[]>;
  /** The last stored message of one subject, or null when there is none; cheaper than `readLast`. */
  getLast(subject: string, stream?: StreamName): Promise<StoredMessage | null>;
  /** One message by its sequence, or null when it is gone. */
  get(seq: number, stream?: StreamName): Promise<StoredMessage | null>;
  /**
   * Deletes the messages of one subject before a sequence; that one and later ones stay, and what a subject that is
   * emptied expects as its last sequence is 0 again. On nats-server 2.9 a reader of the same stream that lags behind
   * and whose filter is wider than the subject may be moved past messages of other subjects: read such a stream subject
   * by subject.
   */
  purge(subject: string, beforeSeq: number, stream: Purgeable): Promise<void>;
  /** Deletes one message, and overwrites it in the store; one that is gone already is no error. Readers pass it over. */
  remove(seq: number, stream?: StreamName): Promise<void>;
  /** From now on messages older than this go, also those that are stored. */
  setMaxAge(ms: number, stream?: StreamName): Promise<void>;
  /** Core NATS: not stored, no acknowledgement. */
  publishVolatile(subject: string, body: string): void;
  subscribeVolatile(subject: string, onMessage: (subject: string, data: Uint8Array) => void): () => void;
  /**
   * Core NATS: answers requests to a subject filter, each instance for itself. A null answer is none. Returns the
   * function that ends it.
   */
  answerVolatile(subject: string, answer: Answer): () => void;
  /** Core NATS: what is answered to a request until so many answers are there or the time is over. */
  askVolatile(subject: string, body: string, until: { answers: number; limitMs: number }): Promise<Uint8Array[]>;
  readonly leases: LeaseStore;
  kv(bucket: BucketName): KeyValue;
  /** Tells every change of the connection, and the present state at once. Returns the function that ends it. */
  onConnection(listener: (connected: boolean) => void): () => void;
  /** Version of the server, such as 2.9.10. */
  readonly serverVersion: string;
  /** The server's limit of one message, bytes. */
  readonly maxPayloadBytes: number;
  /** Drains: what was published is flushed and acknowledged where possible, then the connection closes. */
  close(): Promise<void>;
}

export type BusErrorCode =
  /** No server answered at the address. */
  | 'unreachable'
  /** The connection is down or the acknowledgement did not come in time: the same publish may be tried again. */
  | 'unavailable'
  /** The server refused for good: payload too large, no permission, wrong subject. */
  | 'refused'
  /** Somebody else has written to the subject since (`expectLastSeq`). */
  | 'conflict'
  /** The server answers without a store: it was started without one, or cannot use it. */
  | 'no_jetstream'
  /** The server is a version known to lose data, or too old. */
  | 'unsupported_server'
  | 'closed';

export class BusError extends Error {
  readonly code: BusErrorCode;
  constructor(code: BusErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BusError';
    this.code = code;
  }
  get retryable(): boolean {
    return this.code === 'unavailable' || this.code === 'unreachable';
  }
}
