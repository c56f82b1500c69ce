/** Effects that are cancelled, queue, or are found running at a start. */
import { describe, expect, test } from 'vitest';
import { EffectError } from '../../../actors/runtime/errors.ts';
import { KEY, openBench, run } from './support/effects-bench.ts';
import { settled } from './support/fake-clock.ts';

const passing = () => new EffectError('unavailable', 'try later', { retryable: true });

describe('cancel', () => {
  test('aborts what runs; nothing is settled and nothing left waiting', async () => {
    const bench = openBench({ heartbeatMs: 500 });
    bench.begin();
    bench.effects.end(bench.owner, bench.row());
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
    bench.effects.end(bench.owner, bench.row());
    await bench.clock.advance(60_000);
    expect([bench.runs.length, bench.settled]).toEqual([1, []]);
  });

  test('forgets what queues', async () => {
    const bench = openBench({ concurrencyMax: 1 });
    const { owner, row } = bench.another(2);
    bench.begin();
    bench.effects.begin(owner, row, 1);
    expect([bench.effects.running, bench.effects.queued]).toEqual([1, 1]);
    bench.effects.end(owner, row);
    run(bench).succeed(1);
    await settled();
    expect([bench.runs.length, bench.effects.running, bench.effects.queued]).toEqual([1, 0, 0]);
  });

  test('S6: the row of another start is another effect', async () => {
    const bench = openBench();
    bench.begin();
    bench.effects.end(bench.owner, { ...bench.row(), armedVersion: 99 });
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
    expect([bench.entered, bench.clock.waits, bench.row().failures]).toEqual([[], [], 0]);
  });
});

describe('queues', () => {
  test('S8: no more at once than the handler allows, the others in order', async () => {
    const bench = openBench({ concurrencyMax: 2 });
    for (const nth of [1, 2, 3, 4]) {
      const { owner, row } = bench.another(nth);
      bench.effects.begin(owner, row, 1);
    }
    expect([bench.effects.running, bench.effects.queued]).toEqual([2, 2]);
    run(bench, 2).succeed(1);
    await settled();
    const keys = bench.runs.map(({ context }) => context.correlationId.slice(-1));
    expect(keys).toEqual(['1', '2', '3']);
  });

  test('an effect that pauses leaves its place to others', async () => {
    const bench = openBench({ concurrencyMax: 1 });
    const { owner, row } = bench.another(2);
    bench.begin();
    bench.effects.begin(owner, row, 1);
    run(bench).fail(passing());
    await settled();
    expect(bench.runs).toHaveLength(2);
  });
});

describe('a partition that is lost', () => {
  test('S7: takes its effects along, running, queued and announced', async () => {
    const bench = openBench({ concurrencyMax: 1 });
    const { owner, row } = bench.another(2);
    bench.begin();
    bench.effects.begin(owner, row, 1);
    bench.effects.drop(0);
    expect(run(bench).context.signal.aborted).toBe(true);
    run(bench).succeed(1);
    await settled();
    expect([bench.runs.length, bench.settled, bench.effects.running, bench.effects.queued]).toEqual([1, [], 0, 0]);
  });

  test('S7: others go on', async () => {
    const bench = openBench();
    bench.begin();
    bench.effects.drop(5);
    run(bench).succeed(1);
    await settled();
    expect(bench.settled).toEqual([{ status: 'done', output: 1 }]);
  });
});

describe('an effect in the middle of which the process ended', () => {
  test('S9: is remembered with the next commit, and forgotten when it has ended', async () => {
    const bench = openBench();
    bench.begin();
    expect(bench.remembered).toEqual([]);
    bench.effects.markBegun();
    bench.effects.markBegun();
    expect(bench.remembered).toEqual([`${KEY} 1`]);
    run(bench).succeed(1);
    await settled();
    expect(bench.remembered).toEqual([`${KEY} 1`, `${KEY} 0`]);
  });

  test('S9: one that ends before a commit leaves nothing to remember', async () => {
    const bench = openBench();
    bench.begin();
    run(bench).succeed(1);
    await settled();
    bench.effects.markBegun();
    expect(bench.remembered).toEqual([]);
  });

  test('S9: one that pauses before another attempt is not in the middle of it', async () => {
    const bench = openBench({ crashes: new Map([[KEY, 2]]) });
    bench.begin();
    bench.effects.markBegun();
    run(bench).fail(passing());
    await settled();
    expect(bench.remembered).toEqual([`${KEY} 3`, `${KEY} 2`]);
    await bench.clock.advance(1000);
    bench.effects.markBegun();
    expect(bench.remembered.at(-1)).toBe(`${KEY} 3`);
  });

  test('S9: is run again when it may be, and the ends are counted', () => {
    const bench = openBench({ crashes: new Map([[KEY, 2]]) });
    bench.begin();
    expect(bench.runs).toHaveLength(1);
    bench.effects.markBegun();
    expect(bench.remembered).toEqual([`${KEY} 3`]);
  });

  test('S9: of a task that was at work at a start is counted in the ledger before it runs', async () => {
    const bench = openBench({ crashes: new Map([[KEY, 1]]) });
    bench.ledger = [];
    bench.begin({}, 1, true);
    await settled();
    expect([bench.remembered, bench.runs.length]).toEqual([[`${KEY} 2`], 0]);
    for (const resolve of bench.ledger) resolve();
    await settled();
    expect(bench.runs).toHaveLength(1);
    run(bench).succeed('done');
    await settled();
    expect(bench.remembered.at(-1)).toBe(`${KEY} 0`);
  });

  test('S9: of what may have ended the process before is recorded and counted before it runs', async () => {
    let careful = true;
    const bench = openBench({ holdsBack: true, isCareful: () => careful });
    bench.ledger = [];
    bench.begin();
    await settled();
    expect([bench.remembered, bench.hurries]).toEqual([[], 1]);
    bench.tell(1);
    await settled();
    expect([bench.remembered, bench.runs.length]).toEqual([[`${KEY} 1`], 0]);
    for (const resolve of bench.ledger) resolve();
    await settled();
    expect(bench.runs).toHaveLength(1);
    careful = false;
    const { owner, row } = bench.another(2);
    bench.effects.begin(owner, row, 1);
    expect(bench.runs).toHaveLength(2);
  });

  test('S8: is given up when it has ended its process as often as it may', async () => {
    const bench = openBench({ crashes: new Map([[KEY, 3]]), limits: { crashesMax: 3 } });
    bench.begin();
    await settled();
    expect(bench.runs).toHaveLength(0);
    expect(bench.settled).toMatchObject([
      { status: 'failed', error: { code: 'crashed_repeatedly', retryable: false } },
    ]);
  });

  test('S8: one end less and it may try', () => {
    const bench = openBench({ crashes: new Map([[KEY, 2]]), limits: { crashesMax: 3 } });
    bench.begin();
    expect(bench.runs).toHaveLength(1);
  });
});
