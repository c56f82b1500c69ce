/**
 * Publishing with acknowledgement, many at a time. Owns: the inbox on which PubAcks come back, and matching them to
 * their publishes. Does not own: which subjects are allowed, or trying again.
 *
 * One subscription serves all publishes and one timer watches them: the client library's own request makes a timer and
 * promises per message, which halves the rate.
 *
 * Invariants:
 * 1. Every publish settles: by its PubAck, at its deadline, or when the connection goes down.
 * 2. A rejected publish may have been stored; the same `msgId` published again is stored once.
 */
import type { Msg, MsgHdrs, Subscription } from 'nats';
import { errors } from 'nats';
import type { Connection } from './connection.ts';
import { busErrorFromApi, toBusError } from './errors.ts';
import type { PubAck } from './port.ts';
import { BusError } from './port.ts';

/** Long enough for a server that is fsyncing, short enough that a caller's retry is not noticed as a hang. */
const PUB_ACK_TIMEOUT_MS = 5000;
/** How exactly a deadline is kept. */
const SWEEP_INTERVAL_MS = 250;
const NO_RESPONDERS = 503;

interface Pending {
  readonly subject: string;
  readonly deadlineMs: number;
  readonly resolve: (ack: PubAck) => void;
  readonly reject: (error: BusError) => void;
}

interface PubAckBody {
  readonly seq?: number;
  readonly duplicate?: boolean;
  readonly error?: { readonly code: number; readonly err_code?: number; readonly description?: string };
}

export class PubAcks {
  readonly #connection: Connection;
  readonly #inboxPrefix: string;
  readonly #subscription: Subscription;
  /** In order of publishing, hence of deadlines. */
  readonly #pending = new Map<string, Pending>();
  readonly #whenEmpty = new Set<() => void>();
  #lastToken = 0;
  #sweeper: NodeJS.Timeout | null = null;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#inboxPrefix = `${connection.inbox()}.`;
    this.#subscription = connection.nc.subscribe(`${this.#inboxPrefix}*`, {
      callback: (error, message) => {
        if (error !== null) this.#rejectAll(toBusError(error, 'publish'));
        else this.#onReply(message);
      },
    });
    connection.listen({
      onDown: () => this.#rejectAll(new BusError('unavailable', 'publish: the connection was lost before the PubAck')),
    });
    void this.#followRefusals();
  }

  publish(subject: string, body: Uint8Array, headers?: MsgHdrs): Promise<PubAck> {
    const obstacle = this.#connection.obstacle(`publish to ${subject}`);
    if (obstacle !== null) return Promise.reject(obstacle);
    const token = (++this.#lastToken).toString(36);
    return new Promise<PubAck>((resolve, reject) => {
      const reply = this.#inboxPrefix + token;
      try {
        this.#connection.nc.publish(subject, body, headers === undefined ? { reply } : { reply, headers });
      } catch (thrown) {
        reject(toBusError(thrown, `publish to ${subject}`));
        return;
      }
      const deadlineMs = performance.now() + PUB_ACK_TIMEOUT_MS;
      this.#pending.set(token, { subject, deadlineMs, resolve, reject });
      this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_INTERVAL_MS);
    });
  }

  /** Resolves when no publish waits for its PubAck. */
  idle(): Promise<void> {
    if (this.#pending.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.add(resolve));
  }

  stop(): void {
    this.#rejectAll(new BusError('closed', 'publish: the connection was closed before the PubAck'));
    this.#stopSweeper();
    this.#subscription.unsubscribe();
  }

  #onReply(message: Msg): void {
    const token = message.subject.slice(this.#inboxPrefix.length);
    const pending = this.#pending.get(token);
    if (pending === undefined) return;
    this.#pending.delete(token);
    this.#settle(pending, message);
    if (this.#pending.size === 0) this.#becameEmpty();
  }

  #settle(pending: Pending, message: Msg): void {
    const what = `publish to ${pending.subject}`;
    try {
      pending.resolve(readAck(message, what));
    } catch (thrown) {
      pending.reject(toBusError(thrown, what));
    }
  }

  /** The server tells of a forbidden subject by an error on the connection, not by a PubAck. */
  async #followRefusals(): Promise<void> {
    for await (const status of this.#connection.nc.status()) {
      if (status.type !== 'error' || !(status.error instanceof errors.PermissionViolationError)) continue;
      const { operation, subject } = status.error;
      if (operation === 'publish') this.#rejectWhere((pending) => pending.subject === subject, status.error);
    }
  }

  #rejectWhere(matches: (pending: Pending) => boolean, reason: Error): void {
    for (const [token, pending] of this.#pending) {
      if (!matches(pending)) continue;
      this.#pending.delete(token);
      pending.reject(toBusError(reason, `publish to ${pending.subject}`));
    }
    if (this.#pending.size === 0) this.#becameEmpty();
  }

  #rejectAll(error: BusError): void {
    this.#rejectWhere(() => true, error);
  }

  #sweep(): void {
    const nowMs = performance.now();
    for (const [token, pending] of this.#pending) {
      if (pending.deadlineMs > nowMs) break;
      this.#pending.delete(token);
      const message = `publish to ${pending.subject}: no PubAck within ${PUB_ACK_TIMEOUT_MS} ms`;
      pending.reject(new BusError('unavailable', message));
    }
    if (this.#pending.size > 0) return;
    this.#becameEmpty();
    this.#stopSweeper();
  }

  #becameEmpty(): void {
    for (const resolve of this.#whenEmpty) resolve();
    this.#whenEmpty.clear();
  }

  #stopSweeper(): void {
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
    this.#sweeper = null;
  }
}

/** The PubAck in a reply; throws what the server said instead. */
function readAck(message: Msg, what: string): PubAck {
  if (message.data.length === 0) {
    const noStream = message.headers?.code === NO_RESPONDERS;
    const reason = noStream ? 'no stream is there to store it' : 'the server sent an empty acknowledgement';
    throw new BusError('unavailable', `${what}: ${reason}`);
  }
  const ack = message.json<PubAckBody>();
  if (ack.error !== undefined) {
    const { code, err_code: errCode = 0, description = 'no reason given' } = ack.error;
    throw busErrorFromApi({ code, errCode, description }, what);
  }
  if (typeof ack.seq !== 'number') throw new BusError('unavailable', `${what}: the reply is not a PubAck`);
  return { seq: ack.seq, duplicate: ack.duplicate === true };
}
