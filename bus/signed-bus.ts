/**
 * A bus whose messages are signed. Owns: signing what is published, and what becomes of stored messages that are not
 * trusted. Does not own: signatures (`signatures.ts`), or the bus behind it.
 *
 * Invariants:
 * 1. What is for an actor or from outside (`mesh.in`, `mesh.tasks`) is delivered with the reason, and goes into quarantine.
 * 2. A fact, and what hosts tell each other, is passed over: nobody sees a forged answer.
 * 3. A record of a journal or a checkpoint ends the reading with an error that names it: going on without it would fork
 *    the history, going on with it would believe it.
 * 4. Quarantine, telemetry, buckets and what is not stored are neither signed nor judged.
 */
import { streamOf, streamStoring } from './layout.ts';
import type {
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
import { distrust, SIGNATURE_HEADER, type Signing, signatureOf } from './signatures.ts';

const SIGNED_STREAMS: ReadonlySet<string> = new Set([streamOf('log'), streamOf('checkpoints')]);
const MSG_ID = 'Nats-Msg-Id';
/** What its header adds to a message: name, key id and signature, and what a line and a block of headers cost. */
const SIGNATURE_BYTES = 133;

/** @param onPassedOver hears of each message that nobody is told */
export function signedBus(bus: Bus, signing: Signing, onPassedOver: (reason: string) => void): Bus {
  return new SignedBus(bus, signing, onPassedOver);
}

class SignedBus implements Bus {
  readonly #bus: Bus;
  readonly #signing: Signing;
  readonly #onPassedOver: (reason: string) => void;

  constructor(bus: Bus, signing: Signing, onPassedOver: (reason: string) => void) {
    this.#bus = bus;
    this.#signing = signing;
    this.#onPassedOver = onPassedOver;
  }

  publish(request: PublishRequest): Promise<PubAck> {
    const { own } = this.#signing;
    const { subject, msgId, body } = request;
    if (own === null || !SIGNED_STREAMS.has(streamStoring(subject) ?? '')) return this.#bus.publish(request);
    const named = Object.entries(request.headers ?? {});
    const headers = msgId === undefined ? named : [...named, [MSG_ID, msgId] as const];
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    if (bytes.length > this.maxPayloadBytes) {
      const sizes = `${bytes.length} bytes, the server takes ${this.maxPayloadBytes} beside a signature`;
      return Promise.reject(new BusError('refused', `publish to ${subject}: ${sizes}`));
    }
    const signature = signatureOf({ subject, headers, body: bytes }, own);
    return this.#bus.publish({ ...request, headers: { ...request.headers, [SIGNATURE_HEADER]: signature } });
  }

  zstdOf(subject: string, body: Uint8Array): Uint8Array | null {
    return this.#bus.zstdOf(subject, body);
  }

  async read(request: ReadRequest): Promise<Reader> {
    if (!SIGNED_STREAMS.has(streamOf(request.stream))) return this.#bus.read(request);
    const { promise: refused, reject } = Promise.withResolvers<never>();
    // Who waits for nothing hears of it by `onError`.
    refused.catch(() => undefined);
    let reader: Reader | null = null;
    let failure: BusError | null = null;
    const fail = (error: BusError): void => {
      failure = error;
      reject(error);
      void reader?.stop();
      request.onError?.(error);
    };
    const inner = await this.#bus.read({
      ...request,
      onMessage: (message) => {
        if (failure !== null) return;
        const judged = this.#judged(message);
        if (judged instanceof BusError) return fail(judged);
        if (judged !== null) request.onMessage(judged);
      },
    });
    reader = inner;
    if (failure !== null) await inner.stop();
    const caughtUp = Promise.race([refused, inner.caughtUp]);
    // Nobody has to wait for it.
    caughtUp.catch(() => undefined);
    return {
      caughtUp,
      get pending() {
        return inner.pending;
      },
      stop: () => inner.stop(),
    };
  }

  async readLast(
    filter: string,
    stream?: StreamName,
    options: { readonly bare?: boolean } = {},
  ): Promise<StoredMessage[]> {
    const found = await this.#bus.readLast(filter, stream, options);
    // A place says nothing that could be forged.
    if (options.bare === true || !SIGNED_STREAMS.has(streamOf(stream))) return found;
    return found.map((message) => this.#believed(message)).filter((message) => message !== null);
  }

  async getLast(subject: string, stream?: StreamName): Promise<StoredMessage | null> {
    return this.#one(await this.#bus.getLast(subject, stream), stream);
  }

  async get(seq: number, stream?: StreamName): Promise<StoredMessage | null> {
    return this.#one(await this.#bus.get(seq, stream), stream);
  }

  #one(message: StoredMessage | null, stream: StreamName | undefined): StoredMessage | null {
    return message === null || !SIGNED_STREAMS.has(streamOf(stream)) ? message : this.#believed(message);
  }

  /** @throws BusError of a record or a checkpoint */
  #believed(message: StoredMessage): StoredMessage | null {
    const judged = this.#judged(message);
    if (judged instanceof BusError) throw judged;
    return judged;
  }

  /** The message, with its fault where it goes into quarantine; null when it is passed over. */
  #judged(message: StoredMessage): StoredMessage | BusError | null {
    const { subject, seq, atMs, data } = message;
    const signed = { subject, headers: message.headers(), body: data, atMs };
    const reason = distrust(signed, message.header(SIGNATURE_HEADER), this.#signing);
    if (reason === null) return message;
    const [, kind = ''] = subject.split('.');
    if (kind === 'in' || kind === 'tasks') return distrusted(message, reason);
    const text = `message ${seq} of ${subject}: ${reason}`;
    if (kind === 'journal' || kind === 'checkpoint') {
      const remedy = 'trust its key (MESH_SIGNING_TRUSTED), or remove it (`nats stream rmm`) when somebody forged it';
      return new BusError('refused', `${text}; ${remedy}`);
    }
    this.#onPassedOver(text);
    return null;
  }

  get leases(): LeaseStore {
    return this.#bus.leases;
  }
  get serverVersion(): string {
    return this.#bus.serverVersion;
  }
  get maxPayloadBytes(): number {
    return this.#bus.maxPayloadBytes - SIGNATURE_BYTES;
  }
  ensureTopology(): Promise<void> {
    return this.#bus.ensureTopology();
  }
  streamInfo(stream?: StreamName): Promise<StreamInfo> {
    return this.#bus.streamInfo(stream);
  }
  purge(subject: string, beforeSeq: number, stream: Purgeable): Promise<void> {
    return this.#bus.purge(subject, beforeSeq, stream);
  }
  remove(seq: number, stream?: StreamName): Promise<void> {
    return this.#bus.remove(seq, stream);
  }
  setMaxAge(ms: number, stream?: StreamName): Promise<void> {
    return this.#bus.setMaxAge(ms, stream);
  }
  publishVolatile(subject: string, body: string): void {
    this.#bus.publishVolatile(subject, body);
  }
  subscribeVolatile(subject: string, onMessage: (subject: string, data: Uint8Array) => void): () => void {
    return this.#bus.subscribeVolatile(subject, onMessage);
  }
  answerVolatile(subject: string, answer: (subject: string, data: Uint8Array) => string | null): () => void {
    return this.#bus.answerVolatile(subject, answer);
  }
  askVolatile(subject: string, body: string, until: { answers: number; limitMs: number }): Promise<Uint8Array[]> {
    return this.#bus.askVolatile(subject, body, until);
  }
  kv(bucket: BucketName): KeyValue {
    return this.#bus.kv(bucket);
  }
  onConnection(listener: (connected: boolean) => void): () => void {
    return this.#bus.onConnection(listener);
  }
  close(): Promise<void> {
    return this.#bus.close();
  }
}

function distrusted(message: StoredMessage, reason: string): StoredMessage {
  const { seq, subject, atMs, data } = message;
  const header = (name: string) => message.header(name);
  return { seq, subject, atMs, data, header, headers: () => message.headers(), distrust: reason };
}
