/** Effects that may not be repeated: recorded before they run, and never run again by themselves (S6). */
import { describe, expect, test } from 'vitest';
import { EffectError } from '../../../actors/runtime/errors.ts';
import { openBench, run } from './support/effects-bench.ts';
import { settled } from './support/fake-clock.ts';

const once = (more = {}) => openBench({ fence: 'once', ...more });
const UNKNOWN = [{ status: 'unknown', error: { code: 'outcome_unknown', retryable: false } }];

describe('before it runs', () => {
  test('J2: what it rests on and that it begins are in both stores first', async () => {
    const bench = once({ holdsBack: true });
    bench.begin();
    await settled();
    expect([bench.entered, bench.hurries > 0]).toEqual([[], true]);
    bench.tell(1);
    await settled();
    expect(bench.entered).toEqual(['effect.started']);
    expect(bench.runs).toHaveLength(0);
    bench.tell(2);
    await settled();
    expect(bench.runs).toHaveLength(1);
    expect(bench.points).toEqual(['effect-announced', 'effect-begun']);
  });

  test('J4: when another host has the partition it does not run', async () => {
    const bench = once();
    bench.lost = true;
    bench.begin();
    await settled();
    expect([bench.runs.length, bench.settled]).toEqual([0, []]);
  });

  test('J4: when the partition is lost while it is announced it does not run', async () => {
    const bench = once({ holdsBack: true });
    bench.begin();
    bench.tell(1);
    await settled();
    bench.effects.drop(0);
    bench.tell(2);
    await settled();
    expect([bench.runs.length, bench.effects.running]).toEqual([0, 0]);
  });

  test('J5: in a task of which words were lost it does not run; a repeatable one does', async () => {
    const bench = once();
    bench.doubtful = true;
    bench.begin();
    await settled();
    expect([bench.runs.length, bench.entered]).toEqual([0, ['effect.finished']]);
    expect(bench.settled).toMatchObject(UNKNOWN);
    const keyed = openBench({ fence: 'keyed' });
    keyed.doubtful = true;
    keyed.begin();
    await settled();
    expect(keyed.runs).toHaveLength(1);
  });

  test.each(['asked about', 'announced'])('J5: nor when the doubt comes while it is %s', async (meanwhile) => {
    const bench = once({ holdsBack: true });
    if (meanwhile === 'asked about') bench.asking.shut();
    bench.begin();
    bench.tell(1);
    await settled();
    bench.doubtful = true;
    bench.asking.open();
    await settled();
    bench.tell(2);
    await settled();
    bench.tell(99);
    await settled();
    expect([bench.runs.length, bench.settled]).toMatchObject([0, UNKNOWN]);
  });

  test('cancelled while it is announced it does not run, and leaves its place to others', async () => {
    const bench = once({ holdsBack: true, concurrencyMax: 1 });
    const { owner, row } = bench.another(2);
    bench.begin();
    bench.effects.begin(owner, row, 1);
    bench.tell(1);
    await settled();
    bench.effects.end(bench.owner, bench.row());
    bench.tell(99);
    await settled();
    expect(bench.runs.map(({ context }) => context.correlationId)).toEqual([owner.task]);
  });

  test('S6: the fence may depend on the input', async () => {
    const bench = openBench({ fence: (input) => ((input as { step: string }).step === 'carry' ? 'once' : 'pure') });
    bench.begin();
    await settled();
    expect(bench.entered).toEqual(['effect.started']);
  });

  test('J2: a keyed effect waits for what it rests on, and is not announced', async () => {
    const bench = openBench({ fence: 'keyed', holdsBack: true });
    bench.begin({}, 4);
    bench.tell(3);
    await settled();
    expect([bench.runs.length, bench.hurries > 0]).toEqual([0, true]);
    bench.tell(4);
    await settled();
    expect([bench.runs.length, bench.entered]).toEqual([1, []]);
  });

  test('J2: a pure effect runs ahead, and is not announced', async () => {
    const bench = openBench({ holdsBack: true });
    bench.begin();
    await settled();
    expect([bench.runs.length, bench.entered, bench.points]).toEqual([1, [], ['effect-begun']]);
  });

  test('J2: a pure one waits too where every hop is to be committed', async () => {
    const bench = openBench({ holdsBack: true, waitsForCommit: true });
    bench.begin();
    await settled();
    expect(bench.runs).toHaveLength(0);
    bench.tell(1);
    await settled();
    expect(bench.runs).toHaveLength(1);
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
  test('J5: begun, it is unknown and does not run', async () => {
    const bench = once();
    bench.begin({ started: true });
    await settled();
    expect(bench.settled).toMatchObject(UNKNOWN);
    expect([bench.runs.length, bench.entered]).toEqual([0, ['effect.finished']]);
  });

  test('S6: not begun as far as the journal knows, it is announced and runs', async () => {
    const bench = once();
    bench.begin({ started: false });
    await settled();
    expect(bench.entered).toEqual(['effect.started']);
    expect(bench.runs).toHaveLength(1);
  });
});

describe('a stop in order', () => {
  test('S9: takes back what was announced and has not run, so that nobody has to be asked', async () => {
    const bench = once({ holdsBack: true });
    bench.begin();
    bench.tell(1);
    await settled();
    expect(bench.row().started).toBe(true);
    await bench.effects.close(1000);
    expect(bench.entered).toEqual(['effect.started', 'effect.withdrawn']);
    expect(bench.row()).toMatchObject({ started: false, failures: 0 });
    bench.tell(99);
    await settled();
    expect([bench.runs.length, bench.settled]).toEqual([0, []]);
  });

  test('S9: takes back what runs and waits for its turn: it has done nothing', async () => {
    const bench = once();
    bench.begin();
    await settled();
    run(bench).context.waits(3);
    await bench.effects.close(5000);
    expect(bench.entered).toEqual(['effect.started', 'effect.withdrawn']);
    expect([bench.row().started, run(bench).context.signal.aborted, bench.settled]).toEqual([false, true, []]);
  });

  test('S9: but not what has waited and works', async () => {
    const bench = once();
    bench.begin();
    await settled();
    run(bench).context.waits(3);
    run(bench).context.waits(null);
    const closing = bench.effects.close(5000);
    run(bench).succeed('receipt 20417');
    await closing;
    await settled();
    expect(bench.settled).toEqual([{ status: 'done', output: 'receipt 20417' }]);
  });

  test('S9: waits for one that runs, and records how it ended', async () => {
    const bench = once();
    bench.begin();
    await settled();
    let closed = false;
    const closing = bench.effects.close(5000).then(() => {
      closed = true;
    });
    await bench.clock.advance(4000);
    expect(closed).toBe(false);
    run(bench).succeed('receipt 20417');
    await closing;
    await settled();
    expect(bench.settled).toEqual([{ status: 'done', output: 'receipt 20417' }]);
    expect(bench.entered).not.toContain('effect.withdrawn');
  });

  test('S8: but not for ever', async () => {
    const bench = once({ timeoutMs: 60_000 });
    bench.begin();
    await settled();
    const closing = bench.effects.close(5000);
    await bench.clock.advance(5000);
    await closing;
    bench.effects.stop();
    await settled();
    expect([run(bench).context.signal.aborted, bench.settled]).toEqual([true, []]);
  });

  test('S9: begins no other', async () => {
    const bench = once();
    await bench.effects.close(1000);
    bench.begin();
    await settled();
    expect([bench.runs.length, bench.entered]).toEqual([0, []]);
  });
});
