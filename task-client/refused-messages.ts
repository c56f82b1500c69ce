/**
 * What the mesh could not take of that which was asked of it. Owns: the one reader of the quarantine that all requests of
 * a client share, opened at the first of them. Does not own: why something is quarantined.
 *
 * Invariant: whoever listened before the message was refused, or shortly after, hears of it. What is missed only costs the
 * wait: nothing rests on it.
 */
import type { Bus, Reader, StoredMessage } from '../bus/port.ts';
import { headerValue } from '../schemas/events/event-content.ts';
import { QUARANTINE_FILTER } from '../schemas/events/subjects.ts';

export interface RefusedMessage {
  readonly code: string;
  readonly reason: string;
}

/** A refusal may come before the acknowledgement of what is refused. */
const REMEMBERED_MAX = 1000;

export class RefusedMessages {
  readonly #bus: Bus;
  readonly #listeners = new Map<number, Set<(refused: RefusedMessage) => void>>();
  readonly #recent = new Map<number, RefusedMessage>();
  #reader: Promise<Reader> | null = null;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** To be awaited before the request is published. @throws BusError */
  async ready(): Promise<void> {
    this.#reader ??= this.#open().catch((error: unknown) => {
      this.#reader = null;
      throw error;
    });
    await this.#reader;
  }

  /**
   * Calls back when the message of that sequence in the log is refused. Returns the function that ends it.
   */
  listen(seq: number, onRefused: (refused: RefusedMessage) => void): () => void {
    const known = this.#recent.get(seq);
    if (known !== undefined) onRefused(known);
    const listeners = this.#listeners.get(seq) ?? new Set();
    this.#listeners.set(seq, listeners.add(onRefused));
    return () => {
      listeners.delete(onRefused);
      if (listeners.size === 0) this.#listeners.delete(seq);
    };
  }

  async stop(): Promise<void> {
    this.#listeners.clear();
    const reader = await this.#reader?.catch(() => null);
    await reader?.stop();
  }

  async #open(): Promise<Reader> {
    const { lastSeq } = await this.#bus.streamInfo('quarantine');
    return this.#bus.read({
      stream: 'quarantine',
      filter: QUARANTINE_FILTER,
      fromSeq: lastSeq + 1,
      onMessage: (message) => this.#heard(message),
      // The next request opens it again.
      onError: () => {
        this.#reader = null;
      },
    });
  }

  #heard(message: StoredMessage): void {
    const seq = Number(message.header('mesh-origin-seq'));
    const code = message.header('mesh-code');
    const refused = { code, reason: headerValue(message.header('mesh-reason')) || code || 'no reason was given' };
    this.#recent.set(seq, refused);
    for (const oldest of this.#recent.keys()) {
      if (this.#recent.size <= REMEMBERED_MAX) break;
      this.#recent.delete(oldest);
    }
    for (const listener of [...(this.#listeners.get(seq) ?? [])]) listener(refused);
  }
}
