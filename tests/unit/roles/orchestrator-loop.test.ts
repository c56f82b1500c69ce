/** The review loop: round again, accepted, or exhausted with the best attempt (S8). */
import { describe, expect, test } from 'vitest';
import type { Story } from './support/given.ts';
import { coded, codeOf, retrieved, reviewed, reviewOf } from './support/samples.ts';
import { completes, failsInPassing, hopsOf, resultOf, tells, underWay } from './support/task-story.ts';
import { workflow } from './support/workflows.ts';

const underReview = () => underWay(workflow('build')).when(completes(retrieved), completes(coded(1)));
/** Reviews with that many errors, one after another, with a new attempt between them. */
const rounds = (story: Story, ...errors: readonly number[]): Story => {
  for (const [index, count] of errors.entries()) {
    if (index > 0) story.when(completes(coded(index + 1)));
    story.when(completes(reviewed(count)));
  }
  return story;
};

describe('round again', () => {
  test('changes requested go to the coder with code and review', () => {
    const story = rounds(underReview(), 2).thenExpect({
      state: 'working.hop',
      sent: ['hop.finished > watchers', 'loop.advanced > watchers', 'hop.requested > coder', 'hop.started > watchers'],
    });
    expect(story.sent('loop.advanced')).toEqual({
      ...{ loops: { used: 1, max: 2 }, verdict: 'changes_requested', next: 'revise', findings: 2 },
    });
    expect(story.sent('hop.requested')).toMatchObject({
      ...{ step: 'code', attempt: 1 },
      input: { code: codeOf(1), review: reviewOf(2) },
    });
  });

  test('hop and remaining loops are in every envelope', () => {
    const story = underReview();
    expect(story.envelope('hop.requested')).toMatchObject({ hopindex: 3, remainingloops: 2 });
    rounds(story, 2);
    for (const name of ['loop.advanced', 'hop.finished'] as const) {
      expect(story.envelope(name)).toMatchObject({ hopindex: 3, remainingloops: 1 });
    }
    expect(story.envelope('hop.requested')).toMatchObject({ hopindex: 4, remainingloops: 1 });
    story.when(completes(coded(2)), completes(reviewed(1)));
    expect(story.envelope('hop.requested')).toMatchObject({ hopindex: 6, remainingloops: 0 });
  });

  test('warnings alone are not errors, but a verdict is a verdict', () => {
    const review = { ...reviewOf(1), findings: [{ severity: 'warning' as const, line: 1, rule: 'r', message: 'm' }] };
    const story = underReview().when(completes({ engine: 'x', summary: 'x', review }));
    expect(story.sent('loop.advanced')).toMatchObject({ next: 'revise', findings: 0 });
  });

  test('a failed review is tried again and does not move the loop', () => {
    const story = underReview().when(failsInPassing());
    story.thenExpect({ sent: ['hop.finished > watchers', 'hop.requested > reviewer', 'hop.started > watchers'] });
    expect(story.sent('hop.requested')).toMatchObject({ step: 'review', attempt: 2 });
    expect(story.envelope('hop.requested').remainingloops).toBe(2);
  });
});

describe('the end of it', () => {
  test('accepted after one round', () => {
    const result = resultOf(rounds(underReview(), 2, 0).thenExpect({ state: 'completed' }));
    expect(result).toMatchObject({ outcome: 'accepted', code: codeOf(2), loops: { used: 1, max: 2 } });
    expect(hopsOf(result)).toEqual([
      ...['1 retrieve#1 completed', '2 code#1 completed', '3 review#1 completed', '4 code#1 completed'],
      '5 review#1 completed',
    ]);
    expect(result.answer).toContain('after 1 revision.');
  });

  test.each([
    ['the last when it is best', [3, 2, 1], 3],
    ['the first when it is best', [1, 2, 3], 1],
    ['the middle one', [3, 1, 2], 2],
    ['of two equal ones the earlier', [2, 2, 2], 1],
  ])('S8: exhausted with the attempt of fewest errors: %s', (_what, errors, attempt) => {
    const story = rounds(underReview(), ...errors).thenExpect({ state: 'completed' });
    expect(story.sent('loop.advanced')).toMatchObject({ next: 'exhausted', loops: { used: 2, max: 2 } });
    const result = resultOf(story);
    expect(result).toMatchObject({ outcome: 'exhausted', code: codeOf(attempt), loops: { used: 2, max: 2 } });
    expect(result.review).toEqual(reviewOf(errors[attempt - 1] ?? -1));
    expect(result.answer).toContain('Not accepted after 2 revisions; this is the best attempt.');
    expect(result.hops).toHaveLength(7);
  });

  test('an approval wins over an earlier attempt with as few errors', () => {
    const warned = { ...reviewOf(0), verdict: 'changes_requested' as const };
    const story = underReview().when(completes({ engine: 'x', summary: 'x', review: warned }), completes(coded(2)));
    expect(resultOf(story.when(completes(reviewed(0))))).toMatchObject({ outcome: 'accepted', code: codeOf(2) });
  });

  test('a review step that made no review fails the task', () => {
    const story = underReview().when(completes({ engine: 'x', summary: 'nothing to say' }));
    expect(resultOf(story).error).toMatchObject({ code: 'no_review' });
  });

  test('S8: nor does it pass on the review of the round before', () => {
    const story = rounds(underReview(), 2).when(completes(coded(2)));
    story.when(completes({ engine: 'x', summary: 'nothing to say' })).thenExpect({ state: 'failed' });
    expect(resultOf(story).error).toMatchObject({ code: 'no_review' });
  });
});

describe('messages between the roles', () => {
  test('are kept, sent on to their recipient, and shown', () => {
    const story = underReview().when(tells('line 2 is wrong'));
    story.thenExpect({ state: 'working.hop', sent: ['agent.message > coder', 'agent.message > watchers'] });
    const [relayed, shown] = story.outputs;
    expect(relayed?.to).toBe('coder');
    expect(relayed?.event).toMatchObject({
      hopindex: 3,
      remainingloops: 2,
      senderrole: 'reviewer',
      source: '/mesh/orchestrator',
    });
    expect(shown?.event).toMatchObject({ senderrole: 'reviewer', recipientrole: 'coder' });
    expect(relayed?.event.data).toEqual(shown?.event.data);
    const result = resultOf(rounds(story, 0));
    expect(result.messages.map(({ messageId }) => messageId)).toEqual(['reviewer/line 2 is wrong']);
  });

  test('hop and loops are the task’s, not the sender’s', () => {
    const story = underReview().when(tells('from long ago', 'reviewer', 'coder', 1));
    expect(story.outputs.map(({ event }) => event.hopindex)).toEqual([3, 3]);
  });

  test('both ways', () => {
    const story = rounds(underReview(), 1).when(tells('done', 'coder', 'reviewer'));
    story.thenExpect({ sent: ['agent.message > reviewer', 'agent.message > watchers'] });
  });

  test('S8: 64 are kept; the rest is sent on all the same', () => {
    const story = underReview();
    for (let nth = 0; nth < 70; nth += 1)
      story.when(tells(`message ${nth}`)).thenExpect({ sent: ['agent.message > coder', 'agent.message > watchers'] });
    expect(resultOf(rounds(story, 0)).messages).toHaveLength(64);
  });

  test.each(['orchestrator', 'watchers'])('S8: one to the %s is kept and shown, and goes round no further', (to) => {
    const story = underReview().when(tells('hello', 'reviewer', to));
    story.thenExpect({ sent: ['agent.message > watchers'] });
    expect(resultOf(rounds(story, 0)).messages).toHaveLength(1);
  });
});
