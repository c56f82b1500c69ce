/**
 * Everything that the log ever stored, also what it lost later: what watchers have seen. Owns: observing. Does not own:
 * judging it.
 */

import { type DecodedRecord, decodeRecord, headIn, type RecordHead } from '../actors/runtime/journal/record.ts';
import type { MemoryLog } from '../bus/memory-bus.ts';
import { type MemoryStream, serverOf } from '../bus/memory-log.ts';
import type { StoredMessage } from '../bus/port.ts';
import type { MeshEvent } from '../schemas/events/envelope.ts';
import { JOURNAL_HEADER, RECORD_HEADER } from '../schemas/events/journal.ts';
import { STREAM } from '../schemas/events/subjects.ts';

/** A message, or one event of a message that holds several. */
export interface Stored {
  readonly message: StoredMessage;
  /** Null for what is no event. */
  readonly event: MeshEvent | null;
  /** Of the stream that stored it. */
  readonly identity: string;
}

/** A record of a journal where it was stored. */
export interface StoredRecord {
  readonly message: StoredMessage;
  readonly head: RecordHead;
}

interface Now {
  readonly version: number;
  readonly stream: MemoryStream | null;
  readonly firstSeq: number;
  readonly stored: readonly Stored[];
}

export type OnStored = (stored: Stored) => void;

export class History {
  /** All that was ever stored, in order of storing. */
  readonly stored: Stored[] = [];
  readonly facts: Stored[] = [];
  /** The last record that says that an effect begins, by the effect's key. */
  readonly started = new Map<string, StoredRecord>();
  /** What follows from records and was ever stored, as `<journal> <record>.<message>`. */
  readonly sent = new Set<string>();
  /** Every record that was ever stored, by its id. */
  readonly records = new Map<string, StoredRecord>();
  /** When a record was made, of virtual time, by its id. */
  readonly #made = new Map<string, number>();
  readonly #log: MemoryLog;
  readonly #listeners: OnStored[] = [];
  #stream: MemoryStream | null = null;
  #unlisten: () => void = () => undefined;
  #seen = 0;
  /** Of each message what it says: read once. */
  readonly #read = new WeakMap<StoredMessage, readonly Stored[]>();
  /** Grows with everything that the log stores or loses. */
  #version = 0;
  #now: Now = { version: -1, stream: null, firstSeq: 0, stored: [] };

  constructor(log: MemoryLog) {
    this.#log = log;
  }

  /** A host has made records, or copies them. */
  noteMade(bodies: readonly { readonly body: Uint8Array }[], elapsedMs: number): void {
    for (const { body } of bodies) {
      const { id } = decoded(body).head;
      if (!this.#made.has(id)) this.#made.set(id, elapsedMs);
    }
  }

  madeAt(id: string): number | null {
    return this.#made.get(id) ?? null;
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
    this.#version += 1;
    if (!stream) return;
    this.#unlisten = stream.listen((stored) => {
      this.#version += 1;
      // What is put back was seen when it was stored.
      if (stored === null) this.#seen = stream.lastSeq;
      this.#look(stream);
    });
    this.#look(stream);
  }

  /** What the log holds now; the same list as long as that is the same. */
  now(): readonly Stored[] {
    const stream = serverOf(this.#log).findStream(STREAM);
    const { firstSeq = 0 } = stream?.info() ?? {};
    const { version, stream: last, firstSeq: first } = this.#now;
    if (version !== this.#version || last !== stream || first !== firstSeq) {
      const stored = messagesOf(stream).flatMap((message) => this.#eventsOf(message));
      this.#now = { version: this.#version, stream, firstSeq, stored };
    }
    return this.#now.stored;
  }

  /** Whether the log does not have a record; what it has dropped by age counts as there. */
  lacks(id: string): 'never had' | 'has lost' | null {
    const known = this.records.get(id);
    if (known === undefined) return 'never had';
    const stream = serverOf(this.#log).findStream(STREAM);
    if (stream === null) return 'has lost';
    if (stream.get(known.message.seq) === known.message || stream.info().firstSeq > known.message.seq) return null;
    // It may be there twice, and the later one is lost.
    const { subject } = known.message;
    const isIt = (message: StoredMessage): boolean =>
      message.subject === subject && decoded(message.data).head.id === id;
    return messagesOf(stream).some(isIt) ? null : 'has lost';
  }

  /** The process whose record is the last one of a journal in the log; null when there is none. */
  writerOf(journal: string): string | null {
    const last = messagesOf(serverOf(this.#log).findStream(STREAM)).findLast(
      ({ subject, data }) => subject === `${JOURNAL}${journal}` && headIn(data) !== null,
    );
    return last === undefined ? null : decoded(last.data).head.process;
  }

  get identity(): string {
    return this.#stream?.identity ?? '';
  }

  #look(stream: MemoryStream): void {
    while (this.#seen < stream.lastSeq) {
      this.#seen += 1;
      const message = stream.get(this.#seen);
      if (!message) continue;
      if (message.subject.startsWith(JOURNAL)) this.#noteRecord(message);
      else this.sent.add(`${message.header(JOURNAL_HEADER)} ${message.header(RECORD_HEADER)}`);
      for (const stored of this.#eventsOf(message)) {
        this.stored.push(stored);
        if (message.subject.startsWith('mesh.events.')) this.facts.push(stored);
        for (const listener of this.#listeners) listener(stored);
      }
    }
  }

  #eventsOf(message: StoredMessage): readonly Stored[] {
    const known = this.#read.get(message);
    if (known) return known;
    const events = read(message, this.identity);
    this.#read.set(message, events);
    return events;
  }

  #noteRecord(message: StoredMessage): void {
    const { head, inputs } = decoded(message.data);
    this.records.set(head.id, { message, head });
    for (const input of inputs) {
      if (input.kind === 'event' && input.event.type === 'dev.agentmesh.effect.started.v1')
        this.started.set(input.event.data.key, { message, head });
    }
  }
}

/** All that a stream holds, in order. */
export function messagesOf(stream: MemoryStream | null): StoredMessage[] {
  if (!stream) return [];
  const { firstSeq, lastSeq } = stream.info();
  const messages: StoredMessage[] = [];
  for (let seq = firstSeq; seq <= lastSeq; seq += 1) {
    const message = stream.get(seq);
    if (message) messages.push(message);
  }
  return messages;
}

const records = new WeakMap<Uint8Array, DecodedRecord>();

/** A record, decoded once however often it is looked at: nobody changes its bytes. */
export function decoded(body: Uint8Array): DecodedRecord {
  const known = records.get(body);
  if (known) return known;
  const record = decodeRecord(body);
  records.set(body, record);
  return record;
}

const JOURNAL = 'mesh.journal.';
const decoder = new TextDecoder();

/** Of a record its inputs; what they caused is written for readers only. */
function read(message: StoredMessage, identity: string): Stored[] {
  if (message.subject.startsWith(JOURNAL)) {
    const inputs = decoded(message.data).inputs.map((input) => (input.kind === 'event' ? input.event : null));
    return inputs.map((event) => ({ message, event, identity }));
  }
  try {
    const value: unknown = JSON.parse(decoder.decode(message.data));
    const events = Array.isArray(value) ? value : [value];
    return events.map((event: unknown) => ({ message, event: isEvent(event) ? event : null, identity }));
  } catch (error) {
    if (error instanceof SyntaxError) return [{ message, event: null, identity }];
    throw error;
  }
}

function isEvent(value: unknown): value is MeshEvent {
  return typeof value === 'object' && value !== null && 'specversion' in value;
}
