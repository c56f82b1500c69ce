/**
 * The last message of every subject under a filter, read once. Owns: one short-lived consumer. Does not own: following
 * what comes later (`reader.ts`).
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { Msg } from 'nats';
import type { Connection } from './connection.ts';
import { handleControl, LogMessage, openConsumer, parseDelivery, type StartAt } from './ordered-delivery.ts';
import type { StoredMessage } from './port.ts';
import { BusError } from './port.ts';

/** Time for all of them to arrive; a hundred thousand subjects take a few seconds. */
const READ_LIMIT_MS = 15_000;

interface Wanted {
  readonly stream: string;
  readonly filter: string;
  readonly start: Exclude<StartAt, object>;
}

export function readLastPerSubject(
  connection: Connection,
  jsm: JetStreamManager,
  wanted: Wanted,
): Promise<StoredMessage[]> {
  return connection.guard(`read the last messages of ${wanted.stream}`, () => collect(connection, jsm, wanted));
}

async function collect(
  connection: Connection,
  jsm: JetStreamManager,
  { stream, filter, start }: Wanted,
): Promise<StoredMessage[]> {
  const found: StoredMessage[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const refuse = (reason: string) =>
    reject(new BusError('unavailable', `read the last messages of ${stream}: ${reason}`));
  const onMessage = (message: Msg) => {
    const delivery = parseDelivery(message.reply ?? '');
    if (delivery === null) {
      const heartbeat = handleControl(connection.nc, message);
      if (heartbeat === null || heartbeat.stalled) return;
      return heartbeat.deliverySeq === found.length ? resolve() : refuse('some were lost on the way');
    }
    if (delivery.deliverySeq !== found.length + 1) return refuse('some were lost on the way');
    const { seq, atMs } = delivery;
    found.push(new LogMessage({ seq, subject: message.subject, atMs }, message.data, message));
    if (delivery.pending === 0) resolve();
  };
  // It may be rejected before anyone waits for it; the await below still sees that.
  promise.catch(() => undefined);
  const timer = setTimeout(() => refuse(`not complete within ${READ_LIMIT_MS} ms`), READ_LIMIT_MS);
  const consumer = openConsumer(jsm, connection, {
    stream,
    filter,
    start,
    onMessage,
    onError: reject,
  });
  try {
    const info = await consumer.created;
    if (info.num_pending === 0 && info.delivered.consumer_seq === 0) resolve();
    await promise;
    return found;
  } finally {
    clearTimeout(timer);
    consumer.subscription.unsubscribe();
  }
}
