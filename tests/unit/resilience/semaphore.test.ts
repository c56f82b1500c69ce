/** So many pieces of work at a time; S8: the line is bounded. */
import { describe, expect, test } from 'vitest';
import { Semaphore, SemaphoreFull } from '../../../resilience/semaphore.ts';

describe('a semaphore', () => {
  test.each([1, 2, 3])('lets %i in at a time, in order, also when one fails', async (places) => {
    const semaphore = new Semaphore(places);
    const begun: string[] = [];
    let running = 0;
    let most = 0;
    const work = (name: string) => async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      begun.push(name);
      for (let tick = 0; tick < 5; tick += 1) await Promise.resolve();
      running -= 1;
      if (name === 'b') throw new Error('b fails');
    };
    const names = ['a', 'b', 'c', 'd', 'e'];
    const outcomes = await Promise.allSettled(names.map((name) => semaphore.run(work(name))));
    expect(outcomes.map(({ status }) => status === 'rejected')).toEqual(names.map((name) => name === 'b'));
    expect(begun).toEqual(names);
    expect(most).toBe(places);
    expect([semaphore.free, semaphore.running, semaphore.waiting]).toEqual([places, 0, 0]);
  });

  test('S8: refuses at once what finds the line full, and says how full', async () => {
    const semaphore = new Semaphore(1, 1);
    const held = Promise.withResolvers<void>();
    const both = [semaphore.run(() => held.promise), semaphore.run(() => held.promise)];
    const refused = await semaphore.run(() => Promise.resolve()).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(SemaphoreFull);
    expect(refused).toMatchObject({ running: 1, waiting: 1 });
    held.resolve();
    await Promise.all(both);
    expect(await semaphore.run(() => Promise.resolve('in'))).toBe('in');
  });

  test('whoever leaves the line makes room in it, and its work is not begun', async () => {
    const semaphore = new Semaphore(1, 1);
    const held = Promise.withResolvers<void>();
    const first = semaphore.run(() => held.promise);
    const gone = new AbortController();
    let begun = false;
    const second = semaphore.run(async () => {
      begun = true;
    }, gone.signal);
    gone.abort(new Error('left'));
    await expect(second).rejects.toThrow('left');
    expect(semaphore.waiting).toBe(0);
    const third = semaphore.run(() => Promise.resolve('third'));
    held.resolve();
    await first;
    expect(await third).toBe('third');
    expect(begun).toBe(false);
  });

  test.each([0, 1, 2, 3, 4, 5, 6, 7])(
    'an abort %i turns after a place got free: begun or refused, never both',
    async (turns) => {
      const semaphore = new Semaphore(1);
      const held = Promise.withResolvers<void>();
      const gone = new AbortController();
      let begun = false;
      const first = semaphore.run(() => held.promise);
      const second = semaphore.run(async () => {
        begun = true;
      }, gone.signal);
      held.resolve();
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      const before = begun;
      gone.abort(new Error('left'));
      const [outcome] = await Promise.allSettled([second]);
      await first;
      expect(outcome.status).toBe(begun ? 'fulfilled' : 'rejected');
      expect(begun).toBe(before);
      expect([semaphore.free, semaphore.waiting]).toEqual([1, 0]);
      await expect(semaphore.run(() => Promise.resolve(), gone.signal)).rejects.toThrow('left');
    },
  );

  test('is idle when all that was asked of it has ended', async () => {
    const semaphore = new Semaphore(1);
    await semaphore.idle();
    const order: string[] = [];
    const held = Promise.withResolvers<void>();
    void semaphore.run(() => held.promise).then(() => order.push('first'));
    void semaphore.run(async () => order.push('second'));
    const idle = semaphore.idle().then(() => order.push('idle'));
    held.resolve();
    await idle;
    expect(order.at(-1)).toBe('idle');
    expect(order).toContain('second');
  });
});
