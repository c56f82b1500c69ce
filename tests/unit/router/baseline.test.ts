/** The recorded decisions beside those of today. */
import { expect, test } from 'vitest';
import { changeLines, compared, parseBaseline, recorded } from '../../../router/baseline.ts';
import type { Judged } from '../../../router/evaluate.ts';

const judged = (query: string, route: string, likeliest: string): Judged => ({
  ...{ line: 1, query, route, likeliest },
  decision: {
    ...{ decision: likeliest, confidence: 0.9, fallback: false, reason: '', engine: 'embedded', ms: 1 },
    probabilities: { [likeliest]: 0.9 },
  },
});
const before = [judged('a', 'build', 'build'), judged('b', 'tool', 'answer'), judged('c', 'review', 'review')];

test('a record is read back as it was written', () => {
  expect(parseBaseline(JSON.stringify(recorded(before)))).toEqual({
    ...{ engine: 'embedded', accuracy: 0.6667, ece: recorded(before).ece },
    decisions: { a: 'build', b: 'answer', c: 'review' },
  });
});

test('the same decisions have changed nothing', () => {
  expect(compared(recorded(before), before)).toMatchObject({ dropped: false, changes: [] });
});

test('what changed is told, the worse first; a drop is a drop', () => {
  const now = [judged('a', 'build', 'review'), judged('b', 'tool', 'direct'), judged('c', 'review', 'review')];
  const { dropped, changes } = compared(recorded(before), [...now, judged('d', 'tool', 'tool')]);
  expect(dropped).toBe(true);
  expect(changeLines(changes)).toEqual([
    'worse  build   → review  (label build): a',
    'other  answer  → direct  (label tool): b',
    'new    nothing → tool    (label tool): d',
  ]);
});

test('one better and one worse is no drop', () => {
  const now = [judged('a', 'build', 'tool'), judged('b', 'tool', 'tool'), judged('c', 'review', 'review')];
  const { dropped, changes } = compared(recorded(before), now);
  expect(dropped).toBe(false);
  expect(changes.map(({ kind }) => kind)).toEqual(['worse', 'better']);
});

test.each(['{}', 'nothing', '{"engine":"x","accuracy":"high","ece":0,"decisions":{}}'])('%s is no record', (text) => {
  expect(() => parseBaseline(text)).toThrow();
});
