import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Span } from '../../../../dashboard/src/lib/model/story.ts';
import {
  barOf,
  buildScale,
  foldsOf,
  moved,
  msOf,
  pointOf,
  rowsInView,
  ticksOf,
  whole,
  xOf,
  zoomed,
} from '../../../../dashboard/src/lib/model/timeline.ts';

const span = (startMs: number, endMs: number | null, kind: Span['kind'] = 'hop'): Span => ({
  ...{ key: `${startMs}`, kind, index: 1, step: 's', role: 'r', attempt: 1, status: 'completed', startMs, endMs },
  ...{ engine: '', summary: '', waiting: null, error: null, usage: null, retries: [] },
});

describe('the scale', () => {
  it('is even where nothing is idle', () => {
    const scale = buildScale([span(0, 100)], 0, 100, true);
    expect([0, 25, 100].map((ms) => xOf(scale, ms))).toEqual([0, 0.25, 1]);
  });

  it('folds the time that a person took to a fixed width, and keeps the rest in proportion', () => {
    const scale = buildScale([span(0, 1000), span(1000, 61_000, 'wait'), span(61_000, 62_000)], 0, 62_000, true);
    expect(foldsOf(scale, whole)).toEqual([{ left: 0.4775, width: expect.closeTo(0.045, 6), ms: 60_000 }]);
    expect(xOf(scale, 62_000) - xOf(scale, 61_000)).toBeCloseTo(xOf(scale, 1000), 6);
  });

  it('folds nothing when that is not wanted, nor gaps that are short', () => {
    const spans = [span(0, 1000), span(61_000, 62_000)];
    expect(foldsOf(buildScale(spans, 0, 62_000, false), whole)).toEqual([]);
    expect(foldsOf(buildScale([span(0, 1000), span(1900, 3000)], 0, 3000, true), whole)).toEqual([]);
  });

  it('gives a whole scale without spans, and for a task that took no time', () => {
    expect(xOf(buildScale([], 5, 5, true), 5)).toBe(0);
    expect(xOf(buildScale([span(5, 5)], 5, 6, true), 6)).toBe(1);
  });

  it('never turns back, stays inside the box, and can be read both ways', () => {
    const times = fc.array(fc.tuple(fc.nat(100_000), fc.nat(50_000)), { maxLength: 40 });
    fc.assert(
      fc.property(times, fc.boolean(), (pairs, fold) => {
        const spans = pairs.map(([from, ms]) => span(from, from + ms));
        const scale = buildScale(spans, 0, 150_000, fold);
        let last = 0;
        for (let ms = 0; ms <= 150_000; ms += 1500) {
          const x = xOf(scale, ms);
          expect(x).toBeGreaterThanOrEqual(last);
          expect(x).toBeLessThanOrEqual(1);
          last = x;
        }
        for (const one of spans) {
          const { left, width } = barOf(scale, whole, one);
          expect(left).toBeGreaterThanOrEqual(0);
          expect(left + width).toBeLessThanOrEqual(1 + 1e-9);
        }
        expect(xOf(scale, msOf(scale, 0.37))).toBeCloseTo(0.37, 5);
      }),
      { numRuns: 60, seed: 7 },
    );
  });
});

describe('bars', () => {
  const scale = buildScale([span(0, 1000)], 0, 1000, true);

  it('have their label in them, after them, or before them, where there is room', () => {
    expect(barOf(scale, whole, span(0, 500)).label).toBe('inside');
    expect(barOf(scale, whole, span(0, 50)).label).toBe('after');
    expect(barOf(scale, whole, span(950, 1000)).label).toBe('before');
  });

  it('go on to the end of the scale while they run', () => {
    expect(barOf(scale, whole, span(400, null))).toMatchObject({ left: 0.4, width: 0.6 });
  });

  it('are cut at the edges of the window, and hidden outside', () => {
    const window = { from: 0.5, to: 0.75 };
    expect(barOf(scale, window, span(400, 900))).toMatchObject({ left: 0, width: 1, hidden: false });
    expect(barOf(scale, window, span(0, 100)).hidden).toBe(true);
    expect(pointOf(scale, window, 625)).toBe(0.5);
    expect(pointOf(scale, window, 100)).toBeNull();
  });
});

describe('ticks', () => {
  it('stand at round times', () => {
    const scale = buildScale([span(0, 1000)], 0, 1000, true);
    expect(ticksOf(scale, whole, 5).map(({ ms }) => ms)).toEqual([0, 200, 400, 600, 800, 1000]);
  });

  it('are finer in a narrow window, and stay in it', () => {
    const scale = buildScale([span(0, 1000)], 0, 1000, true);
    const ticks = ticksOf(scale, { from: 0.5, to: 0.51 }, 5);
    expect(ticks.length).toBeGreaterThan(3);
    expect(ticks.every(({ x }) => x >= 0 && x <= 1)).toBe(true);
  });
});

describe('the window', () => {
  it('keeps the point that is zoomed around where it is', () => {
    expect(zoomed(whole, 2, 0.25)).toEqual({ from: 0.125, to: 0.625 });
    expect(zoomed({ from: 0.9, to: 1 }, 0.01)).toEqual(whole);
  });

  it('stops at both ends', () => {
    expect(moved({ from: 0.1, to: 0.3 }, -5)).toEqual({ from: 0, to: expect.closeTo(0.2) });
    expect(moved({ from: 0.1, to: 0.3 }, 5).to).toBe(1);
  });
});

it('of many rows only those in view are there', () => {
  expect(rowsInView(20_000, 60, 0, 900, 8)).toEqual([0, 23]);
  expect(rowsInView(20_000, 60, 600_000, 900, 8)).toEqual([9992, 10_023]);
  expect(rowsInView(3, 60, 5000, 900, 8)).toEqual([3, 3]);
});
