/**
 * The port over a NATS server with JetStream. Owns: putting the parts together, checking what is about to be sent, and
 * the order of closing. Does not own: the parts (`connection.ts`, `pub-acks.ts`, `reader.ts`, `leases.ts`,
 * `key-value.ts`, `topology.ts`).
 *
 * Works from nats-server 2.9.10 on: one filter per consumer, no metadata, no time to live per message; compression only
 * where the server has it.
 */

import { randomUUID } from 'node:crypto';
import type { JetStreamManager, MsgRequest, StreamInfo as WireStreamInfo } from '@nats-io/jetstream';
import { jetstreamManager } from '@nats-io/jetstream';
import type { Msg, MsgHdrs } from 'nats';
import { errors, headers, millis, nanos } from 'nats';
import { Connection, type Credentials } from './connection.ts';
import { toBusError } from './errors.ts';
import { askKeeper } from './keeper.ts';
import { JetStreamBucket } from './key-value.ts';
import { readLastPerSubject } from './last-per-subject.ts';
import { bucketOf, LEASE_BUCKET, streamOf, streamStoring } from './layout.ts';
import { CasLeases } from './leases.ts';
import { LogMessage } from './ordered-delivery.ts';
import { packedBody, packedHeaders } from './packed-body.ts';
import type {
  Answer,
  BucketName,
  Bus,
  KeyValue,
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
import { PubAcks } from './pub-acks.ts';
import { openReader } from './reader.ts';
import { assertSupportedServer } from './server-version.ts';
import type { Signing } from './signatures.ts';
import { signedBus } from './signed-bus.ts';
import { isExpectation, isFilter, isLiteralSubject, isSequence } from './subject-filter.ts';
import { surface } from './surface.ts';
import { ensureTopology, missingStreams } from './topology.ts';

export interface ConnectOptions extends Credentials {
  /** `nats://` or `tls://`, user and password or a token before the `@`; several separated by commas. */
  readonly url: string;
  /** Shown in the server's list of connections. */
  readonly name: string;
  readonly leaseTtlMs?: number;
  /** Servers that keep a copy of the streams, at least. */
  readonly replicas?: number;
  /**
   * How streams and buckets come to be there. `make`: by this connection. `ask`: the keeper is asked, and where nobody
   * answers for it this connection makes them if it may. `wait`: the keeper alone makes them.
   */
  readonly topology?: 'make' | 'ask' | 'wait';
  /** Absent: messages are neither signed nor judged. */
  readonly signing?: SigningOptions | undefined;
}

export interface SigningOptions extends Signing {
  /** Hears of each message that is not trusted and that nobody is told of. */
  readonly onPassedOver?: (reason: string) => void;
}

/** Several beats fit in, so that one that is late costs nothing. */
const LEASE_TTL_MS_DEFAULT = 5000;
/** Closing waits that long for acknowledgements and for draining; after that the process wants to end. */
const CLOSE_LIMIT_MS = 3000;
/** What the header block of a message adds to its size beside names and values. */
const HEADER_BLOCK_OVERHEAD_BYTES = 12;
const HEADER_LINE_OVERHEAD_BYTES = 4;
const MSG_ID = 'Nats-Msg-Id';
const EXPECTED_LAST_SEQ = 'Nats-Expected-Last-Subject-Sequence';
const NO_RESPONDERS = 503;

/** Connects once, quickly or not at all; from then on the connection is restored whenever it is lost. */
export async function connectBus(options: ConnectOptions): Promise<Bus> {
  const connection = await Connection.open(options.url, options.name, options);
  try {
    assertSupportedServer(connection.serverVersion);
    const jsm = await openJetStream(connection);
    const bus = new NatsBus(connection, jsm, options);
    const { signing } = options;
    return signing === undefined ? bus : signedBus(bus, signing, signing.onPassedOver ?? (() => undefined));
  } catch (thrown) {
    connection.markClosing();
    await connection.nc.close();
    throw toBusError(thrown, `connect to ${connection.shownAddress}`);
  }
}

async function openJetStream(connection: Connection): Promise<JetStreamManager> {
  try {
    return await jetstreamManager(connection.nc);
  } catch (thrown) {
    // Who has no JetStream says so at once; servers of a cluster that are choosing their leader say nothing.
    if (thrown instanceof errors.TimeoutError && connection.nc.info?.jetstream === true) {
      const message = `JetStream of the NATS server at ${connection.shownAddress} does not answer: a cluster may be choosing its leader`;
      throw new BusError('unavailable', message, { cause: thrown });
    }
    const message = `the NATS server at ${connection.shownAddress} does not offer JetStream: it was started without -js, or cannot use its store`;
    throw new BusError('no_jetstream', message, { cause: thrown });
  }
}

class NatsBus implements Bus {
  readonly leases: LeaseStore;
  readonly #connection: Connection;
  readonly #jsm: JetStreamManager;
  readonly #acks: PubAcks;
  readonly #replicas: number;
  readonly #topology: 'make' | 'ask' | 'wait';
  readonly #buckets = new Map<BucketName, KeyValue>();
  readonly #readers = new Set<Reader>();
  #closed: Promise<void> | null = null;

  constructor(connection: Connection, jsm: JetStreamManager, options: ConnectOptions) {
    this.#connection = connection;
    this.#replicas = options.replicas ?? 1;
    this.#topology = options.topology ?? 'make';
    this.#jsm = jsm;
    this.#acks = new PubAcks(connection);
    const leases = new CasLeases(
      new JetStreamBucket(connection, jsm, this.#acks, LEASE_BUCKET),
      { monotonicMs: () => performance.now(), epochMs: () => Date.now() },
      options.leaseTtlMs ?? LEASE_TTL_MS_DEFAULT,
    );
    connection.listen({ onDown: () => leases.forgetObservations() });
    this.leases = leases;
  }

  get serverVersion(): string {
    return this.#connection.serverVersion;
  }

  get maxPayloadBytes(): number {
    return this.#connection.maxPayloadBytes;
  }

  async ensureTopology(): Promise<void> {
    if (this.#topology !== 'make' && (await askKeeper(this))) return;
    if (this.#topology !== 'wait') {
      try {
        await this.#makeTopology();
        return;
      } catch (thrown) {
        if (!isForbidden(thrown)) throw thrown;
      }
    }
    const missing = await this.#connection.guard('look for the streams', () => missingStreams(this.#jsm));
    if (missing.length === 0) return;
    throw new BusError('unavailable', `${missing.join(', ')}: not there, and whoever makes streams does not answer`);
  }

  #makeTopology(): Promise<void> {
    return this.#connection.guard('make streams and buckets', () =>
      ensureTopology(this.#connection.nc, this.#jsm, this.#replicas),
    );
  }

  async streamInfo(stream?: StreamName): Promise<StreamInfo> {
    const name = streamOf(stream);
    const info = await this.#connection.guard<WireStreamInfo>(`look at stream ${name}`, () =>
      this.#jsm.streams.info(name),
    );
    const { messages, first_seq: firstSeq, last_seq: lastSeq } = info.state;
    const maxAgeMs = millis(info.config.max_age);
    return { identity: info.created, firstSeq: messages === 0 ? lastSeq + 1 : firstSeq, lastSeq, maxAgeMs };
  }

  publish(request: PublishRequest): Promise<PubAck> {
    const { subject } = request;
    if (!isLiteralSubject(subject)) return refuse(`not a subject: ${JSON.stringify(subject.slice(0, 200))}`);
    if (streamStoring(subject) === null) return refuse(`no stream stores ${subject}`);
    const { expectLastSeq } = request;
    if (expectLastSeq !== undefined && !isExpectation(expectLastSeq)) {
      return refuse(`publish to ${subject}: not a last sequence to expect: ${expectLastSeq}`);
    }
    const body = typeof request.body === 'string' ? Buffer.from(request.body) : request.body;
    const sizeBytes = body.length + headerBytes(request);
    if (sizeBytes > this.maxPayloadBytes) {
      return refuse(`publish to ${subject}: ${sizeBytes} bytes, the server takes ${this.maxPayloadBytes}`);
    }
    const packed = request.zstd ?? this.zstdOf(subject, body);
    const headers = packed === null ? request.headers : { ...request.headers, ...packedHeaders };
    try {
      const stored = this.#acks.publish(subject, packed ?? body, headersOf({ ...request, headers }));
      return stored.then((ack) => (ack.duplicate ? this.#unlessTaken(request, ack) : ack));
    } catch (thrown) {
      return Promise.reject(toBusError(thrown, `publish to ${subject}`));
    }
  }

  zstdOf(subject: string, body: Uint8Array): Uint8Array | null {
    return packedBody(this.serverVersion, subject, body);
  }

  /**
   * Ids are one space for all subjects of a stream: who may publish on another one may have taken the id of this message,
   * which would then be acknowledged and stored nowhere.
   */
  async #unlessTaken(request: PublishRequest, ack: PubAck): Promise<PubAck> {
    const { subject } = request;
    const known = await this.#getOne(streamStoring(subject) ?? streamOf(), { seq: ack.seq }, `get message ${ack.seq}`);
    if (known === null || known.subject === subject) return ack;
    return this.publish({ ...request, msgId: `${request.msgId}.${randomUUID()}` });
  }

  async read(request: ReadRequest): Promise<Reader> {
    if (!isFilter(request.filter)) throw new BusError('refused', `not a filter: ${JSON.stringify(request.filter)}`);
    let reader: Reader | null = null;
    const inner = await openReader(this.#connection, this.#jsm, {
      stream: streamOf(request.stream),
      filter: request.filter,
      fromSeq: request.fromSeq,
      onMessage: request.onMessage,
      onError: (error) => {
        if (reader !== null) this.#readers.delete(reader);
        request.onError?.(error);
      },
    });
    const stop = () => {
      if (reader !== null) this.#readers.delete(reader);
      return inner.stop();
    };
    reader = {
      caughtUp: inner.caughtUp,
      get pending() {
        return inner.pending;
      },
      stop,
    };
    this.#readers.add(reader);
    return reader;
  }

  async readLast(
    filter: string,
    stream?: StreamName,
    options: { readonly bare?: boolean } = {},
  ): Promise<StoredMessage[]> {
    if (!isFilter(filter)) throw new BusError('refused', `not a filter: ${JSON.stringify(filter)}`);
    const start = options.bare === true ? 'last_place_per_subject' : 'last_per_subject';
    return readLastPerSubject(this.#connection, this.#jsm, { stream: streamOf(stream), filter, start });
  }

  async getLast(subject: string, stream?: StreamName): Promise<StoredMessage | null> {
    if (!isLiteralSubject(subject)) throw new BusError('refused', `not a subject: ${JSON.stringify(subject)}`);
    return this.#getOne(streamOf(stream), { last_by_subj: subject }, `get the last message of ${subject}`);
  }

  async get(seq: number, stream?: StreamName): Promise<StoredMessage | null> {
    if (!isSequence(seq)) throw new BusError('refused', `not a sequence: ${seq}`);
    return this.#getOne(streamOf(stream), { seq }, `get message ${seq}`);
  }

  async #getOne(stream: string, query: MsgRequest, what: string): Promise<StoredMessage | null> {
    const stored = await this.#connection.guard(what, () => this.#jsm.streams.getMessage(stream, query));
    if (stored === null) return null;
    const place = { seq: stored.seq, subject: stored.subject, atMs: stored.time.getTime() };
    return new LogMessage(place, stored.data, { headers: stored.header });
  }

  async purge(subject: string, beforeSeq: number, stream: Purgeable): Promise<void> {
    if (!isLiteralSubject(subject)) throw new BusError('refused', `not a subject: ${JSON.stringify(subject)}`);
    if (!isSequence(beforeSeq)) throw new BusError('refused', `not a sequence: ${beforeSeq}`);
    const name = streamOf(stream);
    await this.#connection.guard<unknown>(`purge ${subject}`, () =>
      // Nothing lies before 1, and a server that is asked for that purges everything.
      beforeSeq === 1
        ? this.#jsm.streams.info(name)
        : this.#jsm.streams.purge(name, { filter: subject, seq: beforeSeq }),
    );
  }

  async remove(seq: number, stream?: StreamName): Promise<void> {
    if (!isSequence(seq)) throw new BusError('refused', `not a sequence: ${seq}`);
    if ((await this.get(seq, stream)) === null) return;
    const name = streamOf(stream);
    await this.#connection.guard(`delete ${seq} of ${name}`, () => this.#jsm.streams.deleteMessage(name, seq, true));
  }

  async setMaxAge(ms: number, stream?: StreamName): Promise<void> {
    const name = streamOf(stream);
    await this.#connection.guard(`set the age of ${name}`, async () => {
      const { config } = await this.#jsm.streams.info(name);
      return this.#jsm.streams.update(name, { ...config, max_age: nanos(ms) });
    });
  }

  /** What cannot be sent now is dropped: whoever needs it kept publishes it. */
  publishVolatile(subject: string, body: string): void {
    if (!isLiteralSubject(subject)) {
      throw new BusError('refused', `not a subject: ${JSON.stringify(subject.slice(0, 200))}`);
    }
    if (this.#connection.obstacle('publish') !== null) return;
    try {
      this.#connection.nc.publish(subject, body);
    } catch (thrown) {
      throw toBusError(thrown, `publish to ${subject}`);
    }
  }

  subscribeVolatile(subject: string, onMessage: (subject: string, data: Uint8Array) => void): () => void {
    if (!isFilter(subject)) throw new BusError('refused', `not a filter: ${JSON.stringify(subject)}`);
    if (this.#connection.closing) throw new BusError('closed', `subscribe to ${subject}: the connection is closed`);
    return this.#subscribe(subject, (message) => onMessage(message.subject, message.data));
  }

  answerVolatile(subject: string, answer: Answer): () => void {
    if (!isFilter(subject)) throw new BusError('refused', `not a filter: ${JSON.stringify(subject)}`);
    if (this.#connection.closing) throw new BusError('closed', `answer ${subject}: the connection is closed`);
    return this.#subscribe(subject, (message) => {
      const respond = (text: string | null): void => {
        // One that cannot be sent now is missed by whoever asked, as one lost on the way would be.
        if (text !== null && this.#connection.obstacle('answer') === null) message.respond(text);
      };
      const text = answer(message.subject, message.data);
      if (text instanceof Promise) text.then(respond, surface);
      else respond(text);
    });
  }

  askVolatile(subject: string, body: string, until: { answers: number; limitMs: number }): Promise<Uint8Array[]> {
    if (!isLiteralSubject(subject)) return refuse(`not a subject: ${JSON.stringify(subject.slice(0, 200))}`);
    return this.#connection.guard(`ask ${subject}`, async () => {
      const answers: Uint8Array[] = [];
      const { promise: enough, resolve } = Promise.withResolvers<void>();
      const inbox = this.#connection.answerInbox();
      const unsubscribe = this.#subscribe(inbox, (message) => {
        // Status 503: the server says that nobody listens.
        if (message.headers?.code !== NO_RESPONDERS) answers.push(message.data);
        if (answers.length >= until.answers || message.headers?.code === NO_RESPONDERS) resolve();
      });
      this.#connection.nc.publish(subject, body, { reply: inbox });
      await within(until.limitMs, enough);
      unsubscribe();
      return answers;
    });
  }

  #subscribe(subject: string, onMessage: (message: Msg) => void): () => void {
    const subscription = this.#connection.nc.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) return surface(toBusError(error, `subscribe to ${subject}`));
        try {
          onMessage(message);
        } catch (thrown) {
          surface(thrown);
        }
      },
    });
    return () => subscription.unsubscribe();
  }

  kv(bucket: BucketName): KeyValue {
    const known = this.#buckets.get(bucket);
    if (known !== undefined) return known;
    const opened = new JetStreamBucket(this.#connection, this.#jsm, this.#acks, bucketOf(bucket));
    this.#buckets.set(bucket, opened);
    return opened;
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    const unlisten = this.#connection.listen({ onUp: () => listener(true), onDown: () => listener(false) });
    listener(this.#connection.up);
    return unlisten;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Readers first, so that nothing new is begun; then what was published; then the connection. */
  async #close(): Promise<void> {
    const { nc } = this.#connection;
    const stopped = Promise.allSettled([...this.#readers].map((reader) => reader.stop()));
    await within(CLOSE_LIMIT_MS, stopped);
    this.#connection.markClosing();
    if (this.#connection.up) await within(CLOSE_LIMIT_MS, this.#acks.idle());
    this.#acks.stop();
    if (this.#connection.up) await within(CLOSE_LIMIT_MS, nc.drain());
    await within(CLOSE_LIMIT_MS, nc.close());
  }
}

/** Refused because this connection may not, not because it cannot be. */
function isForbidden(thrown: unknown): boolean {
  return thrown instanceof BusError && thrown.cause instanceof errors.PermissionViolationError;
}

function refuse(reason: string): Promise<never> {
  return Promise.reject(new BusError('refused', reason));
}

/** At least the size of the header block on the wire; the client checks the exact one again. */
function headerBytes(request: PublishRequest): number {
  let bytes = 0;
  if (request.msgId !== undefined) bytes += MSG_ID.length + request.msgId.length + HEADER_LINE_OVERHEAD_BYTES;
  if (request.expectLastSeq !== undefined) {
    bytes += EXPECTED_LAST_SEQ.length + String(request.expectLastSeq).length + HEADER_LINE_OVERHEAD_BYTES;
  }
  for (const name in request.headers) {
    bytes += name.length + (request.headers[name]?.length ?? 0) + HEADER_LINE_OVERHEAD_BYTES;
  }
  return bytes === 0 ? 0 : bytes + HEADER_BLOCK_OVERHEAD_BYTES;
}

function headersOf(request: PublishRequest): MsgHdrs | undefined {
  const { msgId, expectLastSeq } = request;
  if (msgId === undefined && expectLastSeq === undefined && request.headers === undefined) return undefined;
  const block = headers();
  if (msgId !== undefined) block.append(MSG_ID, msgId);
  if (expectLastSeq !== undefined) block.append(EXPECTED_LAST_SEQ, String(expectLastSeq));
  for (const name in request.headers) block.append(name.toLowerCase(), request.headers[name] ?? '');
  return block;
}

/** Waits for the outcome, whatever it is, but not longer than the limit. */
async function within(limitMs: number, outcome: Promise<unknown>): Promise<void> {
  const { promise: expired, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, limitMs);
  await Promise.race([Promise.allSettled([outcome]), expired]);
  clearTimeout(timer);
}
