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
    'Handles missing keys by returning the default.',
    'Missing values are skipped, as asked.',
    'Uses parameterised queries, so SQL injection is not possible.',
    'No SQL injection, no race conditions, no leaks.',
    'The lock prevents a race condition.',
    'Deadlock is avoided by the lock order.',
    'Closes the file even when an exception is raised, so nothing leaks.',
    'Correctly reports missing files.',
    'Returns an error for incorrect credentials.',
    'The retry loop is bounded, so there is no infinite loop.',
    'It detects wrong types and raises TypeError.',
    'The function will throw on negative input, which is documented.',
    'Integer overflow cannot happen in Python.',
    'Off-by-one errors at both ends were checked; there are none.',
    'Fills in missing fields with null.',
    'Finds the missing number in the array.',
    'Counts the wrong answers correctly.',
    'Escapes HTML, which protects against XSS injection.',
    'It fails for empty input with a clear message, as requested.',
    'Detects broken links.',
    'Removes unsafe characters.',
    'Replaces the insecure hash with bcrypt.',
    'The earlier bug with the empty list is fixed.',
    'Fixes the crash on startup.',
    'Marks incomplete tasks.',
    'Prints unfinished items first.',
    'Validates the token and rejects a missing one.',
    'Ignores errors from close() on purpose.',
    'Ignores the results of earlier runs, as asked.',
    'A hard-coded default of 10 is fine here.',
    'Bugs are unlikely; the code is short.',
    'The bug tracker link is correct.',
    'Handles the case where the wrong password is given.',
    'Guards against use-after-free.',
    'Tests cover wrong and missing input.',
    'Logs a warning when the config is missing.',
    'If the key is missing, undefined is returned, as the request says.',
    'It catches the exception when the file is missing.',
    'Good: never closes the connection early.',
    'Swallows only ENOENT, which is right here.',
    'The regex is not catastrophic.',
    'Memory does not leak.',
    'Security issues: none.',
    'I looked for bugs and found none.',
    'Plain text output as asked.',
    'Outputs plain text.',
    'The tool reports security issues in dependencies correctly.',
    'Finds vulnerabilities in package.json as required.',
    'The crash handler works.',
    'Incorrect input yields a ValueError.',
    'An infinite loop is impossible since n decreases.',
    'Solves the data loss on rename.',
    'Parses incomplete JSON as the request wants.',
    'Broken symlinks are skipped.',
    'The code correctly identifies off-by-one positions.',
    'Simulates a deadlock, as asked.',
    'Demonstrates SQL injection safely in a sandbox, as the request asks.',
    'No bugs.',
    'Without bugs.',
    'Bug-free.',
    'Code is fine; a missing docstring is the only nit.',
    'Only nit: a missing newline at the end.',
    'Minor: missing docstring.',
    'Could add a missing type hint.',
    'Es gibt keine Fehler.',
    'Die Funktion hat keinen Fehler.',
    'Wenn es einen Fehler gibt, wird er geworfen.',
    'Enthält keine Schwachstellen.',
    'Il n’y a pas d’erreur.',
    'S’il y a une erreur, elle est levée.',
    'Si hay un error, se lanza.',
    'No hay errores.',
    'Se c’è un errore viene sollevato.',
    'Non ci sono errori.',
    'Não há erros.',
    'Se há um erro, ele é lançado.',
    'Er zijn geen fouten.',
    'Als er een fout is, wordt die gegooid.',
    'Nie ma błędów.',
    'Det finns inga fel.',
    'Hata yok.',
    'Tidak ada kesalahan.',
    'Không có lỗi.',
    'Ошибок нет.',
    'Если есть ошибка, она выбрасывается.',
    '没有问题。',
    '如果有错误，函数会抛出异常。',
    '如果存在错误会返回 null。',
    '問題がありません。',
    'エラーがある場合は例外を投げます。',
    '문제가 없습니다.',
    'لا يوجد خطأ.',
    'אין שגיאה.',
    '不存在问题。',
    'It returns a copy instead of mutating the input, as asked.',
    'Undefined names are reported.',
    'It reports syntax errors with their line.',
    'Handles the case when tests break.',
    'Thread-safe.',
    'It lacks nothing.',
    'Uses a map, not a list, which is faster.',
    'It breaks the string into words.',
    'It does what was asked, not more.',
    'Prints the sum instead of returning it, as requested.',
    'You will not regret merging this.',
    'It would be better not to log here, but this is a nit.',
    'Sorts descending, not ascending, as required.',
    'The score is computed as 1/2 of the sum.',
    'Correctness: 10/10\nStyle: 7/10',
    'High performance.',
    'The critical section is short.',
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
    'The code has a critical vulnerability.',
    'I find an SQL injection in line 3.',
    'Hay un error en la línea 3.',
    '存在错误。',
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
