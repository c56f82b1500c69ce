import { describe, expect, test } from 'vitest';
import { role } from '../../../actors/roles/tools/machine.ts';
import { begun, done, failed, given, received, unknown } from './support/given.ts';
import { request } from './support/samples.ts';

const asked = received('hop.requested', request('tools'), { hop: 1 });
const cancelled = (attempt = 1) => received('hop.cancelled', { step: 'tools', attempt, reason: 'enough' });
const choice = { name: 'calculator', arguments: { expression: '6*7' }, fence: 'pure' };
const REPLY = ['hop.replied > orchestrator'];

describe.each([1, 3])('tools of release %i', (release) => {
  test('S6: chooses first, so that a crash between choosing and running runs nothing twice', () => {
    const story = given(role, release)
      .when(asked)
      .thenExpect({ state: 'choosing', sent: [], effects: ['choose'] });
    expect(story.effect('choose').input).toEqual({ prompt: 'Write a debounce function in TypeScript' });
    story.when(done('choose', choice)).thenExpect({ state: 'running', sent: [], effects: ['run'] });
    expect(story.effect('run').input).toEqual({ ...choice, deed: expect.stringMatching(/^tools\/\d+$/) });
  });

  test('replies with the call and its result', () => {
    const story = given(role, release)
      .when(asked, done('choose', choice))
      .when(done('run', { result: '42' }));
    story.thenExpect({ state: 'idle', sent: REPLY });
    expect(story.sent('hop.replied')).toEqual({
      ...{ step: 'tools', attempt: 1, status: 'completed' },
      output: {
        ...{ engine: 'tool:calculator', summary: 'calculator ran' },
        tool: { name: 'calculator', arguments: { expression: '6*7' }, result: '42' },
      },
    });
  });

  test('no tool that fits is a failed hop', () => {
    const story = given(role, release)
      .when(asked)
      .when(failed('choose', { code: 'no_tool' }))
      .thenExpect({ state: 'idle', sent: REPLY });
    expect(story.sent('hop.replied')).toMatchObject({ status: 'failed', error: { code: 'no_tool' } });
  });

  test('a tool that fails is a failed hop that names it', () => {
    const story = given(role, release)
      .when(asked, done('choose', choice))
      .when(failed('run', { message: 'division by zero' }));
    story.thenExpect({ state: 'idle', sent: REPLY });
    expect(story.sent('hop.replied').error?.message).toBe('calculator: division by zero');
  });

  test('S6: a tool that was cut off is an unknown outcome, not a failure', () => {
    const once = { ...choice, name: 'http_post_once', fence: 'once' };
    const story = given(role, release).when(asked, done('choose', once), begun('run')).when(unknown('run'));
    story.thenExpect({ state: 'idle', sent: REPLY });
    expect(story.sent('hop.replied')).toMatchObject({ status: 'unknown', error: { code: 'outcome_unknown' } });
  });

  test('a cancel stops choosing, and running', () => {
    given(role, release).when(asked).when(cancelled()).thenExpect({ state: 'idle', sent: [], effects: [] });
    given(role, release)
      .when(asked, done('choose', choice))
      .when(cancelled())
      .thenExpect({ state: 'idle', sent: [], effects: [] });
  });

  test('S5: the cancel of another attempt stops neither', () => {
    given(role, release).when(asked).when(cancelled(2)).thenExpect({ state: 'choosing' });
    given(role, release).when(asked, done('choose', choice)).when(cancelled(2)).thenExpect({ state: 'running' });
  });

  test('a new request chooses anew', () => {
    const story = given(role, release).when(asked, done('choose', choice));
    story
      .when(received('hop.requested', request('tools', {}, 2), { hop: 2 }))
      .thenExpect({ state: 'choosing', effects: ['choose'] });
    story.when(done('choose', { ...choice, name: 'clock' }), done('run', { result: 'noon' }));
    expect(story.sent('hop.replied')).toMatchObject({ attempt: 2, output: { tool: { name: 'clock' } } });
  });
});
