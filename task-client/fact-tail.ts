/**
 * What happens in the mesh from now on. Owns: the one reader of new facts that all calls share. Does not own: what
 * happened before (`task-feed.ts`), or what a fact means.
 *
 * One reader for everybody: a consumer per call would cost the log server a round trip at the begin and the end of every
 * call, and hundreds of them at a time.
 *
 * Invariant: a listener hears every message of facts of its task that is stored after `listen` returned, in order, or
 * `onBreak`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bus, BusError, type Reader, type StoredMessage } from '../bus/port.ts';
import { type BackOff, backOffMs } from '../resilience/back-off.ts';
import { FACT_FILTER, parseSubject } from '../schemas/events/subjects.ts';
import { logMark } from './cursor.ts';

export interface TailListener {
  onMessage(message: StoredMessage): void;
  /** The log cannot be followed any more; nothing else comes. */
  onBreak(error: BusError): void;
}

export interface TailLog {
  warn(fields: object, message: string): void;
}

const REOPEN: BackOff = { firstMs: 50, maxMs: 1000 };

export class FactTail {
  readonly #bus: Bus;
  readonly #log: TailLog;
  readonly #listeners = new Map<string, Set<TailListener>>();
  readonly #stopped = new AbortController();
  #reader: Reader | null = null;
  #mark: string | null = null;
  /** Told of every message of facts, with its task. */
  onFacts: (correlationId: string, message: StoredMessage) => void = () => undefined;
  /** Told when the log is another one than before. */
  onBreak: () => void = () => undefined;

  private constructor(bus: Bus, log: TailLog) {
    this.#bus = bus;
    this.#log = log;
  }

  /** @throws BusError when the log cannot be read at all */
  static async open(bus: Bus, log: TailLog): Promise<FactTail> {
    const tail = new FactTail(bus, log);
    await tail.#open();
    return tail;
  }

  /** The mark of the log for cursors. @throws BusError while the log is away */
  get mark(): string {
    if (this.#mark === null) throw new BusError('unavailable', 'the log is being opened again');
    return this.#mark;
  }

  /** True while it follows that log. */
  isOf(streamIdentity: string): boolean {
    return this.#mark === logMark(streamIdentity);
  }

  /** Returns the function that ends it. @throws BusError while the log is away */
  listen(correlationId: string, listener: TailListener): () => void {
    if (this.#mark === null) throw new BusError('unavailable', 'the log is being opened again');
    const listeners = this.#listeners.get(correlationId) ?? new Set();
    this.#listeners.set(correlationId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(correlationId) === listeners) {
        this.#listeners.delete(correlationId);
      }
    };
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#break(new BusError('closed', 'the gateway is stopping'));
    await this.#reader?.stop();
  }

  async #open(): Promise<void> {
    const { identity, lastSeq } = await this.#bus.streamInfo();
    this.#reader = await this.#bus.read({
      filter: FACT_FILTER,
      fromSeq: lastSeq + 1,
      onMessage: (message) => this.#heard(message),
      onError: (error) => {
        if (!this.#stopped.signal.aborted) void this.#reopen(error);
      },
    });
    this.#mark = logMark(identity);
  }

  #heard(message: StoredMessage): void {
    const subject = parseSubject(message.subject);
    if (subject.kind !== 'fact') return;
    this.onFacts(subject.correlationId, message);
    const listeners = this.#listeners.get(subject.correlationId);
    if (listeners !== undefined) for (const listener of [...listeners]) listener.onMessage(message);
  }

  #break(error: BusError): void {
    this.#mark = null;
    const all = [...this.#listeners.values()].flatMap((listeners) => [...listeners]);
    this.#listeners.clear();
    for (const listener of all) listener.onBreak(error);
    this.onBreak();
  }

  /** Whoever listened is told to come again; the tail itself comes back as soon as the log does. */
  async #reopen(error: BusError): Promise<void> {
    this.#log.warn({ error: error.message }, 'the log broke off; opening it again');
    this.#break(error);
    for (let attempt = 1; !this.#stopped.signal.aborted; attempt++) {
      try {
        return await this.#open();
      } catch (thrown) {
        if (!(thrown instanceof BusError)) throw thrown;
        await sleep(backOffMs(REOPEN, attempt), undefined, { signal: this.#stopped.signal }).catch(() => undefined);
      }
    }
  }
}
