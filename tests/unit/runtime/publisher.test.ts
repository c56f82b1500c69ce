/** Sending: order, holding back what may not leave yet, and sending again (S4). On the bus in memory. */
import { describe, expect, test } from 'vitest';
import type { CommitQueue } from '../../../actors/runtime/commit-queue.ts';
import type { FatalError } from '../../../actors/runtime/errors.ts';
import type { OutboxRow } from '../../../actors/runtime/ledger/port.ts';
import { createPublisher, UNACKED_MAX } from '../../../actors/runtime/publisher.ts';
import { createMemoryBus, createMemoryLog } from '../../../bus/memory-bus.ts';
import { type Bus, BusError, type PublishRequest, type StoredMessage } from '../../../bus/port.ts';
import { factSubject, inboxSubject } from '../../../schemas/events/subjects.ts';
import { TASK, TRACE } from './support/events.ts';
import { createFakeClock, createSilentLog, settled } from './support/fake-clock.ts';

const row = (n: number, more: Partial<OutboxRow> = {}): OutboxRow => ({
  ...{ n, instance: 1, eventId: `event ${n}`, subject: factSubject(TASK), msgId: `id ${n}`, body: `body ${n}` },
  ...more,
});

async function open(wrap: (bus: Bus) => Bus = (bus) => bus) {
  const log = createMemoryLog();
  const memory = createMemoryBus(log);
  await memory.ensureTopology();
  const clock = createFakeClock();
  const acked: string[] = [];
  const fatal: FatalError[] = [];
  const points: string[] = [];
  let batch = 1;
  const commits = {
    acked: (n: number, seq: number) => void acked.push(`${n} at ${seq}`),
    meta: () => undefined,
    get current() {
      return batch;
    },
  } as Pick<CommitQueue, 'acked' | 'meta' | 'current'> as CommitQueue;
  const publisher = createPublisher({
    ...{ bus: wrap(memory), clock, log: createSilentLog(), commits: () => commits },
    onFatal: (error) => void fatal.push(error),
    at: (point) => void points.push(point),
  });
  const stored: StoredMessage[] = [];
  const witness = createMemoryBus(log);
  await witness.read({ filter: '>', fromSeq: 1, onMessage: (message) => stored.push(message) });
  const bodies = async (): Promise<string[]> => {
    await settled();
    return stored.map(({ data }) => Buffer.from(data).toString());
  };
  const nextBatch = () => {
    batch += 1;
  };
  return { log, memory, clock, publisher, acked, fatal, points, stored, bodies, nextBatch };
}

describe('sending', () => {
  test('S4: an internal event goes at once, in structured form, and its place in the log is noted', async () => {
    const { publisher, bodies, stored, acked, points } = await open();
    publisher.send(row(1), TRACE, false);
    expect(publisher.waiting).toBe(1);
    expect(await bodies()).toEqual(['body 1']);
    expect(stored[0]?.subject).toBe(factSubject(TASK));
    expect(stored[0]?.header('content-type')).toBe('application/cloudevents+json');
    expect(stored[0]?.header('traceparent')).toBe(TRACE);
    expect(acked).toEqual(['1 at 1']);
    expect(publisher.waiting).toBe(0);
    expect(points).toEqual(['before-publish', 'after-publish']);
  });

  test('S4: a fact waits until the batch it rests on is durable', async () => {
    const { publisher, bodies, nextBatch } = await open();
    publisher.send(row(1), TRACE, true);
    nextBatch();
    publisher.send(row(2), TRACE, true);
    publisher.send(row(3), TRACE, false);
    expect(await bodies()).toEqual(['body 3']);
    publisher.onDurable(1);
    expect(await bodies()).toEqual(['body 3', 'body 1']);
    publisher.onDurable(2);
    expect(await bodies()).toEqual(['body 3', 'body 1', 'body 2']);
  });

  test('S4: facts leave in the order they were made', async () => {
    const { publisher, bodies, nextBatch } = await open();
    for (let n = 1; n <= 30; n += 1) {
      publisher.send(row(n), TRACE, true);
      if (n % 7 === 0) nextBatch();
    }
    publisher.onDurable(5);
    expect(await bodies()).toEqual(Array.from({ length: 30 }, (_, index) => `body ${index + 1}`));
  });

  test('S5: the log knows the message id: sent twice it is stored once', async () => {
    const { publisher, bodies, acked } = await open();
    publisher.send(row(1), TRACE, false);
    await settled();
    publisher.send(row(2, { msgId: 'id 1', body: 'body 1' }), TRACE, false);
    expect(await bodies()).toEqual(['body 1']);
    expect(acked).toEqual(['1 at 1', '2 at 1']);
  });

  test('S9: what is quarantined goes as the raw bytes, the reason in headers', async () => {
    const { publisher, memory } = await open();
    const kept = { headers: { 'mesh-code': 'not_json' }, base64: Buffer.from([1, 2, 255]).toString('base64') };
    publisher.send(row(1, { subject: 'mesh.quarantine.coder', body: JSON.stringify(kept) }), '', true);
    publisher.onDurable(1);
    await settled();
    const message = await memory.get(1, 'quarantine');
    expect([...(message?.data ?? [])]).toEqual([1, 2, 255]);
    expect(message?.header('mesh-code')).toBe('not_json');
  });
});

describe('the order on a subject', () => {
  /** Publishes wait until they are let go, each with its end. */
  const held = () => {
    const under: { body: string; end: (error?: Error) => void }[] = [];
    const wrap = (bus: Bus): Bus => ({
      ...bus,
      streamInfo: bus.streamInfo.bind(bus),
      onConnection: bus.onConnection.bind(bus),
      publish: (request: PublishRequest) =>
        new Promise((resolve, reject) => {
          const end = (error?: Error) => (error ? reject(error) : resolve(bus.publish(request)));
          under.push({ body: String(request.body), end });
        }),
    });
    return { under, wrap, sent: () => under.map(({ body }) => body) };
  };

  test('S4: what the log refused is not overtaken by what was sent before that was known', async () => {
    const { under, wrap, sent } = held();
    const { publisher, clock, bodies } = await open(wrap);
    for (const n of [1, 2, 3]) publisher.send(row(n), TRACE, false);
    expect(sent()).toEqual(['body 1']);
    under[0]?.end(new BusError('unavailable', 'no leader'));
    await clock.advance(250);
    for (let at = 1; at <= 3; at += 1) {
      under[at]?.end();
      await settled();
    }
    expect(await bodies()).toEqual(['body 1', 'body 2', 'body 3']);
  });

  test('subjects do not wait for each other', async () => {
    const { wrap, sent } = held();
    const { publisher } = await open(wrap);
    publisher.send(row(1), TRACE, false);
    publisher.send(row(2, { subject: inboxSubject('coder', TASK) }), TRACE, false);
    publisher.send(row(3), TRACE, false);
    expect(sent()).toEqual(['body 1', 'body 2']);
  });

  test('what was found in the log meanwhile is passed over', async () => {
    const { under, wrap, sent } = held();
    const { publisher } = await open(wrap);
    for (const n of [1, 2, 3]) publisher.send(row(n), TRACE, false);
    publisher.found('id 2', 7);
    under[0]?.end();
    await settled();
    expect(sent()).toEqual(['body 1', 'body 3']);
  });
});

describe('a lost connection', () => {
  test('S4: everything unacknowledged is sent again, in order, when it is back', async () => {
    const { publisher, memory, bodies, acked } = await open();
    memory.disconnect();
    for (const n of [1, 2, 3]) publisher.send(row(n), TRACE, false);
    await settled();
    expect(publisher.waiting).toBe(3);
    memory.reconnect();
    expect(await bodies()).toEqual(['body 1', 'body 2', 'body 3']);
    expect(acked).toEqual(['1 at 1', '2 at 2', '3 at 3']);
  });

  test('S4: what waits for its commit still waits', async () => {
    const { publisher, memory, bodies } = await open();
    memory.disconnect();
    publisher.send(row(1), TRACE, true);
    publisher.send(row(2), TRACE, false);
    await settled();
    memory.reconnect();
    expect(await bodies()).toEqual(['body 2']);
    publisher.onDurable(1);
    expect(await bodies()).toEqual(['body 2', 'body 1']);
  });

  /** A connection on which the first publishes fail. */
  const failing =
    (failures: number, ids: (string | undefined)[]) =>
    (bus: Bus): Bus => {
      let left = failures;
      return Object.assign(Object.create(bus) as Bus, {
        onConnection: (listener: (up: boolean) => void) => bus.onConnection(listener),
        publish: (request: PublishRequest) => {
          ids.push(request.msgId);
          left -= 1;
          return left >= 0 ? Promise.reject(new BusError('unavailable', 'no answer')) : bus.publish(request);
        },
      });
    };

  test('S4: a publish that fails is sent again after a pause, under the same id', async () => {
    const ids: (string | undefined)[] = [];
    const { publisher, clock, bodies } = await open(failing(2, ids));
    publisher.send(row(1), TRACE, false);
    await clock.advance(249);
    expect(ids).toHaveLength(1);
    await clock.advance(1);
    expect(ids).toHaveLength(2);
    await clock.advance(250);
    expect(await bodies()).toEqual(['body 1']);
    expect(new Set(ids)).toEqual(new Set(['id 1']));
    expect(clock.waits).toEqual([]);
  });

  test('S4: nothing overtakes it on its subject; others do not wait', async () => {
    const { publisher, clock, bodies } = await open(failing(1, []));
    publisher.send(row(1), TRACE, false);
    await settled();
    publisher.send(row(2), TRACE, false);
    publisher.send(row(3, { subject: inboxSubject('coder', TASK) }), TRACE, false);
    expect(await bodies()).toEqual(['body 3']);
    await clock.advance(250);
    expect(await bodies()).toEqual(['body 3', 'body 1', 'body 2']);
  });
});

describe('a refusal', () => {
  test('S4: a message that the log refuses for good ends the host: it would be passed over', async () => {
    const { publisher, fatal } = await open();
    publisher.send(row(1, { body: 'x'.repeat(2_000_000) }), TRACE, false);
    await settled();
    expect(fatal.map(({ message, exitCode }) => [message.slice(0, 40), exitCode])).toEqual([
      [`the log refused ${factSubject(TASK)}`.slice(0, 40), 3],
    ]);
    expect(publisher.waiting).toBe(1);
  });

  test('a connection closed by ourselves is no failure', async () => {
    const { publisher, fatal, memory, clock } = await open();
    publisher.send(row(1), TRACE, false);
    await memory.close();
    publisher.send(row(2), TRACE, false);
    await settled();
    expect([fatal, clock.waits]).toEqual([[], []]);
  });
});

describe('waiting', () => {
  test('acknowledged resolves when the log has the row, also afterwards', async () => {
    const { publisher, memory } = await open();
    memory.disconnect();
    publisher.send(row(1), TRACE, false);
    let known = false;
    void publisher.acknowledged(1).then(() => {
      known = true;
    });
    await settled();
    expect(known).toBe(false);
    memory.reconnect();
    await settled();
    expect(known).toBe(true);
    await expect(publisher.acknowledged(1)).resolves.toBeUndefined();
  });

  test('S10: what is found in the log is not sent', async () => {
    const { publisher, bodies, acked } = await open();
    publisher.hold();
    publisher.send(row(1), TRACE, false);
    publisher.send(row(2), TRACE, true);
    publisher.send(row(3), TRACE, false);
    publisher.found('id 1', 17);
    publisher.found('id 2', 18);
    publisher.found('of somebody else', 19);
    publisher.onDurable(1);
    publisher.release();
    expect(await bodies()).toEqual(['body 3']);
    expect(acked).toEqual(['1 at 17', '2 at 18', '3 at 1']);
  });

  test('S10: what became durable while sending was held goes when it is released', async () => {
    const { publisher, bodies } = await open();
    publisher.hold();
    publisher.send(row(1), TRACE, true);
    publisher.onDurable(1);
    expect(await bodies()).toEqual([]);
    publisher.release();
    expect(await bodies()).toEqual(['body 1']);
  });

  test('S8: room is told when less than a quarter of the limit waits', async () => {
    const { publisher, memory } = await open();
    memory.disconnect();
    for (let n = 1; n <= UNACKED_MAX / 4; n += 1) publisher.send(row(n), TRACE, false);
    let told = 0;
    publisher.onRoom(() => {
      told += 1;
    });
    await settled();
    expect(told).toBe(0);
    publisher.found('id 1', 1);
    expect(told).toBe(1);
    publisher.found('id 2', 2);
    expect(told).toBe(1);
  });

  test('drained resolves when all is acknowledged', async () => {
    const { publisher, clock } = await open();
    publisher.send(row(1), TRACE, false);
    const drained = publisher.drained(3000);
    await settled();
    await drained;
    expect(clock.waits).toEqual([]);
    await publisher.drained(3000);
  });

  test('S8: or when the limit is over', async () => {
    const { publisher, clock, memory } = await open();
    memory.disconnect();
    publisher.send(row(1), TRACE, false);
    let over = false;
    void publisher.drained(3000).then(() => {
      over = true;
    });
    await clock.advance(2999);
    expect(over).toBe(false);
    await clock.advance(1);
    await settled();
    expect(over).toBe(true);
  });

  test('after a stop nothing is sent any more', async () => {
    const { publisher, memory, clock, bodies } = await open();
    memory.disconnect();
    publisher.send(row(1), TRACE, false);
    await settled();
    publisher.stop();
    memory.reconnect();
    await clock.advance(10_000);
    expect(await bodies()).toEqual([]);
    expect(clock.waits).toEqual([]);
  });
});
