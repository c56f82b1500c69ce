/** Attempts, back-off, limits and ends of effects that may be repeated. */
import { describe, expect, test } from 'vitest';
import { EFFECT_RESULT_MAX_BYTES } from '../../../actors/runtime/effects/settlement.ts';
import { EffectError } from '../../../actors/runtime/errors.ts';
import { KEY, openBench, run } from './support/effects-bench.ts';
import { settled } from './support/fake-clock.ts';

const passing = () => new EffectError('unavailable', 'try later', { retryable: true });

describe('an effect', () => {
  test('S6: runs with its key and attempt, and is settled once with its result', async () => {
    const bench = openBench();
    bench.begin();
    const { input, context, succeed } = run(bench);
    expect(input).toEqual({ step: 'carry' });
    expect(context).toMatchObject({ key: '7c9e6679-7425-40de-944b-e07fc1f90001/courier/fetch/1', attempt: 1 });
    succeed({ parcel: 1 });
    await settled();
    expect(bench.settled).toEqual([{ status: 'done', output: { parcel: 1 } }]);
    expect(bench.clock.waits).toEqual([]);
    expect(bench.effects.running).toBe(0);
  });

  test('a result of nothing is null', async () => {
    const bench = openBench({ run: async () => undefined });
    bench.begin();
    await settled();
    expect(bench.settled).toEqual([{ status: 'done', output: null }]);
  });

  test('S6: begun twice it runs once, and settled it does not run at all', async () => {
    const bench = openBench();
    bench.begin();
    bench.begin();
    expect(bench.runs).toHaveLength(1);
    const { owner, row } = bench.another(1);
    run(bench).succeed(1);
    await settled();
    bench.effects.begin(owner, row, 1);
    await settled();
    expect(bench.runs).toHaveLength(1);
    expect(bench.settled).toHaveLength(1);
  });

  test('S9: an effect that the role does not have fails, visibly', async () => {
    const bench = openBench();
    bench.begin({ src: 'teleport' });
    await settled();
    expect(bench.settled).toMatchObject([{ status: 'failed', error: { code: 'no_such_effect', retryable: false } }]);
  });

  test('S8: a result that is too large is a failure that says how large', async () => {
    const bench = openBench();
    bench.begin();
    run(bench).succeed('x'.repeat(EFFECT_RESULT_MAX_BYTES - 1));
    await settled();
    expect(bench.settled).toMatchObject([
      {
        status: 'failed',
        error: { code: 'result_too_large', message: expect.stringContaining('786433 bytes'), retryable: false },
      },
    ]);
  });

  test('S8: one that just fits is a result', async () => {
    const bench = openBench();
    bench.begin();
    run(bench).succeed('x'.repeat(EFFECT_RESULT_MAX_BYTES - 2));
    await settled();
    expect(bench.settled).toMatchObject([{ status: 'done' }]);
  });

  test.each([
    ['a number too large for JSON', () => 10n],
    [
      'a circle',
      () => {
        const circle: Record<string, unknown> = {};
        circle.itself = circle;
        return circle;
      },
    ],
  ])('S9: %s as a result is a failure, not the end of the process', async (_what, result) => {
    const bench = openBench();
    bench.begin();
    run(bench).succeed(result());
    await settled();
    expect(bench.settled).toMatchObject([{ status: 'failed', error: { code: 'result_not_json', retryable: false } }]);
    expect(bench.effects.running).toBe(0);
  });

  test('S9: an input of which not even the fence can be said is a failure, not the end of the process', async () => {
    const bench = openBench({
      fence: () => {
        throw new TypeError('no choice');
      },
    });
    bench.begin();
    await settled();
    expect(bench.runs).toHaveLength(0);
    expect(bench.settled).toMatchObject([{ status: 'failed', error: { message: 'no choice' } }]);
  });
});

describe('failures', () => {
  test('S8: a passing one is tried again until the attempts are used up', async () => {
    const bench = openBench();
    bench.begin();
    for (const attempt of [1, 2, 3]) {
      expect(bench.runs).toHaveLength(attempt);
      expect(run(bench, attempt).context.attempt).toBe(attempt);
      run(bench, attempt).fail(passing());
      await bench.clock.advance(1000);
    }
    expect(bench.runs).toHaveLength(3);
    expect(bench.entered).toEqual(['effect.retried', 'effect.retried', 'effect.finished']);
    expect(bench.settled).toEqual([
      { status: 'failed', error: { code: 'unavailable', message: 'try later', retryable: true } },
    ]);
  });

  test('S6: a run of which the process died is no failure: only failures use attempts up', async () => {
    const bench = openBench({ crashes: new Map([[KEY, 3]]), attemptsMax: 2 });
    bench.begin();
    // It is the fourth run, and there may be one more after it.
    expect(run(bench).context.attempt).toBe(4);
    run(bench).fail(passing());
    await bench.clock.advance(1000);
    expect(run(bench, 2).context.attempt).toBe(5);
  });

  test('S6: every attempt has the same key', async () => {
    const bench = openBench();
    bench.begin();
    run(bench).fail(passing());
    await bench.clock.advance(1000);
    expect(run(bench, 2).context.key).toBe(run(bench).context.key);
  });

  test('one that will not pass is not tried again', async () => {
    const bench = openBench();
    bench.begin();
    run(bench).fail(new EffectError('no_tool', 'no tool fits'));
    await settled();
    expect(bench.settled).toMatchObject([{ status: 'failed', error: { code: 'no_tool', retryable: false } }]);
    expect(bench.clock.waits).toEqual([]);
  });

  test('whatever is thrown is an error of an event, and taken as passing when it does not say', async () => {
    const bench = openBench({ attemptsMax: 2 });
    bench.begin();
    run(bench).fail('just a text');
    await bench.clock.advance(1000);
    run(bench, 2).fail(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
    await settled();
    expect(bench.settled).toMatchObject([{ error: { code: 'econnrefused', retryable: true } }]);
  });

  test('a handler that throws at once is a failure like any other', async () => {
    const bench = openBench({
      attemptsMax: 1,
      run: () => {
        throw new Error('at once');
      },
    });
    bench.begin();
    await settled();
    expect(bench.settled).toMatchObject([{ status: 'failed', error: { message: 'at once' } }]);
  });
});

describe('back-off', () => {
  /** Pauses after each of the first failures of a task's effect. */
  const pauses = async (task: number): Promise<number[]> => {
    const bench = openBench({ attemptsMax: 9 });
    const { owner, row } = bench.another(task);
    bench.effects.begin(owner, row, 1);
    const made: number[] = [];
    for (let attempt = 1; attempt <= 8; attempt += 1) {
      run(bench, attempt).fail(passing());
      await settled();
      const [wait = -1] = bench.clock.waits;
      made.push(wait);
      expect(bench.another(task).row.failures).toBe(attempt);
      await bench.clock.advance(wait);
    }
    return made;
  };
  const bases = [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000];

  test('S8: doubles up to ten seconds, jittered within a quarter', async () => {
    for (const task of [1, 2, 3]) {
      for (const [index, pause] of (await pauses(task)).entries()) {
        const base = bases[index] ?? 0;
        expect(pause).toBeGreaterThanOrEqual(base * 0.75);
        expect(pause).toBeLessThanOrEqual(base * 1.25);
      }
    }
  });

  test('S2: is the same again for the same task, and another for another', async () => {
    expect(await pauses(1)).toEqual(await pauses(1));
    expect(await pauses(1)).not.toEqual(await pauses(2));
  });

  test('S4: after a restart the next attempt is made at once, and counts on', async () => {
    const bench = openBench();
    bench.begin({ failures: 1 });
    expect(run(bench).context.attempt).toBe(2);
  });
});

describe('time', () => {
  test('S8: an attempt that takes too long is aborted and tried again', async () => {
    const bench = openBench();
    bench.begin();
    await bench.clock.advance(9999);
    expect(run(bench).context.signal.aborted).toBe(false);
    await bench.clock.advance(1);
    expect(run(bench).context.signal.aborted).toBe(true);
    expect(run(bench).context.signal.reason).toMatchObject({ code: 'timeout' });
    await bench.clock.advance(1000);
    expect(bench.runs).toHaveLength(2);
  });

  test('S6: a result that comes after its attempt was given up is dropped', async () => {
    const bench = openBench({ attemptsMax: 1 });
    bench.begin();
    await bench.clock.advance(10_000);
    expect(bench.settled).toMatchObject([{ status: 'failed', error: { code: 'timeout' } }]);
    run(bench).succeed('too late');
    await settled();
    expect(bench.settled).toHaveLength(1);
  });

  test('S8: a missed heartbeat ends the attempt; heard ones keep it alive', async () => {
    const bench = openBench({ heartbeatMs: 1000, attemptsMax: 1 });
    bench.begin();
    for (let beat = 0; beat < 5; beat += 1) {
      await bench.clock.advance(900);
      run(bench).context.heartbeat();
    }
    expect(run(bench).context.signal.aborted).toBe(false);
    await bench.clock.advance(1000);
    expect(bench.settled).toMatchObject([{ status: 'failed', error: { code: 'heartbeat_missed', retryable: true } }]);
  });

  test('S8: notes reach watchers at most once a second, empty ones never', async () => {
    const bench = openBench({ heartbeatMs: 60_000, timeoutMs: 60_000 });
    bench.begin();
    const { heartbeat } = run(bench).context;
    heartbeat('one');
    heartbeat('two');
    heartbeat('');
    await bench.clock.advance(1000);
    heartbeat('three');
    expect(bench.notes).toEqual(['one', 'three']);
  });
});
