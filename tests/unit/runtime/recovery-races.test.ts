/**
 * Opening a partition while other processes write it: who was overtaken looks anew, and of two with one identity one ends,
 * however little it was told (J3, J4).
 */
import { expect, test } from 'vitest';
import { BusError } from '../../../bus/port.ts';
import { journalSubject, partitionOf } from '../../../schemas/events/subjects.ts';
import { door } from './support/bent-bus.ts';
import { eagerDisk } from './support/eager-disk.ts';
import { Mesh, TAKEOVER_MS, tasks } from './support/mesh-bench.ts';

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
