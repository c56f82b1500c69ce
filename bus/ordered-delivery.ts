/**
 * What an ordered push consumer sends. Owns: making such a consumer, reading the delivery subject of its messages, and
 * answering flow control. Does not own: recovering when one breaks (`reader.ts`).
 *
 * The consumer needs no acknowledgement and lives in the server's memory: the truth about what was read is the reader's
 * own cursor, so a consumer is thrown away and made anew whenever anything looks wrong.
 */
import { hostname } from 'node:os';
import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream';
import { AckPolicy, DeliverPolicy, ReplayPolicy } from '@nats-io/jetstream';
import type { Msg, MsgHdrs, NatsConnection, Subscription } from 'nats';
import { createInbox, nanos, nuid } from 'nats';
import { unpackedBody } from './packed-body.ts';
import type { StoredMessage } from './port.ts';

/** The server says that often that it is alive when it has nothing to send. */
export const IDLE_HEARTBEAT_MS = 1000;
/** The server drops a consumer nobody listens to after this time. */
const INACTIVE_THRESHOLD_MS = 10_000;
const DELIVERY_PREFIX = '$JS.ACK.';
const STATUS_CONTROL = 100;

export interface Delivery {
  readonly seq: number;
  /** Position among what this consumer has delivered, from 1 without gaps. */
  readonly deliverySeq: number;
  readonly atMs: number;
  /** How many stored messages still match after this one. */
  readonly pending: number;
}

/**
 * Reads `$JS.ACK.<stream>.<consumer>.<count>.<seq>.<delivery>.<nanoseconds>.<pending>`, or the longer form with
 * `<domain>.<account>` before the stream. Null for a message that no stream delivered.
 */
export function parseDelivery(reply: string): Delivery | null {
  if (!reply.startsWith(DELIVERY_PREFIX)) return null;
  const tokens = reply.split('.');
  const shift = tokens.length === 9 ? 0 : 2;
  const timestamp = tokens[7 + shift] ?? '';
  return {
    seq: Number(tokens[5 + shift]),
    deliverySeq: Number(tokens[6 + shift]),
    atMs: Number(timestamp.slice(0, -6)),
    pending: Number(tokens[8 + shift]),
  };
}

export interface Heartbeat {
  /** How many messages the server has sent through this consumer. */
  readonly deliverySeq: number;
  /** The server waits for a flow-control answer before it sends more. */
  readonly stalled: boolean;
}

/** Answers flow control; tells a heartbeat. */
export function handleControl(nc: NatsConnection, message: Msg): Heartbeat | null {
  const headers = message.headers;
  if (headers?.code !== STATUS_CONTROL) return null;
  if (message.reply !== undefined && message.reply !== '') {
    message.respond();
    return null;
  }
  const stalled = headers.get('Nats-Consumer-Stalled');
  if (stalled !== '') nc.publish(stalled);
  return { deliverySeq: Number(headers.get('Nats-Last-Consumer')), stalled: stalled !== '' };
}

/** `last_place_per_subject` leaves the data of the messages out. */
export type StartAt = { readonly fromSeq: number } | 'last_per_subject' | 'last_place_per_subject';

export interface OpenConsumer {
  readonly subscription: Subscription;
  readonly name: string;
  readonly created: Promise<ConsumerInfo>;
}

/** Letters of a name before its unique end: the server takes no more than 255 in all. */
const READABLE_NAME_MAX = 80;

/** Says to whoever lists consumers who reads what. A name is a token of subjects, so it has no dots and no wildcards. */
function consumerName(by: string, filter: string): string {
  const what = filter.replaceAll('>', 'all').replaceAll('*', 'any');
  return `${`${by}_${what}`.replaceAll(/[^A-Za-z0-9_]+/g, '-').slice(0, READABLE_NAME_MAX)}_${nuid.next()}`;
}

/** Subscribes first, then asks for the consumer: messages may come before the answer does. */
export function openConsumer(
  jsm: JetStreamManager,
  nc: NatsConnection,
  want: {
    /** Name of the connection that reads. */
    by: string;
    stream: string;
    filter: string;
    start: StartAt;
    onMessage: (message: Msg) => void;
    onError: (error: Error) => void;
  },
): OpenConsumer {
  const inbox = createInbox();
  const name = consumerName(want.by, want.filter);
  const subscription = nc.subscribe(inbox, {
    callback: (error, message) => (error === null ? want.onMessage(message) : want.onError(error)),
  });
  const start =
    typeof want.start === 'string'
      ? { deliver_policy: DeliverPolicy.LastPerSubject, headers_only: want.start === 'last_place_per_subject' }
      : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(1, want.start.fromSeq) };
  const created = jsm.consumers.add(want.stream, {
    name,
    description: `${want.by} (process ${process.pid} on ${hostname()}) reads ${want.filter}`,
    deliver_subject: inbox,
    ...start,
    filter_subject: want.filter,
    ack_policy: AckPolicy.None,
    replay_policy: ReplayPolicy.Instant,
    max_deliver: 1,
    mem_storage: true,
    num_replicas: 1,
    flow_control: true,
    idle_heartbeat: nanos(IDLE_HEARTBEAT_MS),
    inactive_threshold: nanos(INACTIVE_THRESHOLD_MS),
  });
  return { subscription, name, created };
}

/** A message of the log; its headers are decoded only when one is asked for. */
export class LogMessage implements StoredMessage {
  readonly seq: number;
  readonly subject: string;
  readonly atMs: number;
  readonly #sent: Uint8Array;
  #data: Uint8Array | null = null;
  readonly #source: { readonly headers?: MsgHdrs };
  #headers: Map<string, string> | null = null;

  constructor(
    place: { seq: number; subject: string; atMs: number },
    data: Uint8Array,
    source: { readonly headers?: MsgHdrs },
  ) {
    this.seq = place.seq;
    this.subject = place.subject;
    this.atMs = place.atMs;
    this.#sent = data;
    this.#source = source;
  }

  get data(): Uint8Array {
    this.#data ??= unpackedBody(this.subject, this.#sent, (name) => this.header(name));
    return this.#data;
  }

  header(name: string): string {
    return this.#decoded().get(name) ?? '';
  }

  headers(): Iterable<readonly [string, string]> {
    return this.#decoded();
  }

  #decoded(): Map<string, string> {
    this.#headers ??= decodeHeaders(this.#source.headers);
    return this.#headers;
  }
}

function decodeHeaders(headers: MsgHdrs | undefined): Map<string, string> {
  const decoded = new Map<string, string>();
  for (const [name, values] of headers ?? []) {
    const first = values[0];
    if (first !== undefined) decoded.set(name, first);
  }
  return decoded;
}
