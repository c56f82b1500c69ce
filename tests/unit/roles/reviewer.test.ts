import { describe, expect, test } from 'vitest';
import { role } from '../../../actors/roles/reviewer/machine.ts';
import { done, failed, given, received } from './support/given.ts';
import { codeOf, request, reviewOf } from './support/samples.ts';

const ofCode = received('hop.requested', request('review', { code: codeOf(2) }), { hop: 5, loops: 1 });
const ofPrompt = received('hop.requested', request('review'), { hop: 1 });
const message = { messageId: 'x/reviewer', role: 'ROLE_AGENT' as const, parts: [{ text: 'Attempt 2' }] };

describe('reviewer', () => {
  test('checks the code it is given', () => {
    const story = given(role)
      .when(ofCode)
      .thenExpect({ state: 'checking', sent: [], effects: ['check'] });
    expect(story.effect('check').input).toEqual({ code: codeOf(2), prompt: expect.any(String) });
  });

  test('checks the caller’s prompt when there is no code', () => {
    const story = given(role).when(ofPrompt);
    expect(story.effect('check').input).toMatchObject({ code: null });
  });

  test('tells the coder what has to change, then replies', () => {
    const story = given(role)
      .when(ofCode)
      .when(done('check', { review: reviewOf(1) }));
    story.thenExpect({ state: 'idle', sent: ['agent.message > coder', 'hop.replied > orchestrator'] });
    expect(story.outputs[0]?.to).toBe('orchestrator');
    const said = story.sent('agent.message');
    expect(said.messageId).toBe('review/2/coder');
    expect(said.parts).toEqual([
      { text: '1 errors' },
      { data: { verdict: 'changes_requested', findings: reviewOf(1).findings } },
    ]);
    expect(story.sent('hop.replied').output).toEqual({
      ...{ engine: 'typescript@6.0.3', summary: 'changes requested: 1 error', review: reviewOf(1) },
    });
  });

  test('has nothing to say to a coder when the code came from the caller', () => {
    const story = given(role)
      .when(ofPrompt)
      .when(done('check', { review: reviewOf(2) }));
    story.thenExpect({ sent: ['hop.replied > orchestrator'] });
    expect(story.sent('hop.replied').output?.summary).toBe('changes requested: 2 errors');
  });

  test.each([
    [reviewOf(0), 'approved'],
    [{ ...reviewOf(3), verdict: 'approved' }, 'approved with 3 remarks'],
    [{ ...reviewOf(0), checkedBy: [] }, 'approved'],
  ])('sums up %#', (review, summary) => {
    const story = given(role).when(ofPrompt).when(done('check', { review }));
    expect(story.sent('hop.replied').output).toMatchObject({
      ...{ summary, engine: review.checkedBy[0] ?? 'static checks' },
    });
  });

  test('a failed check is a failed hop', () => {
    const story = given(role)
      .when(ofCode)
      .when(failed('check'))
      .thenExpect({ state: 'idle', sent: ['hop.replied > orchestrator'] });
    expect(story.sent('hop.replied')).toMatchObject({ step: 'review', status: 'failed', error: { code: 'broken' } });
  });

  test('a cancel stops the check', () => {
    const cancelled = received('hop.cancelled', { step: 'review', attempt: 1, reason: 'enough' });
    given(role).when(ofCode).when(cancelled).thenExpect({ state: 'idle', sent: [], effects: [] });
  });

  test('S5: a cancel of another step does not', () => {
    const cancelled = received('hop.cancelled', { step: 'code', attempt: 1, reason: 'enough' });
    given(role).when(ofCode).when(cancelled).thenExpect({ state: 'checking' });
  });

  test('a message may be the first thing it hears; it changes nothing', () => {
    const heard = received('agent.message', message, { to: 'reviewer' });
    given(role)
      .when(heard)
      .thenExpect({ state: 'idle', sent: [] })
      .when(ofCode, heard)
      .thenExpect({ state: 'checking' });
  });

  test('S5: a message of an earlier hop that comes late does not date the reply', () => {
    const late = received('agent.message', message, { to: 'reviewer', hop: 4, loops: 1 });
    const story = given(role)
      .when(ofCode, late)
      .when(done('check', { review: reviewOf(0) }));
    expect(story.envelope('hop.replied').hopindex).toBe(5);
  });
});
