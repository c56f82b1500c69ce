/**
 * What must not happen twice must not happen twice by way of a second hop either (S6): a hop whose time is up is asked
 * for again, while the deed of the first may have been done.
 */
import { describe, expect, test } from 'vitest';
import { role } from '../../../actors/roles/tools/machine.ts';
import { begun, done, failed, given, received, type Story, unknown } from './support/given.ts';
import { request } from './support/samples.ts';

const deed = { name: 'http_post_once', arguments: { url: 'http://127.0.0.1/pay' }, fence: 'once' };
const requested = (step: string, attempt: number, repeat: boolean) => ({
  ...request(step, {}, attempt),
  ...(repeat ? { repeat } : {}),
});
const asked = (attempt: number, { step = 'tools', repeat = false } = {}) =>
  received('hop.requested', requested(step, attempt, repeat), { hop: attempt });
const cancelled = received('hop.cancelled', { step: 'tools', attempt: 1, reason: 'the time for this step is up' });
/** Effects that were begun in the story's last part. */
const startedAgain = (story: Story) =>
  story.results.flatMap((one) => (one.kind === 'applied' ? one.startedEffects : [])).map(({ effect }) => effect);

describe.each([1, 3, 4])('an unrepeatable tool in a task of release %i', (release) => {
  const atWork = (): Story =>
    given(role, release).when(asked(1), done('choose', deed), begun('run')).thenExpect({ state: 'running' });

  test('S6: cut off by the time-out of its hop is not run by the next attempt: its outcome is unknown', () => {
    const story = atWork().when(cancelled, asked(2));
    expect(startedAgain(story)).toEqual([]);
    expect(story.sent('hop.replied')).toMatchObject({
      attempt: 2,
      status: 'unknown',
      error: { code: 'outcome_unknown' },
    });
  });

  test('S6: done, its reply too late, is not done again: the next attempt has the same result', () => {
    const story = atWork()
      .when(done('run', { result: 'receipt 20417' }))
      .when(cancelled, asked(2));
    expect(startedAgain(story)).toEqual([]);
    expect(story.sent('hop.replied')).toMatchObject({ attempt: 2, output: { tool: { result: 'receipt 20417' } } });
  });

  test('S6: asked for while it runs, it is not begun beside itself', () => {
    const story = atWork().when(asked(2)).thenExpect({ state: 'idle', effects: [] });
    expect(story.sent('hop.replied').status).toBe('unknown');
  });

  test('S6: certainly failed, it may be tried again', () => {
    atWork()
      .when(failed('run', { retryable: true }))
      .when(asked(2))
      .thenExpect({ state: 'choosing' });
  });

  test('S6: asked for anew by an orchestrator that lost both its stores, it is not done again', () => {
    const story = atWork()
      .when(done('run', { result: 'receipt 20417' }))
      .when(asked(1));
    expect(startedAgain(story)).toEqual([]);
  });

  test('another step, or the same one in a new round, is another deed', () => {
    const finished = () => atWork().when(done('run', { result: 'receipt 20417' }));
    finished()
      .when(asked(2, { step: 'notify' }))
      .thenExpect({ state: 'choosing' });
    finished()
      .when(received('hop.requested', request('tools'), { hop: 3, loops: 7 }))
      .thenExpect({ state: 'choosing' });
  });

  test.each(['pure', 'keyed'])('a %s one is run again', (fence) => {
    const story = given(role, release)
      .when(asked(1), done('choose', { ...deed, fence }))
      .when(cancelled, asked(2));
    story.thenExpect({ state: 'choosing', effects: ['choose'] });
  });
});

describe('a deed whose outcome is unknown', () => {
  const told = (release: number): Story =>
    given(role, release)
      .when(asked(1), done('choose', deed), begun('run'))
      .when(unknown('run'))
      .thenExpect({ state: 'idle', sent: ['hop.replied > orchestrator'] });

  test('S6: is not done again however often it is asked for: the orchestrator may have lost its stores', () => {
    const story = told(3);
    for (const attempt of [1, 2, 1]) {
      story.when(asked(attempt)).thenExpect({ state: 'idle', effects: [] });
      expect(story.sent('hop.replied')).toMatchObject({ attempt, status: 'unknown' });
    }
  });

  test('S6: is done again when a person wants it, and its new result is the one that counts', () => {
    const story = told(3)
      .when(asked(2, { repeat: true }))
      .thenExpect({ state: 'choosing' });
    story.when(done('choose', deed), done('run', { result: 'receipt 20418' }));
    expect(story.sent('hop.replied')).toMatchObject({ attempt: 2, output: { tool: { result: 'receipt 20418' } } });
    story.when(asked(2)).thenExpect({ state: 'idle', effects: [] });
    expect(story.sent('hop.replied')).toMatchObject({ output: { tool: { result: 'receipt 20418' } } });
  });

  test('S6: is remembered while other steps run, and so is what was done', () => {
    const story = told(3).when(asked(2, { step: 'notify' }), done('choose', deed), done('run', { result: 'sent' }));
    story.when(asked(1)).thenExpect({ state: 'idle', effects: [] });
    expect(story.sent('hop.replied')).toMatchObject({ step: 'tools', status: 'unknown' });
    story.when(asked(2, { step: 'notify' })).thenExpect({ state: 'idle', effects: [] });
    expect(story.sent('hop.replied')).toMatchObject({ step: 'notify', output: { tool: { result: 'sent' } } });
  });

  test('S6: is remembered when a step between needs no fence', () => {
    const pure = { ...deed, name: 'clock', fence: 'pure' };
    const story = told(3).when(asked(2, { step: 'ask' }), done('choose', pure), done('run', { result: 'noon' }));
    story.when(asked(1)).thenExpect({ state: 'idle', effects: [] });
    expect(story.sent('hop.replied').status).toBe('unknown');
  });

  test('S11: before release 3 nobody says that a person wants it: the request after the question is taken for that', () => {
    const story = given(role).when(asked(1), done('choose', deed), begun('run'));
    story.when(cancelled, asked(2)).when(asked(3)).thenExpect({ state: 'choosing' });
    story.when(done('choose', deed)).thenExpect({ state: 'running', effects: ['run'] });
  });
});
