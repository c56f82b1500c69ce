/** Pauses between tries. */
import { expect, test } from 'vitest';
import { backOffMs, spreadMs } from '../../../resilience/back-off.ts';

test('the pause doubles with each failure, up to the longest one, however many there were', () => {
  const pauses = [1, 2, 3, 4, 5, 6, 60, 5000].map((failures) => backOffMs({ firstMs: 100, maxMs: 1500 }, failures));
  expect(pauses).toEqual([100, 200, 400, 800, 1500, 1500, 1500, 1500]);
});

test('a spread stays within its shares', () => {
  expect([0, 0.5, 1].map((random) => spreadMs(1000, 0.75, 1.25, random))).toEqual([750, 1000, 1250]);
  expect([0, 1].map((random) => spreadMs(1000, 0, 1, random))).toEqual([0, 1000]);
  for (let nth = 0; nth < 100; nth += 1) {
    const ms = spreadMs(1000, 0.5, 1);
    expect(ms).toBeGreaterThanOrEqual(500);
    expect(ms).toBeLessThanOrEqual(1000);
  }
});
