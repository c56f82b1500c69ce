/** S8: a process near its memory cap takes nothing new, and one over it ends itself. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { neededMb, uvThreads, watchCaps } from '../../../services/caps.ts';
import { createSilentLog } from '../runtime/support/fake-clock.ts';

const MB = 1_048_576;

/** A process of 256 MiB heap: a cap of 512 MiB, and what a part needs beside. */
function watched(nativeMb = 0) {
  const log = createSilentLog();
  const seen = { rssMb: 100, over: 0, farOver: 0 };
  const caps = watchCaps({
    ...{ neededMb: () => 256 + nativeMb, log, rssBytes: () => seen.rssMb * MB },
    onOver: () => {
      seen.over += 1;
    },
    onFarOver: () => {
      seen.farOver += 1;
    },
  });
  const at = (rssMb: number, looks = 1): void => {
    seen.rssMb = rssMb;
    for (let look = 0; look < looks; look += 1) caps.look();
  };
  return { log, seen, caps, at };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the memory cap', () => {
  it('is the heap limit, what Node needs, and what parts need outside of the heap', () => {
    expect(watched().caps.memoryLimitMb).toBe(512);
    expect(watched(2000).caps.memoryLimitMb).toBe(2512);
  });

  it.each([
    ['nobody needs more', [{}, {}], 256],
    ['what parts need beside the heap adds up', [{ nativeMemoryMb: 100 }, { nativeMemoryMb: 50 }], 406],
    ['a part may name the whole', [{ memoryLimitMb: 1000 }, { nativeMemoryMb: 50 }], 1000],
  ])('grows with the parts: %s', (_name, parts, expected) => {
    expect(neededMb(256, parts)).toBe(expected);
  });

  it('near it, nothing new is taken until there is clear room again; each change is logged once', () => {
    const { caps, at, log } = watched();
    at(450);
    expect(caps.admission()).toBeNull();
    at(462, 3);
    expect(caps.admission()).toBe('memory 462 of 512 MiB');
    at(440, 3);
    expect(caps.admission()).toBe('memory 440 of 512 MiB');
    at(430, 3);
    expect(caps.admission()).toBeNull();
    expect(log.lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
      'warn near its memory cap: new effects are refused',
      'info below its memory cap again: new effects are taken',
    ]);
  });

  it('a short peak over it passes', () => {
    const { at, seen } = watched();
    at(600, 2);
    at(400);
    at(600, 2);
    expect(seen.over).toBe(0);
  });

  it('over it for three looks, the process ends in order, and is cut off when that takes too long', () => {
    const { at, seen, log } = watched();
    at(520, 5);
    expect(seen).toMatchObject({ over: 1, farOver: 0 });
    expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    vi.advanceTimersByTime(10_001);
    expect(seen.farOver).toBe(1);
  });

  it('far over it, the process ends at once', () => {
    const { at, seen } = watched();
    at(800);
    expect(seen).toMatchObject({ farOver: 1 });
  });

  it('looks by itself', () => {
    const { caps, seen } = watched();
    seen.rssMb = 480;
    vi.advanceTimersByTime(1001);
    expect(caps.admission()).not.toBeNull();
    caps.stop();
  });
});

describe('the size of the thread pool', () => {
  it.each([
    [undefined, 4],
    ['', 4],
    ['x', 4],
    ['0', 1],
    ['8', 8],
  ])('UV_THREADPOOL_SIZE=%s is %d', (value, threads) => {
    expect(uvThreads({ UV_THREADPOOL_SIZE: value })).toBe(threads);
  });
});
