/** Checkpoints in the log: what another host begins from (J7). */
import { describe, expect, test } from 'vitest';
import { createCheckpointLog, readCheckpoint } from '../../../actors/runtime/checkpoint-log.ts';
import type { Checkpoint } from '../../../actors/runtime/ledger/port.ts';
import { createMemoryBus, createMemoryLog } from '../../../bus/memory-bus.ts';
import { batch, endedTask, taskId } from '../../support/ledger-batch.ts';
import { eagerDisk } from './support/eager-disk.ts';

/** Where the log of these tests has a record; the first four have left it by age. */
const placeOf = (_: number, n: number): number | null => (n < 5 ? null : 100 + n);

async function open(told = Number.POSITIVE_INFINITY) {
  const bus = createMemoryBus(createMemoryLog());
  await bus.ensureTopology();
  const ledger = eagerDisk().open();
  const logOf = (process: string) =>
    createCheckpointLog({ service: 'tests', bus, ledger, process, told: () => told, recordSeq: placeOf });
  const checkpoints = logOf('p1');
  /** Into both, as a host does it. */
  const write = async (checkpoint: Checkpoint): Promise<void> => {
    await ledger.commit(batch({ checkpoints: [checkpoint] }));
    await checkpoints.write(checkpoint);
  };
  const read = async (partition = 3) => {
    const found = await readCheckpoint(bus, 'tests', partition);
    const byTask = (one: { task: string }, other: { task: string }) => (one.task < other.task ? -1 : 1);
    expect(found?.seq).toBe(found === null ? undefined : placeOf(partition, found.n));
    const { seq: _, ...rest } = found ?? { seq: null };
    return found && { ...rest, tasks: found.tasks.toSorted(byTask), ended: found.ended.toSorted(byTask) };
  };
  const parts = async () => (await bus.streamInfo('checkpoints')).lastSeq;
  return { bus, ledger, write, read, parts, logOf };
}

function checkpointAt(n: number, more: Partial<Checkpoint> = {}): Checkpoint {
  return { partition: 3, n, tasks: [], ended: [], unsent: '[]', ...more };
}

const snapshot = (number: number, letters = 3) => ({ task: taskId(number), body: JSON.stringify('x'.repeat(letters)) });

describe('checkpoints in the log', () => {
  test('of a partition that has none: nothing', async () => {
    expect(await (await open()).read()).toBeNull();
  });

  test('J7: add up to the whole: what changed replaces, what ended goes, what is unsent is the last one’s', async () => {
    const { write, read } = await open();
    await write(checkpointAt(4, { tasks: [snapshot(1), snapshot(2)], unsent: '[{"n":1,"messages":[]}]' }));
    await write(checkpointAt(9, { tasks: [snapshot(2, 5)], ended: [endedTask(1, 1, 9)] }));
    expect(await read()).toEqual(checkpointAt(9, { tasks: [snapshot(2, 5)], ended: [endedTask(1, 1, 9)] }));
    expect(await read(4)).toBeNull();
  });

  test('S8: go in parts that a server takes, and count when the last is there', async () => {
    const { bus, write, read, parts } = await open();
    const tasks = [1, 2, 3, 4].map((number) => snapshot(number, 300_000));
    await write(checkpointAt(4, { tasks: [snapshot(1)] }));
    await write(checkpointAt(9, { tasks, unsent: JSON.stringify('y'.repeat(500_000)) }));
    expect(await parts()).toBeGreaterThan(3);
    expect(await read()).toEqual(checkpointAt(9, { tasks, unsent: JSON.stringify('y'.repeat(500_000)) }));
    const last = await bus.getLast('mesh.checkpoint.tests.3', 'checkpoints');
    const part = JSON.parse(Buffer.from(last?.data ?? []).toString()) as object;
    // The beginning of one that was never finished.
    const body = JSON.stringify({ ...part, n: 12, last: false, tasks: [snapshot(4, 7)] });
    await bus.publish({ subject: 'mesh.checkpoint.tests.3', body });
    expect((await read())?.n).toBe(9);
    expect((await read())?.tasks).toEqual(tasks);
  });

  test('J7: when the changes weigh much more than the whole, it is written, and what was before is deleted', async () => {
    const { bus, write, read } = await open();
    for (let n = 1; n <= 12; n += 1) await write(checkpointAt(n, { tasks: [snapshot(1, 300_000 + n)] }));
    const { firstSeq, lastSeq } = await bus.streamInfo('checkpoints');
    expect(lastSeq - firstSeq).toBeLessThan(8);
    expect(await read()).toEqual(checkpointAt(12, { tasks: [snapshot(1, 300_012)] }));
  });

  test('J2: the whole is not told of records that the log does not have', async () => {
    const { write, read } = await open(0);
    for (let n = 1; n <= 6; n += 1) await write(checkpointAt(n, { tasks: [snapshot(n % 2 ? 1 : 2, 300_000)] }));
    expect((await read())?.tasks).toHaveLength(2);
  });

  test('S7: what a host that has lost the partition still tells is older, and changes nothing', async () => {
    const { write, read, logOf } = await open();
    await write(checkpointAt(9, { tasks: [snapshot(1, 9)] }));
    // A process that begins tells the whole first, as its ledger has it.
    const late = logOf('p2');
    await late.write(checkpointAt(4));
    await late.write(checkpointAt(5, { tasks: [snapshot(1, 5), snapshot(2)] }));
    expect((await read())?.n).toBe(9);
    expect((await read())?.tasks).toEqual([snapshot(1, 9)]);
  });
});
