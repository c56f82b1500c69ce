/** The time of an event: the text of its moment, whatever was asked before. */
import { expect, test } from 'vitest';
import { timeText } from '../../../schemas/events/time-text.ts';

test('each moment has its own text, also when the same is asked again, and one that is none is refused', () => {
  const first = Date.UTC(2026, 10, 29, 8, 30, 0, 7);
  expect([first, first, first + 1, first].map(timeText)).toEqual([
    '2026-11-29T08:30:00.007Z',
    '2026-11-29T08:30:00.007Z',
    '2026-11-29T08:30:00.008Z',
    '2026-11-29T08:30:00.007Z',
  ]);
  expect(() => timeText(Number.NaN)).toThrow(RangeError);
  expect(() => timeText(Number.POSITIVE_INFINITY)).toThrow(RangeError);
  expect(timeText(first)).toBe('2026-11-29T08:30:00.007Z');
});
