/** Coder and responder: both ask the llm role for text. */
import { describe, expect, test } from 'vitest';
import { role as coder } from '../../../actors/roles/coder/machine.ts';
import { role as responder } from '../../../actors/roles/responder/machine.ts';
import type { LlmRepliedData } from '../../../schemas/events/generated.ts';
import { given, type Moment, received } from './support/given.ts';
import { answered, coded, codeOf, passage, request, reviewOf } from './support/samples.ts';

const writes = (requestId: string, more: Partial<LlmRepliedData>, hop = 2): Moment =>
  received('llm.replied', { requestId, status: 'completed', ...more }, { from: 'llm', hop, loops: 2 });

describe.each([
  { role: coder, step: 'code', purpose: 'code', output: coded(1) },
  { role: responder, step: 'respond', purpose: 'answer', output: answered },
])('$role.name', ({ role, step, purpose, output }) => {
  const asked = received('hop.requested', request(step, { passages: [passage] }), { hop: 2, loops: 2 });
  const cancelled = (attempt: number) => received('hop.cancelled', { step, attempt, reason: 'enough' }, { hop: 2 });

  test('asks for text with all that it was given', () => {
    const story = given(role)
      .when(asked)
      .thenExpect({ state: 'writing', sent: ['llm.requested > llm'], effects: [] });
    expect(story.sent('llm.requested')).toEqual({
      ...{ requestId: `2.${step}.1`, purpose },
      input: request(step, { passages: [passage] }).input,
      timeoutMs: request(step).timeoutMs,
    });
    expect(story.envelope('llm.requested')).toMatchObject({ hopindex: 2, remainingloops: 2 });
  });

  test('replies with the text', () => {
    const story = given(role)
      .when(asked)
      .when(writes(`2.${step}.1`, { output }));
    story.thenExpect({ state: 'idle', sent: ['hop.replied > orchestrator'] });
    expect(story.sent('hop.replied')).toEqual({ step, attempt: 1, status: 'completed', output });
    expect(story.envelope('hop.replied').hopindex).toBe(2);
  });

  test('a failed generation is a failed hop', () => {
    const error = { code: 'overloaded', message: 'try later', retryable: true };
    const story = given(role)
      .when(asked)
      .when(writes(`2.${step}.1`, { status: 'failed', error }));
    story.thenExpect({ state: 'idle', sent: ['hop.replied > orchestrator'] });
    expect(story.sent('hop.replied')).toMatchObject({ status: 'failed', error });
  });

  test('a reply with neither text nor error is a failed hop', () => {
    const story = given(role)
      .when(asked)
      .when(writes(`2.${step}.1`, {}));
    expect(story.sent('hop.replied')).toMatchObject({ status: 'failed', error: { code: 'unexpected' } });
  });

  test.each(['1.code.1', '2.other.1', '2.code.9'])('S5: the reply to another request (%s) changes nothing', (id) => {
    given(role).when(asked).when(writes(id, { output })).thenExpect({ state: 'writing', sent: [] });
  });

  test('S5: a reply from an earlier hop changes nothing, though step and attempt are the same', () => {
    const story = given(role).when(received('hop.requested', request(step), { hop: 2 }));
    story.when(received('hop.requested', request(step), { hop: 4 }));
    expect(story.sent('llm.requested').requestId).toBe(`4.${step}.1`);
    story.when(writes(`2.${step}.1`, { output }, 2)).thenExpect({ state: 'writing', sent: [] });
    story.when(writes(`4.${step}.1`, { output }, 4)).thenExpect({ state: 'idle' });
    expect(story.envelope('hop.replied').hopindex).toBe(4);
  });

  test('a cancel is passed on to the llm role', () => {
    const story = given(role)
      .when(asked)
      .when(cancelled(1))
      .thenExpect({ state: 'idle', sent: ['hop.cancelled > llm'] });
    expect(story.sent('hop.cancelled')).toEqual({ step, attempt: 1, reason: 'enough' });
    expect(story.envelope('hop.cancelled').hopindex).toBe(2);
  });

  test('S5: the cancel of an earlier attempt is not', () => {
    given(role).when(asked).when(cancelled(3)).thenExpect({ state: 'writing', sent: [] });
  });

  test('S5: what comes when nothing is at work changes nothing', () => {
    given(role)
      .when(asked, writes(`2.${step}.1`, { output }))
      .when(writes(`2.${step}.1`, { output }), cancelled(1))
      .thenExpect({ state: 'idle', sent: [] });
  });
});

describe('a revision', () => {
  const input = { code: codeOf(1), review: reviewOf(2) };
  const revise = received('hop.requested', request('code', input), { hop: 4, loops: 1 });

  test('is announced to the reviewer before the reply', () => {
    const story = given(coder)
      .when(revise)
      .when(writes('4.code.1', { output: coded(2) }, 4));
    story.thenExpect({ state: 'idle', sent: ['agent.message > reviewer', 'hop.replied > orchestrator'] });
    expect(story.outputs[0]?.to).toBe('orchestrator');
    const { parts, messageId, role } = story.sent('agent.message');
    expect(parts).toEqual([
      { text: 'Attempt 2: The function, attempt 2.' },
      { data: { attempt: 2, language: 'typescript', answeredFindings: 2 } },
    ]);
    expect(messageId).toMatch(/\/reviewer$/);
    expect(role).toBe('ROLE_AGENT');
  });

  test.each([
    ['the review approved', { code: codeOf(1), review: reviewOf(0) }, coded(2)],
    ['no code was written', input, answered],
  ])('is not when %s', (_what, given_, output) => {
    const story = given(coder).when(received('hop.requested', request('code', given_), { hop: 4 }));
    story.when(writes('4.code.1', { output }, 4)).thenExpect({ sent: ['hop.replied > orchestrator'] });
  });
});

test('the coder may hear a message first; it changes nothing', () => {
  const message = { messageId: 'x/coder', role: 'ROLE_AGENT' as const, parts: [{ text: 'line 2' }] };
  given(coder).when(received('agent.message', message)).thenExpect({ state: 'idle', sent: [] });
});
