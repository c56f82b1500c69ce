/** Effects that may not be repeated: recorded before they run, and never run again by themselves (S6). */
import { describe, expect, test } from 'vitest';
import { EffectError } from '../../../actors/runtime/errors.ts';
import { openBench, run } from './support/effects-bench.ts';
import { settled } from './support/fake-clock.ts';

const once = (more = {}) => openBench({ fence: 'once', ...more });
const UNKNOWN = [{ status: 'unknown', error: { code: 'outcome_unknown', retryable: false } }];

describe('before it runs', () => {
  test('S6: log and disk know of it first', async () => {
    const bench = once();
    let allow = (_owned: boolean): void => undefined;
    bench.owned = new Promise((resolve) => {
      allow = resolve;
    });
    bench.begin();
    await settled();
    expect(bench.announced).toEqual([1]);
    expect(bench.runs).toHaveLength(0);
    allow(true);
    await settled();
    expect(bench.runs).toHaveLength(1);
    expect(bench.points).toEqual(['effect-announced', 'effect-begun']);
  });

  test('S7: without the lease it does not run', async () => {
    const bench = once();
    bench.owned = Promise.resolve(false);
    bench.begin();
    await settled();
    expect(bench.runs).toHaveLength(0);
    expect(bench.settled.map(({ status }) => status)).not.toContain('done');
  });

  test('S6: in a task whose log and ledger were lost it does not run; a repeatable one does', async () => {
    const bench = once();
    bench.doubtful = true;
    bench.begin();
    await settled();
    expect([bench.runs.length, bench.announced.length]).toEqual([0, 0]);
    expect(bench.settled).toMatchObject(UNKNOWN);
    const keyed = openBench({ fence: 'keyed' });
    keyed.doubtful = true;
    keyed.begin();
    await settled();
    expect(keyed.runs).toHaveLength(1);
  });

  test('cancelled while it is announced it does not run', async () => {
    const bench = once();
    bench.begin();
    bench.effects.end(bench.slot, bench.row());
    await settled();
    expect([bench.runs.length, bench.settled]).toEqual([0, []]);
  });

  test('S6: the fence may depend on the input', async () => {
    const bench = openBench({ fence: (input) => ((input as { step: string }).step === 'carry' ? 'once' : 'pure') });
    bench.begin();
    await settled();
    expect(bench.announced).toEqual([1]);
  });

  test.each(['pure', 'keyed'] as const)('a %s effect is not announced', async (fence) => {
    const bench = openBench({ fence });
    bench.begin();
    await settled();
    expect(bench.announced).toEqual([]);
    expect(bench.points).toEqual(['effect-begun']);
  });
});

describe('how it ends', () => {
  test('S6: done is done', async () => {
    const bench = once();
    bench.begin();
    await settled();
    run(bench).succeed('receipt 20417');
    await settled();
    expect(bench.settled).toEqual([{ status: 'done', output: 'receipt 20417' }]);
  });

  test('S6: only an EffectError says that nothing happened', async () => {
    const bench = once();
    bench.begin();
    await settled();
    run(bench).fail(new EffectError('refused', 'the server said no', { retryable: true }));
    await settled();
    expect(bench.settled).toMatchObject([{ status: 'failed', error: { code: 'refused', retryable: true } }]);
    expect(bench.runs).toHaveLength(1);
  });

  test.each([
    ['an Error', new Error('socket hang up')],
    ['a TypeError', new TypeError('fetch failed')],
    ['a text', 'broken pipe'],
    ['nothing', undefined],
  ])('S6: after %s nobody knows', async (_what, thrown) => {
    const bench = once();
    bench.begin();
    await settled();
    run(bench).fail(thrown);
    await bench.clock.advance(60_000);
    expect(bench.settled).toMatchObject(UNKNOWN);
    expect(bench.runs).toHaveLength(1);
  });

  test.each([
    ['too long', {}],
    ['silent', { heartbeatMs: 1000 }],
  ])('S6: cut off because it was %s, nobody knows', async (_what, limits) => {
    const bench = once(limits);
    bench.begin();
    await bench.clock.advance(10_000);
    expect(bench.settled).toMatchObject(UNKNOWN);
    await bench.clock.advance(60_000);
    expect(bench.runs).toHaveLength(1);
  });

  test('S6: what comes after the cut is dropped', async () => {
    const bench = once();
    bench.begin();
    await bench.clock.advance(10_000);
    run(bench).succeed('it did happen');
    await settled();
    expect(bench.settled).toHaveLength(1);
  });
});

describe('found at a start', () => {
  test('S6: begun, it is unknown and does not run', async () => {
    const bench = once();
    bench.begin({ state: 'running', attempt: 1, started: true });
    await settled();
    expect(bench.settled).toMatchObject(UNKNOWN);
    expect([bench.runs.length, bench.announced]).toEqual([0, []]);
  });

  test('S6: not begun as far as the log knows, it is announced and runs', async () => {
    const bench = once();
    bench.begin({ state: 'running', attempt: 1, started: false });
    await settled();
    expect(bench.announced).toEqual([2]);
    expect(bench.runs).toHaveLength(1);
  });

  test('S6: settled, nothing is done: its result is on its way', async () => {
    const bench = once();
    bench.begin({ state: 'settled', attempt: 1, started: true });
    await settled();
    expect([bench.settled, bench.runs.length]).toEqual([[], 0]);
  });
});
