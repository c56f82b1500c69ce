/** What the gateway knows of the log without asking it: it must never say of a task in the log that it is unknown. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { openMesh } from '../../../gateway/core/mesh.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { factSubject } from '../../../schemas/events/subjects.ts';
import { openClient, type TaskClient } from '../../../task-client/client.ts';
import { FactTail } from '../../../task-client/fact-tail.ts';
import { removeTask } from '../../../task-client/removal.ts';
import { TaskFeeds } from '../../../task-client/task-feed.ts';
import { TaskIndex } from '../../../task-client/task-index.ts';
import { as, local, memoryMesh } from './log.ts';

async function opened() {
  const memory = await memoryMesh();
  const old = newCorrelationId();
  await memory.accept(old, 'from before');
  const tail = await FactTail.open(memory.bus, memory.ports.log);
  const index = new TaskIndex({ bus: memory.bus, tail, log: memory.ports.log, folder: null });
  return { memory, old, index };
}

describe('a tail that is behind the log', () => {
  test('hides no task from whoever asks for it; a submission finds out by itself', async () => {
    const { memory, old } = await opened();
    const tail = await FactTail.open(memory.bus, memory.ports.log);
    const feeds = new TaskFeeds(memory.bus, tail, { knows: () => false });
    expect((await feeds.open(old)).isKnown).toBe(true);
    expect((await feeds.open(old, { isSubmitted: true })).isKnown).toBe(false);
    expect((await feeds.open(newCorrelationId())).isKnown).toBe(false);
  });
});

describe('knows', () => {
  test('nothing until the log was read; then every task of before and since, and no other', async () => {
    const { memory, old, index } = await opened();
    const since = newCorrelationId();
    expect(index.knows(old)).toBeNull();
    await memory.accept(since, 'new');
    await index.upToDate();
    expect([index.knows(old), index.knows(since), index.knows(newCorrelationId())]).toEqual([true, true, false]);
  });

  test('asking begins the reading, without a list', async () => {
    const { old, index } = await opened();
    await expect.poll(() => index.knows(old)).toBe(true);
  });

  test('a task whose trail was removed by another process is known no more, also to a file of before', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mesh-index-'));
    const { memory, old } = await opened();
    const ports = { ...memory.ports, indexFolder: folder };
    const listed = async (client: TaskClient) =>
      (await client.list({}, as(local))).tasks.map(({ correlationId }) => correlationId);
    const stays = newCorrelationId();
    await memory.accept(stays, 'stays');
    for (const id of [old, stays]) await memory.complete(id, 'done');
    const [first, stopped] = [await openClient(ports), await openClient(ports)];
    expect(await listed(first)).toEqual([stays, old]);
    await stopped.stop();
    expect(await removeTask(memory.bus, old)).toMatchObject({ kind: 'removed' });
    await expect.poll(() => listed(first)).toEqual([stays]);
    await first.stop();
    const next = await openClient(ports);
    expect(await listed(next)).toEqual([stays]);
    await next.stop();
    rmSync(folder, { recursive: true });
  });

  test('S10: of another log it knows nothing', async () => {
    const { old, index } = await opened();
    await index.upToDate();
    index.reset();
    expect(index.knows(old)).toBeNull();
  });

  test('S8: a task that has left the log is forgotten', async () => {
    const { memory, old, index } = await opened();
    await index.upToDate();
    const young = newCorrelationId();
    memory.log.expire('log', (await memory.bus.streamInfo()).lastSeq + 1);
    for (let count = 0; count < 10_000; count += 1) {
      await memory.bus.publish({ subject: factSubject(young), body: `fact ${count}` });
    }
    await expect.poll(() => index.knows(old)).toBe(false);
    expect(index.knows(young)).toBe(true);
  });
});

describe('a call with an id that is not in the log', () => {
  test('S5: costs no question to the log, and a second one at the same time attaches to it', async () => {
    const memory = await memoryMesh();
    const asked = vi.spyOn(memory.bus, 'getLast');
    const mesh = await openMesh(memory.ports);
    await mesh.list({}, as(local));
    const correlationId = newCorrelationId();
    const order = { prompt: 'hello', correlationId };
    const runs = [mesh.tasks.run(order, as(local)), mesh.tasks.run(order, as(local))];
    await memory.accept(correlationId, 'hello');
    await memory.complete(correlationId, 'there');
    const answers = await Promise.all(runs);
    expect(answers.map(({ view }) => view.result?.answer)).toEqual(['there', 'there']);
    expect(asked).not.toHaveBeenCalled();
    const again = await mesh.tasks.run(order, as(local));
    expect(again.view.result?.answer).toBe('there');
  });
});
