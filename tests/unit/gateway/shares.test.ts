/** What one caller may take of the mesh: unfinished tasks and stored bytes; what is over it never reaches the log. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { openMesh } from '../../../gateway/core/mesh.ts';
import { CallerShares, type ShareLimits, STORED_PER_BYTE } from '../../../gateway/core/shares.ts';
import { DOORS_SUBJECT } from '../../../schemas/events/subjects.ts';
import type { Caller } from '../../../task-client/caller.ts';
import { MeshError } from '../../../task-client/errors.ts';
import { as, memoryMesh } from '../client/log.ts';

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;
const NOTHING = { unfinished: () => Promise.resolve(0), written: () => Promise.resolve([]) };
const bob: Caller = { name: 'bob', role: 'user' };
const alice: Caller = { name: 'alice', role: 'user' };

async function opened(limits: Partial<ShareLimits> = {}) {
  const memory = await memoryMesh();
  const shares = new CallerShares({ tasksMax: 3, bytesPerDay: 1024 * MIB, ...limits });
  const mesh = await openMesh({ ...memory.ports, shares });
  onTestFinished(() => mesh.stop());
  let written = 0;
  const reader = await memory.bus.read({
    filter: DOORS_SUBJECT,
    fromSeq: 1,
    // An orchestrator that takes everything and works on it for ever.
    onMessage: ({ data }) => {
      written += 1;
      const { correlationid, data: task } = JSON.parse(Buffer.from(data).toString('utf8'));
      if (task.prompt === undefined) return;
      void memory.accept(correlationid, task.prompt, task.caller);
    },
  });
  onTestFinished(() => reader.stop());
  const submit = (caller: Caller, more: object = {}) => mesh.tasks.submit({ prompt: 'hello', ...more }, as(caller));
  return { memory, mesh, submit, written: () => written };
}

const over = (reason: string, said: RegExp) => ({
  ...{ code: 'resource_exhausted', reason, retryAfterMs: expect.any(Number) },
  message: expect.stringMatching(said),
});

describe('tasks that have not ended', () => {
  test('one more is refused with the time to wait, and never written; others have their own share', async () => {
    const { submit, written } = await opened();
    for (let i = 0; i < 3; i++) await submit(bob);
    await expect(submit(bob)).rejects.toMatchObject(
      over('TASKS_LIMIT', /^bob has 3 tasks that have not ended, and may have 3; try again in 5 s$/),
    );
    expect(written()).toBe(3);
    await submit(alice);
  });

  test('one that ends makes room, and so does one that ended while nobody asked', async () => {
    const { memory, submit } = await opened();
    const tasks = [await submit(bob), await submit(bob), await submit(bob)];
    await expect(submit(bob)).rejects.toMatchObject({ reason: 'TASKS_LIMIT' });
    for (const { view } of tasks) await memory.complete(view.taskId, 'there');
    for (let i = 0; i < 3; i++) await submit(bob);
    await expect(submit(bob)).rejects.toMatchObject({ reason: 'TASKS_LIMIT' });
  });

  test('those of before a start of the gateway count', async () => {
    const { memory, mesh } = await opened();
    for (let i = 0; i < 3; i++) await mesh.tasks.submit({ prompt: 'hello' }, as(bob));
    const shares = new CallerShares({ tasksMax: 3, bytesPerDay: MIB });
    const next = await openMesh({ ...memory.ports, shares });
    onTestFinished(() => next.stop());
    await expect(next.tasks.submit({ prompt: 'hello' }, as(bob))).rejects.toMatchObject({ reason: 'TASKS_LIMIT' });
  });

  test('S5: a task that is submitted again under its id takes nothing', async () => {
    const { submit, written } = await opened({ tasksMax: 1 });
    const again = { key: 'mine' };
    const { view } = await submit(bob, again);
    for (let i = 0; i < 5; i++) expect((await submit(bob, again)).view.taskId).toBe(view.taskId);
    expect(written()).toBe(1);
  });

  test('many at once are no way around it', async () => {
    const { submit, written } = await opened({ tasksMax: 5 });
    const calls = await Promise.allSettled(Array.from({ length: 40 }, () => submit(bob)));
    expect(calls.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    expect(written()).toBe(5);
  });
});

describe('bytes in a day', () => {
  test('a prompt counts as what it makes the mesh store; one that is too large leaves room for smaller ones', async () => {
    const { submit, written } = await opened({ bytesPerDay: MIB });
    const large = { prompt: 'x'.repeat(100_000) };
    await submit(bob, large);
    await expect(submit(bob, large)).rejects.toMatchObject(
      over('BYTES_LIMIT', /^bob may have 1048576 bytes stored in a day, and this would be more; try again in \d+ s$/),
    );
    expect(written()).toBe(1);
    await submit(bob);
    await submit(alice, large);
  });

  test('what is written about a task counts as well', async () => {
    const shares = new CallerShares({ tasksMax: 3, bytesPerDay: 10_000 * STORED_PER_BYTE });
    await shares.write(bob, 9000, NOTHING);
    await expect(shares.write(bob, 9000, NOTHING)).rejects.toMatchObject({ reason: 'BYTES_LIMIT' });
    await shares.write(bob, 500, NOTHING);
    await shares.write(alice, 9000, NOTHING);
  });

  test('cancels of a task that takes its time are no way around it: none is refused, and they become one', async () => {
    const { memory, mesh, submit } = await opened({ bytesPerDay: 100_000 });
    const { view } = await submit(bob);
    const reasons: unknown[] = [];
    const reader = await memory.bus.read({
      filter: DOORS_SUBJECT,
      fromSeq: 1,
      onMessage: ({ data }) => {
        const event = JSON.parse(Buffer.from(data).toString('utf8'));
        if (event.type === 'dev.agentmesh.task.cancel.requested.v1') reasons.push(event.data.reason);
      },
    });
    onTestFinished(() => reader.stop());
    const left = new AbortController();
    const cancels = Array.from({ length: 60 }, (_, at) =>
      mesh.tasks.cancel(view.taskId, `${at} ${'x'.repeat(400)}`, as(bob, { signal: left.signal })),
    );
    await expect.poll(() => reasons.filter((one) => one === undefined).length, { timeout: 60_000 }).toBe(1);
    await mesh.tasks.get(view.taskId, as(bob));
    // 48 KiB are the task's, and each reason is some 400 bytes, nine times.
    expect(reasons.length).toBeGreaterThan(10);
    expect(reasons.length).toBeLessThan(25);
    left.abort();
    for (const one of await Promise.allSettled(cancels)) {
      expect(one.status === 'rejected' && one.reason.code).not.toBe('resource_exhausted');
    }
  });

  test('those of before a start of the gateway count, answers and messages too, and removing a task gives nothing back', async () => {
    const { memory, mesh } = await opened();
    const { view } = await mesh.tasks.submit({ prompt: 'x'.repeat(100_000) }, as(bob));
    await memory.tell(view.taskId, 2, 'task.input.accepted', { text: 'y'.repeat(20_000), caller: 'bob' });
    await memory.complete(view.taskId, 'there');
    await mesh.forget(view.taskId);
    const spent = 48 * 1024 + STORED_PER_BYTE * 120_000;
    // Facts of these tests happened then.
    const shares = new CallerShares({ tasksMax: 3, bytesPerDay: spent + 60 * 1024 }, () => 1_700_000_001_000);
    const next = await openMesh({ ...memory.ports, shares });
    onTestFinished(() => next.stop());
    const again = { prompt: 'x'.repeat(2000) };
    await expect(next.tasks.submit(again, as(bob))).rejects.toMatchObject({ reason: 'BYTES_LIMIT' });
    await next.tasks.submit({ prompt: 'hello' }, as(bob));
    await next.tasks.submit(again, as(alice));
  });

  test('what does not fit into a day is told so, and not to come again', async () => {
    const { submit, written } = await opened({ bytesPerDay: MIB });
    await expect(submit(bob, { prompt: 'x'.repeat(200_000) })).rejects.toMatchObject({
      ...{ code: 'resource_exhausted', reason: 'BYTES_LIMIT', retryAfterMs: null },
      message: expect.stringMatching(
        /^this would be \d{7} bytes stored, and bob may have 1048576 in a day: send less at/,
      ),
    });
    expect(written()).toBe(0);
  });

  test('the time to wait is when enough of it has become a day old; then it is taken', async () => {
    let nowMs = 1_700_000_000_000;
    const shares = new CallerShares({ tasksMax: 3, bytesPerDay: 3000 * STORED_PER_BYTE }, () => nowMs);
    const refused = async (bytes: number): Promise<number> => {
      const error = await shares.write(bob, bytes, NOTHING).catch((thrown: unknown) => thrown);
      return error instanceof MeshError ? (error.retryAfterMs ?? 0) : 0;
    };
    await shares.write(bob, 1000, NOTHING);
    nowMs += 2 * HOUR_MS;
    await shares.write(bob, 1500, NOTHING);
    const [some, more] = [await refused(1000), await refused(2500)];
    expect(more - some).toBe(2 * HOUR_MS);
    nowMs += some - 1;
    expect(await refused(1000)).toBeGreaterThan(0);
    nowMs += 1;
    await shares.write(bob, 1000, NOTHING);
  });

  test('what went by another gateway is known within a minute, and nothing counts twice', async () => {
    let nowMs = 1_700_000_000_000;
    const hour = Math.floor(nowMs / HOUR_MS) * HOUR_MS;
    let inLog = 0;
    const record = { ...NOTHING, written: () => Promise.resolve([{ fromMs: hour, tasks: 0, bytes: inLog }]) };
    const shares = new CallerShares({ tasksMax: 3, bytesPerDay: 10_000 * STORED_PER_BYTE }, () => nowMs);
    inLog = 5000;
    await shares.write(bob, 4000, record);
    await expect(shares.write(bob, 2000, record)).rejects.toMatchObject({ reason: 'BYTES_LIMIT' });
    inLog = 9000;
    nowMs += 60_000;
    await shares.write(bob, 900, record);
    inLog = 0;
    nowMs += 60_000;
    // What is not in the log, this one knows of all the same.
    await shares.write(bob, 5000, record);
    await expect(shares.write(bob, 200, record)).rejects.toMatchObject({ reason: 'BYTES_LIMIT' });
  });
});
