/** The list of tasks on a log in memory: order, pages, filters, and what changes while somebody pages. */
import { describe, expect, test } from 'vitest';
import { openMesh } from '../../../gateway/core/mesh.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { as, local, type MemoryMesh, memoryMesh } from './log.ts';

const alice = { name: 'alice', role: 'user' } as const;

async function withTasks(count: number): Promise<{ memory: MemoryMesh; ids: string[] }> {
  const memory = await memoryMesh();
  const ids = Array.from({ length: count }, newCorrelationId);
  for (const [at, id] of ids.entries()) {
    await memory.accept(id, `prompt ${at}`, at % 3 === 0 ? 'alice' : 'bob');
    if (at % 2 === 0) await memory.complete(id, 'done');
  }
  return { memory, ids };
}

describe('list', () => {
  test('the latest change first, page by page, each once', async () => {
    const { memory, ids } = await withTasks(25);
    const mesh = await openMesh(memory.ports);
    const seen: string[] = [];
    let pageToken: string | null = '';
    while (pageToken !== null) {
      const page: Awaited<ReturnType<typeof mesh.list>> = await mesh.list({ pageSize: 10, pageToken }, as(local));
      seen.push(...page.tasks.map(({ correlationId }) => correlationId));
      pageToken = page.nextPageToken;
    }
    expect(seen).toEqual(ids.toReversed());
  });

  test('a task that changes moves to the front, new ones come in, seen by the tail', async () => {
    const { memory, ids } = await withTasks(5);
    const mesh = await openMesh(memory.ports);
    await mesh.list({}, as(local));
    const [, second = ''] = ids;
    const added = newCorrelationId();
    await memory.complete(second, 'done at last');
    await memory.accept(added, 'a new one');
    const { tasks } = await mesh.list({}, as(local));
    expect(tasks.map(({ correlationId }) => correlationId).slice(0, 2)).toEqual([added, second]);
    expect(tasks[1]?.status).toBe('completed');
    expect(tasks).toHaveLength(6);
  });

  test('two lists at once, the first ones after a start, are both whole', async () => {
    const { memory } = await withTasks(12);
    const mesh = await openMesh(memory.ports);
    const pages = await Promise.all([mesh.list({}, as(local)), mesh.list({}, as(local))]);
    expect(pages.map(({ tasks }) => tasks.length)).toEqual([12, 12]);
  });

  test('a user sees their own only; filters choose among them', async () => {
    const { memory } = await withTasks(12);
    const mesh = await openMesh(memory.ports);
    const mine = await mesh.list({}, as(alice));
    expect(mine.tasks.map(({ prompt }) => prompt)).toEqual(['prompt 9', 'prompt 6', 'prompt 3', 'prompt 0']);
    const done = await mesh.list({ statuses: ['completed'] }, as(alice));
    expect(done.tasks.map(({ prompt }) => prompt)).toEqual(['prompt 6', 'prompt 0']);
    expect((await mesh.list({ caller: 'bob' }, as(alice))).tasks).toEqual([]);
    expect((await mesh.list({ caller: 'bob' }, as(local))).tasks).toHaveLength(8);
  });

  test('pages of a filter may be short, but none is missed', async () => {
    const { memory } = await withTasks(12);
    const mesh = await openMesh(memory.ports);
    const prompts: string[] = [];
    let pageToken: string | null = '';
    while (pageToken !== null) {
      const page: Awaited<ReturnType<typeof mesh.list>> = await mesh.list({ pageSize: 2, pageToken }, as(alice));
      prompts.push(...page.tasks.map(({ prompt }) => prompt));
      pageToken = page.nextPageToken;
    }
    expect(prompts).toEqual(['prompt 9', 'prompt 6', 'prompt 3', 'prompt 0']);
  });
});
