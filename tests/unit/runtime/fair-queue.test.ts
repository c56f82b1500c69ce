import { describe, expect, test } from 'vitest';
import { createFairQueue, type FairQueue } from '../../../actors/runtime/effects/fair-queue.ts';

const one = (flow: string, weight = 1) => ({ flow, weight });

function filled(...flows: readonly [flow: string, many: number, weight?: number][]): FairQueue<string> {
  const queue = createFairQueue<string>();
  for (const [flow, many, weight] of flows)
    for (let n = 1; n <= many; n += 1) queue.add(`${flow}${n}`, one(flow, weight));
  return queue;
}

function taken(queue: FairQueue<string>, many = Number.POSITIVE_INFINITY): string[] {
  const order: string[] = [];
  while (queue.size > 0 && order.length < many) order.push(queue.take() ?? '');
  return order;
}

describe('a fair queue', () => {
  test('of one flow is first come, first served', () => {
    expect(taken(filled(['a', 4]))).toEqual(['a1', 'a2', 'a3', 'a4']);
    expect(createFairQueue().take()).toBeUndefined();
  });

  test('flows of one weight take turns, whoever has more in the line', () => {
    expect(taken(filled(['a', 5], ['b', 2]))).toEqual(['a1', 'b1', 'a2', 'b2', 'a3', 'a4', 'a5']);
  });

  test('one that comes late does not wait for the backlog of another', () => {
    const queue = filled(['batch', 200]);
    taken(queue, 50);
    queue.add('quick', one('someone'));
    expect(taken(queue, 3)).toContain('quick');
  });

  test('turns are in proportion to the weights', () => {
    const order = taken(filled(['low', 100, 1], ['high', 100, 8]), 90);
    expect(order.filter((item) => item.startsWith('high'))).toHaveLength(80);
  });

  test('a flow that was away has saved nothing up', () => {
    const queue = filled(['a', 3]);
    queue.add('b1', one('b'));
    taken(queue);
    for (let n = 1; n <= 4; n += 1) queue.add(`a${n}`, one('a'));
    for (let n = 1; n <= 4; n += 1) queue.add(`b${n}`, one('b'));
    expect(taken(queue)).toEqual(['a1', 'b1', 'a2', 'b2', 'a3', 'b3', 'a4', 'b4']);
  });

  test('one that has had its turn and lost it is before the others of its flow', () => {
    const queue = filled(['a', 2]);
    queue.add('again', one('a'), true);
    expect(taken(queue)).toEqual(['again', 'a1', 'a2']);
  });

  test('that is full for who filled it takes what is the part of others', () => {
    const queue = filled(['flood', 8]);
    const room = (flow: string) => !queue.isFull(one(flow), 8);
    expect([room('flood'), room('alice')]).toEqual([false, true]);
    for (let n = 0; n < 100 && room('alice'); n += 1) queue.add(`alice${n}`, one('alice'));
    for (let n = 0; n < 100 && room('bob'); n += 1) queue.add(`bob${n}`, one('bob'));
    expect(queue.size).toBe(8 + 4 + 2);
    expect([room('flood'), room('alice'), room('bob'), room('carol')]).toEqual([false, false, false, true]);
  });

  test('one that leaves is gone, and how many are ahead is the number that will be taken before', () => {
    const queue = filled(['a', 5, 1], ['b', 9, 4], ['c', 2, 8]);
    expect([queue.remove('a2'), queue.remove('a2'), queue.size]).toEqual([true, false, 15]);
    const guess = new Map(['a1', 'a3', 'a5', 'b1', 'b9', 'c2'].map((item) => [item, queue.ahead(item)]));
    const order = taken(queue);
    for (const [item, ahead] of guess) expect(Math.abs(order.indexOf(item) - ahead)).toBeLessThanOrEqual(2);
    expect(queue.ahead('a1')).toBe(-1);
  });
});
