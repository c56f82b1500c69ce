/** When a process gives back memory that it does not need. */
import { expect, test } from 'vitest';
import { idleMemory } from '../../../services/idle-memory.ts';

const MIB = 1_048_576;

/** Looks once for each state of the process; says how often garbage was collected until then. */
function looking() {
  const now = { busy: 0, heapMb: 60, leftMb: 24, collections: 0 };
  const look = idleMemory({
    busy: () => now.busy,
    heapBytes: () => now.heapMb * MIB,
    collect() {
      now.collections += 1;
      now.heapMb = now.leftMb;
    },
  });
  return (state: Partial<typeof now> = {}): number => {
    Object.assign(now, state);
    look();
    return now.collections;
  };
}

test('an idle process collects what its start left behind, once', () => {
  const look = looking();
  expect(look()).toBe(1);
  expect(look()).toBe(1);
});

test('a process at work is left alone, and collects when the work is over', () => {
  const look = looking();
  expect(look({ busy: 0.5 })).toBe(0);
  expect(look({ busy: 0.01 })).toBe(1);
});

test('a heap that has grown little is left as it is, one that has grown much is not', () => {
  const look = looking();
  look();
  expect(look({ heapMb: 30 })).toBe(1);
  expect(look({ heapMb: 60 })).toBe(2);
});

test('what cannot be collected is not tried again and again', () => {
  const look = looking();
  expect(look({ heapMb: 200, leftMb: 200 })).toBe(1);
  expect(look()).toBe(1);
});
