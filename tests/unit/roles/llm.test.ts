import { describe, expect, test } from 'vitest';
import { role } from '../../../actors/roles/llm/machine.ts';
import { done, elapsed, failed, given, received, unknown } from './support/given.ts';
import { answered, request } from './support/samples.ts';

const wanted = (requestId: string, hop = 2) =>
  received(
    'llm.requested',
    { requestId, purpose: 'answer', input: request('respond').input },
    { from: 'responder', hop },
  );
const cancelled = (hop: number) =>
  received('hop.cancelled', { step: 'respond', attempt: 1, reason: 'enough' }, { from: 'responder', hop });
const REPLY = ['llm.replied > responder'];

describe('llm', () => {
  test('generates with the configured engine', () => {
    const story = given(role)
      .when(wanted('2.respond.1'))
      .thenExpect({ state: 'generating', sent: [], effects: ['generate'] });
    expect(story.effect('generate').input).toMatchObject({ requestId: '2.respond.1', purpose: 'answer' });
  });

  test('replies to whoever asked', () => {
    const story = given(role)
      .when(wanted('2.respond.1'))
      .when(done('generate', answered))
      .thenExpect({ state: 'idle', sent: REPLY });
    expect(story.sent('llm.replied')).toEqual({ requestId: '2.respond.1', status: 'completed', output: answered });
    expect(story.envelope('llm.replied').hopindex).toBe(2);
  });

  test.each([
    ['fails', failed('generate', { message: 'no route to host' })],
    ['is cut off', unknown('generate')],
  ])('falls back to the embedded engine when it %s', (_what, broken) => {
    given(role)
      .when(wanted('2.respond.1'))
      .when(broken)
      .thenExpect({ state: 'falling', sent: [], effects: ['extract'] });
  });

  test('says that it fell back, and why', () => {
    const story = given(role).when(wanted('2.respond.1'), failed('generate', { message: 'no route to host' }));
    story.when(done('extract', answered)).thenExpect({ state: 'idle', sent: REPLY });
    expect(story.sent('llm.replied')).toMatchObject({
      status: 'completed',
      output: {
        ...{ engine: 'extractive (fallback)', answer: answered.answer },
        summary: 'an answer with 1 citation; fell back because no route to host',
      },
    });
  });

  test('tells the embedded engine what the configured one failed with', () => {
    const story = given(role).when(wanted('2.respond.1'), failed('generate', { message: 'no route to host' }));
    story.thenExpect({ state: 'falling' });
    expect(story.effect('extract').input).toMatchObject({
      purpose: 'answer',
      failure: { message: 'no route to host' },
    });
  });

  test('a model that is not done gives way while its asker still has time for what there is', () => {
    const data = { requestId: '2.respond.1', purpose: 'answer', input: request('respond').input } as const;
    const asked = received('llm.requested', { ...data, timeoutMs: 100_000 }, { from: 'responder', hop: 2 });
    const story = given(role)
      .when(asked)
      .thenExpect({ timers: ['modelTime'] });
    expect(story.timer('modelTime').dueUpMs - story.upMs).toBe(75_000);
    story.when(elapsed('modelTime')).thenExpect({ state: 'falling', effects: ['extract'] });
    expect(story.effect('extract').input).toMatchObject({ failure: { code: 'model_slow' } });
  });

  test('S8: a long reason is cut to what a summary may have', () => {
    const story = given(role).when(wanted('2.respond.1'), failed('generate', { message: 'x'.repeat(3000) }));
    story.when(done('extract', answered));
    expect(story.sent('llm.replied').output?.summary).toHaveLength(1000);
  });

  test('fails with the first engine’s error when both fail', () => {
    const story = given(role).when(wanted('2.respond.1'), failed('generate', { code: 'unreachable' }));
    story.when(failed('extract', { code: 'no_index' })).thenExpect({ state: 'idle', sent: REPLY });
    expect(story.sent('llm.replied')).toMatchObject({
      ...{ requestId: '2.respond.1', status: 'failed', error: { code: 'unreachable' } },
    });
  });

  test.each(['generating', 'falling'])('a cancel of the hop stops it while %s', (state) => {
    const story = given(role).when(wanted('2.respond.1'));
    if (state === 'falling') story.when(failed('generate'));
    story.thenExpect({ state }).when(cancelled(2)).thenExpect({ state: 'idle', sent: [], effects: [] });
  });

  test.each(['generating', 'falling'])('S5: the cancel of another hop does not while %s', (state) => {
    const story = given(role).when(wanted('2.respond.1'));
    if (state === 'falling') story.when(failed('generate'));
    story.when(cancelled(1)).thenExpect({ state });
  });

  test('a new request replaces the one at work, and only it is answered', () => {
    const story = given(role).when(wanted('2.respond.1'));
    const { event } = done('generate', answered)(story);
    story.when(wanted('3.respond.2', 3)).thenExpect({ state: 'generating', effects: ['generate'] });
    story.when(() => ({ event })).thenExpect({ state: 'generating', sent: [] });
    story.when(done('generate', answered)).thenExpect({ state: 'idle', sent: REPLY });
    expect(story.sent('llm.replied').requestId).toBe('3.respond.2');
  });

  test('S5: a late cancel of an earlier hop does not date the answer', () => {
    const story = given(role).when(wanted('4.respond.1', 4), cancelled(2)).when(done('generate', answered));
    expect(story.envelope('llm.replied').hopindex).toBe(4);
  });

  test('S9: it begins with a request only', () => {
    const story = given(role).when(cancelled(2));
    expect(story.results).toMatchObject([{ kind: 'rejected', code: 'unknown_task' }]);
  });
});
