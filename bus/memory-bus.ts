/**
 * The port over a server in memory: the twin of `nats-bus.ts`, for tests and simulation. Owns: the port's methods. Does
 * not own: the server (`memory-log.ts`), the connection (`memory-connection.ts`), or the rules of leases (`leases.ts`).
 *
 * Several buses over one log stand for several hosts. Time and interleaving come from the log's `now` and `defer`; given
 * the same ones, the same calls have the same outcome.
 */
import { assertKey, bucketOf, bucketStream, bucketSubject, LEASE_BUCKET, streamOf, streamStoring } from './layout.ts';
import type { RevisionedEntry, RevisionedStore } from './leases.ts';
import { CasLeases } from './leases.ts';
import { MemoryConnection } from './memory-connection.ts';
import type { MemoryLog, MemoryServer, Write } from './memory-log.ts';
import { serverOf } from './memory-log.ts';
import { MemoryReader } from './memory-reader.ts';
import type {
  Answer,
  BucketName,
  Bus,
  KeyValue,
  KvEntry,
  LeaseStore,
  PubAck,
  PublishRequest,
  Purgeable,
  Reader,
  ReadRequest,
  StoredMessage,
  StreamInfo,
  StreamName,
} from './port.ts';
import { BusError } from './port.ts';
import { isExpectation, isFilter, isLiteralSubject, isSequence, matchesFilter } from './subject-filter.ts';
import { surface } from './surface.ts';

export type { MemoryLog, MemoryLogOptions } from './memory-log.ts';
export { createMemoryLog } from './memory-log.ts';

export interface MemoryBusOptions {
  /** This host's clock for watching leases; the log's when absent. */
  readonly now?: () => number;
  readonly leaseTtlMs?: number;
}

export interface MemoryBus extends Bus {
  /** Cuts this connection only. */
  disconnect(): void;
  reconnect(): void;
}

const LEASE_TTL_MS_DEFAULT = 5000;
const DELETED = 'kv-operation';
const NO_HEADERS: ReadonlyMap<string, string> = new Map();
/** The server keeps it with the message. */
const MSG_ID = 'Nats-Msg-Id';
const NO_CONDITIONS = { msgId: null, expectLastSeq: null };
const decoder = new TextDecoder();

export function createMemoryBus(log: MemoryLog, options: MemoryBusOptions = {}): MemoryBus {
  return new InMemoryBus(serverOf(log), options);
}

interface VolatileMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly reply: string;
}

class InMemoryBus implements MemoryBus {
  readonly serverVersion = '0.0.0-memory';
  readonly leases: LeaseStore;
  readonly #server: MemoryServer;
  readonly #connection: MemoryConnection;
  readonly #readers = new Set<Reader>();
  readonly #unsubscribes = new Set<() => void>();

  constructor(server: MemoryServer, options: MemoryBusOptions) {
    this.#server = server;
    this.#connection = new MemoryConnection(server);
    const clock = { monotonicMs: options.now ?? server.now, epochMs: server.now };
    const store = new MemoryBucket(this.#connection, LEASE_BUCKET);
    const leases = new CasLeases(store, clock, options.leaseTtlMs ?? LEASE_TTL_MS_DEFAULT);
    this.#connection.listen({ onDown: () => leases.forgetObservations() });
    this.leases = leases;
  }

  /** Nothing is sent anywhere. */
  zstdOf(): null {
    return null;
  }

  get maxPayloadBytes(): number {
    return this.#server.maxPayloadBytes;
  }

  disconnect(): void {
    this.#connection.disconnect();
  }

  reconnect(): void {
    this.#connection.reconnect();
  }

  ensureTopology(): Promise<void> {
    return this.#connection.call('make streams and buckets', () => this.#server.ensureTopology());
  }

  streamInfo(stream?: StreamName): Promise<StreamInfo> {
    return this.#connection.call('look at a stream', () => this.#server.stream(streamOf(stream)).info());
  }

  async publish(request: PublishRequest): Promise<PubAck> {
    const { subject } = request;
    if (!isLiteralSubject(subject)) throw new BusError('refused', `not a subject: ${JSON.stringify(subject)}`);
    const stream = streamStoring(subject);
    if (stream === null) throw new BusError('refused', `no stream stores ${subject}`);
    const { expectLastSeq } = request;
    if (expectLastSeq !== undefined && !isExpectation(expectLastSeq)) {
      throw new BusError('refused', `publish to ${subject}: not a last sequence to expect: ${expectLastSeq}`);
    }
    const write = writeOf(request);
    if (write.data.length > this.maxPayloadBytes) {
      const sizes = `${write.data.length} bytes, the server takes ${this.maxPayloadBytes}`;
      throw new BusError('refused', `publish to ${subject}: ${sizes}`);
    }
    return this.#connection.call(`publish to ${subject}`, () => this.#server.stream(stream).append(write));
  }

  async read(request: ReadRequest): Promise<Reader> {
    if (!isFilter(request.filter)) throw new BusError('refused', `not a filter: ${JSON.stringify(request.filter)}`);
    const name = streamOf(request.stream);
    return this.#connection.call(`read ${name}`, () => {
      const reader: Reader = new MemoryReader(this.#connection, this.#server.stream(name), {
        ...request,
        onError: (error) => request.onError?.(error),
        onEnd: () => this.#readers.delete(reader),
      });
      this.#readers.add(reader);
      return reader;
    });
  }

  async readLast(filter: string, stream?: StreamName): Promise<StoredMessage[]> {
    if (!isFilter(filter)) throw new BusError('refused', `not a filter: ${JSON.stringify(filter)}`);
    return this.#connection.call('read the last messages', () =>
      this.#server.stream(streamOf(stream)).lastPerSubject(filter),
    );
  }

  async getLast(subject: string, stream?: StreamName): Promise<StoredMessage | null> {
    if (!isLiteralSubject(subject)) throw new BusError('refused', `not a subject: ${JSON.stringify(subject)}`);
    return this.#connection.call(`get the last message of ${subject}`, () =>
      this.#server.stream(streamOf(stream)).last(subject),
    );
  }

  async get(seq: number, stream?: StreamName): Promise<StoredMessage | null> {
    if (!isSequence(seq)) throw new BusError('refused', `not a sequence: ${seq}`);
    return this.#connection.call(`get message ${seq}`, () => this.#server.stream(streamOf(stream)).get(seq));
  }

  async purge(subject: string, beforeSeq: number, stream: Purgeable): Promise<void> {
    if (!isLiteralSubject(subject)) throw new BusError('refused', `not a subject: ${JSON.stringify(subject)}`);
    if (!isSequence(beforeSeq)) throw new BusError('refused', `not a sequence: ${beforeSeq}`);
    return this.#connection.call(`purge ${subject}`, () =>
      this.#server.stream(streamOf(stream)).purge(subject, beforeSeq),
    );
  }

  async remove(seq: number, stream?: StreamName): Promise<void> {
    if (!isSequence(seq)) throw new BusError('refused', `not a sequence: ${seq}`);
    return this.#connection.call(`delete ${seq}`, () => this.#server.stream(streamOf(stream)).remove(seq));
  }

  setMaxAge(ms: number, stream?: StreamName): Promise<void> {
    return this.#connection.call('set the age of a stream', () => this.#server.stream(streamOf(stream)).setMaxAge(ms));
  }

  publishVolatile(subject: string, body: string): void {
    if (!isLiteralSubject(subject)) throw new BusError('refused', `not a subject: ${JSON.stringify(subject)}`);
    if (this.#connection.up) this.#server.publishVolatile(subject, Buffer.from(body));
  }

  subscribeVolatile(subject: string, onMessage: (subject: string, data: Uint8Array) => void): () => void {
    if (!isFilter(subject)) throw new BusError('refused', `not a filter: ${JSON.stringify(subject)}`);
    if (this.#connection.closed) throw new BusError('closed', `subscribe to ${subject}: the connection is closed`);
    return this.#subscribe(subject, (message) => onMessage(message.subject, message.data));
  }

  answerVolatile(subject: string, answer: Answer): () => void {
    if (!isFilter(subject)) throw new BusError('refused', `not a filter: ${JSON.stringify(subject)}`);
    if (this.#connection.closed) throw new BusError('closed', `answer ${subject}: the connection is closed`);
    return this.#subscribe(subject, (message) => {
      const respond = (text: string | null): void => {
        if (text !== null && message.reply !== '' && this.#connection.up)
          this.#server.publishVolatile(message.reply, Buffer.from(text));
      };
      const text = answer(message.subject, message.data);
      if (text instanceof Promise) text.then(respond, surface);
      else respond(text);
    });
  }

  async askVolatile(subject: string, body: string, until: { answers: number; limitMs: number }): Promise<Uint8Array[]> {
    if (!isLiteralSubject(subject)) throw new BusError('refused', `not a subject: ${JSON.stringify(subject)}`);
    const answers: Uint8Array[] = [];
    const inbox = this.#server.newInbox();
    const { promise: enough, resolve } = Promise.withResolvers<void>();
    const unsubscribe = this.#subscribe(inbox, ({ data }) => {
      answers.push(data);
      if (answers.length >= until.answers) resolve();
    });
    const timer = setTimeout(resolve, until.limitMs);
    try {
      await this.#connection.call(`ask ${subject}`, () => {
        const asked = [...this.#server.subscribers].some(({ filter }) => matchesFilter(filter, subject));
        if (asked) this.#server.publishVolatile(subject, Buffer.from(body), inbox);
        else resolve();
      });
      await enough;
      return answers;
    } finally {
      clearTimeout(timer);
      unsubscribe();
    }
  }

  #subscribe(filter: string, onMessage: (message: VolatileMessage) => void): () => void {
    const arrived: VolatileMessage[] = [];
    const subscriber = {
      filter,
      deliver: (subject: string, data: Uint8Array, reply: string) => {
        if (!this.#connection.up) return;
        arrived.push({ subject, data, reply });
        this.#server.defer(() => {
          const message = arrived.shift();
          if (message !== undefined && this.#server.subscribers.has(subscriber)) onMessage(message);
        });
      },
    };
    this.#server.subscribers.add(subscriber);
    const unsubscribe = () => {
      this.#server.subscribers.delete(subscriber);
      this.#unsubscribes.delete(unsubscribe);
    };
    this.#unsubscribes.add(unsubscribe);
    return unsubscribe;
  }

  kv(bucket: BucketName): KeyValue {
    return new MemoryBucket(this.#connection, bucketOf(bucket));
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    const unlisten = this.#connection.listen({ onUp: () => listener(true), onDown: () => listener(false) });
    listener(this.#connection.up);
    return unlisten;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#readers].map((reader) => reader.stop()));
    for (const unsubscribe of [...this.#unsubscribes]) unsubscribe();
    await this.#connection.idle();
    this.#connection.close();
  }
}

class MemoryBucket implements KeyValue, RevisionedStore {
  readonly #connection: MemoryConnection;
  readonly #bucket: string;
  readonly #stream: string;

  constructor(connection: MemoryConnection, bucket: string) {
    this.#connection = connection;
    this.#bucket = bucket;
    this.#stream = bucketStream(bucket);
  }

  async get(key: string): Promise<KvEntry | null> {
    const subject = this.#subject(key);
    return this.#connection.call(`get ${key}`, () => {
      const message = this.#connection.server.stream(this.#stream).last(subject);
      return message === null || isDeletion(message) ? null : this.#entry(message);
    });
  }

  async put(key: string, value: string): Promise<number> {
    return this.#write(key, value, NO_HEADERS);
  }

  async delete(key: string): Promise<void> {
    await this.#write(key, '', new Map([[DELETED, 'DEL']]));
  }

  async entries(): Promise<KvEntry[]> {
    const filter = bucketSubject(this.#bucket, '>');
    const messages = await this.#connection.call(`list ${this.#bucket}`, () =>
      this.#connection.server.stream(this.#stream).lastPerSubject(filter),
    );
    return messages.filter((message) => !isDeletion(message)).map((message) => this.#entry(message));
  }

  async watch(onChange: (key: string, value: string | null) => void): Promise<() => void> {
    let reader: MemoryReader | null = null;
    let ended = false;
    const { server } = this.#connection;
    const open = (fromSeq: number) => {
      reader = new MemoryReader(this.#connection, server.stream(this.#stream), {
        filter: bucketSubject(this.#bucket, '>'),
        fromSeq,
        onMessage: (message) => {
          const { key, value } = this.#entry(message);
          onChange(key, isDeletion(message) ? null : value);
        },
        onError: (error) => {
          if (!error.retryable) return surface(error);
          server.whenStream(this.#stream, () => {
            if (!ended) open(1);
          });
        },
        onEnd: () => undefined,
      });
    };
    await this.#connection.call(`watch ${this.#bucket}`, () => open(server.stream(this.#stream).lastSeq + 1));
    return () => {
      ended = true;
      void reader?.stop();
    };
  }

  async read(key: string): Promise<RevisionedEntry | null> {
    const subject = this.#subject(key);
    return this.#connection.call(`get ${key}`, () => {
      const message = this.#connection.server.stream(this.#stream).last(subject);
      return message === null ? null : { value: decoder.decode(message.data), revision: message.seq };
    });
  }

  async putIfRevision(key: string, value: string, revision: number): Promise<number | null> {
    const subject = this.#subject(key);
    return this.#connection.call(`put ${key}`, () => {
      const stream = this.#connection.server.stream(this.#stream);
      if ((stream.last(subject)?.seq ?? 0) !== revision) return null;
      return stream.append({ ...NO_CONDITIONS, subject, data: Buffer.from(value), headers: NO_HEADERS }).seq;
    });
  }

  async #write(key: string, value: string, headers: ReadonlyMap<string, string>): Promise<number> {
    const subject = this.#subject(key);
    const write = { ...NO_CONDITIONS, subject, data: Buffer.from(value), headers };
    const ack = await this.#connection.call(`put ${key}`, () =>
      this.#connection.server.stream(this.#stream).append(write),
    );
    return ack.seq;
  }

  #subject(key: string): string {
    return bucketSubject(this.#bucket, assertKey(key));
  }

  #entry(message: StoredMessage): KvEntry {
    const key = message.subject.slice(bucketSubject(this.#bucket, '').length);
    return { key, value: decoder.decode(message.data), revision: message.seq, atMs: message.atMs };
  }
}

function isDeletion(message: StoredMessage): boolean {
  return message.header(DELETED) !== '';
}

/** A copy, so that what the caller does to its buffer afterwards does not change the log. */
function writeOf(request: PublishRequest): Write {
  const data = typeof request.body === 'string' ? Buffer.from(request.body) : Buffer.from(request.body);
  const headers = new Map<string, string>();
  for (const name in request.headers) headers.set(name.toLowerCase(), request.headers[name] ?? '');
  const { subject, msgId = null, expectLastSeq = null } = request;
  if (msgId !== null) headers.set(MSG_ID, msgId);
  return { subject, data, headers, msgId, expectLastSeq };
}
