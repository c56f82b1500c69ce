/** When a crash opens a window, and for how long. */
import { describe, expect, it } from 'vitest';
import {
  type ObsWindow,
  openByHand,
  openForCrash,
  parseDuration,
  parseWindow,
  remainingMs,
} from '../../../telemetry/mode.ts';

const FIVE_MINUTES = 300_000;
const NOON = Date.UTC(2026, 0, 1, 12);
const opened = (last: ObsWindow | null, nowMs: number): ObsWindow => {
  const opening = openForCrash('debug', last, 'a crash', nowMs, FIVE_MINUTES);
  if (!opening.opens) throw new Error(opening.because);
  return opening.window;
};

describe('a crash', () => {
  it('opens a window in debug mode, never in shipping mode', () => {
    expect(opened(null, NOON)).toMatchObject({
      cause: 'a crash',
      openedAtMs: NOON,
      forMs: FIVE_MINUTES,
      byHand: false,
    });
    expect(openForCrash('shipping', null, 'a crash', NOON, FIVE_MINUTES).opens).toBe(false);
  });

  it('does not lengthen a window that is open, whoever opened it', () => {
    expect(openForCrash('debug', opened(null, NOON), 'another', NOON + 60_000, FIVE_MINUTES).opens).toBe(false);
    const byHand = openByHand(null, FIVE_MINUTES, NOON);
    expect(openForCrash('debug', byHand, 'another', NOON + 60_000, FIVE_MINUTES).opens).toBe(false);
  });

  it('opens three in an hour and no more, however often it comes', () => {
    let window: ObsWindow | null = null;
    let count = 0;
    for (let minute = 0; minute < 60; minute += 1) {
      const opening = openForCrash('debug', window, 'again', NOON + minute * 60_000, FIVE_MINUTES);
      if (!opening.opens) continue;
      window = opening.window;
      count += 1;
    }
    expect(count).toBe(3);
    expect(openForCrash('debug', window, 'again', NOON + 3_600_000, FIVE_MINUTES).opens).toBe(true);
  });
});

describe('a window', () => {
  it('is over after its time; a clock that is off may shorten it, not lengthen it', () => {
    const window = opened(null, NOON);
    expect(remainingMs(window, NOON + 100_000)).toBe(200_000);
    expect(remainingMs(window, NOON + FIVE_MINUTES)).toBe(0);
    expect(remainingMs(window, NOON - 3_600_000)).toBe(FIVE_MINUTES);
  });

  it('is read as it was written; what is none is none', () => {
    const window = opened(null, NOON);
    expect(parseWindow(JSON.stringify(window))).toEqual(window);
    for (const text of ['', '{', 'null', '[]', '{"id":"a"}', JSON.stringify({ ...window, forMs: 1e12 })])
      expect(parseWindow(text)).toBeNull();
  });
});

it.each([
  ['90s', 90_000],
  ['10m', 600_000],
  ['1h', 3_600_000],
  ['1500ms', 1500],
  ['2h', null],
  ['10ms', null],
  ['10', null],
  ['-5m', null],
  ['five', null],
])('the time %s', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});
