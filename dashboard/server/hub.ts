/**
 * What the dashboard's process hears from the log. Owns: one reader of the facts of all tasks for all tabs, and being
 * there again after the log was away. Does not own: the rows (`board.ts`), or what a tab is told (`tab-stream.ts`).
 *
 * Invariant: a listener hears every message of facts once, in the order of the log, or `onReset`: the log is another one
 * and everything has to be asked again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bus, BusError, type Reader } from '../../bus/port.ts';
import { type Fact, factsIn } from '../../schemas/events/fact.ts';
import { FACT_FILTER } from '../../schemas/events/subjects.ts';
import type { Links, TaskRow } from '../wire.ts';
import { TaskBoard } from './board.ts';

/** About half a kilobyte each. */
const ROWS_MAX = 20_000;
const REOPEN_MS = 500;

export interface HubListener {
  /** Facts of one message, and the row that they changed, or null. */
  onFacts(facts: readonly Fact[], row: TaskRow | null): void;
  onReset(): void;
  onLinks(links: Links): void;
}

export interface HubLog {
  warn(fields: object, message: string): void;
}

export class Hub {
  readonly board = new TaskBoard(ROWS_MAX);
  readonly #bus: Bus;
  readonly #log: HubLog;
  readonly #listeners = new Set<HubListener>();
  readonly #stopped = new AbortController();
  readonly #unlisten: () => void;
  #reader: Reader | null = null;
  #identity = '';
  #links: Links = { nats: true, gateway: true };

  constructor(bus: Bus, log: HubLog) {
    this.#bus = bus;
    this.#log = log;
    this.#unlisten = bus.onConnection((nats) => this.setLinks({ nats }));
  }

  /** Resolves when it is known which log it is; what is stored is being read. @throws BusError */
  async open(): Promise<void> {
    await this.#follow(1);
  }

  /** Which log it is. */
  get identity(): string {
    return this.#identity;
  }

  get links(): Links {
    return this.#links;
  }

  setLinks(change: Partial<Links>): void {
    const next = { ...this.#links, ...change };
    if (next.nats === this.#links.nats && next.gateway === this.#links.gateway) return;
    this.#links = next;
    for (const listener of [...this.#listeners]) listener.onLinks(next);
    if (change.nats === true) void this.#checkIdentity();
  }

  /** Returns the function that ends it. */
  listen(listener: HubListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#unlisten();
    await this.#reader?.stop();
  }

  async #follow(fromSeq: number): Promise<void> {
    const { identity } = await this.#bus.streamInfo();
    const isOther = this.#identity !== '' && this.#identity !== identity;
    if (isOther) this.board.clear();
    this.#identity = identity;
    this.#reader = await this.#bus.read({
      filter: FACT_FILTER,
      fromSeq: isOther ? 1 : fromSeq,
      onMessage: (message) => this.#heard(factsIn(message)),
      onError: (error) => {
        if (!this.#stopped.signal.aborted) void this.#reopen(error);
      },
    });
    if (isOther) for (const listener of [...this.#listeners]) listener.onReset();
  }

  #heard(facts: readonly Fact[]): void {
    if (facts.length === 0) return;
    const row = this.board.apply(facts);
    for (const listener of [...this.#listeners]) listener.onFacts(facts, row);
  }

  async #reopen(error: BusError): Promise<void> {
    this.#log.warn({ error: error.message }, 'the log broke off; reading it again');
    while (!this.#stopped.signal.aborted) {
      try {
        return await this.#follow(this.board.seq + 1);
      } catch (thrown) {
        if (!(thrown instanceof BusError)) throw thrown;
        await sleep(REOPEN_MS, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
      }
    }
  }

  /** A server that comes back may have lost its store: then a reader may be silent for ever without knowing it. */
  async #checkIdentity(): Promise<void> {
    try {
      const { identity } = await this.#bus.streamInfo();
      if (this.#identity === '' || identity === this.#identity) return;
      await this.#reader?.stop();
      await this.#follow(1);
    } catch (thrown) {
      if (!(thrown instanceof BusError)) throw thrown;
    }
  }
}
