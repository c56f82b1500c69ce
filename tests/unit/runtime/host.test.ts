/**
 * Whole hosts around one log: what is told to whom and when, one identity, takeovers and stops (J2, J4, S7, S8). What a
 * host makes of what is left of its stores is in `recovery.test.ts`.
 */
import { describe, expect, test } from 'vitest';
import { journalSubject, partitionOf } from '../../../schemas/events/subjects.ts';
import { courier } from './support/courier.ts';
import { dispatcher } from './support/dispatcher.ts';
import { eagerDisk } from './support/eager-disk.ts';
import { settled } from './support/fake-clock.ts';
import { journalOn, Mesh, TAKEOVER_MS, taskName, tasks } from './support/mesh-bench.ts';

const TASK = taskName(1);
const OTHER = taskName(2);

describe('a task', () => {
  test.each([
    ['on one host', [[dispatcher, courier]]],
    ['on two', [[dispatcher], [courier]]],
  ])('J1: %s comes to its end, and both stores have the same', async (_what, hosts) => {
    const mesh = await Mesh.open();
    const services = ['tests', 'porters'];
    const lives = [];
    for (const [at, roles] of hosts.entries())
      lives.push(await mesh.start(`host ${at}`, { roles, service: services[at] ?? '' }));
    await mesh.submit(TASK);
    await mesh.pass();
    expect(await mesh.facts(TASK)).toEqual([expect.stringContaining('takes'), 'ended completed']);
    for (const [at, { disk }] of lives.entries()) expect(journalOn(disk)).toEqual(await mesh.journal(services[at]));
    const [first] = lives;
    expect(first?.host.stats()).toMatchObject({ duplicates: 0, quarantined: 0, unacknowledged: 0, effectsRunning: 0 });
  });

  test('S5: that is submitted again is ignored, during its life and after its end', async () => {
    const mesh = await Mesh.open();
    const { host } = await mesh.start('one');
    mesh.signing.shut();
    await mesh.submit(TASK, TASK);
    await mesh.pass();
    mesh.signing.open();
    await mesh.pass();
    await mesh.submit(TASK);
    await mesh.pass();
    expect([await mesh.ended(), host.stats().duplicates, mesh.deeds.length]).toEqual([[TASK], 2, 2]);
  });

  test('S5: that has ended is remembered whole, before a checkpoint and after it', async () => {
    const mesh = await Mesh.open();
    const life = await mesh.start('one');
    await mesh.submit(TASK);
    await mesh.pass();
    expect(await mesh.ended()).toEqual([TASK]);
    expect(life.host.recall('orchestrator', TASK)).toMatchObject({ snapshot: { value: 'over' } });
    await mesh.stop(life);
    const again = await mesh.start('one', { disk: life.disk });
    expect(again.host.recall('orchestrator', TASK)).toMatchObject({ snapshot: { value: 'over' } });
    expect(again.host.recall('orchestrator', taskName(2))).toBeNull();
  });

  test('J2: that has ended is remembered when both stores have its end, and not before', async () => {
    const mesh = await Mesh.open();
    mesh.fences.sign = 'pure';
    const life = await mesh.start('one');
    life.publishing.shut();
    await mesh.submit(TASK);
    await mesh.pass();
    expect([mesh.deeds.length, life.host.recall('orchestrator', TASK)]).toEqual([2, null]);
    life.publishing.open();
    await mesh.pass();
    expect(life.host.recall('orchestrator', TASK)).toMatchObject({ snapshot: { value: 'over' } });
  });

  test('S9: an effect that takes its process along at once is given up, though nothing else is recorded', async () => {
    const mesh = await Mesh.open();
    mesh.fetching.shut();
    let life = await mesh.start('one', { limits: { crashesMax: 3 } });
    await mesh.submit(TASK);
    await mesh.pass();
    for (let crash = 1; crash < 3; crash += 1) {
      life.kill();
      life = await mesh.start('one', { disk: life.disk, limits: { crashesMax: 3 } });
    }
    expect(mesh.deeds).toHaveLength(3);
    life.kill();
    await mesh.start('one', { disk: life.disk, limits: { crashesMax: 3 } });
    await mesh.pass();
    expect(mesh.deeds).toHaveLength(3);
    expect(await mesh.ended()).toEqual([TASK]);
  });

  test('S9: so is one that ends its process before anything at all is recorded of it', async () => {
    const mesh = await Mesh.open();
    mesh.fetching.shut();
    let life = await mesh.start('one', { limits: { crashesMax: 3 } });
    mesh.onDeed = () => life.kill();
    await mesh.submit(TASK);
    await mesh.pass();
    for (let again = 0; again < 5; again += 1) {
      const { disk } = life;
      const starting = mesh.start('one', { disk, limits: { crashesMax: 3 }, waits: false });
      life = await starting;
      await mesh.pass(TAKEOVER_MS);
    }
    // Once before it was known that this ends a process, and as often as it may.
    expect([mesh.deeds.length, await mesh.ended()]).toEqual([4, [TASK]]);
    await mesh.stop(life);
    const next = await mesh.start('one', { disk: life.disk });
    await mesh.submit(OTHER);
    await mesh.pass();
    expect(next.said('error')).toEqual([]);
  });

  test('S9: what cannot be understood is in quarantine, once, also after a restart', async () => {
    const mesh = await Mesh.open();
    const life = await mesh.start('one');
    await mesh.bus.publish({ subject: 'mesh.tasks', body: '{"prompt":7}' });
    await mesh.bus.publish({ subject: `mesh.in.courier.${partitionOf(TASK)}.${TASK}`, body: 'no JSON' });
    await mesh.submit(TASK);
    await mesh.pass();
    life.kill();
    const again = await mesh.start('one', { disk: life.disk });
    await mesh.pass();
    expect((await mesh.bus.streamInfo('quarantine')).lastSeq).toBe(2);
    expect([again.fatal, await mesh.ended(), again.host.stats().quarantined]).toEqual([[], [TASK], 0]);
  });

  test.each(['no JSON', '[]', '[{"type":"dev.agentmesh.journal.record.v1","id":"x","data":{}}]', '{"n":1}'])(
    'S9 J4: what stands in a journal and is no record stops nobody, and is in quarantine once: %s',
    async (body) => {
      const mesh = await Mesh.open();
      const subject = journalSubject('tests', partitionOf(TASK));
      const stray = async (): Promise<number> => (await mesh.bus.publish({ subject, body })).seq;
      const origins = [await stray()];
      const first = await mesh.start('one');
      await mesh.pass();
      // Before a record, and beside one whose host has gone on meanwhile.
      origins.push(await stray(), await stray());
      await mesh.submit(TASK);
      await mesh.pass();
      expect([first.fatal, await mesh.ended()]).toEqual([[], [TASK]]);
      first.kill();
      // Nobody has written since: the ledger that is there reads on behind it, and so does a new one.
      origins.push(await stray());
      const second = await mesh.start('one', { disk: first.disk });
      await mesh.pass();
      second.kill();
      origins.push(await stray());
      const third = await mesh.start('one', {});
      await mesh.submit(OTHER);
      await mesh.pass();
      expect([second.fatal, third.fatal, (await mesh.ended()).toSorted()]).toEqual([[], [], [TASK, OTHER].toSorted()]);
      const kept = await mesh.storedIn('quarantine', 'mesh.quarantine.>');
      expect(kept.map((one) => [one.subject, one.header('mesh-code'), one.header('mesh-origin-seq')])).toEqual(
        origins.map((seq) => ['mesh.quarantine.journal', 'no_record', String(seq)]),
      );
      expect(mesh.deeds).toHaveLength(4);
    },
  );

  test('S5: its id with other content is in quarantine', async () => {
    const mesh = await Mesh.open();
    const { host } = await mesh.start('one');
    await mesh.submit(TASK);
    await mesh.pass();
    await mesh.bus.publish({ subject: 'mesh.tasks', body: JSON.stringify({ id: TASK, prompt: 'something else' }) });
    await mesh.pass();
    const [kept] = await mesh.bus.readLast('mesh.quarantine.>', 'quarantine');
    expect([kept?.header('mesh-code'), host.stats().quarantined]).toEqual(['conflicting_duplicate', 1]);
  });

  test('J6: its limits of time count on after a restart, without the time between', async () => {
    const mesh = await Mesh.open();
    mesh.fetching.shut();
    const life = await mesh.start('one');
    await mesh.submit(TASK);
    await mesh.pass(40_000);
    await mesh.stop(life);
    await mesh.pass(3_600_000);
    mesh.clock.set(0);
    await mesh.start('one', { disk: life.disk });
    await mesh.pass(15_000);
    expect(await mesh.ended()).toEqual([]);
    await mesh.pass(10_000);
    expect((await mesh.facts(TASK)).at(-1)).toBe('ended failed');
  });
});

describe('while the log is away', () => {
  test('J2: pure effects go on and nothing leaves; what leaves a trace waits', async () => {
    const mesh = await Mesh.open();
    mesh.fetching.shut();
    const life = await mesh.start('one');
    await mesh.submit(TASK);
    await mesh.pass();
    const told = await mesh.facts();
    life.bus.disconnect();
    mesh.fetching.open();
    await mesh.pass(1000);
    expect(mesh.deeds.map((key) => key.split('/')[2])).toEqual(['fetch']);
    expect(await mesh.facts()).toEqual(told);
    life.bus.reconnect();
    await mesh.pass(1000);
    expect(mesh.deeds.map((key) => key.split('/')[2])).toEqual(['fetch', 'sign']);
    expect([await mesh.ended(), life.fatal]).toEqual([[TASK], []]);
  });

  test('S10: a log that lost its end meanwhile ends the host, and a new life makes it whole', async () => {
    const mesh = await Mesh.open();
    const life = await mesh.start('one');
    const { lastSeq } = await mesh.bus.streamInfo();
    await mesh.submit(TASK);
    await mesh.pass();
    const told = await mesh.facts();
    life.bus.disconnect();
    mesh.log.truncate('log', lastSeq);
    life.bus.reconnect();
    await mesh.pass(1000);
    expect(life.fatal).toMatchObject([{ exitCode: 3 }]);
    life.kill();
    const again = await mesh.start('one', { disk: life.disk });
    await mesh.pass(1000);
    expect([await mesh.facts(), again.fatal, mesh.deeds.length]).toEqual([told, [], 2]);
  });
});

describe('two processes with one identity', () => {
  test('J4: the one whose record the log refuses ends with a clear sentence, and nothing happens twice', async () => {
    const mesh = await Mesh.open();
    const first = await mesh.start('one');
    await mesh.submit(TASK);
    await mesh.pass();
    const copy = eagerDisk();
    copy.restore(first.disk.copy());
    const second = await mesh.start('one', { disk: copy });
    const more = tasks(20).slice(1);
    await mesh.submit(...more);
    await mesh.pass(TAKEOVER_MS);
    expect(first.fatal).toMatchObject([
      { exitCode: 2, message: expect.stringMatching(/another process .* delete the copy/) },
    ]);
    expect(second.fatal).toEqual([]);
    first.kill();
    await mesh.pass(TAKEOVER_MS);
    expect(await mesh.ended()).toEqual(tasks(20));
    expect(new Set(mesh.deeds.filter((key) => key.includes('/sign/'))).size).toBe(20);
  });
});

test('J4: two that were given one name: one ends, and says what to do', async () => {
  const mesh = await Mesh.open();
  const first = await mesh.start('one');
  const second = await mesh.start('one');
  await mesh.submit(...tasks(20));
  await mesh.pass(TAKEOVER_MS);
  const ends = [first, second].filter(({ fatal }) => fatal.length > 0);
  expect(ends.map(({ fatal }) => fatal)).toMatchObject([
    [{ exitCode: 2, message: expect.stringMatching(/another process .* give each process a name of its own/) }],
  ]);
  ends[0]?.kill();
  await mesh.pass(TAKEOVER_MS);
  expect(await mesh.ended()).toEqual(tasks(20));
});

describe('a takeover', () => {
  test('S7: of a host that fell silent: its tasks go on elsewhere, and it drops them when it is back', async () => {
    const mesh = await Mesh.open();
    mesh.signing.shut();
    const one = await mesh.start('one');
    const other = await mesh.start('other');
    await mesh.submit(TASK);
    await mesh.pass();
    one.bus.disconnect();
    await mesh.pass(TAKEOVER_MS);
    expect([one.host.stats().partitions.courier, other.host.stats().partitions.courier]).toEqual([8, 8]);
    one.bus.reconnect();
    mesh.signing.open();
    await mesh.pass(TAKEOVER_MS);
    // It lost all of them, and was given its share back.
    expect([one.host.stats().partitions.courier, other.host.stats().partitions.courier]).toEqual([4, 4]);
    expect(await mesh.ended()).toEqual([TASK]);
    expect([one.fatal, other.fatal]).toEqual([[], []]);
    const records = await mesh.stored(journalSubject('tests', partitionOf(TASK)));
    const known = [one, other].map(({ disk }) => journalOn(disk)[partitionOf(TASK)]?.length ?? 0);
    expect(Math.max(...known)).toBe(records.length);
  });

  test('S8: with small limits of a host that did much: it comes to an end, and new tasks are done', async () => {
    const mesh = await Mesh.open();
    const limits = {
      ...{ sendingMax: 5, recordsAheadMax: 2, recordInputsMax: 7, checkpointRecords: 3, checkpointTasks: 5 },
      ...{ idleTasksMax: 3 },
    };
    const one = await mesh.start('one', { limits });
    const other = await mesh.start('other', { limits });
    const many = tasks(600);
    await mesh.submit(...many);
    for (let round = 0; round < 200 && (await mesh.ended()).length < many.length; round += 1) await mesh.pass(100);
    expect(await mesh.ended()).toEqual(many);
    await mesh.stop(one);
    const last = taskName(601);
    await mesh.submit(last);
    await mesh.pass(TAKEOVER_MS);
    expect(await mesh.ended()).toEqual([...many, last]);
    expect([one.fatal, other.fatal, other.host.stats().unacknowledged]).toEqual([[], [], 0]);
  });
});

describe('a stop', () => {
  test('S8: of a host that paused because the log is slow: it reads nothing more, and what was read is not lost', async () => {
    const mesh = await Mesh.open();
    const limits = { sendingMax: 5, recordsAheadMax: 2 };
    const life = await mesh.start('one', { limits });
    life.publishing.shut();
    const many = tasks(60);
    await mesh.submit(...many.slice(0, 29));
    await mesh.pass(1000);
    // It is with the next one that it notices how much waits.
    await mesh.submit(...many.slice(29, 30));
    await mesh.pass(1000);
    const [reads, { applied }] = [life.reads.length, life.host.stats()];
    await mesh.submit(...many.slice(30));
    await mesh.pass(1000);
    expect(life.host.stats().applied).toBe(applied);
    const stopping = mesh.stop(life);
    await settled();
    life.publishing.open();
    await stopping;
    await mesh.pass(1000);
    expect([life.reads.length, life.fatal]).toEqual([reads, []]);
    expect(life.host.stats().applied).toBe(applied);
    expect(await mesh.ended()).toEqual([]);
    const again = await mesh.start('one', { disk: life.disk, limits });
    for (let round = 0; round < 50 && (await mesh.ended()).length < many.length; round += 1) await mesh.pass(100);
    expect([await mesh.ended(), again.fatal]).toEqual([many, []]);
  });

  test('J3: leaves a checkpoint, and says in the journal that it was one in order', async () => {
    const mesh = await Mesh.open();
    mesh.fetching.shut();
    const life = await mesh.start('one');
    await mesh.submit(TASK);
    await mesh.pass();
    await mesh.stop(life);
    const partition = life.disk.tables.partition(partitionOf(TASK));
    expect([...partition.snapshots.keys()]).toEqual([TASK]);
    expect(JSON.parse((journalOn(life.disk)[partitionOf(TASK)] ?? []).at(-1) ?? '')[0].data.word).toBe('stopped');
    mesh.fetching.open();
    await mesh.start('one', { disk: life.disk });
    await mesh.pass();
    expect(await mesh.ended()).toEqual([TASK]);
  });

  test('S7: lets another host begin at its next beat', async () => {
    const mesh = await Mesh.open();
    const one = await mesh.start('one');
    const other = await mesh.start('other');
    await mesh.stop(one);
    await mesh.pass(1500);
    expect(other.host.stats().partitions.orchestrator).toBe(8);
  });

  test('in the middle of a start ends the start', async () => {
    const mesh = await Mesh.open();
    mesh.log.goDown();
    mesh.log.comeUp();
    const life = await mesh.start('one', { waits: false });
    await mesh.stop(life);
    await mesh.pass(TAKEOVER_MS);
    expect(life.fatal).toEqual([]);
  });
});
