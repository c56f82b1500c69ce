import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assertKey } from '../../../bus/layout.ts';
import { keyToken } from '../../../bus/leases.ts';
import { isFilter, isLiteralSubject, matchesFilter } from '../../../bus/subject-filter.ts';

describe('matching', () => {
  test.each([
    ['mesh.in.>', 'mesh.in.coder.1', true],
    ['mesh.in.>', 'mesh.in', false],
    ['mesh.*', 'mesh.tasks', true],
    ['mesh.*', 'mesh.a.b', false],
    ['mesh.*.b', 'mesh.a.b', true],
    ['mesh.tasks', 'mesh.tasks', true],
    ['mesh.tasks', 'mesh.task', false],
    ['>', 'anything', true],
  ])('%s over %s is %s', (filter, subject, expected) => {
    expect(matchesFilter(filter, subject)).toBe(expected);
  });
});

test('every literal subject is a filter that matches itself only', () => {
  const token = fc.stringMatching(/^[a-z0-9-]{1,6}$/);
  const subject = fc.array(token, { minLength: 1, maxLength: 5 }).map((tokens) => tokens.join('.'));
  fc.assert(
    fc.property(subject, subject, (one, other) => {
      expect(isLiteralSubject(one) && isFilter(one)).toBe(true);
      expect(matchesFilter(one, other)).toBe(one === other);
    }),
  );
});

test('whatever the text, it is one token of a key, and no two texts share one', () => {
  const text = fc.string({ minLength: 1, unit: 'grapheme' }).filter((value) => value.isWellFormed());
  fc.assert(
    fc.property(text, text, (one, other) => {
      expect(assertKey(keyToken(one))).not.toContain('.');
      expect(keyToken(one) === keyToken(other)).toBe(one === other);
    }),
  );
});
