/**
 * Reading a stream in memory from a cursor. Owns: the cursor of one open reader. Does not own: the stream
 * (`memory-log.ts`).
 *
 * Invariant: as in `reader.ts`: in order, once, across lost connections, and never over a stream that is not the one it
 * began with. One message is delivered per task, so a scheduler may put anything between two.
 */
import type { MemoryConnection } from './memory-connection.ts';
import type { MemoryStream } from './memory-log.ts';
import type { Reader, StoredMessage } from './port.ts';
import { BusError } from './port.ts';
import { matchesFilter } from './subject-filter.ts';

export interface MemoryReadOrder {
  readonly filter: string;
  readonly fromSeq: number;
  readonly onMessage: (message: StoredMessage) => void;
  readonly onError: (error: BusError) => void;
  /** The reader has ended, for whatever reason. */
  readonly onEnd: () => void;
}

export class MemoryReader implements Reader {
  readonly caughtUp: Promise<void>;
  readonly #connection: MemoryConnection;
  readonly #stream: MemoryStream;
  readonly #order: MemoryReadOrder;
  readonly #settle: { resolve: () => void; reject: (error: BusError) => void };
  readonly #unlisten: (() => void)[];
  readonly #horizon: number;
  #nextSeq: number;
  #last: StoredMessage | null = null;
  #scheduled = false;
  #stopped = false;

  constructor(connection: MemoryConnection, stream: MemoryStream, order: MemoryReadOrder) {
    this.#connection = connection;
    this.#stream = stream;
    this.#order = order;
    this.#nextSeq = Math.max(1, order.fromSeq);
    this.#horizon = stream.lastSeq;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Whoever does not wait for it must not be killed by its rejection.
    promise.catch(() => undefined);
    this.caughtUp = promise;
    this.#settle = { resolve, reject };
    const wake = () => this.#schedule();
    const onStored = (stored: StoredMessage | null) => {
      if (stored === null || matchesFilter(order.filter, stored.subject)) this.#schedule();
    };
    this.#unlisten = [stream.listen(onStored), connection.listen({ onUp: wake })];
    this.#schedule();
  }

  get pending(): number {
    return this.#stream.count(this.#nextSeq, this.#order.filter);
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#end();
    this.#settle.reject(new BusError('closed', 'the reader was stopped before it had caught up'));
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.#connection.server.defer(() => {
      this.#scheduled = false;
      if (!this.#stopped && this.#connection.up) this.#deliverOne();
    });
  }

  #deliverOne(): void {
    const broken = this.#findBreak();
    if (broken !== null) {
      this.#fail(new BusError('unavailable', broken));
      return;
    }
    const message = this.#stream.next(this.#nextSeq, this.#order.filter);
    if (message !== null) {
      this.#nextSeq = message.seq + 1;
      this.#last = message;
      this.#handOver(message);
      this.#schedule();
    }
    if (message === null || message.seq >= this.#horizon) this.#settle.resolve();
  }

  #handOver(message: StoredMessage): void {
    try {
      this.#order.onMessage(message);
    } catch (cause) {
      this.#fail(new BusError('refused', `the handler of message ${message.seq} has thrown`, { cause }));
    }
  }

  #fail(error: BusError): void {
    this.#end();
    this.#settle.reject(error);
    this.#order.onError(error);
  }

  #findBreak(): string | null {
    const { name } = this.#stream;
    if (this.#connection.server.findStream(name) !== this.#stream) {
      return `stream ${name} was deleted under its reader`;
    }
    const { firstSeq, lastSeq } = this.#stream.info();
    if (lastSeq < Math.max(this.#horizon, this.#last?.seq ?? 0)) return `stream ${name} was cut short under its reader`;
    if (this.#last === null || this.#last.seq < firstSeq) return null;
    const stored = this.#stream.get(this.#last.seq);
    if (stored === null || stored === this.#last) return null;
    return `stream ${name} was cut short and written again under its reader`;
  }

  #end(): void {
    this.#stopped = true;
    for (const unlisten of this.#unlisten) unlisten();
    this.#order.onEnd();
  }
}
