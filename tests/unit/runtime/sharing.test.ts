/** How many partitions each host of a service is to have. On the bus in memory. */
import { describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import { createSharing, type Sharing } from '../../../actors/runtime/partitions/sharing.ts';
import { createMemoryBus, createMemoryLog } from '../../../bus/memory-bus.ts';
import { BEATS_PER_TTL } from '../../../bus/port.ts';
import { hostsSubject, PARTITIONS } from '../../../schemas/events/subjects.ts';
import { createFakeClock, settled } from './support/fake-clock.ts';

const TTL_MS = 3000;

function open() {
  const clock = createFakeClock();
  const log = createMemoryLog({ now: () => clock.now() });
  const bus = createMemoryBus(log, { now: () => clock.now() });
  const machine = setup({}).createMachine({});
  /** Hosts that have a lease. */
  const holders = new Set<string>();
  const holds = (host: string): boolean => holders.has(host);
  const host = (name: string, standby = false, since = 4): Sharing => {
    const roles = [{ name: 'coder', versions: [{ since, machine }] }];
    return createSharing({ service: 'agents', name, roles, bus, clock, ttlMs: TTL_MS, holds, standsBy: () => standby });
  };
  /** A time to live passes, in which a host that is in order beats. */
  const pass = async (...beating: Sharing[]): Promise<void> => {
    for (let beat = 0; beat < BEATS_PER_TTL; beat += 1) {
      await clock.advance(TTL_MS / BEATS_PER_TTL + 1);
      for (const one of beating) one.tell(0, false);
      await settled();
    }
  };
  return { clock, bus, host, holders, pass };
}

describe('a share', () => {
  test('of a host that hears nobody is everything', () => {
    const one = open().host('one');
    expect([one.share(), one.surplus(PARTITIONS)]).toEqual([PARTITIONS, 0]);
  });

  test.each([2, 3, 4, 5, 8, 9])('of %i hosts: together they take everything', async (count) => {
    const { host } = open();
    const hosts = Array.from({ length: count }, (_, nth) => host(`host-${nth}`));
    for (const one of hosts) one.tell(0, false);
    await settled();
    const shares = hosts.map((one) => one.share());
    expect(new Set(shares)).toEqual(new Set([Math.ceil(PARTITIONS / count)]));
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeGreaterThanOrEqual(PARTITIONS);
  });

  test('grows when another host has been silent for as long as a lease lives, or says that it goes', async () => {
    const { host, pass } = open();
    const [one, other] = [host('one'), host('other')];
    other.tell(4, false);
    await settled();
    expect(one.share()).toBe(4);
    await pass(one);
    expect(one.share()).toBe(PARTITIONS);
    other.tell(4, false);
    await settled();
    expect(one.share()).toBe(4);
    other.stop();
    await settled();
    expect(one.share()).toBe(PARTITIONS);
  });
});

test('who has said that it goes counts no more, although it beats until its stop is over', async () => {
  const { host } = open();
  const [one, other] = [host('one'), host('other')];
  other.tell(4, false);
  await settled();
  expect(one.share()).toBe(4);
  other.stop();
  other.tell(4, false);
  await settled();
  expect(one.share()).toBe(PARTITIONS);
});

describe('a surplus', () => {
  test('is what others lack, and no more', async () => {
    const { host } = open();
    const [one, other] = [host('one'), host('other')];
    other.tell(0, false);
    await settled();
    expect(one.surplus(8)).toBe(4);
    other.tell(3, false);
    await settled();
    expect([one.surplus(5), one.surplus(4)]).toEqual([1, 0]);
  });

  test('nothing moves where nobody lacks anything: three hosts with 3, 3 and 2', async () => {
    const { host } = open();
    const [one, two, three] = [host('one'), host('two'), host('three')];
    one.tell(3, false);
    two.tell(3, false);
    three.tell(2, false);
    await settled();
    expect([one.surplus(3), two.surplus(3), three.surplus(2)]).toEqual([0, 0, 0]);
  });
});

describe('S11: of two releases', () => {
  test('the older is given nothing and takes nothing; the newer has all that is free, and is given what it lacks', async () => {
    const { host } = open();
    const [old, newer] = [host('old'), host('newer', false, 5)];
    old.tell(8, false);
    newer.tell(0, false);
    await settled();
    expect([old.share(), newer.share()]).toEqual([0, PARTITIONS]);
    expect(old.surplus(8)).toBe(4);
    newer.tell(8, false);
    old.tell(0, false);
    await settled();
    expect(newer.surplus(8)).toBe(0);
  });

  test('the older takes nothing either while the newer may not take it yet', async () => {
    const { host } = open();
    const [old, newer] = [host('old'), host('newer', false, 5)];
    newer.tell(0, true);
    await settled();
    expect([old.share(), old.surplus(PARTITIONS)]).toEqual([0, 0]);
  });

  test('the older takes nothing while the newer stands by, which takes it', async () => {
    const { host } = open();
    const [old, newer] = [host('old'), host('newer', true, 5)];
    newer.tell(0, false);
    old.tell(8, false);
    await settled();
    expect([old.share(), old.surplus(PARTITIONS), newer.share()]).toEqual([0, 0, PARTITIONS]);
  });

  test('the older takes nothing while it is too slow to hear the newer in time, and all when that is gone', async () => {
    const { clock, host, pass } = open();
    const [old, newer] = [host('old'), host('newer', false, 5)];
    newer.tell(0, false);
    await settled();
    await clock.advance(10 * TTL_MS);
    old.tell(0, false);
    expect(old.share()).toBe(0);
    await pass(old);
    expect(old.share()).toBe(PARTITIONS);
  });

  test('the older takes nothing while the newer is too slow to tell in time, and has a lease; all when it has none', async () => {
    const { host, holders, pass } = open();
    const [old, newer] = [host('old'), host('newer', false, 5)];
    newer.tell(1, false);
    holders.add('newer');
    await pass(old);
    await pass(old);
    expect(old.share()).toBe(0);
    holders.delete('newer');
    expect(old.share()).toBe(PARTITIONS);
  });

  test('one alone has a share of everything, whatever was there before it', async () => {
    const { host } = open();
    const [old, newer] = [host('old'), host('newer', false, 5)];
    newer.tell(8, false);
    await settled();
    newer.stop();
    await settled();
    expect(old.share()).toBe(PARTITIONS);
  });

  test('a host that does not say what it knows counts as older', async () => {
    const { bus, host } = open();
    const one = host('one');
    bus.publishVolatile(hostsSubject('agents'), JSON.stringify({ host: 'silent', has: 0 }));
    await settled();
    expect([one.share(), one.surplus(PARTITIONS)]).toEqual([PARTITIONS, 0]);
  });
});

describe('a standby', () => {
  test('has no share while another host is there, gives back what it took, and counts for nobody', async () => {
    const { host, pass } = open();
    const [one, standby] = [host('one'), host('standby', true)];
    expect(standby.share()).toBe(PARTITIONS);
    one.tell(0, false);
    standby.tell(8, false);
    await settled();
    expect([one.share(), standby.share(), standby.surplus(8)]).toEqual([PARTITIONS, 0, 8]);
    one.tell(8, false);
    await settled();
    expect(one.surplus(8)).toBe(0);
    await pass(standby);
    expect(standby.share()).toBe(PARTITIONS);
  });
});

test('S7: who may not take what is free for now is given nothing, and is left nothing, until it may', async () => {
  const { host } = open();
  const [one, other] = [host('one'), host('other')];
  other.tell(0, true);
  await settled();
  expect([one.share(), one.surplus(PARTITIONS)]).toEqual([PARTITIONS, 0]);
  other.tell(0, false);
  await settled();
  expect([one.share(), one.surplus(PARTITIONS)]).toEqual([4, 4]);
});

test.each(['', 'no json', 'null', '[]', '{"host":1,"has":0}', '{"host":"x","has":"0"}'])(
  'S9: what no host has said is passed over: %s',
  async (text) => {
    const { bus, host } = open();
    const one = host('one');
    bus.publishVolatile(hostsSubject('agents'), text);
    await settled();
    expect(one.share()).toBe(PARTITIONS);
  },
);
