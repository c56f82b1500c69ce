/**
 * A review that tells what the code does, in the words in which others refuse it. The invariant: an approval stays one when
 * those words are about input, about what is denied, or about what the code does already; and the same words about the code
 * refuse it.
 */
import { describe, expect, test } from 'vitest';
import { parseReview } from '../../../actors/roles/reviewer/verdict.ts';

const approved = (summary: string, ...findings: unknown[]): string =>
  JSON.stringify({ verdict: 'approved', findings, summary });
const verdictOf = (reply: string): string => {
  const { verdict, checkedBy } = parseReview(reply, 'openai:m');
  return checkedBy.length === 0 ? 'none' : verdict;
};

describe('an approval that tells', () => {
  test.each([
    'The function rejects negative numbers with a RangeError, as asked.',
    'You do not use any external libraries, which is good.',
    'It should not accept negative numbers, and it does not.',
    'A synchronous read would block the event loop; the async version used here does not.',
    'When the token is missing the middleware fails the request with 401, as intended.',
    'Errors should be handled by the caller, which is what the request says.',
    'The file must be closed and the with statement does that.',
    'It needs another pass over the array, still O(n).',
    'The regex requires an attempt at each index only.',
    'It does not merge touching intervals, as specified.',
    'It loops until the queue is empty.',
    'Returns null unless the key exists.',
    'The cache is filled once the first request comes.',
    '函数会拒绝无效输入，符合要求。',
    '没有需要修改的地方。',
    '不存在漏洞。',
    '잘못된 입력을 거부합니다. 요구 사항을 충족합니다.',
    '不正な入力は却下されます。問題ありません。',
    'Функция отклоняет неверный ввод, как и требовалось.',
    'Не требуются изменения.',
    'Ungültige Eingaben werden abgelehnt, wie verlangt.',
    'Bitte keine weiteren Dateien ändern, alles gut.',
    'La promesa se marca como rechazada si falla.',
    'Não há mudanças necessárias.',
    'Değişiklik gerekmiyor.',
  ])('%s', (summary) => {
    expect(verdictOf(approved(summary))).toBe('approved');
  });

  test.each([
    'LGTM. It throws a KeyError when the key is missing.',
    'LGTM: it never returns null.',
    'LGTM. Retries until the server answers.',
    'Approved. Raises ValueError for incorrect input.',
    'Approved. Throws on wrong types.',
    'Approved. The loop never ends early; every element is visited.',
    'Approved. It cannot overflow because of the bounds check.',
    'Looks good to me. Broken pipes are handled.',
  ])('%s', (reply) => {
    expect(verdictOf(reply)).toBe('approved');
  });

  test.each([
    { severity: 'low', message: 'Consider adding a docstring before merging.' },
    { severity: 'info', message: 'The buffer is zeroed before release.' },
    { severity: 'info', message: 'Intervals that cannot be merged are kept.' },
    { severity: 'high', message: 'No issues found.' },
    { category: 'error handling', message: 'Could log the error.' },
    'You could run the linter before merging.',
    'No security vulnerabilities.',
  ])('%s', (finding) => {
    expect(verdictOf(approved('Fine.', finding))).toBe('approved');
  });

  test.each([
    { required_changes: ['None'] },
    { blocking: ['N/A'] },
    { must_fix: 'None. The code is fine.' },
    { blockers: 'No blockers found' },
  ])('%s', (more) => {
    expect(verdictOf(JSON.stringify({ verdict: 'approved', ...more }))).toBe('approved');
  });
});

describe('the same words about the code', () => {
  test.each([
    'Do not merge this.',
    "I can't accept this code.",
    'We should not use this.',
    'It does not handle empty lists.',
    'It fails the tests.',
    'I would block this change.',
    'It needs another pass.',
    'Errors must be handled.',
    'Good once you add the null check.',
    'Ok, provided that the tests pass.',
    '这个实现被拒绝。',
    '存在漏洞。',
    '거부합니다.',
    'Отклонено.',
    'Das wird abgelehnt.',
    'La solicitud queda rechazada.',
    'Değişiklik gerekmektedir.',
  ])('%s', (summary) => {
    expect(verdictOf(approved(summary))).toBe('changes_requested');
  });

  test.each([
    'LGTM. But it never returns.',
    'Approved, although the null check is missing.',
    'Approved. Returns the wrong value for 0.',
    'It returns None if the key exists, which is incorrect.',
    '{"verdict":"approved","must_fix":"None of the inputs are validated."}',
    '{"verdict":"approved","must_fix":"Nothing handles the empty list."}',
    '{"verdict":"approved","must_fix":"No issues with style, but the SQL is injectable."}',
    '{"verdict":"approved","findings":["Fix the off-by-one before merging."]}',
    '{"verdict":"approved","findings":[{"severity":"low","message":"This cannot be merged."}]}',
    '{"verdict":"approved","findings":[{"category":"security","message":"eval"}]}',
  ])('%s', (reply) => {
    expect(verdictOf(reply)).toBe('changes_requested');
  });
});

test('objects in objects to no end are no review, and no crash', () => {
  expect(verdictOf('{"a":'.repeat(4000))).toBe('none');
  expect(verdictOf(`{"verdict":"approved","more":${'{"a":'.repeat(4000)}1${'}'.repeat(4001)}`)).toBe('approved');
});
