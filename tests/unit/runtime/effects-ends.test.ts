/** Effects that are cancelled, queue, or are found running at a start. */
import { describe, expect, test } from 'vitest';
import { EffectError } from '../../../actors/runtime/errors.ts';
import { openBench, run } from './support/effects-bench.ts';
import { settled } from './support/fake-clock.ts';

const passing = () => new EffectError('unavailable', 'try later', { retryable: true });

describe('cancel', () => {
  test('aborts what runs; nothing is settled and nothing left waiting', async () => {
    const bench = openBench({ heartbeatMs: 500 });
    bench.begin();
    bench.effects.end(bench.slot, bench.row());
    await settled();
    expect(run(bench).context.signal.aborted).toBe(true);
    run(bench).succeed('nobody wants it');
    await settled();
    expect([bench.settled, bench.clock.waits, bench.effects.running]).toEqual([[], [], 0]);
  });

  test('forgets what pauses before another attempt', async () => {
    const bench = openBench();
    bench.begin();
    run(bench).fail(passing());
    await settled();
    bench.effects.end(bench.slot, bench.row());
    await bench.clock.advance(60_000);
    expect([bench.runs.length, bench.settled]).toEqual([1, []]);
  });

  test('forgets what queues', async () => {
    const bench = openBench({ concurrencyMax: 1 });
    const waiting = bench.another(2);
    const row = waiting.instance.effects.get('fetch');
    if (!row) throw new Error('no row');
    bench.begin();
    bench.effects.begin(waiting, row);
    expect([bench.effects.running, bench.effects.queued]).toEqual([1, 1]);
    bench.effects.end(waiting, row);
    run(bench).succeed(1);
    await settled();
    expect([bench.runs.length, bench.effects.running, bench.effects.queued]).toEqual([1, 0, 0]);
  });

  test('S6: the row of another start is another effect', async () => {
    const bench = openBench();
    bench.begin();
    bench.effects.end(bench.slot, { ...bench.row(), armedVersion: 99 });
    run(bench).succeed(1);
    await settled();
    expect(bench.settled).toHaveLength(1);
  });

  test('S4: a stop settles nothing: the rows stay for the next start', async () => {
    const bench = openBench();
    bench.begin();
    bench.effects.stop();
    await settled();
    expect(run(bench).context.signal.aborted).toBe(true);
    expect([bench.settled, bench.clock.waits, bench.row().state]).toEqual([[], [], 'running']);
  });
});

describe('queues', () => {
  test('S8: no more at once than the handler allows, the others in order', async () => {
    const bench = openBench({ concurrencyMax: 2 });
    const slots = [1, 2, 3, 4].map((id) => bench.another(id));
    for (const slot of slots) {
      const row = slot.instance.effects.get('fetch');
      if (row) bench.effects.begin(slot, row);
    }
    expect([bench.effects.running, bench.effects.queued]).toEqual([2, 2]);
    run(bench, 2).succeed(1);
    await settled();
    const keys = bench.runs.map(({ context }) => context.correlationId.slice(-1));
    expect(keys).toEqual(['1', '2', '3']);
  });

  test('an effect that pauses leaves its place to others', async () => {
    const bench = openBench({ concurrencyMax: 1 });
    const other = bench.another(2);
    const row = other.instance.effects.get('fetch');
    if (!row) throw new Error('no row');
    bench.begin();
    bench.effects.begin(other, row);
    run(bench).fail(passing());
    await settled();
    expect(bench.runs).toHaveLength(2);
  });
});

describe('an effect found running at a start', () => {
  test('S4: is run again when it may be, counting its attempts on', async () => {
    const bench = openBench();
    bench.begin({ state: 'running', attempt: 1 });
    expect(run(bench).context.attempt).toBe(2);
  });

  test('S8: is given up when it has ended its process five times more than it may fail', async () => {
    const bench = openBench({ attemptsMax: 3 });
    bench.begin({ state: 'running', attempt: 8 });
    await settled();
    expect(bench.runs).toHaveLength(0);
    expect(bench.settled).toMatchObject([
      { status: 'failed', error: { code: 'crashed_repeatedly', retryable: false } },
    ]);
  });

  test('S8: one crash less and it may try', () => {
    const bench = openBench({ attemptsMax: 3 });
    bench.begin({ state: 'running', attempt: 7 });
    expect(bench.runs).toHaveLength(1);
  });
});
