/** Waiting is not work: limits count from a turn, waits that last are said, and have a limit of their own (S8). */
import { describe, expect, test } from 'vitest';
import { openBench, run } from './support/effects-bench.ts';

const begun = (options: Parameters<typeof openBench>[0] = {}) => {
  const bench = openBench({ concurrencyMax: 1, timeoutMs: 10_000, ...options });
  const second = bench.another(2);
  bench.begin();
  bench.effects.begin(second.owner, second.row, 1);
  return bench;
};
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('an effect that waits in its queue', () => {
  test('says so when it lasts, has its whole time from its turn, and says that too', async () => {
    const bench = begun();
    await bench.clock.advance(999);
    expect(bench.entered).toEqual([]);
    await bench.clock.advance(1);
    expect(bench.entered).toEqual(['effect.waiting']);
    await bench.clock.advance(8000);
    run(bench).succeed('done');
    await settle();
    expect(bench.entered).toEqual(['effect.waiting', 'effect.finished', 'effect.waiting']);
    await bench.clock.advance(9999);
    run(bench, 2).succeed('done');
    await settle();
    expect(bench.settled.map(({ status }) => status)).toEqual(['done', 'done']);
  });

  test('says nothing of a wait that is short', async () => {
    const bench = begun();
    await bench.clock.advance(500);
    run(bench).succeed('done');
    await settle();
    run(bench, 2).succeed('done');
    await settle();
    await bench.clock.advance(5000);
    expect(bench.entered).toEqual(['effect.finished', 'effect.finished']);
  });

  test('fails by the named limit of waiting', async () => {
    const bench = begun({ timeoutMs: 900_000, limits: { waitMsMax: 60_000 } });
    await bench.clock.advance(60_000);
    expect(bench.settled).toMatchObject([{ status: 'failed', error: { code: 'waited_too_long' } }]);
    expect(bench.effects.queued).toBe(0);
  });
});

describe('an attempt that waits for its turn at something', () => {
  test('has its time stand still, and goes on with the rest', async () => {
    const bench = openBench({ attemptsMax: 1, timeoutMs: 10_000 });
    bench.begin();
    await bench.clock.advance(6000);
    run(bench).context.waits(3);
    await bench.clock.advance(50_000);
    expect(bench.entered).toEqual(['effect.waiting']);
    run(bench).context.waits(null);
    expect(bench.entered).toEqual(['effect.waiting', 'effect.waiting']);
    await bench.clock.advance(3999);
    expect(bench.settled).toEqual([]);
    await bench.clock.advance(1);
    await settle();
    expect(bench.settled).toMatchObject([{ status: 'failed', error: { code: 'timeout' } }]);
  });

  test('fails by the limit of waiting, and has certainly not been done', async () => {
    const bench = openBench({ fence: 'once', limits: { waitMsMax: 5000 } });
    bench.begin();
    await settle();
    run(bench).context.waits(3);
    await bench.clock.advance(5000);
    await settle();
    expect(bench.settled).toMatchObject([{ status: 'failed', error: { code: 'waited_too_long' } }]);
  });
});
