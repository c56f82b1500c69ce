/** Hosts of a service share its partitions: one that comes is given some, in order (S7, S6). What a takeover reads (J7). */
import { describe, expect, test } from 'vitest';
import { headIn } from '../../../actors/runtime/journal/record.ts';
import { defaultLimits } from '../../../actors/runtime/limits.ts';
import type { MemoryBus } from '../../../bus/memory-bus.ts';
import { BEATS_PER_TTL, type Bus } from '../../../bus/port.ts';
import { JOURNAL_FILTER, journalSubject, PARTITIONS, partitionOf } from '../../../schemas/events/subjects.ts';
import { beating, door } from './support/bent-bus.ts';
import { LEASE_TTL_MS, type Life, Mesh, signedIn, TAKEOVER_MS, taskName, tasks } from './support/mesh-bench.ts';

/** Beats of both hosts, a hand-over, and a claim. */
const SHARED_MS = 2 * TAKEOVER_MS;
const has = ({ host }: Life): number => host.stats().partitions.courier ?? 0;

async function two(mesh: Mesh): Promise<[Life, Life]> {
  const one = await mesh.start('one');
  return [one, await mesh.start('other')];
}

describe('a second host', () => {
  test('S7: is given its share, and each task is done once by whoever has it', async () => {
    const mesh = await Mesh.open();
    const [one, other] = await two(mesh);
    expect([has(one), has(other)]).toEqual([PARTITIONS, 0]);
    await mesh.submit(...tasks(40));
    await mesh.pass(SHARED_MS);
    expect([has(one), has(other)]).toEqual([4, 4]);
    await mesh.submit(...tasks(80).slice(40));
    await mesh.pass(SHARED_MS);
    expect(await mesh.ended()).toEqual(tasks(80));
    expect(new Set(mesh.deeds).size).toBe(mesh.deeds.length);
    expect([one, other].map(({ host }) => host.stats().applied > 0)).toEqual([true, true]);
    expect([...one.fatal, ...other.fatal]).toEqual([]);
    // In order: the last record of the giver says so, and who takes it writes on after that.
    expect(one.said('warn')).toEqual([]);
    expect(one.said('info').filter((line) => line === 'a partition was given to another host')).toHaveLength(4);
  });

  test('S7: three share 3, 3 and 2, and nothing moves after that', async () => {
    const mesh = await Mesh.open();
    const hosts = [await mesh.start('a'), await mesh.start('b'), await mesh.start('c')];
    await mesh.pass(2 * SHARED_MS);
    const shared = hosts.map(has);
    expect([...shared].sort()).toEqual([2, 3, 3]);
    const records = (await mesh.stored(JOURNAL_FILTER)).length;
    await mesh.pass(2 * SHARED_MS);
    expect(hosts.map(has)).toEqual(shared);
    expect(await mesh.stored(JOURNAL_FILTER)).toHaveLength(records);
  });

  test('S6: a partition in which an effect is under way stays until it has ended; nobody is asked for it', async () => {
    const mesh = await Mesh.open();
    mesh.signing.shut();
    const one = await mesh.start('one');
    await mesh.submit(...tasks(60));
    await mesh.pass(50);
    const busy = new Set(tasks(60).map(partitionOf)).size;
    const other = await mesh.start('other');
    await mesh.pass(SHARED_MS);
    expect(busy).toBe(PARTITIONS);
    expect([has(one), has(other)]).toEqual([PARTITIONS, 0]);
    mesh.signing.open();
    await mesh.pass(SHARED_MS);
    expect([has(one), has(other)]).toEqual([4, 4]);
    expect(await mesh.ended()).toEqual(tasks(60));
    expect(new Set(mesh.deeds).size).toBe(mesh.deeds.length);
  });

  test('S4: is given a partition when what was said of it is sent, and not before', async () => {
    const mesh = await Mesh.open();
    const facts = door();
    facts.shut();
    const bends = (bus: MemoryBus): Partial<Bus> => ({
      async publish(request) {
        if (request.subject.startsWith('mesh.events.')) await facts.passed;
        return bus.publish(request);
      },
    });
    const one = await mesh.start('one', { bends, limits: { stopDrainMs: 2 * SHARED_MS } });
    await mesh.submit(...tasks(60));
    await mesh.pass(50);
    const other = await mesh.start('other');
    await mesh.pass(SHARED_MS);
    expect([has(other), await mesh.facts()]).toEqual([0, []]);
    // What comes meanwhile is for the host that takes them: nothing is begun there that would be cut off.
    const late = tasks(100).slice(60);
    await mesh.submit(...late);
    await mesh.pass(50);
    const begun = late.filter((task) => mesh.deeds.some((key) => key.startsWith(task)));
    expect(new Set(begun.map(partitionOf)).size).toBe(4);
    facts.open();
    await mesh.pass(SHARED_MS);
    expect([has(one), has(other), await mesh.ended()]).toEqual([4, 4, tasks(100)]);
  });

  test('S7: that was silent gives nothing more of what was taken from it meanwhile, and goes on', async () => {
    const mesh = await Mesh.open();
    const beats = door();
    const bends = ({ leases }: MemoryBus): Partial<Bus> => ({ leases: beating(leases, beats) });
    const one = await mesh.start('one', { bends, limits: { stopDrainMs: 500 } });
    const other = await mesh.start('other', { standby: true });
    beats.shut();
    // What it does from now on reaches nobody.
    one.publishing.shut();
    await mesh.submit(...tasks(40));
    await mesh.pass(TAKEOVER_MS);
    expect([has(one), has(other)]).toEqual([PARTITIONS, PARTITIONS]);
    // It lacks everything, and has said so when the first one wakes up.
    const third = await mesh.start('third');
    await mesh.pass(LEASE_TTL_MS / BEATS_PER_TTL);
    beats.open();
    await mesh.pass(LEASE_TTL_MS);
    one.publishing.open();
    await mesh.pass(3 * SHARED_MS);
    expect([one, other, third].map(({ fatal }) => fatal)).toEqual([[], [], []]);
    expect([has(one) + has(other) + has(third), await mesh.ended()]).toEqual([PARTITIONS, tasks(40)]);
    expect(new Set(mesh.deeds.filter((key) => key.includes('/sign/'))).size).toBe(40);
  });

  test('S6: what it lost while it gave it, and has again, it works on with: nothing is cut off', async () => {
    const mesh = await Mesh.open();
    mesh.fences.sign = 'once';
    const [beats, words] = [door(), door()];
    words.shut();
    let isHeld = false;
    const bends = (bus: MemoryBus): Partial<Bus> => ({
      leases: beating(bus.leases, beats),
      async publish(request) {
        if (typeof request.body !== 'string' && headIn(request.body)?.word === 'stopped') {
          isHeld = true;
          await words.passed;
        }
        return bus.publish(request);
      },
    });
    const one = await mesh.start('one', { bends, limits: { stopDrainMs: 3 * SHARED_MS } });
    const other = await mesh.start('other');
    await mesh.pass(SHARED_MS);
    expect([isHeld, has(one), has(other)]).toEqual([true, PARTITIONS, 0]);
    beats.shut();
    await mesh.pass(TAKEOVER_MS);
    expect(has(other)).toBe(PARTITIONS);
    beats.open();
    await mesh.pass(LEASE_TTL_MS);
    await mesh.stop(other);
    await mesh.pass(SHARED_MS);
    expect(has(one)).toBe(PARTITIONS);
    mesh.signing.shut();
    await mesh.submit(...tasks(60));
    await mesh.pass(50);
    words.open();
    await mesh.pass(3 * SHARED_MS);
    expect([has(one), one.fatal]).toEqual([PARTITIONS, []]);
    mesh.signing.open();
    await mesh.pass(SHARED_MS);
    const ends = (await mesh.facts()).filter((note) => note.startsWith('ended'));
    expect([signedIn(mesh).length, new Set(ends), ends.length]).toEqual([60, new Set(['ended completed']), 60]);
  });

  test('S7: that stops gives all back at once, not after a time to live', async () => {
    const mesh = await Mesh.open();
    const [one, other] = await two(mesh);
    await mesh.pass(SHARED_MS);
    await mesh.stop(other);
    await mesh.pass(TAKEOVER_MS / 3);
    expect(has(one)).toBe(PARTITIONS);
  });
});

test('S7: a standby has nothing while another host is there, takes all when it falls silent, and gives it back', async () => {
  const mesh = await Mesh.open();
  const one = await mesh.start('one');
  const standby = await mesh.start('standby', { standby: true });
  await mesh.pass(SHARED_MS);
  expect([has(one), has(standby)]).toEqual([PARTITIONS, 0]);
  one.kill();
  await mesh.pass(SHARED_MS);
  expect(has(standby)).toBe(PARTITIONS);
  await mesh.submit(taskName(1));
  await mesh.pass();
  expect(await mesh.ended()).toEqual([taskName(1)]);
  const again = await mesh.start('one', { disk: one.disk });
  await mesh.pass(SHARED_MS);
  expect([has(again), has(standby)]).toEqual([PARTITIONS, 0]);
});

describe('a takeover of a long history', () => {
  /** Messages of the journal that a host which starts now is given by the log. */
  const taken = async (copiedRecordsMax: number) => {
    const mesh = await Mesh.open();
    const limits = { checkpointRecords: 10, copiedRecordsMax };
    const one = await mesh.start('one', { limits });
    for (const task of tasks(300)) {
      await mesh.submit(task);
      await mesh.pass(20);
    }
    await mesh.stop(one);
    let read = 0;
    const journals = Array.from({ length: PARTITIONS }, (_, partition) => journalSubject('tests', partition));
    const other = await mesh.start('other', {
      limits,
      bends: (bus) => ({
        read: (request) =>
          bus.read({
            ...request,
            onMessage(message) {
              if (journals.includes(request.filter)) read += 1;
              request.onMessage(message);
            },
          }),
      }),
    });
    await mesh.submit(taskName(1000));
    await mesh.pass();
    expect(await mesh.ended()).toEqual([...tasks(300), taskName(1000)].sort());
    expect(other.fatal).toEqual([]);
    return { mesh, other, read, stored: (await mesh.stored(JOURNAL_FILTER)).length };
  };

  test('J7: begins at the checkpoint of the log, and reads few records however many there are', async () => {
    const { read, stored } = await taken(50);
    expect(stored).toBeGreaterThan(600);
    expect(read).toBeLessThan(PARTITIONS * 12);
  });

  test('S10: of a short one all is copied, so that the ledger can give the log what it may lose', async () => {
    const { mesh, other, read, stored } = await taken(1000);
    expect(read).toBeGreaterThan(stored * 0.9);
    const told = (await mesh.facts()).toSorted();
    other.kill();
    mesh.log.wipe();
    await mesh.bus.ensureTopology();
    const again = mesh.start('other', { disk: other.disk });
    await mesh.pass(defaultLimits.otherHostsMs + TAKEOVER_MS);
    const { fatal } = await again;
    expect([(await mesh.facts()).toSorted(), fatal]).toEqual([told, []]);
  });
});
