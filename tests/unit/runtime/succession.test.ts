/**
 * Two hosts of a service and a log that was made anew: whoever has more of a partition opens it (J3, S7).
 */
import { describe, expect, test } from 'vitest';
import { defaultLimits } from '../../../actors/runtime/limits.ts';
import type { MemoryBus } from '../../../bus/memory-bus.ts';
import type { Bus } from '../../../bus/port.ts';
import { partitionOf } from '../../../schemas/events/subjects.ts';
import { beating, door } from './support/bent-bus.ts';
import { courier } from './support/courier.ts';
import { dispatcher } from './support/dispatcher.ts';
import { journalOn, LEASE_TTL_MS, Mesh, TAKEOVER_MS, tasks } from './support/mesh-bench.ts';

const TASKS = tasks(20);

/** A host that has worked, one that stood by, and a log that has lost everything. */
async function logMadeAnew({ standby: standsBy = true } = {}) {
  const mesh = await Mesh.open();
  const worker = await mesh.start('worker');
  const standby = await mesh.start('standby', { standby: standsBy });
  await mesh.submit(...TASKS);
  await mesh.pass(LEASE_TTL_MS);
  const told = (await mesh.facts()).toSorted();
  worker.kill();
  standby.kill();
  mesh.log.wipe();
  await mesh.bus.ensureTopology();
  return { mesh, worker, standby, told };
}

/** Shut, its host has said that it is there, and claims nothing. */
function heldBeats() {
  const beats = door();
  beats.shut();
  const bends = ({ leases }: MemoryBus): Partial<Bus> => ({ leases: beating(leases, beats) });
  return { beats, bends };
}

describe('a log that was made anew', () => {
  test('J3: the standby comes first, and waits for the one that had more', async () => {
    const { mesh, worker, standby, told } = await logMadeAnew();
    const starting = mesh.start('standby', { disk: standby.disk, standby: true });
    await mesh.pass(LEASE_TTL_MS);
    expect((await mesh.journal()).flat()).toEqual([]);
    const again = await mesh.start('worker', { disk: worker.disk });
    await starting;
    await mesh.pass(LEASE_TTL_MS);
    expect([(await mesh.facts()).toSorted(), mesh.deeds.length]).toEqual([told, TASKS.length * 2]);
    expect(journalOn(again.disk)).toEqual(await mesh.journal());
    expect(again.said('warn')).toEqual([]);
  });

  test('S7: who waits for what the other has is given nothing meanwhile, and its share after that', async () => {
    const { mesh, worker, standby } = await logMadeAnew();
    const lives = [
      await mesh.start('standby', { disk: standby.disk, waits: false }),
      await mesh.start('worker', { disk: worker.disk, waits: false }),
    ];
    const has = () => lives.map(({ host }) => host.stats().partitions.courier);
    const given = () =>
      lives.flatMap((life) => life.said('info')).filter((line) => line === 'a partition was given to another host');
    await mesh.pass(defaultLimits.otherHostsMs - LEASE_TTL_MS);
    expect([has(), given()]).toEqual([[0, 8], []]);
    await mesh.pass(4 * LEASE_TTL_MS);
    expect([has(), given().length]).toEqual([[4, 4], 4]);
  });

  test('J3: of two that share, each gives it all of what it has, also of what it was given by the other', async () => {
    const { mesh, worker, standby: other, told } = await logMadeAnew({ standby: false });
    expect(journalOn(other.disk).filter((records) => records.length > 0)).toHaveLength(4);
    const starting = mesh.start('standby', { disk: other.disk });
    await mesh.pass(LEASE_TTL_MS);
    const again = await mesh.start('worker', { disk: worker.disk });
    await starting;
    await mesh.pass();
    expect([(await mesh.facts()).toSorted(), mesh.deeds.length]).toEqual([told, TASKS.length * 2]);
    expect(again.said('warn')).toEqual([]);
  });

  test('J3: what the log never took does not count: whoever wrote after that has more, in fewer records', async () => {
    const mesh = await Mesh.open();
    const limits = { recordInputsMax: 1 };
    mesh.fetching.shut();
    const cutOff = await mesh.start('cut off', { limits });
    const standby = await mesh.start('standby', { standby: true });
    await mesh.submit(...TASKS);
    await mesh.pass(LEASE_TTL_MS);
    cutOff.bus.disconnect();
    mesh.fetching.open();
    await mesh.pass(TAKEOVER_MS);
    const told = (await mesh.facts()).toSorted();
    const done = mesh.deeds.length;
    const partition = partitionOf(TASKS[0] ?? '');
    const [alone, logged] = [cutOff, standby].map(({ disk }) => journalOn(disk)[partition]?.length ?? 0);
    expect([await mesh.ended(), alone]).toEqual([TASKS.toSorted(), expect.toSatisfy((n: number) => n > (logged ?? 0))]);
    cutOff.kill();
    standby.kill();
    mesh.log.wipe();
    await mesh.bus.ensureTopology();
    const starting = mesh.start('cut off', { disk: cutOff.disk, limits, waits: false });
    const again = await mesh.start('standby', { disk: standby.disk, standby: true });
    await starting;
    await mesh.pass(4 * LEASE_TTL_MS);
    expect([(await mesh.facts()).toSorted(), mesh.deeds.length, again.said('error')]).toEqual([
      told,
      done,
      [expect.stringContaining('the log is a new one')],
    ]);
  });

  test('S7, S10: one is waited for no longer than the limit; when it comes after that, it says what is lost', async () => {
    const { mesh, worker, standby } = await logMadeAnew();
    const starting = mesh.start('standby', { disk: standby.disk, standby: true });
    await mesh.pass(defaultLimits.otherHostsMs + LEASE_TTL_MS);
    const { host } = await starting;
    expect(host.stats().partitions).toEqual({ orchestrator: 8, courier: 8 });
    const late = await mesh.start('worker', { disk: worker.disk });
    await mesh.pass(4 * LEASE_TTL_MS);
    const lost = late.said('error').filter((line) => line.startsWith('LOSS: the log has another past of these tasks'));
    expect(lost).toHaveLength(new Set(TASKS.map(partitionOf)).size);
  });

  test('J3, S11: of two releases the older takes what it has the most of, though what is free is for the newer', async () => {
    const { mesh, worker, standby, told } = await logMadeAnew();
    const newer = [
      dispatcher,
      { ...courier, versions: courier.versions.flatMap((one) => [one, { ...one, since: 99 }]) },
    ];
    const starting = mesh.start('standby', { disk: standby.disk, roles: newer, waits: false });
    await mesh.pass();
    const { beats, bends } = heldBeats();
    const claiming = mesh.start('worker', { disk: worker.disk, bends });
    await mesh.pass(LEASE_TTL_MS);
    beats.open();
    await mesh.pass(defaultLimits.otherHostsMs + LEASE_TTL_MS);
    const [again] = await Promise.all([claiming, starting]);
    expect([(await mesh.facts()).toSorted(), mesh.deeds.length]).toEqual([told, TASKS.length * 2]);
    expect(again.said('error').filter((line) => line.startsWith('LOSS'))).toEqual([]);
  });

  test('J3: a host that knew of no other leaves what it hears that another one has more of', async () => {
    const { mesh, worker, told } = await logMadeAnew();
    // It has said that it is there, and has claimed nothing yet.
    const { beats, bends } = heldBeats();
    const starting = mesh.start('newcomer', { bends });
    await mesh.pass();
    const again = mesh.start('worker', { disk: worker.disk });
    await mesh.pass();
    beats.open();
    await mesh.pass(defaultLimits.otherHostsMs + LEASE_TTL_MS);
    await starting;
    expect([(await mesh.facts()).toSorted(), mesh.deeds.length]).toEqual([told, TASKS.length * 2]);
    expect((await again).said('warn')).toEqual([]);
  });

  test('S7: a host that knows of no other opens everything at once', async () => {
    const mesh = await Mesh.open();
    const alone = await mesh.start('one');
    await mesh.submit(...TASKS);
    await mesh.pass();
    alone.kill();
    mesh.log.wipe();
    await mesh.bus.ensureTopology();
    const { host } = await mesh.start('one', { disk: alone.disk });
    expect(host.stats().partitions).toEqual({ orchestrator: 8, courier: 8 });
  });
});
