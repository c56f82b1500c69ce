/** Who owns which partition (S7). On the leases of the bus in memory, with a fake clock for every host. */
import { describe, expect, test } from 'vitest';
import { createOwnership } from '../../../actors/runtime/partitions/ownership.ts';
import { createMemoryBus, createMemoryLog, type MemoryLog } from '../../../bus/memory-bus.ts';
import { BusError, type LeaseStore } from '../../../bus/port.ts';
import { PARTITIONS } from '../../../schemas/events/subjects.ts';
import { door } from './support/bent-bus.ts';
import { createFakeClock, createSilentLog, type FakeClock, settled } from './support/fake-clock.ts';

const TTL_MS = 3000;
const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition);

async function openLog(clock: FakeClock): Promise<MemoryLog> {
  const log = createMemoryLog({ now: () => clock.now() });
  await createMemoryBus(log).ensureTopology();
  return log;
}

interface HostTraits {
  readonly wrap?: (leases: LeaseStore) => LeaseStore;
  readonly share?: () => number;
  readonly mayClaim?: (partition: number) => boolean;
  readonly mustClaim?: (partition: number) => boolean;
}

function openHost(log: MemoryLog, clock: FakeClock, holder: string, traits: HostTraits = {}) {
  const { wrap = (leases) => leases, share = () => PARTITIONS } = traits;
  const { mayClaim = () => true, mustClaim = () => false } = traits;
  const bus = createMemoryBus(log, { now: () => clock.now(), leaseTtlMs: TTL_MS });
  const told: string[] = [];
  const tell = (what: string) => (partitions: readonly number[]) =>
    void told.push(`${what} ${[...partitions].sort().join('')}`);
  let beats = 0;
  let waits = false;
  const ownership = createOwnership({
    ...{ leases: wrap(bus.leases), clock, log: createSilentLog(), service: 'agents', holder },
    ...{ onGained: tell('gained'), onLost: tell('lost') },
    onConnection: (listener) => bus.onConnection(listener),
    ...{ mayClaim, mustClaim, share },
    onBeat(_has, waiting) {
      beats += 1;
      waits = waiting;
    },
  });
  const owned = () => [...ownership.partitions].sort();
  return { bus, ownership, told, owned, beats: () => beats, waits: () => waits };
}

/** Two hosts on one log; the first has claimed everything, the second found nothing free. */
async function openPair() {
  const clock = createFakeClock();
  const log = await openLog(clock);
  const [one, other] = [openHost(log, clock, 'one'), openHost(log, clock, 'other')];
  await one.ownership.start();
  await other.ownership.start();
  return { clock, one, other };
}

describe('one host', () => {
  test('S7: claims everything that is free, and tells it once', async () => {
    const clock = createFakeClock();
    const { ownership, told, owned } = openHost(await openLog(clock), clock, 'one');
    await ownership.start();
    expect(told).toEqual(['gained 01234567']);
    expect(owned()).toEqual(ALL);
    await clock.advance(10 * TTL_MS);
    expect(told).toHaveLength(1);
  });

  test('beats three times in a time to live, and stops beating when it stops', async () => {
    const clock = createFakeClock();
    let beats = 0;
    const { ownership } = openHost(await openLog(clock), clock, 'one', {
      wrap: (leases) => ({
        ...{ ttlMs: leases.ttlMs, claim: leases.claim.bind(leases) },
        ...{ confirm: leases.confirm.bind(leases), release: leases.release.bind(leases) },
        beat: (holder) => {
          beats += 1;
          return leases.beat(holder);
        },
      }),
    });
    await ownership.start();
    await clock.advance(TTL_MS);
    expect(beats).toBe(4);
    ownership.end();
    await clock.advance(10 * TTL_MS);
    expect(beats).toBe(4);
    expect(clock.waits).toEqual([]);
  });
});

describe('two hosts', () => {
  test('S7: each partition has one owner, and a standby has nothing', async () => {
    const { clock, one, other } = await openPair();
    await clock.advance(10 * TTL_MS);
    expect(one.owned()).toEqual(ALL);
    expect(other.owned()).toEqual([]);
  });

  test('S7: both at once, they share without overlap', async () => {
    const clock = createFakeClock();
    const log = await openLog(clock);
    const [one, other] = [openHost(log, clock, 'one'), openHost(log, clock, 'other')];
    await Promise.all([one.ownership.start(), other.ownership.start()]);
    expect([...one.owned(), ...other.owned()].sort()).toEqual(ALL);
  });

  test('S7: the standby takes over from a host that falls silent', async () => {
    const { clock, one, other } = await openPair();
    one.bus.disconnect();
    await clock.advance(2 * TTL_MS + 1000);
    expect(other.told).toEqual(['gained 01234567']);
  });

  test('S7: what was released is taken at the next beat', async () => {
    const { clock, one, other } = await openPair();
    one.ownership.end();
    await one.ownership.release();
    await clock.advance(TTL_MS / 3);
    expect(other.owned()).toEqual(ALL);
  });

  test('S7: the host that was away is told what it lost, and that is after the other has it', async () => {
    const { clock, one, other } = await openPair();
    one.bus.disconnect();
    await clock.advance(3 * TTL_MS);
    expect(one.owned()).toEqual(ALL);
    one.bus.reconnect();
    await clock.advance(TTL_MS / 3);
    expect(one.owned()).toEqual([]);
    expect(one.told.at(-1)).toBe('lost 01234567');
    expect(other.owned()).toEqual(ALL);
  });
});

test('S11: a host knows who has a lease, until that one is found silent or has none', async () => {
  const clock = createFakeClock();
  const log = await openLog(clock);
  let share = PARTITIONS;
  const one = openHost(log, clock, 'one', { share: () => share });
  const other = openHost(log, clock, 'other');
  await one.ownership.start();
  await other.ownership.start();
  share = 4;
  await Promise.all([0, 1, 2, 3].map((partition) => one.ownership.letGo(partition)));
  // One beat to take what is free, and one to find it taken.
  await clock.advance((2 * TTL_MS) / 3);
  expect([one.owned(), other.owned()]).toEqual([[4, 5, 6, 7], ALL.slice(0, 4)]);
  expect([other.ownership.holds('one'), one.ownership.holds('other')]).toEqual([true, true]);
  expect(other.ownership.holds('other')).toBe(false);
  one.bus.disconnect();
  await clock.advance(2 * TTL_MS + 1000);
  expect([other.owned(), other.ownership.holds('one')]).toEqual([ALL, false]);
});

test('S7: after it was away a host takes nothing new for a time to live, and says so at its beats', async () => {
  const { clock, one, other } = await openPair();
  await clock.advance(TTL_MS);
  expect([one.waits(), other.waits()]).toEqual([false, false]);
  other.bus.disconnect();
  await clock.advance(10);
  other.bus.reconnect();
  await clock.advance(TTL_MS / 3);
  expect([one.waits(), other.waits()]).toEqual([false, true]);
  await clock.advance(TTL_MS);
  expect(other.waits()).toBe(false);
});

test('S10: but what only it can give the log it takes at once', async () => {
  const clock = createFakeClock();
  const log = await openLog(clock);
  const one = openHost(log, clock, 'one', { mustClaim: (partition) => partition === 3 });
  const other = openHost(log, clock, 'other');
  await other.ownership.start();
  await one.ownership.start();
  one.bus.disconnect();
  await clock.advance(10);
  one.bus.reconnect();
  await Promise.all([3, 4].map((partition) => other.ownership.letGo(partition)));
  other.ownership.end();
  await clock.advance(TTL_MS / 3);
  expect(one.owned()).toEqual([3]);
});

test('S10: who leaves partitions to another host at its start holds none that is free, not for a moment', async () => {
  const clock = createFakeClock();
  const log = await openLog(clock);
  const granted: string[] = [];
  const { ownership } = openHost(log, clock, 'one', {
    mayClaim: () => false,
    wrap: (leases) => ({
      ...{ ttlMs: leases.ttlMs, beat: leases.beat.bind(leases) },
      ...{ confirm: leases.confirm.bind(leases), release: leases.release.bind(leases) },
      async claim(...asked) {
        const result = await leases.claim(...asked);
        if (result.granted) granted.push(asked[0]);
        return result;
      },
    }),
  });
  await ownership.start();
  expect([granted, ownership.partitions.size]).toEqual([[], 0]);
});

describe('hosts with a share', () => {
  test('S7: of what is free each takes its share, of what a silent one had all', async () => {
    const clock = createFakeClock();
    const log = await openLog(clock);
    const one = openHost(log, clock, 'one');
    const other = openHost(log, clock, 'other', { share: () => 3 });
    await one.ownership.start();
    await other.ownership.start();
    await Promise.all([1, 2, 4, 5, 6].map((partition) => one.ownership.letGo(partition)));
    expect(one.owned()).toEqual([0, 3, 7]);
    one.bus.disconnect();
    await clock.advance(TTL_MS / 3);
    expect(other.owned()).toEqual([1, 2, 4]);
    await clock.advance(2 * TTL_MS);
    expect(other.owned()).toEqual([0, 1, 2, 3, 4, 7]);
  });

  test('S7: what it let go of it takes no more while it has its share', async () => {
    const clock = createFakeClock();
    const log = await openLog(clock);
    let share = PARTITIONS;
    const one = openHost(log, clock, 'one', { share: () => share });
    await one.ownership.start();
    share = 7;
    await one.ownership.letGo(5);
    await clock.advance(TTL_MS);
    expect(one.owned()).toEqual(ALL.filter((partition) => partition !== 5));
    share = PARTITIONS;
    await clock.advance(TTL_MS / 3);
    expect(one.told.at(-1)).toBe('gained 5');
  });
});

describe('a partition that another host has written to', () => {
  test('J4: is given up, and gained anew only by a claim that is granted', async () => {
    const clock = createFakeClock();
    const log = await openLog(clock);
    const one = openHost(log, clock, 'one');
    await one.ownership.start();
    one.ownership.gaveUp(3);
    expect(one.owned()).toEqual(ALL.filter((partition) => partition !== 3));
    await clock.advance(TTL_MS / 3);
    expect(one.told).toEqual(['gained 01234567', 'gained 3']);
  });

  test('S7: is free at once: another host takes it, also when the one that gave it up ends then', async () => {
    const { clock, one, other } = await openPair();
    one.ownership.end();
    one.ownership.gaveUp(3);
    await one.ownership.release();
    await clock.advance(TTL_MS / 3);
    expect(other.owned()).toEqual(ALL);
  });
});

test('S7: who ends while it claims keeps nothing of what it is granted then', async () => {
  const clock = createFakeClock();
  const log = await openLog(clock);
  const claims = door();
  const one = openHost(log, clock, 'one');
  const other = openHost(log, clock, 'other', {
    wrap: (leases) => ({
      ...{ ttlMs: leases.ttlMs, beat: leases.beat.bind(leases) },
      ...{ confirm: leases.confirm.bind(leases), release: leases.release.bind(leases) },
      claim: (...asked) => claims.passed.then(() => leases.claim(...asked)),
    }),
  });
  await one.ownership.start();
  await other.ownership.start();
  claims.shut();
  await clock.advance(TTL_MS / 3);
  await one.ownership.letGo(0);
  other.ownership.end();
  const released = other.ownership.release();
  claims.open();
  await released;
  await clock.advance(TTL_MS / 3);
  expect([one.owned(), other.owned()]).toEqual([ALL, []]);
});

test('time is noticed at each beat that the server took, and at no other', async () => {
  const clock = createFakeClock();
  const { bus, ownership, beats } = openHost(await openLog(clock), clock, 'one');
  await ownership.start();
  await clock.advance(TTL_MS);
  expect(beats()).toBe(3);
  bus.disconnect();
  await clock.advance(TTL_MS);
  expect(beats()).toBe(3);
});

describe('a beat that is under way for longer than a lease lives', () => {
  test('S7: the host is told what it lost meanwhile, whatever its clock shows', async () => {
    const clock = createFakeClock();
    const log = await openLog(clock);
    let release = (): void => undefined;
    let hold = false;
    const one = openHost(log, clock, 'one', {
      wrap: (leases) => ({
        ...{ ttlMs: leases.ttlMs, claim: leases.claim.bind(leases) },
        ...{ confirm: leases.confirm.bind(leases), release: leases.release.bind(leases) },
        beat: async (holder) => {
          if (hold) await new Promise<void>((resolve) => (release = resolve));
          return leases.beat(holder);
        },
      }),
    });
    const other = openHost(log, clock, 'other');
    await one.ownership.start();
    await other.ownership.start();
    hold = true;
    await clock.advance(3 * TTL_MS);
    expect(other.owned()).toEqual(ALL);
    hold = false;
    release();
    await settled();
    expect(one.owned()).toEqual([]);
    expect(other.owned()).toEqual(ALL);
  });

  test('S7: a claim that failed after it is made again at the next beat', async () => {
    const clock = createFakeClock();
    const log = await openLog(clock);
    let failures = 0;
    const one = openHost(log, clock, 'one', {
      wrap: (leases) => ({
        ...{ ttlMs: leases.ttlMs, beat: leases.beat.bind(leases) },
        ...{ confirm: leases.confirm.bind(leases), release: leases.release.bind(leases) },
        claim: (...asked) => {
          if (failures === 0) return leases.claim(...asked);
          failures -= 1;
          return Promise.reject(new BusError('unavailable', 'the connection was lost'));
        },
      }),
    });
    const other = openHost(log, clock, 'other');
    await one.ownership.start();
    await other.ownership.start();
    one.bus.disconnect();
    await clock.advance(3 * TTL_MS);
    one.bus.reconnect();
    // The rest is not tried after it: on a slow connection eight would take longer than a lease lives.
    failures = 1;
    await clock.advance(TTL_MS / 3);
    expect(one.owned()).toEqual(ALL);
    await clock.advance(TTL_MS / 3);
    expect(one.owned()).toEqual([]);
  });
});

describe('hosts that get little of their processors', () => {
  /** What is asked of the leases takes that long, claims and beats. */
  const slow =
    (clock: FakeClock, claimMs: () => number, beatMs: () => number) =>
    (leases: LeaseStore): LeaseStore => {
      const pass = (ms: number) => new Promise<void>((resolve) => (ms === 0 ? resolve() : clock.after(ms, resolve)));
      return {
        ...{ ttlMs: leases.ttlMs, confirm: leases.confirm.bind(leases), release: leases.release.bind(leases) },
        claim: (...asked) => pass(claimMs()).then(() => leases.claim(...asked)),
        beat: (holder) => pass(beatMs()).then(() => leases.beat(holder)),
      };
    };

  test('S7: whose claims take long beats all the same, and loses nothing', async () => {
    const clock = createFakeClock();
    const log = await openLog(clock);
    let claimMs = 0;
    const one = openHost(log, clock, 'one', {
      share: () => 4,
      wrap: slow(
        clock,
        () => claimMs,
        () => 0,
      ),
    });
    const other = openHost(log, clock, 'other', { share: () => 4 });
    await one.ownership.start();
    claimMs = TTL_MS;
    await clock.advance(10 * TTL_MS);
    await other.ownership.start();
    await clock.advance(10 * TTL_MS);
    expect([one.told, other.told]).toEqual([['gained 0123'], ['gained 4567']]);
    expect(one.ownership.standsBy).toBe(false);
  });

  test('S7: where nobody beats in time nobody is found silent; who beats again in time finds a dead one at once', async () => {
    const clock = createFakeClock();
    const log = await openLog(clock);
    let beatMs = 0;
    const none = () => 0;
    const one = openHost(log, clock, 'one', { share: () => 4, wrap: slow(clock, none, () => beatMs) });
    const other = openHost(log, clock, 'other', { share: () => 4, wrap: slow(clock, none, () => beatMs / 2) });
    await one.ownership.start();
    await other.ownership.start();
    beatMs = 3 * TTL_MS;
    await clock.advance(60 * TTL_MS);
    expect([one.told, other.told]).toEqual([['gained 0123'], ['gained 4567']]);
    beatMs = 0;
    await clock.advance(10 * TTL_MS);
    one.ownership.end();
    await clock.advance(2 * TTL_MS);
    expect(other.owned()).toEqual(ALL);
  });

  test('S7: who was silent stands by, each time for twice as long, and takes all the same what a dead one had', async () => {
    const clock = createFakeClock();
    const log = await openLog(clock);
    let beatMs = 0;
    const one = openHost(log, clock, 'one', {
      wrap: slow(
        clock,
        () => 0,
        () => beatMs,
      ),
    });
    const other = openHost(log, clock, 'other', { share: () => 0 });
    await one.ownership.start();
    await other.ownership.start();
    const standsByFor = async (): Promise<number> => {
      const fromMs = clock.elapsed();
      while (one.ownership.standsBy) await clock.advance(100);
      return clock.elapsed() - fromMs;
    };
    const tookMs: number[] = [];
    for (let time = 0; time < 3; time += 1) {
      beatMs = 4 * TTL_MS;
      await clock.advance(TTL_MS / 3);
      beatMs = 0;
      await clock.advance(4 * TTL_MS);
      expect(other.owned()).toEqual(ALL);
      expect(one.ownership.standsBy).toBe(true);
      tookMs.push(await standsByFor());
      if (time < 2) await Promise.all(ALL.map((partition) => other.ownership.letGo(partition)));
      await clock.advance(TTL_MS / 3);
    }
    expect(tookMs).toEqual([TTL_MS, 2 * TTL_MS, 4 * TTL_MS]);
    beatMs = 4 * TTL_MS;
    await clock.advance(TTL_MS / 3);
    beatMs = 0;
    await clock.advance(4 * TTL_MS);
    expect(one.ownership.standsBy).toBe(true);
    other.ownership.end();
    await clock.advance(2 * TTL_MS);
    expect([one.ownership.standsBy, one.owned()]).toEqual([true, ALL]);
  });
});

describe('a host that comes back', () => {
  test('S7: under its own name it has its partitions at once', async () => {
    const clock = createFakeClock();
    const log = await openLog(clock);
    await openHost(log, clock, 'one').ownership.start();
    const again = openHost(log, clock, 'one');
    await again.ownership.start();
    expect(again.owned()).toEqual(ALL);
  });

  test('S7: an outage shorter than the time to live loses nothing and tells nothing', async () => {
    const clock = createFakeClock();
    const { bus, ownership, told, owned } = openHost(await openLog(clock), clock, 'one');
    await ownership.start();
    bus.disconnect();
    await clock.advance(TTL_MS - 1);
    bus.reconnect();
    await clock.advance(TTL_MS);
    expect(owned()).toEqual(ALL);
    expect(told).toHaveLength(1);
  });
});

describe('a claim that fails', () => {
  /** Claims of one partition fail that often. */
  const failing =
    (times: number) =>
    (leases: LeaseStore): LeaseStore => {
      let left = times;
      return {
        ...{ ttlMs: leases.ttlMs, beat: leases.beat.bind(leases) },
        ...{ confirm: leases.confirm.bind(leases), release: leases.release.bind(leases) },
        claim: (...asked) => {
          if (asked[0] !== 'agents.5' || left === 0) return leases.claim(...asked);
          left -= 1;
          return Promise.reject(new BusError('unavailable', 'the connection was lost'));
        },
      };
    };

  test('S7: at a start it is an error of the start', async () => {
    const clock = createFakeClock();
    const { ownership } = openHost(await openLog(clock), clock, 'one', { wrap: failing(1) });
    await expect(ownership.start()).rejects.toThrow('the connection was lost');
  });

  test('S7: what was granted before it is told, and the others are claimed again', async () => {
    const clock = createFakeClock();
    const log = await openLog(clock);
    const first = openHost(log, clock, 'first');
    await first.ownership.start();
    let broken = 0;
    const second = openHost(log, clock, 'second', {
      wrap: (leases) => {
        const fragile = failing(1)(leases);
        return { ...fragile, claim: (...asked) => (broken > 0 ? fragile : leases).claim(...asked) };
      },
    });
    await second.ownership.start();
    broken = 1;
    first.ownership.end();
    await first.ownership.release();
    await clock.advance(TTL_MS / 3);
    expect(second.told).toEqual(['gained 01234']);
    await clock.advance(TTL_MS / 3);
    expect(second.told.at(-1)).toBe('gained 567');
    expect(second.owned()).toEqual(ALL);
    await settled();
  });
});
