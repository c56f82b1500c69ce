/** Who of those that wait for a worker is next: callers take turns, and so do the tasks of one. */
import { describe, expect, test } from 'vitest';
import { createQuickQueue, createTurnQueue, type TurnQueue } from '../../../worker-pool/turn-queue.ts';

const job = (flow: string, task: string, n = 0, isShort = true) => ({ flow, task, n, isShort });
type Job = ReturnType<typeof job>;

function order(queue: TurnQueue<Job>): string[] {
  const taken: string[] = [];
  for (let next = queue.take(); next !== null; next = queue.take()) taken.push(`${next.flow}${next.task}${next.n}`);
  return taken;
}

describe('callers', () => {
  test('take turns, whoever has more tasks', () => {
    const queue = createTurnQueue<Job>();
    for (let task = 0; task < 500; task++) queue.add(job('bob ', String(task)));
    queue.take();
    queue.add(job('alice ', 'one'));
    expect(order(queue).indexOf('alice one0')).toBe(1);
  });

  test('the tasks of one take turns in its turns', () => {
    const queue = createTurnQueue<Job>();
    for (const [flow, task, n] of [
      ...[1, 2, 3].map((n) => ['a', 'x', n] as const),
      ['a', 'y', 1] as const,
      ...[1, 2].map((n) => ['b', 'z', n] as const),
    ])
      queue.add(job(flow, task, n));
    expect(order(queue)).toEqual(['ax1', 'bz1', 'ay1', 'bz2', 'ax2', 'ax3']);
  });

  test('every second turn of a caller is for its task that came last, so that a batch of its own does not keep it', () => {
    const queue = createTurnQueue<Job>();
    for (let task = 0; task < 10; task++) queue.add(job('bob ', `batch${task} `));
    queue.take();
    queue.add(job('bob ', 'own '));
    const taken = order(queue);
    expect(taken.indexOf('bob own 0')).toBe(0);
    // The batch goes on from its beginning meanwhile.
    expect(taken.slice(1, 3)).toEqual(['bob batch1 0', 'bob batch9 0']);
  });

  test('one that was taken out leaves nothing behind', () => {
    const queue = createTurnQueue<Job>();
    const [first, second] = [job('a', 'x'), job('b', 'y')];
    queue.add(first);
    queue.add(second);
    expect([queue.remove(first), queue.remove(first), queue.size]).toEqual([true, false, 1]);
    expect(order(queue)).toEqual(['by0']);
  });
});

test('how many are ahead is how many are taken before it', () => {
  let state = 7;
  const random = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  for (const create of [createTurnQueue<Job>, createQuickQueue<Job>]) {
    for (let round = 0; round < 200; round++) {
      const queue = create();
      const jobs = Array.from({ length: 1 + random(30) }, (_, n) =>
        job(String(random(4)), String(random(3)), n, random(2) === 0),
      );
      for (const one of jobs) queue.add(one);
      for (let taken = random(jobs.length); taken > 0; taken--) queue.take();
      const left = jobs.map((one) => [one, queue.ahead(one)] as const).filter(([, ahead]) => ahead >= 0);
      expect(left).toHaveLength(queue.size);
      const inOrder = left.map(([, ahead]) => ahead).sort((a, b) => a - b);
      expect(inOrder).toEqual(inOrder.map((_, at) => at));
      for (let at = 0; at < inOrder.length; at++)
        expect(queue.take()).toBe(left.find(([, ahead]) => ahead === at)?.[0]);
    }
  }
});
