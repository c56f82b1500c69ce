/**
 * Reading a stream in order from a cursor. Owns: the cursor of one open reader and making its consumer anew after every
 * gap, silence or reconnect. Does not own: the consumer's wire format (`ordered-delivery.ts`), or what a message means.
 *
 * Invariants:
 * 1. Each matching message is handed over once, in stream order, across restarts of the server (S1).
 * 2. A reader never goes on over a stream that is not the one it began with: made anew or cut short, it stops with an
 *    error instead of skipping silently (S10).
 * 3. `caughtUp` settles: delivered, failed or stopped.
 */
import type { ConsumerInfo, JetStreamManager, StreamInfo as WireStreamInfo } from '@nats-io/jetstream';
import type { Msg } from 'nats';
import { type BackOff, backOffMs } from '../resilience/back-off.ts';
import type { Connection } from './connection.ts';
import { StreamMissing, toBusError } from './errors.ts';
import type { Delivery, OpenConsumer } from './ordered-delivery.ts';
import { handleControl, IDLE_HEARTBEAT_MS, LogMessage, openConsumer, parseDelivery } from './ordered-delivery.ts';
import type { Reader, StoredMessage } from './port.ts';
import { BusError } from './port.ts';

/** Silence of three heartbeats: the consumer is gone, with its stream perhaps. */
const SILENCE_LIMIT_MS = 3 * IDLE_HEARTBEAT_MS;
/** Between attempts to make the consumer anew while the server is not ready. */
const RETRY: BackOff = { firstMs: 100, maxMs: 1000 };

export interface ReadOrder {
  /** Name of the stream on the server. */
  readonly stream: string;
  readonly filter: string;
  readonly fromSeq: number;
  readonly onMessage: (message: StoredMessage) => void;
  readonly onError: (error: BusError) => void;
}

/** Opens a reader; rejects when the stream cannot be read at all. */
export async function openReader(connection: Connection, jsm: JetStreamManager, order: ReadOrder): Promise<Reader> {
  const reader = new OrderedReader(connection, jsm, order);
  await reader.open();
  return reader;
}

class OrderedReader implements Reader {
  readonly caughtUp: Promise<void>;
  pending = 0;
  readonly #connection: Connection;
  readonly #jsm: JetStreamManager;
  readonly #order: ReadOrder;
  readonly #settle: { resolve: () => void; reject: (error: BusError) => void };
  readonly #unlisten: () => void;
  /** Grows whenever the consumer is abandoned; what an older one still brings is ignored. */
  #generation = 0;
  /** Grows with every try to make the consumer anew; only the latest may decide what follows from its failure. */
  #attempt = 0;
  #consumer: OpenConsumer | null = null;
  #nextSeq: number;
  #deliverySeq = 0;
  #last: { readonly seq: number; readonly atMs: number } | null = null;
  #identity = '';
  /** Last sequence of the stream when the reader was opened. */
  #horizon = 0;
  #heardAtMs = 0;
  #watchdog: NodeJS.Timeout | null = null;
  #retry: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(connection: Connection, jsm: JetStreamManager, order: ReadOrder) {
    this.#connection = connection;
    this.#jsm = jsm;
    this.#order = order;
    this.#nextSeq = Math.max(1, order.fromSeq);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Whoever does not wait for it must not be killed by its rejection.
    promise.catch(() => undefined);
    this.caughtUp = promise;
    this.#settle = { resolve, reject };
    this.#unlisten = connection.listen({
      onDown: () => this.#abandonConsumer(),
      onUp: () => void this.#reopen(),
      onEnded: (error) => this.#fail(error),
    });
  }

  async open(): Promise<void> {
    try {
      const info = await this.#streamInfo();
      this.#identity = info.created;
      this.#horizon = info.state.last_seq;
      await this.#openConsumer();
    } catch (thrown) {
      this.#end();
      throw toBusError(thrown, `read ${this.#order.stream}`);
    }
    this.#watchdog = setInterval(() => this.#checkSilence(), IDLE_HEARTBEAT_MS);
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    const name = this.#consumer?.name;
    this.#end();
    this.#settle.reject(new BusError('closed', 'the reader was stopped before it had caught up'));
    if (name === undefined) return;
    // The server drops a consumer that nobody listens to by itself; asking only makes it sooner.
    await this.#guard(() => this.#jsm.consumers.delete(this.#order.stream, name)).catch(() => undefined);
  }

  #guard<T>(request: () => Promise<T>): Promise<T> {
    return this.#connection.guard(`read ${this.#order.stream}`, request);
  }

  #streamInfo(): Promise<WireStreamInfo> {
    return this.#guard(() => this.#jsm.streams.info(this.#order.stream));
  }

  async #openConsumer(): Promise<void> {
    const generation = ++this.#generation;
    this.#deliverySeq = 0;
    this.#heardAtMs = performance.now();
    const { stream, filter } = this.#order;
    const isCurrent = () => generation === this.#generation && !this.#stopped;
    const info = await this.#guard<ConsumerInfo>(() => {
      this.#consumer = openConsumer(this.#jsm, this.#connection, {
        stream,
        filter,
        start: { fromSeq: this.#nextSeq },
        onMessage: (message) => {
          if (isCurrent()) this.#onWireMessage(message);
        },
        onError: (error) => this.#fail(toBusError(error, `read ${stream}`)),
      });
      return this.#consumer.created;
    });
    // What was delivered meanwhile has said it more exactly.
    if (isCurrent() && this.#deliverySeq === 0) this.pending = info.num_pending;
    if (isCurrent() && info.num_pending === 0 && info.delivered.consumer_seq === 0) this.#settle.resolve();
  }

  #onWireMessage(message: Msg): void {
    this.#heardAtMs = performance.now();
    const delivery = parseDelivery(message.reply ?? '');
    if (delivery === null) this.#onControl(message);
    else if (delivery.deliverySeq === this.#deliverySeq + 1) this.#onDelivery(delivery, message);
    else void this.#reopen();
  }

  #onDelivery(delivery: Delivery, message: Msg): void {
    this.#deliverySeq = delivery.deliverySeq;
    this.pending = delivery.pending;
    const { seq, atMs } = delivery;
    if (seq >= this.#nextSeq) {
      this.#nextSeq = seq + 1;
      this.#last = { seq, atMs };
      this.#handOver(new LogMessage({ seq, subject: message.subject, atMs }, message.data, message));
    }
    if (delivery.pending === 0 || seq >= this.#horizon) this.#settle.resolve();
  }

  /** An exception must not reach the client's read loop: the whole connection would go deaf. */
  #handOver(message: StoredMessage): void {
    try {
      this.#order.onMessage(message);
    } catch (cause) {
      this.#fail(new BusError('refused', `the handler of message ${message.seq} has thrown`, { cause }));
    }
  }

  #onControl(message: Msg): void {
    const heartbeat = handleControl(this.#connection.nc, message);
    if (heartbeat === null) return;
    if (heartbeat.deliverySeq > this.#deliverySeq) void this.#reopen();
    else if (!heartbeat.stalled) this.#settle.resolve();
  }

  #checkSilence(): void {
    if (this.#stopped || !this.#connection.up || this.#consumer === null) return;
    if (performance.now() - this.#heardAtMs <= SILENCE_LIMIT_MS) return;
    // After a long synchronous step the timers run before the socket is read: what waits there is heard first.
    const generation = this.#generation;
    setImmediate(() => {
      if (generation !== this.#generation || performance.now() - this.#heardAtMs <= SILENCE_LIMIT_MS) return;
      void this.#reopen();
    });
  }

  #abandonConsumer(): void {
    this.#generation += 1;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    this.#consumer?.subscription.unsubscribe();
    this.#consumer = null;
  }

  /** Makes the consumer anew from the cursor, until it works, the stream turns out another, or the connection goes. */
  async #reopen(attempt = 0): Promise<void> {
    if (this.#stopped || this.#connection.obstacle('read') !== null) return;
    this.#abandonConsumer();
    const generation = this.#generation;
    const mine = ++this.#attempt;
    try {
      const broken = await this.#findBreak();
      if (generation !== this.#generation || this.#stopped) return;
      if (broken !== null) return this.#fail(new BusError('unavailable', broken));
      await this.#openConsumer();
    } catch (thrown) {
      const error = toBusError(thrown, `read ${this.#order.stream}`);
      if (this.#stopped || mine !== this.#attempt) return;
      if (error instanceof StreamMissing || !error.retryable) return this.#fail(error);
      this.#scheduleReopen(attempt + 1);
    }
  }

  #scheduleReopen(attempt: number): void {
    this.#abandonConsumer();
    this.#retry = setTimeout(() => void this.#reopen(attempt), backOffMs(RETRY, attempt));
  }

  /** Why this is not the stream the reader began with any more; null when it is. */
  async #findBreak(): Promise<string | null> {
    const { stream } = this.#order;
    const info = await this.#streamInfo();
    if (info.created !== this.#identity) return `stream ${stream} was deleted and made anew under its reader`;
    const known = Math.max(this.#horizon, this.#last?.seq ?? 0);
    if (info.state.last_seq < known) {
      return `stream ${stream} was cut short under its reader: it ended at ${known}, now at ${info.state.last_seq}`;
    }
    if (this.#last === null || this.#last.seq < info.state.first_seq) return null;
    const { seq, atMs } = this.#last;
    const stored = await this.#guard(() => this.#jsm.streams.getMessage(stream, { seq }));
    if (stored === null || stored.time.getTime() === atMs) return null;
    return `stream ${stream} was cut short and written again under its reader: message ${seq} is another one`;
  }

  #end(): void {
    this.#stopped = true;
    this.#abandonConsumer();
    if (this.#watchdog !== null) clearInterval(this.#watchdog);
    this.#unlisten();
  }

  #fail(error: BusError): void {
    if (this.#stopped) return;
    this.#end();
    this.#settle.reject(error);
    this.#order.onError(error);
  }
}
