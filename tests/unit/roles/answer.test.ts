/** The text a caller gets, from what a task has made. */
import { describe, expect, test } from 'vitest';
import { composeAnswer } from '../../../actors/roles/orchestrator/answer.ts';
import { emptyTask, type TaskContext } from '../../../actors/roles/orchestrator/context.ts';
import { answered, codeOf, reviewOf, toolRan } from './support/samples.ts';

const of = (more: Partial<TaskContext>) => composeAnswer({ ...emptyTask, ...more });
const made = (artifacts: TaskContext['artifacts'], more: Partial<TaskContext> = {}) => of({ artifacts, ...more });

describe('the answer', () => {
  test('is what the responder wrote, before anything else', () => {
    const { answer } = answered;
    if (!answer) throw new Error('no answer');
    expect(made({ answer, code: codeOf(1) })).toEqual({ text: answer.text, citations: answer.citations });
  });

  test('is the code with its explanation and what the review says', () => {
    expect(made({ code: codeOf(1), review: reviewOf(0) }, { loopsUsed: 2 }).text).toBe(
      'The function, attempt 1.\n\n```typescript\nexport const attempt = 1;\n```\n\nAccepted by the reviewer after 2 revisions. Checked by typescript@6.0.3.',
    );
  });

  test('code without a review stands alone', () => {
    expect(made({ code: codeOf(1) }).text).toMatch(/```$/);
  });

  test('names what is wrong with code that was not accepted', () => {
    const { text } = made({ code: codeOf(1), review: reviewOf(1) }, { loopsUsed: 1 });
    expect(text).toContain(
      'Not accepted after 1 revision; this is the best attempt. What is still wrong:\n- error, line 1:',
    );
  });

  test('says what was remarked of code that was accepted, and that no tool checked it', () => {
    const remark = {
      severity: 'warning' as const,
      line: 0,
      rule: 'not-checked',
      message: 'There is no checker for zig.',
    };
    const review = { ...reviewOf(0), findings: [remark], checkedBy: ['openai:m'] };
    expect(made({ code: codeOf(1), review }).text).toContain(
      'Accepted by the reviewer after 0 revisions. No tool checked it; it is approved by the opinion of openai:m alone.\nWhat was remarked:\n- warning: There is no checker for zig. (not-checked)',
    );
  });

  test('code that nobody has judged is not called accepted', () => {
    const { text } = made({ code: codeOf(1), review: { ...reviewOf(0), checkedBy: [] } });
    expect(text).toContain('Nothing has checked this code');
    expect(text).not.toContain('Accepted');
  });

  test('code that has a fence of its own gets a longer one', () => {
    const { text } = made({ code: { ...codeOf(1), text: 'a\n```\nb\n```\n' } });
    expect(text).toContain('````typescript\na\n```\nb\n```\n````');
  });

  test('of a review alone is its summary and findings; a finding of the whole has no line', () => {
    const whole = { severity: 'warning' as const, line: 0, rule: 'empty', message: 'nothing here' };
    expect(made({ review: { ...reviewOf(0), findings: [whole] } }).text).toBe(
      '0 errors\n- warning: nothing here (empty)',
    );
  });

  test('of a tool alone is its result', () => {
    expect(made(toolRan.tool ? { tool: toolRan.tool } : {}).text).toBe('42');
  });

  test('of nothing is nothing', () => {
    expect(made({})).toEqual({ text: '', citations: [] });
  });

  test.each(['failed', 'cancelled'] as const)('of a task that has %s is why, not what it had', (outcome) => {
    const error = { code: 'broken', message: 'it broke', retryable: false };
    expect(made({ code: codeOf(1) }, { outcome, error })).toEqual({ text: 'it broke', citations: [] });
    expect(made({}, { outcome })).toEqual({ text: outcome, citations: [] });
  });
});
