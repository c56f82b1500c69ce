/** S8: what happens to effects at a cap of their host, and what a trace and the counts say of them. */
import { describe, expect, test } from 'vitest';
import { EffectError } from '../../../actors/runtime/errors.ts';
import { type Bench, openBench, run } from './support/effects-bench.ts';
import { settled } from './support/fake-clock.ts';

/** Six seconds of pauses with their jitter. */
const REFUSED_FOR_MS = 10_000;

function beginAnother(bench: Bench, nth: number) {
  const work = bench.another(nth);
  bench.effects.begin(work.owner, work.row, 1);
  return work;
}

describe('at a cap of its host, an effect', () => {
  test('S8: is refused while the queue is full, and runs when there is room in time', async () => {
    const bench = openBench({ concurrencyMax: 1, queueMax: 1 });
    bench.begin();
    beginAnother(bench, 2);
    beginAnother(bench, 3);
    expect(bench.effects.stats()).toMatchObject([{ running: 1, waiting: 1, refusals: 1 }]);
    run(bench).succeed(1);
    await settled();
    await bench.clock.advance(1000);
    run(bench, 2).succeed(2);
    await settled();
    await bench.clock.advance(1000);
    run(bench, 3).succeed(3);
    await settled();
    expect(bench.settled.map(({ status }) => status)).toEqual(['done', 'done', 'done']);
    expect(bench.spans[2]?.facts).toMatchObject({ attempt: 1, refusals: 1 });
  });

  test('S8: of another caller is not refused by a queue that one has filled, and is next', async () => {
    const floods = [true, true, true, false];
    const shareOf = () => ({ flow: floods.shift() === false ? 'alice' : 'bob', weight: 1 });
    const bench = openBench({ concurrencyMax: 1, queueMax: 2, shareOf });
    bench.begin();
    for (const nth of [2, 3, 4]) beginAnother(bench, nth);
    expect(bench.effects.stats()).toMatchObject([{ running: 1, waiting: 3, refusals: 0 }]);
    run(bench).succeed(1);
    await settled();
    run(bench, 2).succeed(2);
    await settled();
    expect(bench.runs.map(({ context }) => context.share.flow)).toEqual(['bob', 'bob', 'alice']);
  });

  test('S8: fails as overloaded when there is no room for long, without having begun', async () => {
    const bench = openBench({ concurrencyMax: 1, queueMax: 1, timeoutMs: 60_000 });
    bench.begin();
    beginAnother(bench, 2);
    beginAnother(bench, 3);
    await bench.clock.advance(REFUSED_FOR_MS);
    expect(bench.settled).toEqual([
      {
        status: 'failed',
        error: {
          code: 'overloaded',
          message: 'courier/fetch takes no more work: 1 wait already',
          retryable: true,
        },
      },
    ]);
    expect(bench.runs).toHaveLength(1);
    expect(bench.spans.at(-1)).toMatchObject({
      facts: { attempt: 0, fence: 'refused' },
      ended: { outcome: 'failed', error: { code: 'overloaded' } },
    });
  });

  test('S8: is refused while the process is near a cap, whatever its fence is', async () => {
    const bench = openBench({ fence: 'once' });
    bench.full = 'memory 500 of 512 MiB';
    bench.begin();
    await bench.clock.advance(REFUSED_FOR_MS);
    expect(bench.settled).toMatchObject([{ status: 'failed', error: { code: 'overloaded', retryable: true } }]);
    expect(bench.entered).toEqual(['effect.finished']);
  });

  test('S6: that had begun before a crash is never refused', async () => {
    const bench = openBench();
    bench.full = 'memory 500 of 512 MiB';
    bench.begin({ failures: 1 });
    expect(bench.runs).toHaveLength(1);
    run(bench).fail(new EffectError('unavailable', 'later', { retryable: true }));
    await bench.clock.advance(1000);
    expect(bench.runs).toHaveLength(2);
  });

  test('one that is no longer wanted makes room in the queue', async () => {
    const bench = openBench({ concurrencyMax: 1, queueMax: 1 });
    bench.begin();
    const { owner, row } = beginAnother(bench, 2);
    bench.effects.end(owner, row);
    expect(bench.effects.queued).toBe(0);
    beginAnother(bench, 3);
    expect(bench.effects.stats()).toMatchObject([{ waiting: 1, refusals: 0 }]);
  });

  test('one that is no longer wanted while it is refused comes to nothing', async () => {
    const bench = openBench();
    bench.full = 'full';
    bench.begin();
    bench.effects.end(bench.owner, bench.row());
    bench.full = null;
    await bench.clock.advance(REFUSED_FOR_MS);
    expect(bench.runs).toEqual([]);
    expect(bench.settled).toEqual([]);
  });
});

test('J6: a clock that is set does not move the pause before another attempt', async () => {
  const bench = openBench();
  bench.begin();
  run(bench).fail(new EffectError('unavailable', 'later', { retryable: true }));
  await settled();
  bench.clock.set(0);
  const [pause = 0] = bench.clock.waits;
  expect(pause).toBeLessThanOrEqual(250);
  await bench.clock.advance(pause);
  expect(bench.runs).toHaveLength(2);
  expect(bench.spans[1]?.facts.waitedMs).toBe(pause);
});

describe('a trace of an effect', () => {
  test('has one span for each attempt, with what the effect adds', async () => {
    const bench = openBench();
    bench.begin();
    run(bench).context.span.set({ 'mesh.parcel': 7 });
    const failure = new EffectError('unavailable', 'later', { retryable: true });
    run(bench).fail(failure);
    await bench.clock.advance(1000);
    run(bench, 2).succeed('here');
    await settled();
    expect(bench.spans).toMatchObject([
      {
        facts: { role: 'courier', src: 'fetch', fence: 'pure', attempt: 1, hop: 1, waitedMs: 0, refusals: 0 },
        attributes: { 'mesh.parcel': 7 },
        ended: { outcome: 'failed', error: failure },
      },
      { facts: { attempt: 2 }, attributes: {}, ended: { outcome: 'done', error: null } },
    ]);
    expect(bench.effects.stats()).toEqual([
      {
        ...{ role: 'courier', effect: 'fetch', running: 0, waiting: 0, concurrencyMax: 8, queueMax: 1000 },
        ...{ attempts: 2, failures: 1, refusals: 0, busyMs: expect.any(Number), lastError: 'later' },
      },
    ]);
  });

  test('says that an attempt was cancelled', async () => {
    const bench = openBench();
    bench.begin();
    bench.effects.end(bench.owner, bench.row());
    await settled();
    expect(bench.spans).toMatchObject([{ ended: { outcome: 'cancelled', error: null } }]);
  });
});
