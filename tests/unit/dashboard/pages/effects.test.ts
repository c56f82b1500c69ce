import { describe, expect, it } from 'vitest';
import { describeEffect, type EffectRow, rowsOf } from '../../../../dashboard/src/lib/model/effects.ts';
import { duration } from '../../../../dashboard/src/lib/model/format.ts';
import { gistOf, roleOf } from '../../../../dashboard/src/lib/model/gist.ts';
import { storyAt } from '../../../../dashboard/src/lib/model/story.ts';
import type { EffectSpan } from '../../../../dashboard/wire.ts';
import { cpuMs } from '../../../support/cpu-time.ts';
import { accepted, completed, finished, routed, started } from './facts.ts';

const { spans } = storyAt(
  [accepted(0), routed(1), started(2, 1, 'code', 'coder'), finished(900, 1, 'code', 'coder'), completed(901)],
  [],
);
const effect = (id: string, startMs: number, change: Partial<EffectSpan> = {}): EffectSpan => ({
  ...{ id, name: 'agent.llm_call', role: 'llm', hop: 1, attempt: 1, startMs, endMs: startMs + 100, outcome: 'done' },
  ...{ by: 'qwen', usage: null, failure: null, cause: null, lostMs: null },
  ...change,
});
const effectsIn = (effects: readonly EffectSpan[], untilMs = Number.POSITIVE_INFINITY): EffectRow[] =>
  rowsOf(spans, effects, untilMs).filter((row) => row.kind === 'effect');

describe('rows of the timeline', () => {
  it('have the effects of a hop under it, and each deed once with all its attempts', () => {
    const cut = effect('a', 10, { outcome: 'cut_off', failure: 'process 7 ended without stopping' });
    const again = effect('b', 400, { attempt: 2, cause: 'crash', lostMs: 290 });
    const other = effect('c', 600);
    const rows = rowsOf(spans, [other, again, cut], Number.POSITIVE_INFINITY);
    expect(rows.map(({ kind }) => kind)).toEqual(['span', 'span', 'effect', 'effect']);
    const [first, second] = rows.filter((row) => row.kind === 'effect');
    expect(first?.attempts.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(second?.attempts.map(({ id }) => id)).toEqual(['c']);
    expect(second?.isLast).toBe(true);
    expect(first === undefined ? '' : describeEffect(first, duration)).toBe(
      'generate: attempt 1 cut off, 100 ms, process 7 ended without stopping; attempt 2 done, 100 ms, after a crash',
    );
  });

  it('tell two searches of one hop apart from two attempts of one', () => {
    expect(effectsIn([effect('a', 1), effect('b', 200)])).toHaveLength(2);
    expect(effectsIn([effect('a', 1), effect('b', 200, { cause: 'retry' })])).toHaveLength(1);
  });

  it('leave out what had not begun then, what is of no hop, and the routing', () => {
    const later = effect('later', 500);
    const nowhere = effect('nowhere', 1, { hop: 0 });
    const route = effect('route', 1, { name: 'agent.route' });
    expect(effectsIn([effect('a', 1), later, nowhere, route], 499).map(({ attempts }) => attempts[0]?.id)).toEqual([
      'a',
    ]);
  });

  it('put 20,000 effects of 20,000 hops in rows without looking at each for each', () => {
    const many = Array.from({ length: 20_000 }, (_, at) => effect(`e${at}`, at, { hop: at + 1 }));
    const hops = Array.from(
      { length: 20_000 },
      (_, at) => ({ ...spans[1], key: `h${at}`, index: at + 1 }) as (typeof spans)[number],
    );
    const beganMs = cpuMs();
    expect(rowsOf(hops, many, Number.POSITIVE_INFINITY)).toHaveLength(40_000);
    // Some ten milliseconds; each for each would be 400 million looks.
    expect(cpuMs() - beganMs).toBeLessThan(3000);
  });
});

describe('a fact in a line', () => {
  it('says what happened, and falls back to its data', () => {
    expect(gistOf(started(2, 1, 'code', 'coder'))).toBe('hop 1, code by coder');
    expect(roleOf(started(2, 1, 'code', 'coder'))).toBe('coder');
    const odd = { ...accepted(0), type: 'task.dreamt', data: { of: 'sheep' } };
    expect(gistOf(odd)).toBe('{"of":"sheep"}');
    expect(gistOf({ ...accepted(0), data: null })).toBe('null');
  });
});
