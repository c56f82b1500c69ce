/**
 * Buckets over JetStream. Owns: reading, writing and watching the entries of one bucket in the layout that `nats kv`
 * and the official clients use. Does not own: making buckets (`topology.ts`).
 *
 * Invariants:
 * 1. `get` and the compare-and-set are answered by the stream's leader: they see every earlier write.
 * 2. A watch tells later changes in order, across restarts of the server; when the bucket was made anew, it tells all
 *    its values again.
 */
import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream';
import { headers } from 'nats';
import type { Connection } from './connection.ts';
import { readLastPerSubject } from './last-per-subject.ts';
import { assertKey, bucketStream, bucketSubject } from './layout.ts';
import type { RevisionedEntry, RevisionedStore } from './leases.ts';
import type { KeyValue, KvEntry, Reader, StoredMessage } from './port.ts';
import { BusError } from './port.ts';
import type { PubAcks } from './pub-acks.ts';
import { openReader } from './reader.ts';
import { surface } from './surface.ts';

const OPERATION = 'KV-Operation';
const DELETED = new Set(['DEL', 'PURGE']);
const EXPECTED_REVISION = 'Nats-Expected-Last-Subject-Sequence';
/** Between attempts to watch a bucket that is not there. */
const WATCH_RETRY_MS = 500;
const decoder = new TextDecoder();

export class JetStreamBucket implements KeyValue, RevisionedStore {
  readonly #connection: Connection;
  readonly #jsm: JetStreamManager;
  readonly #acks: PubAcks;
  readonly #bucket: string;
  readonly #stream: string;

  constructor(connection: Connection, jsm: JetStreamManager, acks: PubAcks, bucket: string) {
    this.#connection = connection;
    this.#jsm = jsm;
    this.#acks = acks;
    this.#bucket = bucket;
    this.#stream = bucketStream(bucket);
  }

  async get(key: string): Promise<KvEntry | null> {
    const stored = await this.#lastStored(key);
    if (stored === null || DELETED.has(stored.header.get(OPERATION))) return null;
    return { key, value: decoder.decode(stored.data), revision: stored.seq, atMs: stored.time.getTime() };
  }

  async put(key: string, value: string): Promise<number> {
    const ack = await this.#acks.publish(this.#subject(key), Buffer.from(value));
    return ack.seq;
  }

  async delete(key: string): Promise<void> {
    const operation = headers();
    operation.set(OPERATION, 'DEL');
    await this.#acks.publish(this.#subject(key), new Uint8Array(0), operation);
  }

  async entries(): Promise<KvEntry[]> {
    const messages = await readLastPerSubject(this.#connection, this.#jsm, {
      stream: this.#stream,
      filter: this.#subjectPrefix('>'),
      start: 'last_per_subject',
    });
    return messages.filter((message) => !isDeletion(message)).map((message) => this.#entry(message));
  }

  async watch(onChange: (key: string, value: string | null) => void): Promise<() => void> {
    const info = await this.#connection.guard(`watch ${this.#bucket}`, () => this.#jsm.streams.info(this.#stream));
    let reader: Reader | null = null;
    let retry: NodeJS.Timeout | null = null;
    let ended = false;
    const open = async (fromSeq: number) => {
      reader = await openReader(this.#connection, this.#jsm, {
        stream: this.#stream,
        filter: this.#subjectPrefix('>'),
        fromSeq,
        onMessage: (message) => {
          const { key, value } = this.#entry(message);
          onChange(key, isDeletion(message) ? null : value);
        },
        onError: reopen,
      });
      if (ended) await reader.stop();
    };
    const reopen = (error: unknown) => {
      if (ended || this.#connection.closing) return;
      if (!(error instanceof BusError && error.retryable)) return surface(error);
      retry = setTimeout(() => void open(1).catch(reopen), WATCH_RETRY_MS);
    };
    await open(info.state.last_seq + 1);
    return () => {
      ended = true;
      if (retry !== null) clearTimeout(retry);
      void reader?.stop();
    };
  }

  async read(key: string): Promise<RevisionedEntry | null> {
    const stored = await this.#lastStored(key);
    return stored === null ? null : { value: decoder.decode(stored.data), revision: stored.seq };
  }

  async putIfRevision(key: string, value: string, revision: number): Promise<number | null> {
    const expected = headers();
    expected.set(EXPECTED_REVISION, String(revision));
    try {
      return (await this.#acks.publish(this.#subject(key), Buffer.from(value), expected)).seq;
    } catch (thrown) {
      if (thrown instanceof BusError && thrown.code === 'conflict') return null;
      throw thrown;
    }
  }

  async #lastStored(key: string): Promise<StoredMsg | null> {
    const subject = this.#subject(key);
    return this.#connection.guard(`get ${key}`, () =>
      this.#jsm.streams.getMessage(this.#stream, { last_by_subj: subject }),
    );
  }

  #subject(key: string): string {
    return this.#subjectPrefix(assertKey(key));
  }

  #subjectPrefix(rest: string): string {
    return bucketSubject(this.#bucket, rest);
  }

  #entry(message: StoredMessage): KvEntry {
    const key = message.subject.slice(this.#subjectPrefix('').length);
    return { key, value: decoder.decode(message.data), revision: message.seq, atMs: message.atMs };
  }
}

function isDeletion(message: StoredMessage): boolean {
  return DELETED.has(message.header(OPERATION));
}
