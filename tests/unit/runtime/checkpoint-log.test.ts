/** Checkpoints in the log: what another host begins from (J7). */
import { describe, expect, test } from 'vitest';
import { encodeRecord } from '../../../actors/runtime/journal/record.ts';
import type { Checkpoint, Ledger } from '../../../actors/runtime/ledger/port.ts';
import { createCheckpointLog, readCheckpoint } from '../../../actors/runtime/recovery/checkpoint-log.ts';
import { createMemoryBus, createMemoryLog } from '../../../bus/memory-bus.ts';
import { type Bus, BusError } from '../../../bus/port.ts';
import { checkpointSubject, journalSubject } from '../../../schemas/events/subjects.ts';
import { batch, endedTask, taskId } from '../../support/ledger-batch.ts';
import { bent } from './support/bent-bus.ts';
import { eagerDisk } from './support/eager-disk.ts';
import { headAt } from './support/records.ts';

/** Where the log of these tests has a record; the first four have left it by age. */
const placeOf = (_: number, n: number): number | null => (n < 5 ? null : 100 + n);

async function open() {
  const bus = createMemoryBus(createMemoryLog());
  await bus.ensureTopology();
  const ledger = eagerDisk().open();
  let told = Number.POSITIVE_INFINITY;
  const logOf = (process: string, own: Pick<Ledger, 'checkpoint'> = ledger, on: Pick<Bus, 'publish'> = bus) =>
    createCheckpointLog({
      ...{ service: 'tests', ledger: own, process, told: () => told, recordSeq: placeOf },
      bus: bent(bus, { publish: (request) => on.publish(request) }),
    });
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
  /** The log lets this process write the partition. */
  const writes = (process: string, n: number) =>
    bus.publish({ subject: journalSubject('tests', 3), body: encodeRecord(headAt(n, { partition: 3, process }), []) });
  const tellUpTo = (n: number): void => {
    told = n;
  };
  return { bus, ledger, checkpoints, write, read, parts, logOf, writes, tellUpTo };
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

  test('J7: are whole again when the partition is opened anew: the last one of before may be in the ledger alone', async () => {
    const { ledger, checkpoints, write, read } = await open();
    await write(checkpointAt(4, { tasks: [snapshot(1)] }));
    // Under way while the partition is lost, and opened again.
    await ledger.commit(batch({ checkpoints: [checkpointAt(5, { tasks: [snapshot(2)] })] }));
    const underWay = checkpoints.write(checkpointAt(5, { tasks: [snapshot(2)] }));
    checkpoints.open(3);
    await ledger.commit(batch({ checkpoints: [checkpointAt(7, { tasks: [snapshot(3)] })] }));
    await underWay;
    await write(checkpointAt(9, { tasks: [snapshot(4)] }));
    expect(await read()).toEqual(checkpointAt(9, { tasks: [1, 2, 3, 4].map((number) => snapshot(number)) }));
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
    const { write, read, tellUpTo } = await open();
    tellUpTo(0);
    await write(checkpointAt(1, { tasks: [snapshot(1)] }));
    expect(await read()).toBeNull();
    tellUpTo(1);
    for (let n = 1; n <= 7; n += 1) await write(checkpointAt(n, { tasks: [snapshot(n % 2 ? 1 : 2, 300_000)] }));
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

  test('J7: nor does its whole take the place of what its successor has told', async () => {
    const { read, writes, logOf } = await open();
    const ends = [endedTask(1, 1, 8)];
    const slow = eagerDisk().open();
    await slow.commit(batch({ checkpoints: [checkpointAt(5, { tasks: [snapshot(1)] })] }));
    const next = eagerDisk().open();
    await next.commit(batch({ checkpoints: [checkpointAt(9, { ended: ends })] }));
    const successor = logOf('p2', next);
    await writes('p2', 9);
    await successor.write(checkpointAt(9, { ended: ends }));
    await logOf('p1', slow).write(checkpointAt(5, { tasks: [snapshot(1)] }));
    await successor.write(checkpointAt(12));
    expect(await read()).toEqual(checkpointAt(12, { ended: ends }));
  });

  test('J7: of a log that has lost its end the whole is told anew, of fewer records', async () => {
    const { read, writes, logOf, write } = await open();
    await write(checkpointAt(20, { tasks: [snapshot(1)] }));
    const left = eagerDisk().open();
    await left.commit(batch({ checkpoints: [checkpointAt(8, { tasks: [snapshot(2)] })] }));
    await writes('p2', 9);
    await logOf('p2', left).write(checkpointAt(8, { tasks: [snapshot(2)] }));
    expect(await read()).toEqual(checkpointAt(8, { tasks: [snapshot(2)] }));
  });

  test.each(['before', 'after'])('J7: one that failed %s it was stored is told with the next one', async (when) => {
    const { bus, ledger, read, logOf } = await open();
    let fails = false;
    const checkpoints = logOf('p1', ledger, {
      async publish(request) {
        if (fails && when === 'before') throw new BusError('unavailable', 'the log is away');
        const ack = await bus.publish(request);
        if (fails) throw new BusError('unavailable', 'the acknowledgement was lost');
        return ack;
      },
    });
    const [first, second, third] = [1, 2, 3].map((number) => checkpointAt(5 + number, { tasks: [snapshot(number)] }));
    for (const checkpoint of [first, second, third]) {
      if (!checkpoint) throw new Error('there are three');
      await ledger.commit(batch({ checkpoints: [checkpoint] }));
      fails = checkpoint === second;
      const writing = checkpoints.write(checkpoint);
      if (fails) await expect(writing).rejects.toThrow();
      else await writing;
    }
    expect(await read()).toEqual(checkpointAt(8, { tasks: [snapshot(1), snapshot(2), snapshot(3)] }));
  });

  test('S9: what is none stops nobody', async () => {
    const { bus, write, read } = await open();
    const stray = (body: string) => bus.publish({ subject: checkpointSubject('tests', 3), body });
    await write(checkpointAt(5, { tasks: [snapshot(1)] }));
    for (const body of ['no JSON', '[]', 'null', '{"n":"9"}']) await stray(body);
    await expect(write(checkpointAt(6, { tasks: [snapshot(2)] }))).rejects.toMatchObject({ code: 'conflict' });
    expect((await read())?.n).toBe(5);
    await write(checkpointAt(7));
    expect(await read()).toEqual(checkpointAt(7, { tasks: [snapshot(1), snapshot(2)] }));
  });
});
