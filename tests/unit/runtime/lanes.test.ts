/**
 * Reading the log, whatever comes in between: a lane is in one state, and each reader is stopped when it is replaced. Some
 * readers here are slow to open and slow to stop, as real ones are.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FatalError } from '../../../actors/runtime/errors.ts';
import { createLanes } from '../../../actors/runtime/messages/lanes.ts';
import { createWitness } from '../../../actors/runtime/recovery/witness.ts';
import { createMemoryBus, createMemoryLog } from '../../../bus/memory-bus.ts';
import { type Bus, BusError, type StoredMessage } from '../../../bus/port.ts';
import { bent, door } from './support/bent-bus.ts';
import { createFakeClock, settled } from './support/fake-clock.ts';

interface SeenReader {
  readonly filter: string;
  readonly fromSeq: number;
  stopped: boolean;
  fail(error: BusError): void;
}

async function open() {
  const clock = createFakeClock();
  const log = createMemoryLog({ now: () => clock.now() });
  const bus = createMemoryBus(log);
  await bus.ensureTopology();
  const readers: SeenReader[] = [];
  const [opening, stopping] = [door(), door()];
  const read: Bus['read'] = async (request) => {
    const seen = {
      ...{ filter: request.filter, fromSeq: request.fromSeq, stopped: false },
      fail: (error: BusError) => request.onError?.(error),
    };
    readers.push(seen);
    await opening.passed;
    const inner = await bus.read(request);
    return {
      caughtUp: inner.caughtUp,
      get pending() {
        return inner.pending;
      },
      async stop() {
        seen.stopped = true;
        await stopping.passed;
        await inner.stop();
      },
    };
  };
  const fatal: FatalError[] = [];
  const onFatal = (error: FatalError): void => void fatal.push(error);
  const bad = bent(bus, { read });
  const witness = createWitness({
    bus: bad,
    clock,
    stored: () => ({ log: '', quarantine: '' }),
    record: () => '',
    onFatal,
  });
  await witness.judge([]);
  /** By lane, what was delivered and how far it was read; null when it has nothing to read for. */
  const state = { delivered: [] as string[], twice: [] as string[], read: new Map<string, number>(), owned: true };
  let poison = '';
  const lanes = createLanes({
    ...{ bus: bad, clock, witness, onFatal },
    lanes: ['courier', 'llm'].map((name) => ({
      ...{ name, filter: `mesh.in.${name}.>` },
      deliver(message: StoredMessage) {
        const text = Buffer.from(message.data).toString();
        if (text === poison) throw new Error('no such luck');
        if (state.delivered.includes(text)) state.twice.push(text);
        state.delivered.push(text);
        state.read.set(name, message.seq);
      },
      readFrom: () => (state.owned ? (state.read.get(name) ?? 0) + 1 : null),
    })),
  });
  let said = 0;
  const say = async (name = 'courier'): Promise<string> => {
    said += 1;
    const subject = `mesh.in.${name}.0.7c9e6679-7425-40de-944b-e07fc1f90ae7`;
    const text = `${said}`;
    await bus.publish({ subject, body: text });
    return text;
  };
  const running = () => readers.filter(({ stopped }) => !stopped).map(({ filter }) => filter);
  const poisonWith = (text: string): void => {
    poison = text;
  };
  return { lanes, log, bus, readers, running, opening, stopping, fatal, state, say, clock, poisonWith };
}

const BOTH = ['mesh.in.courier.>', 'mesh.in.llm.>'];

describe('lanes', () => {
  test('S1: deliver what is stored in order, then what comes', async () => {
    const { lanes, say, state, running } = await open();
    const before = [await say(), await say(), await say('llm')];
    lanes.open();
    await lanes.caughtUp();
    expect(state.delivered.toSorted()).toEqual(before);
    before.push(await say());
    await settled();
    expect([state.delivered.at(-1), state.twice, running()]).toEqual(['4', [], BOTH]);
  });

  test('S7: with nothing to read for are level at once', async () => {
    const { lanes, state, readers } = await open();
    state.owned = false;
    lanes.open();
    await lanes.caughtUp();
    expect(readers).toEqual([]);
    state.owned = true;
    lanes.reopen();
    await lanes.caughtUp();
    expect(readers).toHaveLength(2);
  });

  test('read again from where the partitions are when one goes back', async () => {
    const { lanes, say, state, readers, running } = await open();
    await say();
    lanes.open();
    await lanes.caughtUp();
    state.read.set('courier', 0);
    lanes.reopen();
    await settled();
    expect([state.delivered, running()]).toEqual([['1', '1'], BOTH]);
    expect(readers.filter(({ stopped }) => stopped)).toHaveLength(2);
  });

  test('S8: paused read nothing; resumed they go on where they were', async () => {
    const { lanes, say, state, running } = await open();
    lanes.open();
    await lanes.caughtUp();
    lanes.pause();
    await say();
    await settled();
    expect([state.delivered, running()]).toEqual([[], []]);
    lanes.reopen();
    await settled();
    expect(running()).toEqual([]);
    lanes.resume();
    await settled();
    expect([state.delivered, running()]).toEqual([['1'], BOTH]);
  });

  test('S1: that cannot be opened now, while a cluster has no leader, are opened when it has one', async () => {
    const { lanes, bus, clock, say, state, running, fatal } = await open();
    await say();
    bus.disconnect();
    lanes.open();
    await clock.advance(1000);
    expect([state.delivered, fatal]).toEqual([[], []]);
    bus.reconnect();
    await clock.advance(300);
    await lanes.caughtUp();
    await say();
    await settled();
    expect([state.delivered, state.twice, fatal]).toEqual([['1', '2'], [], []]);
    expect(new Set(running())).toEqual(new Set(BOTH));
  });

  test('say how much is stored that nobody has read', async () => {
    const { lanes, bus } = await open();
    lanes.open();
    await lanes.caughtUp();
    expect(lanes.lag()).toBe(0);
    bus.disconnect();
    lanes.pause();
    expect(lanes.lag()).toBe(0);
  });
});

describe('a reader that is slow to stop', () => {
  test('paused and resumed before it has ended, the lane has one reader, which the stop ends', async () => {
    const { lanes, say, state, running, stopping, readers } = await open();
    lanes.open();
    await lanes.caughtUp();
    stopping.shut();
    lanes.pause();
    await settled();
    lanes.resume();
    await settled();
    stopping.open();
    await settled();
    await say();
    await settled();
    expect([state.delivered, state.twice, running()]).toEqual([['1'], [], BOTH]);
    await lanes.stop();
    expect(readers.every(({ stopped }) => stopped)).toBe(true);
  });

  test('opened again twice before it has ended, nothing is delivered by two readers', async () => {
    const { lanes, say, state, running, stopping, opening } = await open();
    lanes.open();
    await lanes.caughtUp();
    stopping.shut();
    opening.shut();
    await say();
    await settled();
    state.read.set('courier', 0);
    lanes.reopen();
    lanes.reopen();
    stopping.open();
    await settled();
    state.delivered.length = 0;
    opening.open();
    await settled();
    expect([state.delivered, state.twice, running()]).toEqual([['1'], [], BOTH]);
  });

  test('a stop resolves when it has ended, and not before', async () => {
    const { lanes, stopping } = await open();
    lanes.open();
    await lanes.caughtUp();
    stopping.shut();
    let over = false;
    const stopped = lanes.stop().then(() => {
      over = true;
    });
    await settled();
    expect(over).toBe(false);
    stopping.open();
    await stopped;
  });
});

describe('after a stop', () => {
  test.each(['open', 'reopen', 'resume', 'pause'] as const)('%s opens nothing', async (what) => {
    const { lanes, readers, say, state } = await open();
    lanes.open();
    await lanes.caughtUp();
    if (what === 'resume') lanes.pause();
    const stopped = lanes.stop();
    const before = readers.length;
    lanes[what]();
    await stopped;
    lanes[what]();
    lanes.resume();
    await say();
    await settled();
    expect([readers.length, state.delivered, readers.every((one) => one.stopped)]).toEqual([before, [], true]);
  });

  test('that comes while a lane is being opened, its reader ends as soon as it is there', async () => {
    const { lanes, readers, opening, say, state } = await open();
    await say();
    opening.shut();
    lanes.open();
    await settled();
    const stopped = lanes.stop();
    opening.open();
    await stopped;
    await settled();
    expect([state.delivered, readers.every((one) => one.stopped)]).toEqual([[], true]);
    await lanes.caughtUp();
  });

  test('whoever waits for the lanes to be level is let go', async () => {
    const { lanes, opening } = await open();
    opening.shut();
    lanes.open();
    const level = lanes.caughtUp();
    await lanes.stop();
    await level;
  });

  test('in whatever order: no reader is left, nothing was delivered twice, and nothing was left out', async () => {
    const deeds = ['pause', 'resume', 'reopen', 'shut', 'open', 'slow', 'quick', 'say', 'wait'] as const;
    const property = fc.asyncProperty(fc.array(fc.constantFrom(...deeds), { maxLength: 12 }), async (made) => {
      const { lanes, readers, opening, stopping, state, say, running, fatal } = await open();
      const said: string[] = [];
      const acts = {
        pause: () => lanes.pause(),
        resume: () => lanes.resume(),
        reopen: () => lanes.reopen(),
        shut: () => opening.shut(),
        open: () => opening.open(),
        slow: () => stopping.shut(),
        quick: () => stopping.open(),
        say: () => void say().then((text) => said.push(text)),
        wait: () => settled(),
      };
      lanes.open();
      for (const deed of made) {
        // A door that is shut twice would forget who waits at it.
        if (deed === 'shut') opening.open();
        if (deed === 'slow') stopping.open();
        await acts[deed]();
      }
      opening.open();
      stopping.open();
      lanes.resume();
      await settled();
      expect(state.delivered).toEqual(said);
      expect([state.twice, running().toSorted()]).toEqual([[], BOTH]);
      await lanes.stop();
      await settled();
      expect([readers.every((one) => one.stopped), fatal]).toEqual([true, []]);
    });
    await fc.assert(property, { numRuns: 60 });
  });
});

describe('what ends the host', () => {
  test('S10: a reader that fails', async () => {
    const { lanes, readers, fatal } = await open();
    lanes.open();
    await lanes.caughtUp();
    readers[0]?.fail(new BusError('unavailable', 'the stream is gone'));
    expect(fatal).toMatchObject([{ exitCode: 3, message: expect.stringContaining('no longer be read for courier') }]);
  });

  test('but not one that was replaced', async () => {
    const { lanes, readers, fatal } = await open();
    lanes.open();
    await lanes.caughtUp();
    lanes.reopen();
    await settled();
    readers[0]?.fail(new BusError('unavailable', 'the stream is gone'));
    expect(fatal).toEqual([]);
  });

  test('S3: a message that cannot be applied, and nothing is read past it', async () => {
    const { lanes, say, state, fatal, poisonWith } = await open();
    poisonWith('2');
    for (let at = 0; at < 3; at += 1) await say();
    lanes.open();
    await expect(lanes.caughtUp()).rejects.toThrow('applying sequence 2 failed');
    await settled();
    expect([state.delivered, fatal.map(({ message }) => message)]).toEqual([
      ['1'],
      ['applying sequence 2 failed: Error: no such luck'],
    ]);
  });
});
