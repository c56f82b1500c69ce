/** Watching on a log in memory: no fact missed, none told twice, in order, whatever happens between two items. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openMesh } from '../../../gateway/core/mesh.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { tokenSubject } from '../../../schemas/events/subjects.ts';
import { MeshError } from '../../../task-client/errors.ts';
import type { WatchItem } from '../../../task-client/watch.ts';
import { WatchQueue } from '../../../task-client/watch-queue.ts';
import { as, local, memoryMesh } from './log.ts';

const note = (text: string) => ({ role: 'coder', effect: 'write', note: text });

async function all(items: AsyncIterable<WatchItem>): Promise<WatchItem[]> {
  const heard: WatchItem[] = [];
  for await (const item of items) heard.push(item);
  return heard;
}

function notes(items: readonly WatchItem[]): string[] {
  return items.flatMap((item) =>
    item.kind === 'fact' && item.fact.event.type === 'dev.agentmesh.hop.progress.v1' ? [item.fact.event.data.note] : [],
  );
}

describe('watch', () => {
  test('facts before and during the watch, cut at any item and resumed by its cursor', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(12), fc.nat(12), fc.nat(30), async (before, during, cut) => {
        const memory = await memoryMesh();
        const mesh = await openMesh(memory.ports);
        const id = newCorrelationId();
        await memory.accept(id, 'hello');
        for (let n = 0; n < before; n++) await memory.tell(id, 10 + n, 'hop.progress', note(`before ${n}`));
        const heard: WatchItem[] = [];
        const first = mesh.watches.watch({ correlationId: id }, as(local));
        for (let n = 0; n < cut % (before + 1); n++) {
          const { value } = await first.next();
          if (value !== undefined) heard.push(value);
        }
        await first.return();
        const rest = all(mesh.watches.watch({ correlationId: id, cursor: heard.at(-1)?.cursor ?? '' }, as(local)));
        for (let n = 0; n < during; n++) await memory.tell(id, 40 + n, 'hop.progress', note(`during ${n}`));
        await memory.complete(id, 'there');
        heard.push(...(await rest));
        expect(notes(heard)).toEqual([
          ...Array.from({ length: before }, (_n, at) => `before ${at}`),
          ...Array.from({ length: during }, (_n, at) => `during ${at}`),
        ]);
        expect(heard).toHaveLength(before + during + 2);
        await mesh.stop();
      }),
      { numRuns: 60 },
    );
  });

  test('S5: a fact that stands in the log twice is told once', async () => {
    const memory = await memoryMesh();
    const mesh = await openMesh(memory.ports);
    const id = newCorrelationId();
    await memory.accept(id, 'hello');
    await memory.tell(id, 10, 'hop.progress', note('once'));
    await memory.tell(id, 10, 'hop.progress', note('once'));
    await memory.complete(id, 'there');
    await memory.complete(id, 'there');
    expect(notes(await all(mesh.watches.watch({ correlationId: id }, as(local))))).toEqual(['once']);
  });

  test('of another log, a cursor begins anew', async () => {
    const memory = await memoryMesh();
    const mesh = await openMesh(memory.ports);
    const id = newCorrelationId();
    await memory.accept(id, 'hello');
    await memory.complete(id, 'there');
    const whole = await all(mesh.watches.watch({ correlationId: id }, as(local)));
    const again = await all(mesh.watches.watch({ correlationId: id, cursor: '00000000-5' }, as(local)));
    expect(again).toEqual(whole);
  });

  test('a watch from the end of an ended task ends at once', async () => {
    const memory = await memoryMesh();
    const mesh = await openMesh(memory.ports);
    const id = newCorrelationId();
    await memory.accept(id, 'hello');
    await memory.complete(id, 'there');
    const { cursor } = await mesh.tasks.get(id, as(local));
    expect(await all(mesh.watches.watch({ correlationId: id, cursor }, as(local)))).toEqual([]);
  });

  test('text that is none of ours is left out', async () => {
    const memory = await memoryMesh();
    const mesh = await openMesh(memory.ports);
    const id = newCorrelationId();
    await memory.accept(id, 'hello');
    const watching = mesh.watches.watch({ correlationId: id, includeTokens: true }, as(local));
    expect((await watching.next()).value).toMatchObject({ kind: 'fact' });
    for (const body of ['', '[]', '{"text": 7}', '{"attempt": 1, "number": 1, "text": "a"}']) {
      memory.bus.publishVolatile(tokenSubject(id), body);
    }
    expect((await watching.next()).value).toMatchObject({ kind: 'token', token: { number: 1, text: 'a' } });
    await memory.complete(id, 'there');
    expect((await all(watching)).map(({ kind }) => kind)).toEqual(['fact']);
  });

  test('what is written before the watch begins is heard by who listened before, and by nobody else', async () => {
    const memory = await memoryMesh();
    const mesh = await openMesh(memory.ports);
    const id = newCorrelationId();
    const heard = mesh.watches.listen(id);
    memory.bus.publishVolatile(tokenSubject(id), '{"attempt": 1, "number": 1, "text": "a"}');
    await memory.accept(id, 'hello');
    const texts = async (includeTokens: true | typeof heard) => {
      const items = await all(mesh.watches.watch({ correlationId: id, includeTokens }, as(local)));
      return items.flatMap((item) => (item.kind === 'token' ? [item.token.text] : []));
    };
    const [early, late] = [texts(heard), texts(true)];
    await memory.complete(id, 'there');
    expect([await early, await late]).toEqual([['a'], []]);
  });

  test('the caller leaves', async () => {
    const memory = await memoryMesh();
    const mesh = await openMesh(memory.ports);
    const id = newCorrelationId();
    await memory.accept(id, 'hello');
    const gone = new AbortController();
    const watching = all(mesh.watches.watch({ correlationId: id }, as(local, { signal: gone.signal })));
    gone.abort();
    await expect(watching).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('the queue of a watch', () => {
  const drained = async (queue: WatchQueue<number>): Promise<number[]> => {
    const taken: number[] = [];
    for await (const item of queue) taken.push(item);
    return taken;
  };

  test('gives what was queued, then ends', async () => {
    const queue = new WatchQueue<number>();
    for (let n = 0; n < 5; n++) queue.push(n, 1);
    queue.end();
    queue.push(9, 1);
    expect(await drained(queue)).toEqual([0, 1, 2, 3, 4]);
  });

  test.each([
    ['too many items', 3000, 1],
    ['too many bytes', 100, 100_000],
  ])('S8: %s: what fits is given, then the error', async (_what, count, bytes) => {
    const failures: Error[] = [];
    const queue = new WatchQueue<number>((error) => failures.push(error));
    for (let n = 0; n < count; n++) queue.push(n, bytes);
    expect(failures).toEqual([expect.any(MeshError)]);
    const taken: number[] = [];
    const drain = async (): Promise<void> => {
      for await (const item of queue) taken.push(item);
    };
    await expect(drain()).rejects.toMatchObject({ code: 'resource_exhausted', reason: 'SLOW_READER' });
    expect(taken).toEqual(Array.from({ length: taken.length }, (_n, at) => at));
    expect(taken.length).toBeGreaterThan(10);
    expect(taken.length).toBeLessThan(count);
  });

  test('S8: one item larger than the bound passes through an empty queue', async () => {
    const queue = new WatchQueue<number>();
    queue.push(1, 10_000_000);
    queue.end();
    expect(await drained(queue)).toEqual([1]);
  });

  test('S8: what may be left out is, long before the bound', async () => {
    const queue = new WatchQueue<number>();
    for (let n = 0; n < 2000; n++) queue.pushIfRoom(n, 1);
    queue.push(-1, 1);
    queue.end();
    const taken = await drained(queue);
    expect(taken.at(-1)).toBe(-1);
    expect(taken.length).toBeLessThan(600);
  });
});
