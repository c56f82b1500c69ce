/**
 * Opening a partition, whatever is left of its two stores: the one way for every reason (J3, J5). Hosts die here and are
 * started on what a test leaves them.
 */
import { describe, expect, test } from 'vitest';
import { headIn } from '../../../actors/runtime/journal/record.ts';
import { defaultLimits } from '../../../actors/runtime/limits.ts';
import { markOf } from '../../../actors/runtime/messages/messages.ts';
import { seqOf } from '../../../actors/runtime/recovery/witness.ts';
import type { DataByName } from '../../../schemas/events/generated.ts';
import { AFTER_HEADER, JOURNAL_HEADER, RECORD_HEADER } from '../../../schemas/events/journal.ts';
import { factSubject, inboxSubject, journalSubject, partitionOf } from '../../../schemas/events/subjects.ts';
import { courier } from './support/courier.ts';
import { dispatcher, WAITS } from './support/dispatcher.ts';
import { eagerDisk } from './support/eager-disk.ts';
import { eventOf } from './support/events.ts';
import {
  journalOn,
  LEASE_TTL_MS,
  type Life,
  Mesh,
  signedIn,
  signing,
  TAKEOVER_MS,
  tasks,
} from './support/mesh-bench.ts';

const [TASK = '', OTHER = ''] = tasks(2);
const COURIER_OF = (task: string, effect: string, version: number) => `${task}/courier/${effect}/${version}`;

/** Both stores have the same records, byte for byte. */
async function expectAgreement(mesh: Mesh, { disk }: Life): Promise<void> {
  await mesh.pass();
  expect(journalOn(disk)).toEqual(await mesh.journal());
}

/** The other host, which is known to have been there, does not come. */
async function startedAlone(mesh: Mesh, ...args: Parameters<Mesh['start']>): Promise<Life> {
  const starting = mesh.start(...args);
  await mesh.pass(defaultLimits.otherHostsMs + LEASE_TTL_MS);
  return starting;
}

describe('what only one store has', () => {
  test('J3: the ledger is ahead: the log is given its records, and what rests on them leaves once', async () => {
    const mesh = await Mesh.open();
    mesh.fetching.shut();
    const first = await mesh.start('one');
    await mesh.submit(TASK);
    await mesh.pass();
    const before = (await mesh.journal())[partitionOf(TASK)]?.length;
    first.bus.disconnect();
    mesh.fetching.open();
    await mesh.pass(1000);
    first.kill();
    const own = journalOn(first.disk)[partitionOf(TASK)] ?? [];
    expect(own.length).toBeGreaterThan(before ?? 0);
    const second = await mesh.start('one', { disk: first.disk });
    await mesh.pass();
    expect((await mesh.journal())[partitionOf(TASK)]?.slice(0, own.length)).toEqual(own);
    expect([await mesh.ended(), second.fatal]).toEqual([[TASK], []]);
    // What the first life fetched is a result, and not fetched again.
    expect(mesh.deeds).toEqual([COURIER_OF(TASK, 'fetch', 1), COURIER_OF(TASK, 'sign', 2)]);
    await expectAgreement(mesh, second);
  });

  test('J3: the log is ahead: the ledger is given its records, and nothing is done or said again', async () => {
    const mesh = await Mesh.open();
    const first = await mesh.start('one');
    const copy = first.disk.copy();
    await mesh.submit(TASK, OTHER);
    await mesh.pass();
    const told = await mesh.facts();
    first.kill();
    first.disk.restore(copy);
    const second = await mesh.start('one', { disk: first.disk });
    await mesh.pass();
    expect([await mesh.facts(), signedIn(mesh).length, second.said('error')]).toEqual([told, 2, []]);
    // A partition in which nothing happens makes a checkpoint of itself.
    await mesh.pass(defaultLimits.checkpointIdleMs + LEASE_TTL_MS);
    expect(second.host.recall('orchestrator', TASK)).toMatchObject({ snapshot: { value: 'over' } });
    await expectAgreement(mesh, second);
  });

  test('J3: the ledger is new: all of it is made from the log', async () => {
    const { mesh, life } = await signing('keyed');
    life.kill();
    mesh.signing.open();
    const second = await mesh.start('one', { disk: eagerDisk() });
    await mesh.pass(TAKEOVER_MS);
    expect([await mesh.ended(), second.said('error'), second.fatal]).toEqual([[TASK], [], []]);
    // Keyed, so it may be done again, under its key.
    expect(new Set(signedIn(mesh)).size).toBe(1);
    await expectAgreement(mesh, second);
  });

  test('J3: the log is new: it is given the journal and the facts again, and that is said', async () => {
    const mesh = await Mesh.open();
    const first = await mesh.start('one');
    await mesh.submit(TASK, OTHER);
    await mesh.pass();
    const told = (await mesh.facts()).toSorted();
    first.kill();
    mesh.log.wipe();
    await mesh.bus.ensureTopology();
    const second = await mesh.start('one', { disk: first.disk });
    await mesh.pass();
    expect(second.said('error')).toEqual([expect.stringContaining('the log is a new one')]);
    expect([(await mesh.facts()).toSorted(), mesh.deeds.length, second.fatal]).toEqual([told, 4, []]);
    await expectAgreement(mesh, second);
  });

  test('S10: nor is it taken to have them because the last one was on its way when the log was lost', async () => {
    const mesh = await Mesh.open();
    const first = await mesh.start('one');
    await mesh.submit(TASK);
    await mesh.pass();
    const told = (await mesh.facts()).toSorted();
    const last = (await mesh.stored(factSubject(TASK))).at(-1);
    if (!last) throw new Error('nothing was told');
    first.kill();
    const headers = Object.fromEntries(
      [JOURNAL_HEADER, RECORD_HEADER, AFTER_HEADER, 'content-type'].map((name) => [name, last.header(name)]),
    );
    const disk = first.disk.copy();
    /** What it was sent after, in a log in which it came first. */
    const restored = async (after: string): Promise<Life> => {
      mesh.log.wipe();
      await mesh.bus.ensureTopology();
      first.disk.restore(disk);
      await mesh.bus.publish({
        subject: last.subject,
        body: last.data,
        headers: { ...headers, [AFTER_HEADER]: after },
      });
      const life = await mesh.start('one', { disk: first.disk });
      await mesh.pass();
      expect([...new Set(await mesh.facts())].toSorted()).toEqual(told);
      return life;
    };
    (await restored(last.header(AFTER_HEADER))).kill();
    // By chance the log is given that at the place where it had it, behind the one that came alone.
    const [record] = await mesh.stored(journalSubject('tests', partitionOf(TASK)));
    if (!record) throw new Error('the log was given no record');
    expect(record.seq).toBeGreaterThan(1);
    await restored(markOf(record));
  });

  test('S10: whoever goes on with what its ledger did not know says that the log had what was read then', async () => {
    const mesh = await Mesh.open();
    const first = await mesh.start('one');
    const copy = first.disk.copy();
    await mesh.submit(TASK, OTHER);
    await mesh.pass();
    first.kill();
    first.disk.restore(copy);
    await mesh.start('one', { disk: first.disk });
    const [claim] = (await mesh.stored(journalSubject('tests', partitionOf(TASK)))).slice(-1);
    const head = claim ? headIn(claim.data) : null;
    expect(head).toMatchObject({ word: 'claimed', process: 'one-2' });
    const read = Math.max(...Object.values(head?.read ?? {}));
    expect(read).toBeGreaterThan(0);
    expect(seqOf(head?.tail ?? '')).toBeGreaterThanOrEqual(read);
  });

  test('S1: on a new log its tasks and new ones go on', async () => {
    const { mesh, life } = await signing('keyed');
    life.kill();
    mesh.log.wipe();
    await mesh.bus.ensureTopology();
    mesh.signing.open();
    const second = await mesh.start('one', { disk: life.disk });
    await mesh.submit(OTHER);
    await mesh.pass();
    expect([await mesh.ended(), second.fatal]).toEqual([[TASK, OTHER], []]);
  });
});

describe('an effect that may not be repeated', () => {
  test('S6: in the middle of which the host died is unknown, and not done again', async () => {
    const { mesh, life } = await signing('once');
    life.kill();
    mesh.signing.open();
    const second = await mesh.start('one', { disk: life.disk });
    await mesh.pass();
    expect([signedIn(mesh).length, await mesh.facts(TASK), second.fatal]).toEqual([
      1,
      [expect.stringContaining('takes'), 'ended failed'],
      [],
    ]);
  });

  test('J5: nor when the ledger is older than its beginning', async () => {
    const mesh = await Mesh.open();
    mesh.fences.sign = 'once';
    mesh.signing.shut();
    const life = await mesh.start('one');
    const copy = life.disk.copy();
    await mesh.submit(TASK);
    await mesh.pass();
    life.kill();
    life.disk.restore(copy);
    mesh.signing.open();
    await mesh.start('one', { disk: life.disk });
    await mesh.pass();
    expect([signedIn(mesh).length, (await mesh.facts(TASK)).at(-1)]).toEqual([1, 'ended failed']);
  });

  test('J5: nor when the log is', async () => {
    const mesh = await Mesh.open();
    mesh.fences.sign = 'once';
    mesh.signing.shut();
    const life = await mesh.start('one');
    const { lastSeq } = await mesh.bus.streamInfo();
    await mesh.submit(TASK);
    await mesh.pass();
    life.kill();
    mesh.log.truncate('log', lastSeq);
    mesh.signing.open();
    const second = await mesh.start('one', { disk: life.disk });
    await mesh.pass();
    expect([signedIn(mesh).length, (await mesh.facts(TASK)).at(-1), second.fatal]).toEqual([1, 'ended failed', []]);
    expect(second.said('error')).toEqual([expect.stringContaining('the log has lost its end')]);
  });

  test('J5: nor when both are, each to another time', async () => {
    const mesh = await Mesh.open();
    mesh.fences.sign = 'once';
    mesh.signing.shut();
    const life = await mesh.start('one');
    const copy = life.disk.copy();
    await mesh.submit(TASK);
    await mesh.pass();
    const { lastSeq } = await mesh.bus.streamInfo();
    await mesh.submit(OTHER);
    await mesh.pass();
    life.kill();
    life.disk.restore(copy);
    mesh.log.truncate('log', lastSeq);
    mesh.signing.open();
    const second = await mesh.start('one', { disk: life.disk });
    await mesh.pass();
    expect([signedIn(mesh), await mesh.ended(), second.fatal]).toEqual([
      [COURIER_OF(TASK, 'sign', 2), COURIER_OF(OTHER, 'sign', 2)],
      [TASK],
      [],
    ]);
    await expectAgreement(mesh, second);
  });

  test('J5: nor when both are, and another role has a word to it since', async () => {
    const mesh = await Mesh.open();
    mesh.fences.sign = 'once';
    const asking = await mesh.start('one', { roles: [dispatcher] });
    const asked = await mesh.start('two', { roles: [courier], service: 'porters' });
    mesh.fetching.shut();
    await mesh.ask(TASK, WAITS);
    await mesh.pass();
    const copy = asked.disk.copy();
    const { lastSeq } = await mesh.bus.streamInfo();
    mesh.fetching.open();
    await mesh.pass();
    expect([signedIn(mesh).length, (await mesh.facts(TASK)).at(-1)]).toEqual([1, 'heard']);
    asking.kill();
    asked.kill();
    asked.disk.restore(copy);
    mesh.log.truncate('log', lastSeq);
    mesh.fetching.shut();
    await mesh.start('one', { roles: [dispatcher], disk: asking.disk });
    const again = await mesh.start('two', { roles: [courier], service: 'porters', disk: asked.disk });
    const said: DataByName['agent.message'] = { messageId: 'word', role: 'ROLE_AGENT', parts: [{ text: 'go on' }] };
    const word = eventOf('agent.message', said, { from: 'reviewer', correlationId: TASK });
    await mesh.bus.publish({ subject: inboxSubject('courier', TASK), body: JSON.stringify(word) });
    await mesh.pass();
    expect(again.host.stats().applied).toBe(1);
    mesh.fetching.open();
    await mesh.pass(TAKEOVER_MS);
    expect([signedIn(mesh).length, again.fatal]).toEqual([1, []]);
  });

  test('S9: after a stop in order is done, once, and nobody has to be asked', async () => {
    const mesh = await Mesh.open();
    mesh.fences.sign = 'once';
    const life = await mesh.start('one');
    mesh.fetching.shut();
    await mesh.submit(TASK);
    await mesh.pass();
    life.publishing.shut();
    mesh.fetching.open();
    await mesh.pass(50);
    const stopping = mesh.stop(life);
    await mesh.pass(50);
    life.publishing.open();
    await stopping;
    expect(signedIn(mesh)).toEqual([]);
    await mesh.start('one', { disk: life.disk });
    await mesh.pass();
    expect([signedIn(mesh).length, (await mesh.facts(TASK)).at(-1)]).toEqual([1, 'ended completed']);
  });
});

describe('a ledger whose end the log has otherwise', () => {
  test('J3: is right as the log has it: the end is set aside and said, and nothing was done because of it', async () => {
    const mesh = await Mesh.open();
    mesh.fetching.shut();
    const one = await mesh.start('one');
    const other = await mesh.start('other');
    await mesh.submit(TASK);
    await mesh.pass();
    one.bus.disconnect();
    mesh.fetching.open();
    await mesh.pass(1000);
    const alone = journalOn(one.disk)[partitionOf(TASK)]?.length ?? 0;
    one.kill();
    await mesh.pass(TAKEOVER_MS);
    expect(await mesh.ended()).toEqual([TASK]);
    const again = await mesh.start('one', { disk: one.disk });
    await mesh.pass(1000);
    expect(again.host.stats().partitions.courier).toBe(0);
    other.kill();
    await mesh.pass(TAKEOVER_MS);
    expect(again.said('warn')).toContainEqual(expect.stringContaining('its end is set aside'));
    expect(one.disk.tables.setAsideRecords.length).toBeGreaterThan(0);
    expect(alone).toBeGreaterThan(0);
    expect([await mesh.ended(), signedIn(mesh).length, again.fatal]).toEqual([[TASK], 1, []]);
    await expectAgreement(mesh, again);
  });
});

test('S11: a journal of machines that this release does not have ends the start, and names them', async () => {
  const { mesh, life } = await signing('keyed');
  life.kill();
  const newer = { ...courier, versions: courier.versions.map((one) => ({ ...one, since: 99 })) };
  const again = await mesh.start('one', { disk: life.disk, roles: [dispatcher, newer], waits: false });
  await mesh.pass(TAKEOVER_MS);
  expect(again.fatal).toMatchObject([{ exitCode: 2 }]);
});

describe('a log that was cut, and written on', () => {
  test('J3: a place in the old one is not believed: nothing is taken for lost', async () => {
    const mesh = await Mesh.open();
    const [early, late] = [tasks(30), tasks(60).slice(30)];
    const first = await mesh.start('one');
    await mesh.submit(...early);
    await mesh.pass();
    const copy = first.disk.copy();
    first.kill();
    mesh.log.truncate('log', 0);
    const second = await mesh.start('one', { disk: first.disk });
    await mesh.submit(...late);
    await mesh.pass(1000);
    second.kill();
    // The ledger goes back to a state that knows its records at places of the old log.
    second.disk.restore(copy);
    const third = await mesh.start('one', { disk: second.disk });
    await mesh.pass(1000);
    expect(third.said('error').filter((message) => message.startsWith('LOSS'))).toEqual([]);
    expect([await mesh.ended(), third.fatal]).toEqual([[...early, ...late], []]);
    expect(new Set(signedIn(mesh)).size).toBe(60);
    await expectAgreement(mesh, third);
  });

  test('J3: by a host with an older ledger: where the two part is found, and the other host goes on', async () => {
    const mesh = await Mesh.open();
    const [early, late, other, last] = [0, 20, 40, 100].map((from) => tasks(from + 20).slice(from));
    const first = await mesh.start('one');
    await mesh.submit(...(early ?? []));
    await mesh.pass();
    const older = eagerDisk();
    older.restore(first.disk.copy());
    await mesh.submit(...(late ?? []));
    await mesh.pass();
    first.kill();
    mesh.log.truncate('log', 0);
    const second = await startedAlone(mesh, 'other', { disk: older });
    for (const _ of [1, 2, 3]) {
      await mesh.submit(...(other ?? []));
      await mesh.pass(1000);
    }
    await mesh.submit(...tasks(100).slice(60));
    await mesh.pass(1000);
    second.kill();
    const third = await startedAlone(mesh, 'one', { disk: first.disk });
    await mesh.submit(...(last ?? []));
    await mesh.pass(TAKEOVER_MS);
    expect(third.fatal).toEqual([]);
    expect(await mesh.ended()).toEqual(expect.arrayContaining(last ?? ['none']));
    await expectAgreement(mesh, third);
  });
});
