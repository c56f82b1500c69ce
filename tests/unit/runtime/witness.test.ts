/** Which log this is, and whether it still holds what it held (S10). On the bus in memory. */
import { describe, expect, test } from 'vitest';
import type { FatalError } from '../../../actors/runtime/errors.ts';
import { encodeRecord } from '../../../actors/runtime/journal/record.ts';
import { createWitness, type Memory, seqOf, tailOf } from '../../../actors/runtime/recovery/witness.ts';
import { createMemoryBus, createMemoryLog, type MemoryBus } from '../../../bus/memory-bus.ts';
import { type Bus, BusError } from '../../../bus/port.ts';
import { RECORD_HEADER } from '../../../schemas/events/journal.ts';
import { journalSubject } from '../../../schemas/events/subjects.ts';
import { bent } from './support/bent-bus.ts';
import { createFakeClock, settled } from './support/fake-clock.ts';
import { headAt } from './support/records.ts';

const NOTHING = { log: '', quarantine: '' };

async function open(changes: (bus: MemoryBus) => Partial<Bus> = () => ({})) {
  const clock = createFakeClock();
  const log = createMemoryLog({ now: () => clock.now() });
  const bus = createMemoryBus(log);
  await bus.ensureTopology();
  const fatal: string[] = [];
  const done: string[] = [];
  const onFatal = ({ message }: FatalError): void => void fatal.push(message);
  const marks = { ...NOTHING, record: '' };
  const bad = bent(bus, changes(bus));
  const stored = () => ({ log: marks.log, quarantine: marks.quarantine });
  const witness = createWitness({ bus: bad, clock, stored, record: () => marks.record, onFatal });
  /** Something is stored, and met. */
  const read = async (text: string): Promise<string> => {
    const { seq } = await bus.publish({ subject: 'mesh.tasks', body: text });
    const message = await bus.get(seq);
    if (!message) throw new Error('not stored');
    witness.arrived(message);
    return tailOf(message);
  };
  /** Something is applied, or kept back. */
  const apply = (what: string): void => witness.whenCertain(() => void done.push(what));
  const memory = async (more: Partial<Memory> = {}): Promise<Memory> => {
    return { log: (await bus.streamInfo()).identity, tail: '', stored: NOTHING, ...more };
  };
  return { log, bus, clock, witness, fatal, done, read, apply, memory, marks };
}

type Opened = Awaited<ReturnType<typeof open>>;

/** A host that has judged its log. */
async function judged(changes?: (bus: MemoryBus) => Partial<Bus>): Promise<Opened> {
  const opened = await open(changes);
  await opened.witness.judge([]);
  return opened;
}

/** The log loses all its messages, and somebody writes on. */
async function cut({ log, clock }: Opened, texts: readonly string[]): Promise<void> {
  log.truncate('log', 0);
  await clock.advance(1);
  const writer = createMemoryBus(log);
  for (const body of texts) await writer.publish({ subject: 'mesh.tasks', body });
}

describe('the verdict at a start', () => {
  test('of a log of which nothing is known: the same', async () => {
    const { witness } = await open();
    expect(await witness.judge([])).toBe('same');
    expect(witness.stream.lastSeq).toBe(0);
  });

  test('before it, nothing can be said of the log', async () => {
    const { witness } = await open();
    expect(() => witness.stream).toThrow('has not been judged');
  });

  test('of one that holds the furthest message: the same, and it is known from then on', async () => {
    const { witness, read, memory } = await open();
    const [first, second] = [await read('one'), await read('two')];
    expect(await witness.judge([await memory({ tail: second }), await memory({ tail: first })])).toBe('same');
    expect(witness.tail).toBe(second);
  });

  test('of one that is not the one of any memory: new', async () => {
    const { witness, memory } = await open();
    expect(await witness.judge([await memory(), await memory({ log: 'another' })])).toBe('new');
  });

  test.each([
    ['lost its end', []],
    ['lost its end and was written on', ['other one', 'other two', 'other three']],
  ])('of one that has %s: cut', async (_what, texts) => {
    const opened = await open();
    await opened.read('one');
    const tail = await opened.read('two');
    await cut(opened, texts);
    expect(await opened.witness.judge([await opened.memory({ tail })])).toBe('cut');
  });

  test('of one that has dropped it by age: the same', async () => {
    const { witness, log, read, memory } = await open();
    const tail = await read('one');
    await read('two');
    log.expire('log', 2);
    expect(await witness.judge([await memory({ tail })])).toBe('same');
  });

  test.each([
    ['quarantine', 'mesh.quarantine.courier'],
    ['log', 'mesh.tasks'],
  ] as const)('of one whose %s has lost what was sent, or has something else there: cut', async (stream, subject) => {
    const { witness, bus, log, memory } = await open();
    const headers = { 'mesh-journal': 'tests.0', 'mesh-record': '4.0' };
    await bus.publish({ subject, body: 'x', headers });
    const verdict = async (mark: string) => witness.judge([await memory({ stored: { ...NOTHING, [stream]: mark } })]);
    expect(await verdict('1@tests.0/4.0')).toBe('same');
    expect(await verdict('1@tests.0/5.0')).toBe('cut');
    expect(await verdict('2@tests.0/4.1')).toBe('cut');
    log.expire(stream, 2);
    expect(await verdict('1@tests.0/5.0')).toBe('same');
  });
});

test('a mark is a sequence and a time; none is nought', () => {
  expect([seqOf(''), seqOf('17@1000'), tailOf({ seq: 17, atMs: 1000 })]).toEqual([0, 17, '17@1000']);
});

describe('a reader that is opened', () => {
  test('what it delivers is kept back until the log was asked, and applied in order', async () => {
    const { apply, done, witness } = await judged();
    apply('zero');
    const opened = witness.during(async () => {
      apply('one');
      apply('two');
      return 'reader';
    });
    expect(done).toEqual(['zero']);
    expect(await opened).toBe('reader');
    expect(done).toEqual(['zero', 'one', 'two']);
  });

  test('S10: on a log that was made anew meanwhile it is an error, and nothing is applied', async () => {
    const { apply, done, witness, log, bus } = await judged();
    log.wipe();
    await bus.ensureTopology();
    const opened = witness.during(async () => apply('one'));
    await expect(opened).rejects.toMatchObject({ message: 'the log was made anew', exitCode: 3 });
    expect(done).toEqual([]);
  });

  test('S10: on a log that has lost what was met it is one too', async () => {
    const opened = await judged();
    await opened.read('one');
    await cut(opened, ['other']);
    await expect(opened.witness.during(async () => opened.apply('one'))).rejects.toMatchObject({
      message: 'the log has lost its end',
      exitCode: 3,
    });
    expect(opened.done).toEqual([]);
  });

  test('one that is opened beside another: what either delivers waits for both', async () => {
    const { apply, done, witness } = await judged();
    const { promise, resolve } = Promise.withResolvers<void>();
    const slow = witness.during(() => promise);
    await witness.during(async () => apply('one'));
    expect(done).toEqual([]);
    resolve();
    await slow;
    expect(done).toEqual(['one']);
  });
});

describe('a log that does not answer at once', () => {
  /** A log that fails to say how it is so often, once it was judged. */
  async function slow(code: 'unavailable' | 'refused' = 'unavailable') {
    const failing = { times: 0 };
    const opened = await judged((inner) => ({
      streamInfo: (stream) => {
        if (failing.times === 0) return inner.streamInfo(stream);
        failing.times -= 1;
        return Promise.reject(new BusError(code, 'no answer'));
      },
    }));
    return { ...opened, failing };
  }

  test('when a reader is opened: it is asked again, and nothing is applied before it answers', async () => {
    const { witness, apply, done, failing, clock } = await slow();
    failing.times = 2;
    const opened = witness.during(async () => apply('one'));
    await clock.advance(100);
    expect(done).toEqual([]);
    await clock.advance(100);
    await opened;
    expect(done).toEqual(['one']);
  });

  test('nor lets itself be read: that is said, and holds nothing else back', async () => {
    const { witness, apply, done } = await judged();
    const opened = witness.during(() => Promise.reject(new BusError('unavailable', 'no answer')));
    await expect(opened).rejects.toMatchObject({ code: 'unavailable' });
    apply('one');
    expect(done).toEqual(['one']);
  });

  test('because it refuses: that is an error at once', async () => {
    const { witness, failing } = await slow('refused');
    failing.times = 1;
    await expect(witness.during(async () => 'reader')).rejects.toMatchObject({ code: 'refused' });
  });
});

describe('a connection that was lost', () => {
  test('what arrives after it waits for the answer, and is applied in order', async () => {
    const { bus, read, apply, done, fatal } = await judged();
    await read('one');
    bus.disconnect();
    apply('two');
    expect(done).toEqual([]);
    bus.reconnect();
    apply('three');
    await settled();
    expect([done, fatal]).toEqual([['two', 'three'], []]);
  });

  test.each([
    ['has lost its end', []],
    ['has lost its end and was written on', ['other one', 'other two']],
  ])('S10: a log that %s ends the host before anything of it is applied', async (_what, texts) => {
    const opened = await judged();
    await opened.read('one');
    await opened.read('two');
    opened.bus.disconnect();
    await cut(opened, texts);
    opened.bus.reconnect();
    opened.apply('three');
    await settled();
    expect([opened.fatal, opened.done]).toEqual([['the log has lost its end'], []]);
  });

  test('S10: one that was made anew does too', async () => {
    const { bus, log, apply, done, fatal } = await judged();
    bus.disconnect();
    log.wipe();
    await createMemoryBus(log).ensureTopology();
    bus.reconnect();
    apply('one');
    await settled();
    expect([fatal, done]).toEqual([['the log was made anew'], []]);
  });

  test.each(['log', 'quarantine'] as const)('S10: a %s that has lost what was stored does too', async (stream) => {
    const { bus, log, marks, apply, done, fatal } = await judged();
    const subject = stream === 'log' ? 'mesh.tasks' : 'mesh.quarantine.courier';
    const { seq } = await bus.publish({ subject, body: 'mine', headers: { [RECORD_HEADER]: '1.0' } });
    marks[stream] = `${seq}@/1.0`;
    bus.disconnect();
    bus.reconnect();
    await settled();
    expect(fatal).toEqual([]);
    bus.disconnect();
    log.truncate(stream, 0);
    await createMemoryBus(log).publish({ subject, body: 'of another' });
    bus.reconnect();
    apply('one');
    await settled();
    expect([fatal, done]).toEqual([['the log has lost its end'], []]);
  });

  test('S10: one that has another past, in which the same was said at the same place, does too', async () => {
    const { bus, log, marks, fatal } = await judged();
    const past = async (process: string): Promise<void> => {
      const writer = createMemoryBus(log);
      await writer.publish({ subject: journalSubject('tests', 0), body: encodeRecord(headAt(1, { process }), []) });
      await writer.publish({ subject: 'mesh.tasks', body: 'said', headers: { [RECORD_HEADER]: '1.0' } });
    };
    await past('p1');
    Object.assign(marks, { log: '2@/1.0', record: '1@p1.1' });
    bus.disconnect();
    bus.reconnect();
    await settled();
    expect(fatal).toEqual([]);
    bus.disconnect();
    log.truncate('log', 0);
    await past('p2');
    bus.reconnect();
    await settled();
    expect(fatal).toEqual(['the log has lost its end']);
  });

  test('S10: what is stored while it is asked about says nothing of what was there before', async () => {
    const { bus, log, marks, fatal } = await judged();
    const { seq } = await bus.publish({ subject: 'mesh.tasks', body: 'mine' });
    marks.log = `${seq}@/`;
    bus.disconnect();
    log.truncate('log', 0);
    marks.log = '';
    bus.reconnect();
    await settled();
    expect(fatal).toEqual(['the log has lost its end']);
  });

  test('S10: nor is it told, as long as it is not certain, that the log has it in place of what it had', async () => {
    const { bus, log, witness, marks, read } = await judged();
    const before = await read('one');
    marks.log = '1@/';
    bus.disconnect();
    const writer = createMemoryBus(log);
    const { seq } = await writer.publish({ subject: 'mesh.tasks', body: 'two' });
    const later = await writer.get(seq);
    if (!later) throw new Error('not stored');
    witness.arrived(later);
    marks.log = `${seq}@tests.0/2.0`;
    expect([witness.tail, witness.storedBefore?.log]).toEqual([before, `1@/`]);
    bus.reconnect();
    await settled();
    expect([witness.tail, witness.storedBefore]).toEqual([tailOf(later), null]);
  });

  test('an answer that does not come is asked for again', async () => {
    let failures = 0;
    const { bus, clock, apply, done, fatal } = await judged((inner) => ({
      streamInfo: (stream) => {
        if (failures === 0) return inner.streamInfo(stream);
        failures -= 1;
        return Promise.reject(new BusError('unavailable', 'no leader'));
      },
    }));
    failures = 2;
    bus.disconnect();
    bus.reconnect();
    apply('two');
    await clock.advance(100);
    expect(done).toEqual([]);
    await clock.advance(100);
    expect([done, fatal]).toEqual([['two'], []]);
  });

  test('lost again while it was asked about, the later answer counts', async () => {
    const { bus, apply, done, fatal } = await judged();
    bus.disconnect();
    bus.reconnect();
    bus.disconnect();
    apply('two');
    await settled();
    expect(done).toEqual([]);
    bus.reconnect();
    await settled();
    expect([done, fatal]).toEqual([['two'], []]);
  });

  test('after a stop nothing is applied any more, and nobody is told', async () => {
    const { bus, witness, apply, done, fatal, clock } = await judged();
    bus.disconnect();
    apply('two');
    witness.stop();
    bus.reconnect();
    await clock.advance(1000);
    expect([done, fatal]).toEqual([[], []]);
  });
});
