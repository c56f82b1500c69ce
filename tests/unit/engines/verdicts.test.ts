/** Verdicts: any clear refusal is one, an approval has to be said, and nothing is guessed. */
import { describe, expect, test } from 'vitest';
import { parseReview } from '../../../actors/roles/reviewer/verdict.ts';

const verdictOf = (reply: string): string => {
  const { verdict, checkedBy } = parseReview(reply, 'm');
  return checkedBy.length === 0 ? 'none' : verdict;
};

describe('a refusal', () => {
  test.each([
    'REJECT. This has an SQL injection vulnerability, it must be fixed before merging.',
    '{"verdict":"rejected","findings":[{"severity":"high","message":"x"}]}',
    '{"verdict":"CHANGES_REQUESTED","findings":[{"severity":"critical","line":"2","message":"x"}]}',
    '{"verdict":"request changes"}',
    '{"verdict": "needs work", "summary": "hm"}',
    '{"verdict":"Not approved"}',
    '{"verdict":"disapprove"}',
    '{"verdict":"unsafe"}',
    '{"approved": false}',
    '{"lgtm": "no", "verdict": "no"}',
    '{"verdict":"approved","summary":"It should not be merged like this."}',
    '{"findings":[{"severity":"blocker","message":"It loses data."}]}',
    '{"issues":["The password is logged, it must be removed."]}',
    'Verdict: request changes. The loop never ends.',
    'I would not merge this.',
    'This is not acceptable.',
    'The function does not handle an empty list.',
    'This will crash when the list is empty.',
    'Changes are needed: close the file.',
    'Looks good, but the query is open to injection.',
    '❌ Rejected',
    'Abgelehnt: die Datei wird nie geschlossen.',
    'Refusé.',
    '不通过：存在注入风险',
    'No.',
    'No, it needs changes.',
    'It is not slow. There is a bug in the loop.',
    'fail',
  ])('%s', (reply) => {
    expect(verdictOf(reply)).toBe('changes_requested');
  });
});

describe('an approval', () => {
  test.each([
    '{"verdict":"approved","summary":"Fine.","findings":[]}',
    '{"verdict":"Approve"}',
    '{"verdict":"LGTM","findings":[]}',
    '{"approved": true, "findings": []}',
    '{"decision": "accept", "comments": [{"severity":"nit","message":"A longer name would help."}]}',
    'LGTM',
    'The code looks good, no changes are needed.',
    'Approved. Nothing needs to be fixed.',
    '{"verdict":"approved","summary":"No changes required, it does not need fixes."}',
    'It avoids injection by parameters and is correct.',
    'Approved.',
    'The code looks good to me, no issues found.',
    'No bugs and no vulnerabilities. It is correct.',
    "{'verdict': 'approved', 'findings': [],}",
    '```json\n{"verdict":"approved"}\n```',
    'It rejects invalid input, as it should, and is correct.',
  ])('%s', (reply) => {
    expect(verdictOf(reply)).toBe('approved');
  });
});

describe('no verdict', () => {
  test.each(['', '{}', '{"verdict": "maybe"}', 'The code adds two numbers.', 'What should it do?', '{"findings":[]}'])(
    '%s',
    (reply) => {
      expect(verdictOf(reply)).toBe('none');
    },
  );
});

test.each([
  ['critical', 'error'],
  ['High', 'error'],
  ['MAJOR', 'error'],
  ['blocker', 'error'],
  ['security', 'error'],
  ['warning', 'warning'],
  ['medium', 'warning'],
  ['low', 'info'],
  ['nit', 'info'],
])('the severity %s is %s', (severity, expected) => {
  const reply = JSON.stringify({ verdict: 'approved', findings: [{ severity, line: '7', description: 'Hm.' }] });
  expect(parseReview(reply, 'm').findings).toEqual([
    { severity: expected, line: 7, rule: 'model-review', message: 'Hm.' },
  ]);
});

test('a hole is an error, whatever weight it is given', () => {
  const reply = '{"verdict":"approved","findings":[{"severity":"medium","message":"SQL injection in the name."}]}';
  expect(parseReview(reply, 'm').findings[0]?.severity).toBe('error');
});
