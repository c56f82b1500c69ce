/**
 * Records that have left the log by age: what was read before is no loss, and what another host lacks it begins from a
 * checkpoint (J3, J7).
 */
import { describe, expect, test } from 'vitest';
import { DUPLICATE_WINDOW_MS } from '../../../bus/layout.ts';
import { journalSubject, partitionOf } from '../../../schemas/events/subjects.ts';
import { CARRY_MS } from './support/courier.ts';
import { journalOn, Mesh, signing, TAKEOVER_MS, tasks } from './support/mesh-bench.ts';

const [TASK = '', OTHER = ''] = tasks(2);

describe('records that have left the log by age', () => {
  const limits = { checkpointRecords: 2, checkpointTasks: 1 };

  test('J7: a host that lacks them begins from the checkpoint in the log', async () => {
    const mesh = await Mesh.open();
    mesh.signing.shut();
    const one = await mesh.start('one', { limits });
    await mesh.submit(TASK);
    await mesh.pass();
    await mesh.stop(one);
    const last = await mesh.bus.getLast(journalSubject('tests', partitionOf(TASK)));
    mesh.log.expire('log', last?.seq ?? 0);
    mesh.signing.open();
    const other = await mesh.start('other', { limits });
    await mesh.pass(TAKEOVER_MS);
    expect([await mesh.ended(), other.fatal]).toEqual([[TASK], []]);
    const losses = other.log.lines.filter(({ level }) => level === 'error').map(({ fields }) => fields);
    expect(losses).not.toContainEqual(expect.objectContaining({ partition: partitionOf(TASK) }));
  });

  test('J7: also when the log has none of them any more, and what may be lost since is said', async () => {
    const mesh = await Mesh.open();
    mesh.signing.shut();
    const one = await mesh.start('one', { limits });
    await mesh.submit(TASK);
    await mesh.pass();
    await mesh.stop(one);
    mesh.log.expire('log', (await mesh.bus.streamInfo()).lastSeq + 1);
    mesh.signing.open();
    const other = await mesh.start('other', { limits });
    await mesh.pass(TAKEOVER_MS);
    expect([await mesh.ended(), other.fatal]).toEqual([[TASK], []]);
    expect(other.said('error')).toContainEqual(expect.stringMatching(/^LOSS: .*after the last checkpoint/));
  });

  test('J6: begun from a checkpoint alone, limits of time go on where they were', async () => {
    const mesh = await Mesh.open();
    mesh.fetching.shut();
    const one = await mesh.start('one', { limits });
    await mesh.pass(600_000);
    await mesh.submit(TASK);
    await mesh.pass();
    await mesh.stop(one);
    mesh.log.expire('log', (await mesh.bus.streamInfo()).lastSeq + 1);
    await mesh.start('other', { limits });
    await mesh.pass(CARRY_MS + TAKEOVER_MS);
    expect(await mesh.facts(TASK)).toEqual(['soon', 'ended failed']);
  });

  test('J3: without a checkpoint it is a loss, and said', async () => {
    const mesh = await Mesh.open();
    mesh.signing.shut();
    const one = await mesh.start('one');
    await mesh.submit(TASK);
    await mesh.pass();
    const { lastSeq } = await mesh.bus.streamInfo();
    mesh.signing.open();
    await mesh.pass();
    one.kill();
    mesh.log.expire('log', lastSeq);
    const other = await mesh.start('other', { waits: false });
    await mesh.pass(TAKEOVER_MS);
    expect(other.said('error')).toContainEqual(expect.stringMatching(/^LOSS: records that the ledger lacks/));
  });

  test('S10: what a host had not read before it left is a loss, and said', async () => {
    const mesh = await Mesh.open();
    const one = await mesh.start('one');
    await mesh.submit(TASK);
    await mesh.pass();
    await mesh.stop(one);
    await mesh.submit(OTHER);
    await mesh.pass(2 * DUPLICATE_WINDOW_MS);
    mesh.log.expire('log', (await mesh.bus.streamInfo()).lastSeq + 1);
    const again = await mesh.start('one', { disk: one.disk });
    expect(again.said('error')).toEqual([expect.stringMatching(/^LOSS: the log dropped events/)]);
  });

  test('J3: that the log has dropped its journal by age is no loss: it is not given it again, and goes on', async () => {
    const { mesh, life } = await signing('once');
    life.kill();
    const open = await mesh.start('one', { disk: life.disk });
    await mesh.pass();
    await mesh.stop(open);
    const records = journalOn(open.disk)[partitionOf(TASK)]?.length ?? 0;
    await mesh.pass(2 * DUPLICATE_WINDOW_MS);
    mesh.log.expire('log', (await mesh.bus.streamInfo()).lastSeq + 1);
    const again = await mesh.start('one', { disk: open.disk });
    await mesh.submit(OTHER);
    mesh.signing.open();
    await mesh.pass();
    expect([again.said('error'), again.fatal, (await mesh.facts(OTHER)).at(-1)]).toEqual([[], [], 'ended completed']);
    expect((await mesh.journal())[partitionOf(TASK)]?.length).toBeLessThan(records);
    expect(await mesh.facts(TASK)).toEqual([]);
  });
});

test('J3: a log that has lost its end, and whose checkpoint has not: that is begun from, said, and gone on after', async () => {
  const limits = { checkpointRecords: 2, checkpointTasks: 1 };
  const mesh = await Mesh.open();
  mesh.signing.shut();
  const one = await mesh.start('one', { limits });
  await mesh.submit(TASK);
  await mesh.pass();
  await mesh.stop(one);
  const last = await mesh.bus.getLast(journalSubject('tests', partitionOf(TASK)));
  mesh.log.truncate('log', (last?.seq ?? 0) - 1);
  const other = await mesh.start('other', { limits });
  await mesh.pass();
  expect(other.said('error')).toContainEqual(
    expect.stringMatching(/^LOSS: the log has lost records that its checkpoint/),
  );
  await mesh.stop(other);
  mesh.signing.open();
  const third = await mesh.start('third', { limits });
  await mesh.pass(TAKEOVER_MS);
  expect([await mesh.ended(), other.fatal, third.fatal]).toEqual([[TASK], [], []]);
});
