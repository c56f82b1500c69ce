/** Numbers as people read them. */
import { describe, expect, it } from 'vitest';
import { countdown, money, moneyOf, short } from '../../../../dashboard/src/lib/model/format.ts';

describe('what tokens cost', () => {
  it('is by the price of a million of each', () => {
    expect(moneyOf({ input: 2_000_000, output: 500_000 }, { input: 0.15, output: 0.6 })).toBeCloseTo(0.6, 10);
  });

  it.each([
    [0, '0'],
    [12.4, '12.40'],
    [0.1, '0.10'],
    [0.0312, '0.031'],
    [0.00314, '0.0031'],
    [0.0000012, '0.0000012'],
    [0.0000001, '<0.000001'],
  ])('%d is written %s', (value, text) => expect(money(value)).toBe(text));

  it.each([
    [640, '640'],
    [1840, '1.8k'],
    [9949, '9.9k'],
    [12_345, '12k'],
    [999_499, '999k'],
    [2_400_000, '2.4M'],
  ])('%d tokens are %s', (value, text) => expect(short(value)).toBe(text));
});

describe('what is left', () => {
  it.each([
    [192_000, '3:12'],
    [6001, '0:07'],
    [3_600_000, '1:00:00'],
    [0, '0:00'],
    [-5, '0:00'],
  ])('of %d ms is %s', (ms, text) => expect(countdown(ms)).toBe(text));
});
