/**
 * Opening a partition while other processes write it: who was overtaken looks anew, and of two with one identity one ends,
 * however little it was told (J3, J4).
 */
import { expect, test } from 'vitest';
import { decodeHead } from '../../../actors/runtime/journal/record.ts';
import { createMemoryBus, type MemoryBus } from '../../../bus/memory-bus.ts';
import { BEATS_PER_TTL, type Bus, BusError } from '../../../bus/port.ts';
import { journalSubject, PARTITIONS, partitionNumbers, partitionOf } from '../../../schemas/events/subjects.ts';
import { beating, door } from './support/bent-bus.ts';
import { eagerDisk } from './support/eager-disk.ts';
import { journalOn, LEASE_TTL_MS, Mesh, TAKEOVER_MS, tasks } from './support/mesh-bench.ts';

const [TASK = ''] = tasks(1);
const TWIN = /^another process .* give each process a name of its own/;

test('J3: a checkpoint of a record that was written meanwhile is not begun from: all is looked at anew', async () => {
  const mesh = await Mesh.open();
  const limits = { checkpointRecords: 2, checkpointTasks: 1 };
  const first = await mesh.start('one', { limits });
  await mesh.submit(TASK);
  await mesh.pass();
  const reading = door();
  reading.shut();
  const second = await mesh.start('one', {
    disk: eagerDisk(),
    waits: false,
    bends: (bus) => ({
      async read(request) {
        if (request.stream === 'checkpoints') await reading.passed;
        return bus.read(request);
      },
    }),
  });
  await mesh.pass();
  const before = (await mesh.journal())[partitionOf(TASK)]?.length ?? 0;
  await mesh.submit(...tasks(30).filter((task) => partitionOf(task) === partitionOf(TASK)));
  await mesh.pass();
  expect((await mesh.journal())[partitionOf(TASK)]?.length).toBeGreaterThan(before);
  reading.open();
  await mesh.pass(TAKEOVER_MS);
  await mesh.submit(...tasks(60).slice(30));
  await mesh.pass(TAKEOVER_MS);
  expect(second.fatal).toEqual([]);
  expect(first.fatal).toMatchObject([{ exitCode: 2, message: expect.stringMatching(TWIN) }]);
});

test('J4: of two with one name the second ends when the first one writes too much for it ever to claim', async () => {
  const mesh = await Mesh.open();
  const first = await mesh.start('one');
  const claiming = door();
  claiming.shut();
  const own = journalSubject('tests', partitionOf(TASK));
  const second = await mesh.start('one', {
    waits: false,
    bends: (bus) => ({
      async publish(request) {
        if (request.subject.startsWith('mesh.journal.') && request.subject !== own) return new Promise(() => undefined);
        await claiming.passed;
        return bus.publish(request);
      },
    }),
  });
  const asked = tasks(400).filter((task) => partitionOf(task) === partitionOf(TASK));
  for (const task of asked) {
    await mesh.submit(task);
    await mesh.pass(LEASE_TTL_MS / BEATS_PER_TTL);
    claiming.open();
    claiming.shut();
    await mesh.pass();
  }
  expect(second.fatal).toMatchObject([{ exitCode: 2, message: expect.stringMatching(TWIN) }]);
  expect([first.fatal, await mesh.ended()]).toEqual([[], asked.toSorted()]);
});

/** Another host finds their holder silent, and writes nothing. Returns what lets go of them. */
async function leasesTaken(mesh: Mesh): Promise<() => Promise<unknown>> {
  const { leases } = createMemoryBus(mesh.log, { now: () => mesh.clock.elapsed(), leaseTtlMs: LEASE_TTL_MS });
  const keys = partitionNumbers.map((partition) => `tests.${partition}`);
  for (let beat = 0; beat <= 2 * BEATS_PER_TTL; beat += 1) {
    await leases.beat('other');
    const claims = await Promise.all(keys.map(async (key) => ({ key, claim: await leases.claim(key, 'other') })));
    const taken = claims.flatMap(({ key, claim }) => (claim.granted ? [{ key, fence: claim.fence }] : []));
    if (taken.length > 0) {
      expect(taken).toHaveLength(PARTITIONS);
      return () => Promise.all(taken.map(({ key, fence }) => leases.release(key, 'other', fence)));
    }
    await mesh.pass(LEASE_TTL_MS / BEATS_PER_TTL);
  }
  throw new Error('their holder is not silent');
}

test('J3: a partition that is lost and gained again is opened when its first opening has ended', async () => {
  const mesh = await Mesh.open();
  const first = await mesh.start('one');
  await mesh.submit(...tasks(20));
  await mesh.pass();
  first.kill();
  const [beats, reading] = [door(), door()];
  reading.shut();
  const reads: string[] = [];
  const slow = await mesh.start('two', {
    waits: false,
    bends: (bus) => ({
      leases: beating(bus.leases, beats),
      async read(request) {
        if (request.filter.startsWith('mesh.journal.')) {
          reads.push(request.filter);
          await reading.passed;
        }
        return bus.read(request);
      },
    }),
  });
  await mesh.pass(TAKEOVER_MS);
  expect(reads).toHaveLength(PARTITIONS);
  beats.shut();
  const letGo = await leasesTaken(mesh);
  beats.open();
  await mesh.pass(LEASE_TTL_MS);
  expect(slow.said('warn')).toEqual(['another host has taken these partitions']);
  await letGo();
  await mesh.pass(LEASE_TTL_MS);
  reading.open();
  await mesh.pass(TAKEOVER_MS);
  expect([slow.fatal, await mesh.ended(), slow.host.stats().partitions.courier]).toEqual([[], tasks(20), PARTITIONS]);
  expect(journalOn(slow.disk)).toEqual(await mesh.journal());
});

test('J7: a checkpoint that was dropped with its partition is not missing in the log when its host has that again', async () => {
  const mesh = await Mesh.open();
  const beats = door();
  const limits = { checkpointRecords: 1, checkpointTasks: 1, copiedRecordsMax: 1 };
  const bends = ({ leases }: MemoryBus): Partial<Bus> => ({ leases: beating(leases, beats) });
  const one = await mesh.start('one', { limits, bends });
  const some = tasks(60).filter((task) => partitionOf(task) === partitionOf(TASK));
  const [before, untold, after] = [some.slice(0, 2), some.slice(2, 4), some.slice(4, 6)];
  await mesh.submit(...before);
  await mesh.pass();
  mesh.signing.shut();
  one.publishing.shut();
  // Their records and the checkpoint of these are in the ledger, and not told.
  for (const task of untold) {
    await mesh.submit(task);
    await mesh.pass();
  }
  beats.shut();
  const letGo = await leasesTaken(mesh);
  beats.open();
  await mesh.pass(LEASE_TTL_MS);
  expect(one.said('warn')).toEqual(['another host has taken these partitions']);
  one.publishing.open();
  await letGo();
  await mesh.pass(TAKEOVER_MS);
  for (const task of after) {
    await mesh.submit(task);
    await mesh.pass();
  }
  await mesh.pass(TAKEOVER_MS);
  one.kill();
  const other = await mesh.start('other', { limits, waits: false });
  await mesh.pass(2 * TAKEOVER_MS);
  mesh.signing.open();
  await mesh.pass(TAKEOVER_MS);
  expect([other.fatal, await mesh.ended()]).toEqual([[], some.slice(0, 6).sort()]);
});

test('J1: a process that lost a partition and has it again names no record as it had named a dropped one', async () => {
  const mesh = await Mesh.open();
  mesh.fetching.shut();
  const one = await mesh.start('one', { limits: { recordInputsMax: 1 } });
  const other = await mesh.start('other', { standby: true });
  const some = tasks(120).filter((task) => partitionOf(task) === partitionOf(TASK));
  await mesh.submit(...some);
  await mesh.pass();
  one.bus.disconnect();
  mesh.fetching.open();
  await mesh.pass(TAKEOVER_MS);
  one.bus.reconnect();
  await mesh.pass(LEASE_TTL_MS);
  await mesh.stop(other);
  await mesh.pass(TAKEOVER_MS);
  const { tables } = one.disk;
  const kept = [...tables.partition(partitionOf(TASK)).records.values()].map(({ body }) => decodeHead(body));
  const dropped = tables.setAsideRecords.map(({ body }) => decodeHead(body));
  const again = kept.filter(({ process, n }) => process === 'one-1' && n >= (dropped[0]?.n ?? Number.NaN));
  expect(again.some(({ n }) => dropped.some((record) => record.n === n))).toBe(true);
  expect(again.filter(({ id }) => dropped.some((record) => record.id === id))).toEqual([]);
  expect([await mesh.ended(), one.fatal]).toEqual([some, []]);
});

test('J4: nothing begins before the log has taken the word of who opens its partition', async () => {
  const mesh = await Mesh.open();
  mesh.fetching.shut();
  const first = await mesh.start('one');
  await mesh.submit(TASK);
  await mesh.pass();
  expect(mesh.deeds).toHaveLength(1);
  first.kill();
  const claiming = door();
  claiming.shut();
  const claims: string[] = [];
  const again = await mesh.start('one', {
    disk: first.disk,
    waits: false,
    bends: (bus) => ({
      async publish(request) {
        if (request.subject.startsWith('mesh.journal.')) {
          claims.push(request.subject);
          await claiming.passed;
        }
        return bus.publish(request);
      },
    }),
  });
  await mesh.pass(TAKEOVER_MS);
  expect([claims.length, mesh.deeds.length, again.host.stats().partitions.courier]).toEqual([PARTITIONS, 1, 0]);
  claiming.open();
  mesh.fetching.open();
  await mesh.pass(TAKEOVER_MS);
  expect([mesh.deeds.length, await mesh.ended(), again.fatal]).toEqual([3, [TASK], []]);
});

test.each([1, 2])('J4: whose claim was taken, untold, and overtaken by %i others of its name, ends', async (others) => {
  const mesh = await Mesh.open();
  const told = door();
  told.shut();
  let isAway = true;
  const first = await mesh.start('one', {
    waits: false,
    bends: (bus) => ({
      async publish(request) {
        const ack = await bus.publish(request);
        if (!isAway || !request.subject.startsWith('mesh.journal.')) return ack;
        await told.passed;
        throw new BusError('unavailable', 'no acknowledgement came');
      },
    }),
  });
  await mesh.pass();
  expect(await mesh.bus.getLast(journalSubject('tests', partitionOf(TASK)))).not.toBeNull();
  for (let count = 1; count <= others; count += 1) {
    const other = await mesh.start('one', { disk: eagerDisk() });
    if (count < others) other.kill();
  }
  isAway = false;
  told.open();
  await mesh.submit(...tasks(20));
  await mesh.pass(TAKEOVER_MS);
  expect(first.fatal).toMatchObject([{ exitCode: 2, message: expect.stringMatching(TWIN) }]);
  first.kill();
  await mesh.pass(TAKEOVER_MS);
  expect(await mesh.ended()).toEqual(tasks(20));
});

test('J4: who gave partitions to a copy of its own ledger ends when it is to have them again, though a checkpoint spares it the records', async () => {
  const mesh = await Mesh.open();
  const limits = { copiedRecordsMax: 1, checkpointRecords: 2, checkpointTasks: 1 };
  const one = await mesh.start('one', { limits });
  await mesh.submit(...tasks(20));
  await mesh.pass();
  const copied = eagerDisk();
  copied.restore(one.disk.copy());
  const copy = await mesh.start('two', { disk: copied, limits });
  await mesh.pass(TAKEOVER_MS);
  await mesh.submit(...tasks(60).slice(20));
  await mesh.pass(TAKEOVER_MS);
  expect([one.fatal, copy.fatal, copy.host.stats().partitions.courier]).toEqual([[], [], PARTITIONS / 2]);
  copy.kill();
  await mesh.pass(2 * TAKEOVER_MS);
  expect(one.fatal).toMatchObject([
    { exitCode: 2, message: expect.stringMatching(/has the ledger of this one.*delete the copy/) },
  ]);
});
