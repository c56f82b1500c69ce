/**
 * Everything that the log ever stored, also what it lost later: what watchers have seen. Owns: observing. Does not own:
 * judging it.
 */

import type { MemoryLog } from '../../bus/memory-bus.ts';
import { type MemoryStream, serverOf } from '../../bus/memory-log.ts';
import type { StoredMessage } from '../../bus/port.ts';
import type { MeshEvent } from '../../schemas/events/envelope.ts';
import { STREAM } from '../../schemas/events/subjects.ts';

export interface Stored {
  readonly message: StoredMessage;
  /** Null for what is no JSON object. */
  readonly event: MeshEvent | null;
  /** Of the stream that stored it. */
  readonly identity: string;
}

export type OnStored = (stored: Stored) => void;

export class History {
  /** All that was ever stored, in order of storing. */
  readonly stored: Stored[] = [];
  readonly facts: Stored[] = [];
  /** Where each event was stored first, by id. */
  readonly firstSeq = new Map<string, number>();
  /** The last word that an effect begins, by the effect's key. */
  readonly started = new Map<string, Stored>();
  readonly #log: MemoryLog;
  readonly #listeners: OnStored[] = [];
  #stream: MemoryStream | null = null;
  #unlisten: () => void = () => undefined;
  #seen = 0;

  constructor(log: MemoryLog) {
    this.#log = log;
  }

  listen(listener: OnStored): void {
    this.#listeners.push(listener);
  }

  /** To be called when the stream may have been made anew. */
  attach(): void {
    const stream = serverOf(this.#log).findStream(STREAM);
    if (stream === this.#stream) return;
    this.#unlisten();
    this.#stream = stream;
    this.#seen = 0;
    if (!stream) return;
    this.#unlisten = stream.listen(() => this.#look(stream));
    this.#look(stream);
  }

  /** What the log holds now. */
  now(): Stored[] {
    const stream = serverOf(this.#log).findStream(STREAM);
    if (!stream) return [];
    const { firstSeq, lastSeq } = stream.info();
    const messages: StoredMessage[] = [];
    for (let seq = firstSeq; seq <= lastSeq; seq += 1) {
      const message = stream.get(seq);
      if (message) messages.push(message);
    }
    const known = new Map(this.stored.map((stored) => [stored.message, stored]));
    return messages.map((message) => known.get(message) ?? read(message, stream.identity));
  }

  get identity(): string {
    return this.#stream?.identity ?? '';
  }

  #look(stream: MemoryStream): void {
    if (stream.lastSeq < this.#seen) this.#seen = stream.lastSeq;
    while (this.#seen < stream.lastSeq) {
      this.#seen += 1;
      const message = stream.get(this.#seen);
      if (!message) continue;
      const stored = read(message, stream.identity);
      this.stored.push(stored);
      if (message.subject.startsWith('mesh.events.')) this.facts.push(stored);
      const { event } = stored;
      if (event && !this.firstSeq.has(event.id)) this.firstSeq.set(event.id, message.seq);
      if (event?.type === 'dev.agentmesh.effect.started.v1') this.started.set(event.data.key, stored);
      for (const listener of this.#listeners) listener(stored);
    }
  }
}

const decoder = new TextDecoder();

function read(message: StoredMessage, identity: string): Stored {
  try {
    const value: unknown = JSON.parse(decoder.decode(message.data));
    const isEvent = typeof value === 'object' && value !== null && 'specversion' in value;
    return { message, event: isEvent ? (value as MeshEvent) : null, identity };
  } catch (error) {
    if (error instanceof SyntaxError) return { message, event: null, identity };
    throw error;
  }
}
