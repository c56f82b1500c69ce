/** Anything thrown becomes the error of an event, within its limits (S8). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AttemptCancelled } from '../../../actors/runtime/effects/attempt.ts';
import { EffectError, FatalError, toErrorInfo } from '../../../actors/runtime/errors.ts';
import { validateData } from '../../../schemas/events/envelope.ts';

describe('toErrorInfo', () => {
  test.each([
    [new EffectError('no_tool', 'none fits'), { code: 'no_tool', message: 'none fits', retryable: false }],
    [new EffectError('busy', 'later', { retryable: true }), { code: 'busy', message: 'later', retryable: true }],
    [new Error('boom'), { code: 'unexpected', message: 'boom', retryable: true }],
    [new TypeError(''), { code: 'unexpected', message: 'TypeError', retryable: true }],
    [Object.assign(new Error('x'), { code: 'ECONNRESET' }), { code: 'econnreset', message: 'x', retryable: true }],
    [Object.assign(new Error('x'), { code: 42 }), { code: 'unexpected', message: 'x', retryable: true }],
    [Object.assign(new Error('x'), { code: 'not a code!' }), { code: 'unexpected', message: 'x', retryable: true }],
    [new AttemptCancelled('cancelled'), { code: 'unexpected', message: 'cancelled', retryable: true }],
    ['a text', { code: 'unexpected', message: 'a text', retryable: true }],
    [undefined, { code: 'unexpected', message: 'undefined', retryable: true }],
    [null, { code: 'unexpected', message: 'null', retryable: true }],
  ])('%s', (thrown, info) => {
    expect(toErrorInfo(thrown)).toEqual(info);
  });

  test('S8: whatever it is, it fits the schema of an event’s error', () => {
    const thrown = fc.oneof(
      fc.anything({ withNullPrototype: true }),
      fc
        .record({
          message: fc.oneof(fc.string({ maxLength: 5000 }), fc.anything()),
          code: fc.string(),
          retryable: fc.anything(),
        })
        .map((fields) => Object.assign(new Error('replaced'), fields)),
    );
    fc.assert(
      fc.property(thrown, (value) => {
        const error = toErrorInfo(value);
        expect(validateData('hop.replied', { step: 's', attempt: 1, status: 'failed', error })).toMatchObject({
          ok: true,
        });
      }),
    );
  });

  test('S8: a long message is cut', () => {
    expect(toErrorInfo(new Error('x'.repeat(9000))).message).toHaveLength(2000);
    expect(toErrorInfo('x'.repeat(9000)).message).toHaveLength(2000);
  });
});

test('errors keep their cause', () => {
  const cause = new Error('deep');
  expect(new EffectError('code', 'm', { cause }).cause).toBe(cause);
  expect(new FatalError('m', { cause, exitCode: 3 })).toMatchObject({ cause, exitCode: 3 });
  expect(new FatalError('m').exitCode).toBe(1);
});
