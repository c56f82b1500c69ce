/** The bus in memory: the contract, and the faults that only a server in memory can play. */
import { describe, expect, test } from 'vitest';
import { createMemoryBus, createMemoryLog } from '../../../bus/memory-bus.ts';
import type { BusError } from '../../../bus/port.ts';
import { testBusContract } from '../../integration/bus/contract.ts';
import { failure, textOf, until } from '../../integration/bus/contract-support.ts';
import { memoryHarness } from '../../support/memory-harness.ts';

testBusContract('memory-bus', () => memoryHarness(false));
testBusContract('memory-bus, a duplicate before it is a conflict', () => memoryHarness(true));

/** Runs deferred tasks one by one, when told to. */
function stepper() {
  const tasks: (() => void)[] = [];
  const step = () => {
    tasks.shift()?.();
    return tasks.length > 0;
  };
  return { defer: (task: () => void) => void tasks.push(task), step };
}

describe('memory-bus', () => {
  test('no server answers while the log is down', () => {
    const log = createMemoryLog();
    log.goDown();
    expect(() => createMemoryBus(log)).toThrow(/no server answers/);
  });

  test('given the same clock and scheduler, nothing happens before a task is run', async () => {
    const scheduler = stepper();
    const log = createMemoryLog({ now: () => 1000, defer: scheduler.defer });
    const bus = createMemoryBus(log);
    const order: string[] = [];
    void bus.ensureTopology().then(() => order.push('topology'));
    void bus.publish({ subject: 'mesh.tasks', body: 'x' }).then((ack) => order.push(`ack ${ack.seq}`));
    await Promise.resolve();
    expect(order).toEqual([]);
    while (scheduler.step());
    await until(() => order.length === 2, 'both outcomes');
    expect(order).toEqual(['topology', 'ack 1']);
  });

  test('a publish cut off before the server has it is not stored; cut off after, it is', async () => {
    const scheduler = stepper();
    const log = createMemoryLog({ defer: scheduler.defer });
    const bus = createMemoryBus(log);
    void bus.ensureTopology();
    while (scheduler.step());
    const before = failure(bus.publish({ subject: 'mesh.tasks', body: 'never there' }));
    bus.disconnect();
    expect((await before).code).toBe('unavailable');
    bus.reconnect();
    while (scheduler.step());
    const after = failure(bus.publish({ subject: 'mesh.tasks', body: 'there', msgId: 'm' }));
    scheduler.step();
    bus.disconnect();
    expect((await after).code).toBe('unavailable');
    bus.reconnect();
    const again = bus.publish({ subject: 'mesh.tasks', body: 'there', msgId: 'm' });
    while (scheduler.step());
    expect(await again).toEqual({ seq: 1, duplicate: true });
  });

  test('the duplicate window ends after ten minutes', async () => {
    let nowMs = 0;
    const log = createMemoryLog({ now: () => nowMs });
    const bus = createMemoryBus(log);
    await bus.ensureTopology();
    await bus.publish({ subject: 'mesh.tasks', body: 'x', msgId: 'm' });
    nowMs = 10 * 60_000 - 1;
    expect((await bus.publish({ subject: 'mesh.tasks', body: 'x', msgId: 'm' })).duplicate).toBe(true);
    nowMs = 10 * 60_000;
    expect((await bus.publish({ subject: 'mesh.tasks', body: 'x', msgId: 'm' })).duplicate).toBe(false);
  });

  test('S10: a stream cut short and written again while the reader was away is told', async () => {
    const log = createMemoryLog();
    const [bus, other] = [createMemoryBus(log), createMemoryBus(log)];
    await bus.ensureTopology();
    for (const body of ['1', '2', '3']) await other.publish({ subject: 'mesh.tasks', body });
    const errors: BusError[] = [];
    const reader = await bus.read({
      filter: 'mesh.tasks',
      fromSeq: 1,
      onMessage: () => undefined,
      onError: (error) => errors.push(error),
    });
    await reader.caughtUp;
    bus.disconnect();
    log.truncate('log', 1);
    for (const body of ['2b', '3b', '4b']) await other.publish({ subject: 'mesh.tasks', body });
    bus.reconnect();
    await until(() => errors.length === 1, 'the error of the reader');
    expect(errors[0]?.message).toMatch(/written again/);
  });

  test('retention moves the beginning; a reader goes on with what is left', async () => {
    const log = createMemoryLog();
    const bus = createMemoryBus(log);
    await bus.ensureTopology();
    for (const body of ['1', '2', '3']) await bus.publish({ subject: 'mesh.tasks', body });
    log.expire('log', 3);
    expect(await bus.streamInfo()).toMatchObject({ firstSeq: 3, lastSeq: 3 });
    const texts: string[] = [];
    const reader = await bus.read({ filter: '>', fromSeq: 1, onMessage: (message) => texts.push(textOf(message)) });
    await reader.caughtUp;
    expect(texts).toEqual(['3']);
    log.expire('log', 4);
    expect(await bus.streamInfo()).toMatchObject({ firstSeq: 4, lastSeq: 3 });
  });

  test('a host that is cut off reads on where it was when the cable is back', async () => {
    const log = createMemoryLog();
    const [bus, other] = [createMemoryBus(log), createMemoryBus(log)];
    await bus.ensureTopology();
    const texts: string[] = [];
    await bus.read({ filter: '>', fromSeq: 1, onMessage: (message) => texts.push(textOf(message)) });
    await other.publish({ subject: 'mesh.tasks', body: '1' });
    await until(() => texts.length === 1, 'the first message');
    bus.disconnect();
    await other.publish({ subject: 'mesh.tasks', body: '2' });
    await other.publish({ subject: 'mesh.tasks', body: '3' });
    expect(texts).toEqual(['1']);
    bus.reconnect();
    await until(() => texts.length === 3, 'what was missed');
    expect(texts).toEqual(['1', '2', '3']);
  });
});
