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

/** Five minutes of looks. */
const LONG = 150;

test('an idle process collects what its start left behind, once', () => {
  const look = looking();
  expect(look()).toBe(0);
  expect(look()).toBe(1);
  for (let passed = 0; passed < 3 * LONG; passed += 1) expect(look()).toBe(1);
});

test('a process at work is left alone', () => {
  const look = looking();
  expect(look({ busy: 0.5 })).toBe(0);
  expect(look({ busy: 0.01 })).toBe(0);
  expect(look()).toBe(1);
});

test('after work it collects again, when the silence has lasted', () => {
  const look = looking();
  look();
  look();
  look({ busy: 0.9, heapMb: 90 });
  for (let passed = 1; passed < LONG; passed += 1) expect(look({ busy: 0 })).toBe(1);
  expect(look()).toBe(2);
});

test('work in between begins the silence anew', () => {
  const look = looking();
  look();
  look();
  for (let passed = 1; passed < LONG; passed += 1) look({ busy: 0, heapMb: 90 });
  look({ busy: 0.9 });
  for (let passed = 1; passed < LONG; passed += 1) expect(look({ busy: 0 })).toBe(1);
  expect(look()).toBe(2);
});

test('a heap that has grown little is left as it is', () => {
  const look = looking();
  look();
  look();
  for (let passed = 0; passed < 2 * LONG; passed += 1) expect(look({ heapMb: 30 })).toBe(1);
});
