/** Sending what follows from records: in order, until it is there, and known how far (J2, S4). */
import { describe, expect, test } from 'vitest';
import type { AtCrashPoint } from '../../../actors/runtime/crash-points.ts';
import type { FatalError } from '../../../actors/runtime/errors.ts';
import { defaultLimits, type RuntimeLimits } from '../../../actors/runtime/limits.ts';
import type { Message } from '../../../actors/runtime/messages/messages.ts';
import { createSender } from '../../../actors/runtime/messages/sender.ts';
import { untraced } from '../../../actors/runtime/ports.ts';
import { createMemoryBus, createMemoryLog } from '../../../bus/memory-bus.ts';
import { type Bus, BusError, type PubAck, type PublishRequest } from '../../../bus/port.ts';
import { factSubject } from '../../../schemas/events/subjects.ts';
import { bent, certainty, door } from './support/bent-bus.ts';
import { TASK } from './support/events.ts';
import { createFakeClock, createSilentLog, settled } from './support/fake-clock.ts';

const OTHER = '7c9e6679-7425-40de-944b-e07fc1f90002';

function message(n: number, k = 0, more: Partial<Message> = {}): Message {
  const headers = { 'mesh-journal': 'tests.0', 'mesh-record': `${n}.${k}` };
  return {
    ...{ kind: 'facts', subject: factSubject(TASK), body: `${n}.${k}`, encoding: 'text', task: TASK, to: '' },
    ...{ msgId: `tests.0.p.${n}.${k}`, headers },
    ...more,
  };
}

async function open(limits: Partial<RuntimeLimits> = {}, at: AtCrashPoint = () => undefined) {
  const clock = createFakeClock();
  const log = createMemoryLog({ now: () => clock.now() });
  const bus = createMemoryBus(log);
  await bus.ensureTopology();
  const gate = door();
  const witness = certainty();
  const underWay: string[] = [];
  const failures: BusError[] = [];
  const fatal: FatalError[] = [];
  let most = 0;
  /** What the log answers in place of what it does. */
  const publishing: { answers: PubAck | null } = { answers: null };
  const publish: Bus['publish'] = async (request: PublishRequest) => {
    underWay.push(request.msgId ?? '');
    most = Math.max(most, underWay.length);
    try {
      await gate.passed;
      const failure = failures.shift();
      if (failure) throw failure;
      return publishing.answers ?? (await bus.publish(request));
    } finally {
      underWay.splice(underWay.indexOf(request.msgId ?? ''), 1);
    }
  };
  const sender = createSender({
    ...{ bus: bent(bus, { publish }), clock, log: createSilentLog(), limits: { ...defaultLimits, ...limits } },
    ...{
      at,
      tracing: untraced,
      recordSeq: () => null,
      furthest: () => '',
      whenCertain: witness.whenCertain,
      onFatal: (error) => void fatal.push(error),
    },
  });
  sender.open(0, 0);
  const stored = async (stream?: 'quarantine'): Promise<string[]> => {
    const bodies: string[] = [];
    const onMessage = ({ data }: { data: Uint8Array }) => void bodies.push(Buffer.from(data).toString());
    const reader = await bus.read({ filter: 'mesh.>', fromSeq: 1, onMessage, ...(stream ? { stream } : {}) });
    await reader.caughtUp;
    await reader.stop();
    return bodies;
  };
  return {
    clock,
    log,
    bus,
    publish: publishing,
    sender,
    gate,
    witness,
    underWay,
    failures,
    fatal,
    stored,
    most: () => most,
  };
}

const unavailable = () => new BusError('unavailable', 'no acknowledgement');

describe('what follows from a record', () => {
  test('J2: leaves when both stores have the record, and not before', async () => {
    const { sender, stored } = await open();
    sender.add(0, 1, [message(1)]);
    sender.add(0, 2, [message(2)]);
    await settled();
    expect([await stored(), sender.waiting]).toEqual([[], 2]);
    sender.release(0, 1);
    await settled();
    expect([await stored(), sender.waiting, sender.sent(0)]).toEqual([['1.0'], 1, 1]);
    sender.release(0, 2);
    await settled();
    expect([await stored(), sender.waiting, sender.sent(0)]).toEqual([['1.0', '2.0'], 0, 2]);
  });

  test('S4: of one subject one is under way at a time, in the order of the records; subjects do not wait for each other', async () => {
    const { sender, gate, underWay, stored } = await open();
    gate.shut();
    sender.add(0, 1, [message(1, 0), message(1, 1), message(1, 2, { subject: factSubject(OTHER) })]);
    sender.add(0, 2, [message(2, 0)]);
    sender.release(0, 2);
    await settled();
    expect(underWay).toEqual(['tests.0.p.1.0', 'tests.0.p.1.2']);
    gate.open();
    await settled();
    expect((await stored()).filter((body) => body !== '1.2')).toEqual(['1.0', '1.1', '2.0']);
  });

  test('S4: what was not acknowledged is sent again under its id, and what is behind it waits', async () => {
    const { sender, clock, failures, stored } = await open({ resendMs: 250 });
    failures.push(unavailable(), unavailable());
    sender.add(0, 1, [message(1, 0), message(1, 1)]);
    sender.release(0, 1);
    await clock.advance(249);
    expect([await stored(), sender.sent(0)]).toEqual([[], 0]);
    await clock.advance(251);
    expect([await stored(), sender.sent(0), sender.waiting]).toEqual([['1.0', '1.1'], 1, 0]);
  });

  test('S4: that was stored although its acknowledgement was lost counts once', async () => {
    const { sender, clock, bus, stored } = await open();
    await bus.publish({ subject: factSubject(TASK), body: '1.0', msgId: 'tests.0.p.1.0' });
    sender.add(0, 1, [message(1)]);
    sender.release(0, 1);
    await clock.advance(0);
    expect([await stored(), sender.sent(0)]).toEqual([['1.0'], 1]);
  });

  test('S4: a reconnect does not wait for the next try', async () => {
    const { sender, bus, stored } = await open({ resendMs: 60_000 });
    bus.disconnect();
    sender.add(0, 1, [message(1)]);
    sender.release(0, 1);
    await settled();
    bus.reconnect();
    await settled();
    expect(await stored()).toEqual(['1.0']);
  });

  test('S10: does not leave while it is not certain which log this is', async () => {
    const { sender, witness, stored } = await open();
    witness.doubt();
    sender.add(0, 1, [message(1, 0), message(1, 1)]);
    sender.release(0, 1);
    await settled();
    expect([await stored(), sender.waiting]).toEqual([[], 2]);
    witness.settle();
    await settled();
    expect([await stored(), sender.sent(0)]).toEqual([['1.0', '1.1'], 1]);
  });

  test('a log that refuses it for good ends the host', async () => {
    const { sender, failures, fatal } = await open();
    failures.push(new BusError('refused', 'too large'));
    sender.add(0, 1, [message(1)]);
    sender.release(0, 1);
    await settled();
    expect(fatal).toMatchObject([{ exitCode: 3, message: expect.stringContaining('too large') }]);
  });
});

describe('the watermark', () => {
  test('J3: stands before the first record of which something is missing, and records of nothing do not hold it up', async () => {
    const { sender, clock, failures } = await open();
    sender.open(0, 7);
    expect(sender.sent(0)).toBe(7);
    failures.push(unavailable());
    sender.add(0, 9, [message(9), message(9, 1, { subject: factSubject(OTHER) })]);
    sender.add(0, 10, [message(10, 0, { subject: factSubject(OTHER) })]);
    sender.release(0, 8);
    expect(sender.sent(0)).toBe(8);
    sender.release(0, 12);
    await settled();
    expect(sender.sent(0)).toBe(8);
    expect(sender.unsent(0, 12)).toEqual([{ n: 9, messages: [message(9)] }]);
    await clock.advance(1000);
    expect([sender.sent(0), sender.unsent(0, 12)]).toEqual([12, []]);
  });

  test('J3: what is not sent of records up to one is told, for the checkpoint there', async () => {
    const { sender } = await open();
    sender.add(0, 3, [message(3)]);
    sender.add(0, 4, [message(4)]);
    expect(sender.unsent(0, 3)).toEqual([{ n: 3, messages: [message(3)] }]);
    expect([sender.unsent(0, 2), sender.unsent(1, 9)]).toEqual([[], []]);
  });

  test('S10: the furthest message of each stream is known by its place', async () => {
    const { sender, stored } = await open();
    expect(sender.stored).toEqual({ log: '', quarantine: '' });
    const base64 = Buffer.from('bad').toString('base64');
    const refused = {
      kind: 'quarantine',
      subject: 'mesh.quarantine.courier',
      encoding: 'base64',
      body: base64,
    } as const;
    sender.add(0, 5, [message(5, 0, refused), message(5, 1), message(5, 2)]);
    sender.release(0, 5);
    await settled();
    expect([await stored('quarantine'), sender.stored]).toEqual([
      ['bad'],
      { log: '2@tests.0/5.2', quarantine: '1@tests.0/5.0' },
    ]);
  });

  const refused = {
    kind: 'quarantine',
    subject: 'mesh.quarantine.courier',
    msgId: 'q.courier.7.1',
    body: 'bad',
  } as const;
  const again = async ({ sender }: Awaited<ReturnType<typeof open>>) => {
    sender.add(0, 9, [message(9, 0, refused)]);
    sender.release(0, 9);
    await settled();
  };

  test('S10: what was set aside before, because of another record, is known as that one told it', async () => {
    const opened = await open();
    const { sender, bus, stored } = opened;
    const { subject, body, msgId } = refused;
    await bus.publish({ subject, body, msgId, headers: message(5).headers });
    await again(opened);
    const mark = '1@tests.0/5.0';
    expect([await stored('quarantine'), sender.waiting, sender.stored.quarantine]).toEqual([['bad'], 0, mark]);
  });

  test('S10: of what earlier processes knew the furthest counts', async () => {
    const { sender } = await open();
    sender.recall({ log: '7@tests.0/3.0', quarantine: '' });
    sender.recall({ log: '5@tests.1/2.0', quarantine: '2@tests.1/2.1' });
    expect(sender.stored).toEqual({ log: '7@tests.0/3.0', quarantine: '2@tests.1/2.1' });
  });

  test('S10: and is sent until it is there, when it was lost since', async () => {
    const opened = await open();
    const { sender, bus, log, clock, stored } = opened;
    await bus.publish({ subject: refused.subject, body: 'bad', msgId: refused.msgId });
    log.truncate('quarantine', 0);
    await again(opened);
    expect([await stored('quarantine'), sender.waiting]).toEqual([['bad'], 0]);
    await bus.publish({ subject: refused.subject, body: 'other', msgId: 'q.courier.8.1' });
    const { publish } = opened;
    publish.answers = { seq: 2, duplicate: true };
    await again(opened);
    expect([sender.waiting, sender.stored.quarantine]).toEqual([1, '1@tests.0/9.0']);
    publish.answers = null;
    await clock.advance(defaultLimits.resendMs);
    expect([sender.waiting, sender.stored.quarantine]).toEqual([0, '1@tests.0/9.0']);
  });
});

test('S10: what the log has taken is known before anything else happens: a connection lost at that moment is asked about it', async () => {
  const seen: string[] = [];
  const { sender } = await open({}, (point) => {
    if (point === 'after-publish') seen.push(sender.stored.log);
  });
  sender.add(0, 1, [message(1, 0), message(1, 1)]);
  sender.release(0, 1);
  await settled();
  expect(seen).toEqual(['1@tests.0/1.0', '2@tests.0/1.1']);
});

describe('limits', () => {
  test('S8: it is full beyond so many, and there is room when a quarter is left', async () => {
    const { sender, gate } = await open({ sendingMax: 8 });
    gate.shut();
    const subjects = Array.from({ length: 10 }, (_, at) => factSubject(`7c9e6679-7425-40de-944b-e07fc1f9000${at}`));
    const messages = subjects.map((subject, at) => message(at + 1, 0, { subject }));
    for (const [at, one] of messages.slice(0, 8).entries()) sender.add(0, at + 1, [one]);
    expect(sender.isFull).toBe(false);
    for (const [at, one] of messages.slice(8).entries()) sender.add(0, at + 9, [one]);
    expect(sender.isFull).toBe(true);
    const left: number[] = [];
    sender.onRoom(() => left.push(sender.waiting));
    sender.release(0, 10);
    gate.open();
    await settled();
    expect(left).toEqual([2]);
  });

  test('S7: when the partition that filled it is lost there is room again', async () => {
    const { sender } = await open({ sendingMax: 2 });
    for (const n of [1, 2, 3]) sender.add(0, n, [message(n)]);
    let room = 0;
    sender.onRoom(() => {
      room += 1;
    });
    sender.close(0);
    expect([sender.isFull, sender.waiting, room]).toEqual([false, 0, 1]);
  });

  test('drained waits until nothing waits, but not for ever', async () => {
    const { sender, clock, gate } = await open();
    await sender.drained(1000);
    gate.shut();
    sender.add(0, 1, [message(1)]);
    sender.release(0, 1);
    const ends: string[] = [];
    void sender.drained(1000).then(() => ends.push('limit'));
    await clock.advance(1000);
    expect(ends).toEqual(['limit']);
    void sender.drained(1000).then(() => ends.push('drained'));
    gate.open();
    await settled();
    expect(ends).toEqual(['limit', 'drained']);
  });
});

describe('a partition that is lost', () => {
  test('S7: what was released goes on its way, what was not never leaves', async () => {
    const { sender, gate, stored } = await open();
    gate.shut();
    sender.add(0, 1, [message(1)]);
    sender.add(0, 2, [message(2)]);
    sender.release(0, 1);
    sender.close(0);
    sender.release(0, 2);
    gate.open();
    await settled();
    expect([await stored(), sender.waiting, sender.sent(0)]).toEqual([['1.0'], 0, 0]);
  });

  test('after a stop nothing is sent again', async () => {
    const { sender, clock, failures, stored } = await open();
    failures.push(unavailable());
    sender.add(0, 1, [message(1)]);
    sender.release(0, 1);
    await settled();
    sender.stop();
    await clock.advance(10_000);
    expect([await stored(), clock.waits]).toEqual([[], []]);
  });
});
