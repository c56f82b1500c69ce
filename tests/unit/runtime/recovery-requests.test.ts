/**
 * What a host had asked others for, when the log has lost it, or never had it: it is asked again once, and says so when it may
 * have been heard before (J5, S4).
 */
import { describe, expect, test } from 'vitest';
import { headIn } from '../../../actors/runtime/journal/record.ts';
import { AGAIN_HEADER } from '../../../actors/runtime/messages/messages.ts';
import type { MemoryBus } from '../../../bus/memory-bus.ts';
import type { Bus } from '../../../bus/port.ts';
import { inboxSubject, partitionOf } from '../../../schemas/events/subjects.ts';
import { door } from './support/bent-bus.ts';
import { courier } from './support/courier.ts';
import { dispatcher, WAITS } from './support/dispatcher.ts';
import { eventOf } from './support/events.ts';
import { journalOn, type Life, Mesh, signedIn, TAKEOVER_MS, tasks } from './support/mesh-bench.ts';

const [TASK = '', OTHER = ''] = tasks(2);

describe('requests to others, when the log has lost them', () => {
  /** One was answered, another one was not; then the log is a new one. */
  const oneIsOpen = async () => {
    const mesh = await Mesh.open();
    const asking = await mesh.start('one', { roles: [dispatcher] });
    const asked = await mesh.start('two', { roles: [courier], service: 'porters' });
    await mesh.ask(TASK, WAITS);
    await mesh.pass();
    expect((await mesh.facts(TASK)).at(-1)).toBe('heard');
    // Kept busy before it ends, so that the second is asked and does not answer.
    mesh.fetching.shut();
    await mesh.submit(OTHER);
    await mesh.pass();
    asking.kill();
    asked.kill();
    mesh.log.wipe();
    await mesh.bus.ensureTopology();
    return { mesh, asking };
  };
  const made = async (mesh: Mesh): Promise<string[][]> =>
    (await mesh.stored('mesh.in.courier.>')).map((message) => [message.subject, message.header(AGAIN_HEADER)]);

  test('J5: one that was answered is not made again; another one is, with a mark', async () => {
    const { mesh, asking } = await oneIsOpen();
    await mesh.start('one', { roles: [dispatcher], disk: asking.disk });
    await mesh.pass();
    expect(await made(mesh)).toEqual([[inboxSubject('courier', OTHER), '1']]);
  });

  /** A host that gives the log what it lacks, and dies before it has said anything of its own. */
  const mends = async (mesh: Mesh, disk: Life['disk']): Promise<void> => {
    const claims = door();
    claims.shut();
    const bends = (bus: MemoryBus): Partial<Bus> => ({
      async publish(request) {
        const head = typeof request.body === 'string' ? null : headIn(request.body);
        if (head?.word === 'claimed' && head.process !== 'one-1') await claims.passed;
        return bus.publish(request);
      },
    });
    const mending = await mesh.start('one', { roles: [dispatcher], disk, waits: false, bends });
    await mesh.pass();
    mending.kill();
  };

  test('J5: nor by a host that knows nothing of the loss, when the one that mended it died on the way', async () => {
    const { mesh, asking } = await oneIsOpen();
    const before = journalOn(asking.disk);
    await mends(mesh, asking.disk);
    expect([await mesh.journal(), await made(mesh)]).toEqual([before, []]);
    await mesh.start('three', { roles: [dispatcher], waits: false });
    await mesh.pass(TAKEOVER_MS);
    expect(await made(mesh)).toEqual([[inboxSubject('courier', OTHER), '1']]);
  });

  test('J5: nor when only the last record was lost, and all that its host knew before it is there', async () => {
    const mesh = await Mesh.open();
    const asking = await mesh.start('one', { roles: [dispatcher] });
    await mesh.submit(OTHER);
    const { lastSeq } = await mesh.bus.streamInfo();
    // Long enough for the ledger to be told where the log has its records.
    await mesh.pass(TAKEOVER_MS);
    expect(await made(mesh)).toEqual([[inboxSubject('courier', OTHER), '']]);
    asking.kill();
    const before = journalOn(asking.disk);
    mesh.log.truncate('log', lastSeq);
    await mends(mesh, asking.disk);
    expect([await mesh.journal(), await made(mesh)]).toEqual([before, []]);
    await mesh.start('one', { roles: [dispatcher], disk: asking.disk });
    await mesh.pass();
    expect(await made(mesh)).toEqual([[inboxSubject('courier', OTHER), '1']]);
  });

  test('J5: nor when its ledger was never told where the log had the record that made it, but where those after it were', async () => {
    const mesh = await Mesh.open();
    const asking = await mesh.start('one', { roles: [dispatcher] });
    const asked = await mesh.start('two', { roles: [courier], service: 'porters' });
    const { lastSeq: began } = await mesh.bus.streamInfo();
    mesh.fetching.shut();
    await mesh.ask(TASK, WAITS);
    await mesh.pass();
    const { lastSeq: asks } = await mesh.bus.streamInfo();
    const untold = asking.disk.copy();
    mesh.fetching.open();
    await mesh.pass();
    expect((await mesh.facts(TASK)).at(-1)).toBe('heard');
    for (const life of [asking, asked]) life.kill();
    asking.disk.restore(untold);
    const goesOn = async (): Promise<Life> => {
      const life = await mesh.start('one', { roles: [dispatcher], disk: asking.disk });
      await mesh.pass();
      life.kill();
      return life;
    };
    await goesOn();
    // Who writes in a log that has lost its end has met nothing in it yet, and says so.
    mesh.log.truncate('log', asks);
    expect((await goesOn()).said('error')).toEqual(['the log has lost its end: what it lacks is published again']);
    const places = asking.disk.tables.partition(partitionOf(TASK)).records;
    expect([places.get(2)?.seq, places.get(3)?.seq]).toEqual([null, expect.any(Number)]);
    mesh.log.truncate('log', began);
    expect((await goesOn()).said('error')).toEqual([]);
    expect(await made(mesh)).toEqual([]);
  });

  /** A checkpoint tells of a record that the log had not yet, and of what `meanwhile` brings. */
  const isAhead = async (meanwhile: (mesh: Mesh, task: string) => Promise<unknown>): Promise<string[][]> => {
    const mesh = await Mesh.open();
    const [first = '', second = ''] = tasks(60).filter((task) => partitionOf(task) === partitionOf(TASK));
    const asking = await mesh.start('one', {
      roles: [dispatcher],
      limits: { checkpointRecords: 1, logPatienceMs: 10 },
    });
    await mesh.submit(first);
    await mesh.pass();
    asking.publishing.shut();
    await mesh.submit(second);
    await mesh.pass();
    await meanwhile(mesh, second);
    await mesh.pass();
    asking.kill();
    const { checkpointed, records } = asking.disk.tables.partition(partitionOf(TASK));
    expect(checkpointed).toBe(records.size);
    expect((await mesh.journal())[partitionOf(TASK)]?.length).toBeLessThan(records.size);
    await mesh.start('one', { roles: [dispatcher], disk: asking.disk });
    await mesh.pass();
    return made(mesh);
  };
  const bothMade = tasks(60)
    .filter((task) => partitionOf(task) === partitionOf(TASK))
    .slice(0, 2)
    .map((task) => [inboxSubject('courier', task), '']);

  test('J5: one that was never made has no mark, though a checkpoint tells of a record that the log had not yet', async () => {
    expect(await isAhead(async () => undefined)).toEqual(bothMade);
  });

  test('S4: it is made, whatever was heard of whom it is for before it could be', async () => {
    const reply = { step: 'carry', attempt: 1, status: 'completed' } as const;
    const crossed = (mesh: Mesh, task: string) => {
      const event = eventOf('hop.replied', reply, { correlationId: task, from: 'courier', to: 'orchestrator' });
      return mesh.bus.publish({ subject: inboxSubject('orchestrator', task), body: JSON.stringify(event) });
    };
    // With the word that the task is over, which follows from what was heard.
    expect(await isAhead(crossed)).toEqual([...bothMade, bothMade[1]]);
  });

  test('J5: whoever hears one again does nothing unrepeatable for that task', async () => {
    const mesh = await Mesh.open();
    mesh.fences.sign = 'once';
    const asking = await mesh.start('one', { roles: [dispatcher] });
    await mesh.submit(TASK);
    await mesh.pass();
    asking.kill();
    mesh.log.wipe();
    await mesh.bus.ensureTopology();
    await mesh.start('one', { roles: [dispatcher], disk: asking.disk });
    await mesh.start('two', { roles: [courier], service: 'porters' });
    await mesh.pass();
    expect([signedIn(mesh), (await mesh.facts(TASK)).at(-1)]).toEqual([[], 'ended failed']);
  });
});
