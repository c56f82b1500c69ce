import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { redraw } from '../../../../dashboard/src/lib/live/redraw.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('draws at once after a pause, then ten times a second at most, and never forgets the last change', () => {
  let value = 0;
  const drawn: number[] = [];
  const draw = redraw(() => drawn.push(value));
  for (let at = 1; at <= 50; at += 1) {
    value = at;
    draw();
    vi.advanceTimersByTime(20);
  }
  vi.advanceTimersByTime(1000);
  expect(drawn.length).toBeLessThanOrEqual(11);
  expect([drawn[0], drawn.at(-1)]).toEqual([1, 50]);
  value = 51;
  draw();
  expect(drawn.at(-1)).toBe(51);
});
