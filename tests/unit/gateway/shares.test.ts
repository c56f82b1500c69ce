/** What one caller may take of the mesh: unfinished tasks and stored bytes; what is over it never reaches the log. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { openMesh } from '../../../gateway/core/mesh.ts';
import { CallerShares, type ShareLimits } from '../../../gateway/core/shares.ts';
import { DOORS_SUBJECT } from '../../../schemas/events/subjects.ts';
import type { Caller } from '../../../task-client/caller.ts';
import { as, memoryMesh } from '../client/log.ts';

const MIB = 1024 * 1024;
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
    const shares = new CallerShares({ tasksMax: 3, bytesPerDay: 70_000 });
    await shares.write(bob, 9000);
    await expect(shares.write(bob, 9000)).rejects.toMatchObject({ reason: 'BYTES_LIMIT' });
    await shares.write(bob, 500);
    await shares.write(alice, 9000);
  });
});
