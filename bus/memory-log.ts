/**
 * A server in memory, with what the mesh relies on of JetStream. Owns: streams, duplicate windows, buckets (streams as
 * well), and the faults a test can play. Does not own: connections (`memory-bus.ts`).
 *
 * Invariants:
 * 1. Sequences grow by one and are not used again while the stream keeps its identity, unless `truncate` played a
 *    power loss.
 * 2. Nothing is delivered while a caller is still inside its call: every delivery is a task handed to `defer`.
 */
import { CHECKPOINT_STREAM, QUARANTINE_STREAM, STREAM } from '../schemas/events/subjects.ts';
import { bucketOf, bucketStream, DUPLICATE_WINDOW_MS, LEASE_BUCKET, streamOf, TELEMETRY_STREAM } from './layout.ts';
import type { PubAck, StoredMessage, StreamInfo, StreamName } from './port.ts';
import { BusError } from './port.ts';
import { matchesFilter } from './subject-filter.ts';

export interface MemoryLogOptions {
  /** The server's clock, milliseconds since the epoch. */
  readonly now?: () => number;
  /** Runs a task later; whoever controls it controls the interleaving of all connections. */
  readonly defer?: (task: () => void) => void;
  readonly maxPayloadBytes?: number;
  /**
   * A message whose id is known and whose expectation is wrong is a duplicate, as nats-server up to 2.11 has it; absent
   * it is a conflict, as from 2.12 on.
   */
  readonly duplicateBeforeConflict?: boolean;
}

/** What a test sees of the server. */
export interface MemoryLog {
  readonly up: boolean;
  /** The server dies: every connection goes down, what was stored stays. */
  goDown(): void;
  /** The server is back, and every connection that was not cut by itself. */
  comeUp(): void;
  /** Everything stored is lost, streams and buckets too, until `ensureTopology` makes them anew. */
  wipe(): void;
  /** Power loss: what came after this sequence was never written to disk. */
  truncate(stream: StreamName, lastSeq: number): void;
  /** Retention: what came before this sequence is gone. */
  expire(stream: StreamName, firstSeq: number): void;
}

/** NATS' own default. */
const MAX_PAYLOAD_BYTES_DEFAULT = 1024 * 1024;

export function createMemoryLog(options: MemoryLogOptions = {}): MemoryLog {
  return new MemoryServer(options);
}

export interface Write {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: ReadonlyMap<string, string>;
  readonly msgId: string | null;
  /** Last sequence of the subject, 0 for none; null expects nothing. */
  readonly expectLastSeq: number | null;
}

/** Hears of every message stored, and with null of every loss. */
export type StreamListener = (stored: StoredMessage | null) => void;

class MemoryMessage implements StoredMessage {
  readonly seq: number;
  readonly subject: string;
  readonly atMs: number;
  readonly data: Uint8Array;
  readonly #headers: ReadonlyMap<string, string>;

  constructor(seq: number, atMs: number, write: Write) {
    this.seq = seq;
    this.subject = write.subject;
    this.atMs = atMs;
    this.data = write.data;
    this.#headers = write.headers;
  }

  header(name: string): string {
    return this.#headers.get(name) ?? '';
  }

  headers(): Iterable<readonly [string, string]> {
    return this.#headers;
  }
}

/** A stream as it was. */
export interface StreamCopy {
  readonly messages: ReadonlyMap<number, StoredMessage>;
  readonly seen: ReadonlyMap<string, { readonly seq: number; readonly atMs: number }>;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

interface StreamRules {
  readonly now: () => number;
  /** A bucket keeps one message per subject. */
  readonly keepsLastOnly: boolean;
  readonly duplicateBeforeConflict: boolean;
}

export class MemoryStream {
  readonly identity: string;
  readonly name: string;
  readonly #keepsLastOnly: boolean;
  readonly #duplicateBeforeConflict: boolean;
  readonly #now: () => number;
  readonly #messages = new Map<number, StoredMessage>();
  readonly #lastOfSubject = new Map<string, number>();
  /** In order of time, so that the expired ones are in front. */
  readonly #seenIds = new Map<string, { readonly seq: number; readonly atMs: number }>();
  readonly #listeners = new Set<StreamListener>();
  #firstSeq = 1;
  #maxAgeMs = 0;
  #lastSeq = 0;

  constructor(name: string, identity: string, rules: StreamRules) {
    this.name = name;
    this.identity = identity;
    this.#now = rules.now;
    this.#keepsLastOnly = rules.keepsLastOnly;
    this.#duplicateBeforeConflict = rules.duplicateBeforeConflict;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  info(): StreamInfo {
    const places = { firstSeq: this.#firstSeq, lastSeq: this.#lastSeq };
    return { identity: this.identity, ...places, maxAgeMs: this.#maxAgeMs };
  }

  append(write: Write): PubAck {
    const atMs = this.#now();
    this.#forgetOldIds(atMs);
    const seen = write.msgId === null ? undefined : this.#seenIds.get(`${write.subject} ${write.msgId}`);
    if (!this.#duplicateBeforeConflict) this.#assertExpected(write);
    if (seen !== undefined) return { seq: seen.seq, duplicate: true };
    this.#assertExpected(write);
    this.#lastSeq += 1;
    const seq = this.#lastSeq;
    const earlier = this.#lastOfSubject.get(write.subject);
    if (this.#keepsLastOnly && earlier !== undefined) this.#messages.delete(earlier);
    const message = new MemoryMessage(seq, atMs, write);
    this.#messages.set(seq, message);
    this.#lastOfSubject.set(write.subject, seq);
    if (write.msgId !== null) this.#seenIds.set(`${write.subject} ${write.msgId}`, { seq, atMs });
    this.#notify(message);
    return { seq, duplicate: false };
  }

  get(seq: number): StoredMessage | null {
    return this.#messages.get(seq) ?? null;
  }

  /** The first message from a sequence on that matches. */
  next(fromSeq: number, filter: string): StoredMessage | null {
    for (let seq = Math.max(fromSeq, this.#firstSeq); seq <= this.#lastSeq; seq += 1) {
      const message = this.#messages.get(seq);
      if (message !== undefined && matchesFilter(filter, message.subject)) return message;
    }
    return null;
  }

  /** How many messages match from a sequence on. */
  count(fromSeq: number, filter: string): number {
    let found = 0;
    for (let next = this.next(fromSeq, filter); next !== null; next = this.next(next.seq + 1, filter)) found += 1;
    return found;
  }

  last(subject: string): StoredMessage | null {
    return this.get(this.#lastOfSubject.get(subject) ?? 0);
  }

  lastPerSubject(filter: string): StoredMessage[] {
    const found: StoredMessage[] = [];
    for (const [subject, seq] of this.#lastOfSubject) {
      const message = this.#messages.get(seq);
      if (message !== undefined && matchesFilter(filter, subject)) found.push(message);
    }
    return found.sort((one, other) => one.seq - other.seq);
  }

  truncate(lastSeq: number): void {
    for (const seq of [...this.#messages.keys()]) if (seq > lastSeq) this.#messages.delete(seq);
    for (const [id, seen] of [...this.#seenIds]) if (seen.seq > lastSeq) this.#seenIds.delete(id);
    this.#lastSeq = Math.min(this.#lastSeq, lastSeq);
    this.#firstSeq = Math.min(this.#firstSeq, this.#lastSeq + 1);
    this.#lastOfSubject.clear();
    for (const message of this.#messages.values()) this.#lastOfSubject.set(message.subject, message.seq);
    this.#notify(null);
  }

  /** What is stored, to be put back later. */
  copy(): StreamCopy {
    const seen = new Map(this.#seenIds);
    return { messages: new Map(this.#messages), seen, firstSeq: this.#firstSeq, lastSeq: this.#lastSeq };
  }

  /** A backup is put back: the stream is what it was when the copy was made, its identity included. */
  restore(copy: StreamCopy): void {
    this.#messages.clear();
    this.#seenIds.clear();
    this.#lastOfSubject.clear();
    for (const [seq, message] of copy.messages) {
      this.#messages.set(seq, message);
      this.#lastOfSubject.set(message.subject, seq);
    }
    for (const [id, seen] of copy.seen) this.#seenIds.set(id, seen);
    this.#firstSeq = copy.firstSeq;
    this.#lastSeq = copy.lastSeq;
    this.#notify(null);
  }

  expire(firstSeq: number): void {
    for (const seq of [...this.#messages.keys()]) if (seq < firstSeq) this.#messages.delete(seq);
    this.#firstSeq = Math.min(Math.max(this.#firstSeq, firstSeq), this.#lastSeq + 1);
  }

  /** Deletes the messages of one subject before a sequence. */
  purge(subject: string, beforeSeq: number): void {
    for (const [seq, message] of this.#messages) {
      if (seq >= beforeSeq) break;
      if (message.subject === subject) this.#messages.delete(seq);
    }
    // Inserted in the order of their sequences, so the oldest one left is in front.
    const [oldest = this.#lastSeq + 1] = this.#messages.keys();
    this.#firstSeq = oldest;
  }

  remove(seq: number): void {
    const removed = this.#messages.get(seq);
    if (removed === undefined) return;
    this.#messages.delete(seq);
    const [oldest = this.#lastSeq + 1] = this.#messages.keys();
    this.#firstSeq = oldest;
    if (this.#lastOfSubject.get(removed.subject) !== seq) return;
    const left = [...this.#messages.values()].findLast(({ subject }) => subject === removed.subject);
    if (left === undefined) this.#lastOfSubject.delete(removed.subject);
    else this.#lastOfSubject.set(left.subject, left.seq);
  }

  /** Remembered; what has come of age goes by `expire`. */
  setMaxAge(ms: number): void {
    this.#maxAgeMs = ms;
  }

  /** Tells that something was stored or lost; returns the function that ends it. */
  listen(listener: StreamListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  notifyGone(): void {
    this.#notify(null);
  }

  #assertExpected({ subject, expectLastSeq }: Write): void {
    if (expectLastSeq === null) return;
    const lastSeq = this.last(subject)?.seq ?? 0;
    if (lastSeq === expectLastSeq) return;
    throw new BusError('conflict', `publish to ${subject}: the last sequence is ${lastSeq}, not ${expectLastSeq}`);
  }

  #notify(stored: StoredMessage | null): void {
    for (const listener of [...this.#listeners]) listener(stored);
  }

  #forgetOldIds(nowMs: number): void {
    for (const [id, seen] of this.#seenIds) {
      if (nowMs - seen.atMs < DUPLICATE_WINDOW_MS) return;
      this.#seenIds.delete(id);
    }
  }
}

export interface ServerListener {
  onServerUp(): void;
  onServerDown(): void;
}

export interface VolatileSubscriber {
  readonly filter: string;
  /** @param reply where an answer is wanted; empty when none is */
  deliver(subject: string, data: Uint8Array, reply: string): void;
}

export class MemoryServer implements MemoryLog {
  readonly now: () => number;
  readonly defer: (task: () => void) => void;
  readonly maxPayloadBytes: number;
  readonly #duplicateBeforeConflict: boolean;
  readonly connections = new Set<ServerListener>();
  readonly subscribers = new Set<VolatileSubscriber>();
  readonly #streams = new Map<string, MemoryStream>();
  readonly #awaited = new Map<string, Set<() => void>>();
  #identities = 0;
  #inboxes = 0;
  #up = true;

  constructor(options: MemoryLogOptions) {
    this.now = options.now ?? Date.now;
    this.defer = options.defer ?? ((task) => void setImmediate(task));
    this.maxPayloadBytes = options.maxPayloadBytes ?? MAX_PAYLOAD_BYTES_DEFAULT;
    this.#duplicateBeforeConflict = options.duplicateBeforeConflict ?? false;
  }

  get up(): boolean {
    return this.#up;
  }

  ensureTopology(): void {
    for (const name of [STREAM, CHECKPOINT_STREAM, QUARANTINE_STREAM, TELEMETRY_STREAM]) {
      this.#ensureStream(name, false);
    }
    for (const bucket of [...(['config', 'registry', 'push', 'removed'] as const).map(bucketOf), LEASE_BUCKET]) {
      this.#ensureStream(bucketStream(bucket), true);
    }
  }

  findStream(name: string): MemoryStream | null {
    return this.#streams.get(name) ?? null;
  }

  stream(name: string): MemoryStream {
    const stream = this.#streams.get(name);
    if (stream === undefined) throw new BusError('unavailable', `stream ${name} is not there`);
    return stream;
  }

  /** Calls back, later, when the stream is there. */
  whenStream(name: string, callback: () => void): void {
    if (this.#streams.has(name)) {
      this.defer(callback);
      return;
    }
    const waiting = this.#awaited.get(name) ?? new Set();
    this.#awaited.set(name, waiting.add(callback));
  }

  publishVolatile(subject: string, data: Uint8Array, reply = ''): void {
    for (const subscriber of [...this.subscribers]) {
      if (matchesFilter(subscriber.filter, subject)) subscriber.deliver(subject, data, reply);
    }
  }

  /** A subject for the answers to one request. */
  newInbox(): string {
    this.#inboxes += 1;
    return `_INBOX.${this.#inboxes}`;
  }

  goDown(): void {
    if (!this.#up) return;
    this.#up = false;
    for (const connection of [...this.connections]) connection.onServerDown();
  }

  comeUp(): void {
    if (this.#up) return;
    this.#up = true;
    for (const connection of [...this.connections]) connection.onServerUp();
  }

  wipe(): void {
    const gone = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of gone) stream.notifyGone();
  }

  truncate(stream: StreamName, lastSeq: number): void {
    this.stream(streamOf(stream)).truncate(lastSeq);
  }

  expire(stream: StreamName, firstSeq: number): void {
    this.stream(streamOf(stream)).expire(firstSeq);
  }

  #ensureStream(name: string, keepsLastOnly: boolean): void {
    if (this.#streams.has(name)) return;
    this.#identities += 1;
    const identity = `${new Date(this.now()).toISOString()}#${this.#identities}`;
    const rules = { now: this.now, keepsLastOnly, duplicateBeforeConflict: this.#duplicateBeforeConflict };
    this.#streams.set(name, new MemoryStream(name, identity, rules));
    for (const callback of this.#awaited.get(name) ?? []) this.defer(callback);
    this.#awaited.delete(name);
  }
}

/** The server behind what a test holds. */
export function serverOf(log: MemoryLog): MemoryServer {
  if (log instanceof MemoryServer) return log;
  throw new TypeError('this log was not made by createMemoryLog');
}
