/** What passes as the result of an effect is what JSON makes of it, however it was looked at (S8, S9). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { limited } from '../../../actors/runtime/effects/outcome.ts';
import { plainCopy } from '../../../actors/runtime/effects/plain-copy.ts';
import { EFFECT_RESULT_MAX_BYTES } from '../../../actors/runtime/effects/settlement.ts';
import { NESTING_MAX } from '../../../schemas/events/envelope.ts';

const resultOf = (output: unknown) => limited({ status: 'done', output });
const nested = (levels: number): unknown => (levels === 0 ? 'deep' : { in: nested(levels - 1) });

/** Everything that a role may give, JSON or not. */
const anything = fc.anything({
  ...{ withDate: true, withNullPrototype: true, withSparseArray: true, withTypedArray: true, withObjectString: true },
  key: fc.oneof(fc.string(), fc.constantFrom('toJSON', 'constructor', '1', '')),
});

describe('a result', () => {
  test('S9: is what JSON makes of it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), anything), (output) => {
        const copy = plainCopy(output, EFFECT_RESULT_MAX_BYTES);
        if (copy === undefined) return;
        expect(copy).toStrictEqual(JSON.parse(JSON.stringify(output)));
        expect(resultOf(output)).toEqual({ status: 'done', output: copy });
      }),
      { numRuns: 2000 },
    );
  });

  test('S9: that is JSON already is told without being written and read again', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (given) => {
        const output: unknown = JSON.parse(JSON.stringify(given));
        fc.pre(!/"(?:__proto__|constructor|prototype|toJSON)":/.test(JSON.stringify(output)));
        expect(plainCopy(output, EFFECT_RESULT_MAX_BYTES)).toStrictEqual(output);
      }),
    );
  });

  test('S9: is its own: whoever gave it changes nothing of it afterwards', () => {
    const output = { parcels: [{ weight: 1 }] };
    const result = resultOf(output);
    output.parcels.push({ weight: 2 });
    expect(result).toEqual({ status: 'done', output: { parcels: [{ weight: 1 }] } });
  });

  test.each([
    ['nothing', undefined, null],
    ['less than nought', -0, 0],
    ['no number', [Number.NaN], [null]],
    ['a moment', { at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
    ['what is left out', { a: undefined, b: () => 1, c: 2 }, { c: 2 }],
    ['a gap', Object.assign([1], { 2: 3 }), [1, null, 3]],
    ['what says its own JSON', { toJSON: () => 'said' }, 'said'],
    ['a list that does', Object.assign([1], { toJSON: () => 'said' }), 'said'],
    ['what does so unseen', Object.defineProperty({ a: 1 }, 'toJSON', { value: () => 'said' }), 'said'],
    ['text of one half of a letter', 'a\ud800', 'a\ud800'],
  ])('S9: %s is told as JSON has it', (_what, output, told) => {
    expect(resultOf(output)).toEqual({ status: 'done', output: told });
  });

  test.each([
    ['too large', 'x'.repeat(EFFECT_RESULT_MAX_BYTES), 'result_too_large'],
    ['too large once it is written', '\u0000'.repeat(EFFECT_RESULT_MAX_BYTES / 6), 'result_too_large'],
    ['too deep', nested(NESTING_MAX), 'result_not_allowed'],
    ['no JSON', { n: 1n }, 'result_not_json'],
    ['of a key that no event may have', JSON.parse('{"a":{"__proto__":1}}'), 'result_not_allowed'],
    ['of another one', { constructor: 1 }, 'result_not_allowed'],
  ])('S8: that is %s fails the effect', (_what, output, code) => {
    expect(resultOf(output)).toMatchObject({ status: 'failed', error: { code } });
  });

  test('S8: that is as large and as deep as it may be passes', () => {
    const large = 'x'.repeat(EFFECT_RESULT_MAX_BYTES - 2);
    for (const output of [large, nested(20)]) expect(resultOf(output)).toEqual({ status: 'done', output });
  });
});
