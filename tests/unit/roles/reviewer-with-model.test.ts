/** The reviewer where a model is configured: one verdict from checks and opinion, and the checks alone without one. */
import { describe, expect, test } from 'vitest';
import { joinReviews } from '../../../actors/roles/reviewer/join-reviews.ts';
import { role } from '../../../actors/roles/reviewer/machine.ts';
import type { HopOutput, LlmRepliedData, Review } from '../../../schemas/events/generated.ts';
import { done, given, received } from './support/given.ts';
import { codeOf, request, reviewOf } from './support/samples.ts';

const ofCode = received('hop.requested', request('review', { code: codeOf(2) }), { hop: 5, loops: 1 });
const checked = (errors: number) => done('check', { review: reviewOf(errors), forModel: codeOf(2) });
const replied = (data: Partial<LlmRepliedData>) =>
  received('llm.replied', { requestId: '5.review.1', status: 'completed', ...data }, { from: 'llm', hop: 5 });
const opinion = (review: Partial<Review>): HopOutput => ({
  ...{ engine: 'llama:tiny', summary: 'the opinion' },
  review: { verdict: 'approved', findings: [], summary: 'Fine.', checkedBy: ['llama:tiny'], ...review },
});
const found = { severity: 'error' as const, line: 3, rule: 'model-review', message: 'Off by one.' };
const BOTH = ['agent.message > coder', 'hop.replied > orchestrator'];

describe('a reviewer with a model', () => {
  test('asks it about the code that was checked, without the passages', () => {
    const story = given(role)
      .when(ofCode)
      .when(checked(0))
      .thenExpect({ state: 'asking', sent: ['llm.requested > llm'] });
    const { purpose, requestId, input, timeoutMs } = story.sent('llm.requested');
    expect({ purpose, requestId }).toEqual({ purpose: 'review', requestId: '5.review.1' });
    expect(input).toEqual({ prompt: expect.any(String), code: codeOf(2) });

    expect(timeoutMs).toBe(15_000);
  });

  test('joins its findings with those of the checks', () => {
    const story = given(role).when(ofCode).when(checked(1));
    const output = opinion({ verdict: 'changes_requested', findings: [found] });
    story.when(replied({ output })).thenExpect({ state: 'idle', sent: BOTH });
    const { review, engine, summary } = story.sent('hop.replied').output ?? {};
    expect(review?.findings).toEqual([...reviewOf(1).findings, found]);
    expect(engine).toBe('typescript@6.0.3, llama:tiny');
    expect(summary).toBe('changes requested: 2 errors');
    expect(story.sent('agent.message').parts[1]).toEqual({
      data: { verdict: 'changes_requested', findings: review?.findings },
    });
  });

  test('says what its opinion took, also when it decided nothing', () => {
    const usage = { input: 900, output: 30 };
    for (const review of [{}, { checkedBy: [] }]) {
      const story = given(role).when(ofCode).when(checked(0));
      story.when(replied({ output: { ...opinion(review), usage } }));
      expect(story.sent('hop.replied').output?.usage).toEqual(usage);
    }
  });

  test.each([
    ['fails', { status: 'failed', error: { code: 'x', message: 'no memory', retryable: false } }, 'no memory'],
    ['has no opinion', { output: { ...opinion({ checkedBy: [] }), summary: 'fell back because' } }, 'fell back'],
    ['says nothing', {}, 'it said nothing'],
  ] as const)('goes by the checks alone when it %s, and says why', (_what, data, why) => {
    const story = given(role).when(ofCode).when(checked(0));
    story.when(replied(data as Partial<LlmRepliedData>)).thenExpect({ state: 'idle', sent: BOTH });
    const { review, summary, degraded } = story.sent('hop.replied').output ?? {};
    expect(review).toEqual(reviewOf(0));
    expect(degraded).toMatchObject({ reason: 'model_failed', instead: 'static_checks' });
    expect(summary).toContain('static checks only');
    expect(summary).toContain(why);
  });

  test('what a model says without a verdict is kept beside the checks, and approves nothing', () => {
    const remark = { severity: 'info' as const, line: 0, rule: 'model-remark', message: 'Hm.' };
    const story = given(role).when(ofCode).when(checked(0));
    story.when(replied({ output: opinion({ findings: [remark], checkedBy: [] }) }));
    const { review } = story.sent('hop.replied').output ?? {};
    expect(review).toMatchObject({ findings: [remark], checkedBy: reviewOf(0).checkedBy });
  });

  test('S5: the reply to an earlier hop is not taken for this one’s', () => {
    const story = given(role).when(ofCode).when(checked(0));
    story.when(replied({ requestId: '3.review.1', output: opinion({}) })).thenExpect({ state: 'asking' });
  });

  test('a cancel goes on to the model', () => {
    const story = given(role).when(ofCode).when(checked(0));
    const cancel = received('hop.cancelled', { step: 'review', attempt: 1, reason: 'enough' }, { hop: 5 });
    story.when(cancel).thenExpect({ state: 'idle', sent: ['hop.cancelled > llm'] });
  });
});

describe('one verdict', () => {
  const approving = reviewOf(0);
  test.each([
    ['a static error is never approved', reviewOf(2), {}, 'changes_requested'],
    ['both approve', approving, {}, 'approved'],
    ['the model asks for changes', approving, { verdict: 'changes_requested', findings: [found] }, 'changes_requested'],
    [
      'the model approves an error it found',
      approving,
      { verdict: 'approved', findings: [found] },
      'changes_requested',
    ],
  ] as const)('%s', (_what, checks, said, verdict) => {
    expect(
      joinReviews(checks, { ...approving, ...said, findings: [...('findings' in said ? said.findings : [])] }).verdict,
    ).toBe(verdict);
  });

  test('a request for changes that names nothing leaves its summary as the point to answer', () => {
    const said: Review = { verdict: 'changes_requested', findings: [], summary: 'Too slow.', checkedBy: ['m'] };
    expect(joinReviews(approving, said).findings).toEqual([
      { severity: 'warning', line: 0, rule: 'model-review', message: 'Too slow.' },
    ]);
  });

  test('S8: it stays within what a review may hold', () => {
    const many: Review = {
      ...{ verdict: 'changes_requested', findings: Array.from({ length: 100 }, () => found) },
      ...{ summary: 'x'.repeat(8000), checkedBy: Array.from({ length: 10 }, (_, i) => `m${i}`) },
    };
    const { findings, summary, checkedBy } = joinReviews(many, many);
    expect([findings.length, summary.length, checkedBy.length]).toEqual([100, 8000, 10]);
  });
});
