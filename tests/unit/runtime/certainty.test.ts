/** Knowing that the log is still the one that was read (S10). On the bus in memory. */
import { describe, expect, test } from 'vitest';
import { createCertainty } from '../../../actors/runtime/certainty.ts';
import type { FatalError } from '../../../actors/runtime/errors.ts';
import { createMemoryBus, createMemoryLog, type MemoryBus } from '../../../bus/memory-bus.ts';
import { serverOf } from '../../../bus/memory-log.ts';
import { type Bus, BusError } from '../../../bus/port.ts';
import { STREAM } from '../../../schemas/events/subjects.ts';
import { createFakeClock, settled } from './support/fake-clock.ts';

async function open(wrap: (bus: MemoryBus) => Bus = (bus) => bus) {
  const clock = createFakeClock();
  const log = createMemoryLog({ now: () => clock.now() });
  const bus = createMemoryBus(log);
  await bus.ensureTopology();
  const fatal: string[] = [];
  const done: string[] = [];
  const onFatal = ({ message }: FatalError): void => void fatal.push(message);
  const certainty = createCertainty({ bus: wrap(bus), clock, onFatal });
  certainty.expect((await bus.streamInfo()).identity);
  const read = async (text: string): Promise<void> => {
    const { seq } = await bus.publish({ subject: 'mesh.tasks', body: text });
    const message = await bus.get(seq);
    if (message) certainty.arrived(message);
  };
  /** Something is applied, or kept back. */
  const apply = (what: string): void => certainty.whenCertain(() => void done.push(what));
  return { log, bus, clock, certainty, fatal, done, read, apply };
}

/** The log loses its last messages, and somebody writes on. */
async function cut(log: ReturnType<typeof createMemoryLog>, bus: MemoryBus, texts: readonly string[]): Promise<void> {
  serverOf(log).findStream(STREAM)?.truncate(0);
  for (const body of texts) await bus.publish({ subject: 'mesh.tasks', body });
}

describe('while the connection is there', () => {
  test('what arrives is applied at once', async () => {
    const { apply, done } = await open();
    apply('one');
    expect(done).toEqual(['one']);
  });
});

describe('a reader that is opened', () => {
  test('what it delivers is kept back until the log was asked, and applied in order', async () => {
    const { apply, done, certainty } = await open();
    const opened = certainty.during(async () => {
      apply('one');
      apply('two');
      return 'reader';
    });
    expect(done).toEqual([]);
    expect(await opened).toBe('reader');
    expect(done).toEqual(['one', 'two']);
  });

  test('S10: on a log that was made anew meanwhile it is an error, and nothing is applied', async () => {
    const { apply, done, certainty } = await open();
    certainty.expect('another log');
    await expect(certainty.during(async () => apply('one'))).rejects.toMatchObject({
      message: 'the log was made anew',
      exitCode: 3,
    });
    expect(done).toEqual([]);
  });
});

describe('a connection that was lost', () => {
  test('what arrives after it waits for the answer, and is applied in order', async () => {
    const { bus, read, apply, done, fatal } = await open();
    await read('one');
    bus.disconnect();
    apply('two');
    expect(done).toEqual([]);
    bus.reconnect();
    apply('three');
    await settled();
    expect(done).toEqual(['two', 'three']);
    expect(fatal).toEqual([]);
  });

  test.each([
    ['has lost its end', [], 'the log has lost its end'],
    ['has lost its end and was written on', ['other one', 'other two'], 'the log has lost its end and was written on'],
  ])('S10: a log that %s ends the host before anything of it is applied', async (_, texts, message) => {
    const { log, bus, clock, read, apply, done, fatal } = await open();
    await read('one');
    await read('two');
    bus.disconnect();
    await clock.advance(1000);
    const writer = createMemoryBus(log);
    await cut(log, writer, texts);
    bus.reconnect();
    apply('three');
    await settled();
    expect(fatal).toEqual([message]);
    expect(done).toEqual([]);
  });

  test('what the log dropped by age is not a cut', async () => {
    const { log, bus, read, apply, done, fatal } = await open();
    await read('one');
    bus.disconnect();
    log.expire('log', 2);
    bus.reconnect();
    apply('two');
    await settled();
    expect([done, fatal]).toEqual([['two'], []]);
  });

  test('an answer that does not come is asked for again', async () => {
    let failures = 2;
    const { bus, clock, read, apply, done, fatal } = await open((inner) => ({
      ...inner,
      onConnection: inner.onConnection.bind(inner),
      get: inner.get.bind(inner),
      streamInfo: (stream) => {
        if (failures > 0) {
          failures -= 1;
          return Promise.reject(new BusError('unavailable', 'no leader'));
        }
        return inner.streamInfo(stream);
      },
    }));
    await read('one');
    bus.disconnect();
    bus.reconnect();
    apply('two');
    await clock.advance(100);
    expect(done).toEqual([]);
    await clock.advance(100);
    expect([done, fatal]).toEqual([['two'], []]);
  });

  test('lost again while it was asked about, the later answer counts', async () => {
    const { bus, read, apply, done, fatal } = await open();
    await read('one');
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
    const { bus, certainty, read, apply, done, fatal, clock } = await open();
    await read('one');
    bus.disconnect();
    apply('two');
    certainty.stop();
    bus.reconnect();
    await clock.advance(1000);
    expect([done, fatal]).toEqual([[], []]);
  });
});
