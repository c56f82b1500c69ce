/** A tool that acts outside waits for a person's yes, which is for that tool with those arguments and for one step. */
import { describe, expect, test } from 'vitest';
import { role } from '../../../actors/roles/tools/machine.ts';
import { done, failed, given, received } from './support/given.ts';
import { request, toolRan } from './support/samples.ts';
import { answers, completes, failsInPassing, needsConsent, resultOf, says, underWay } from './support/task-story.ts';
import { workflow } from './support/workflows.ts';

const share = { caller: 'peer', priority: 'normal', door: 'a2a' } as const;
const consent = { name: 'http_post_once', arguments: { url: 'http://127.0.0.1/pay' } };
const choice = { ...consent, fence: 'once', asks: true };
const error = {
  code: 'consent_needed',
  message: 'http_post_once acts outside: a person is asked first',
  retryable: false,
};
const RELEASE = 4;

describe('the tools', () => {
  const asked = (more: object = {}, hop = 1) =>
    received('hop.requested', { ...request('tools'), share, ...more }, { hop });

  test('do not run what needs a yes: the hop ends with what is to be asked', () => {
    const story = given(role, RELEASE).when(asked());
    expect(story.effect('choose').input).toMatchObject({ share });
    story.when(done('choose', choice)).thenExpect({ state: 'idle', sent: ['hop.replied > orchestrator'], effects: [] });
    expect(story.sent('hop.replied')).toEqual({ step: 'tools', attempt: 1, status: 'failed', error, consent });
  });

  test('run with the yes what was asked about, whatever a model would choose now', () => {
    const story = given(role, RELEASE)
      .when(asked(), done('choose', choice))
      .when(asked({ consented: consent }, 2))
      .thenExpect({ state: 'checking', effects: ['check'] });
    expect(story.effect('check').input).toEqual({ ...consent, share, consented: true });
    story.when(done('check', { ...consent, fence: 'once' })).thenExpect({ state: 'running', effects: ['run'] });
    expect(story.effect('run').input).toMatchObject(consent);
  });

  test('ask about what a model chose as well, and say which', () => {
    const story = given(role, RELEASE)
      .when(asked(), done('choose', { unfit: 'none', offers: [] }))
      .when(
        received(
          'llm.replied',
          {
            ...{ requestId: '1.tools.1', status: 'completed' },
            output: { engine: 'openai:m1', summary: '', tool: { ...consent, result: '' } },
          },
          { from: 'llm', hop: 1 },
        ),
      );
    story.when(done('check', choice)).thenExpect({ state: 'idle', sent: ['hop.replied > orchestrator'] });
    expect(story.sent('hop.replied').consent).toEqual({ ...consent, chosenBy: 'openai:m1' });
  });

  test('a yes to what cannot be run any more is a failed hop that says why', () => {
    const story = given(role, RELEASE).when(asked({ consented: consent }, 2));
    story.when(failed('check', { code: 'tool_not_allowed', message: 'not for peer' })).thenExpect({ state: 'idle' });
    expect(story.sent('hop.replied').error).toMatchObject({ message: 'http_post_once: not for peer' });
  });

  test('S6: a deed with a yes that was begun is not begun again by the next attempt', () => {
    const story = given(role, RELEASE)
      .when(asked({ consented: consent }, 2), done('check', { ...consent, fence: 'once' }))
      .when(asked({ consented: consent }, 3));
    story.thenExpect({ state: 'idle' });
    expect(story.sent('hop.replied').status).toBe('unknown');
  });
});

describe('the task', () => {
  const needsYes = () => underWay(workflow('tool'), { door: 'a2a' }, RELEASE).when(needsConsent(consent));

  test('asks a person, with the tool and its arguments in the question', () => {
    const story = needsYes().thenExpect({ state: 'asking' });
    expect(story.sent('task.input.required')).toEqual({
      ...{ reason: 'consent', choices: ['yes', 'no'], questionId: 'q1', accepts: 'choice' },
      question: 'May the tool http_post_once act outside of the mesh, with {"url":"http://127.0.0.1/pay"}?',
    });
  });

  test('"yes" asks the tools again, with the yes for that one step', () => {
    const story = needsYes().when(answers('Yes', 'q1')).thenExpect({ state: 'working.hop' });
    expect(story.sent('hop.requested')).toMatchObject({ step: 'tools', attempt: 1, consented: consent });
    story.when(completes(toolRan));
    expect(story.sent('hop.requested')).toMatchObject({ step: 'respond' });
    expect(story.sent('hop.requested')).not.toHaveProperty('consented');
  });

  test('the yes is also for a second attempt at the step', () => {
    const story = needsYes().when(answers('yes', 'q1'), failsInPassing(), says('continue', workflow('tool')));
    expect(story.sent('hop.requested')).toMatchObject({ step: 'tools', attempt: 2, consented: consent });
  });

  test('says to roles by which door it came', () => {
    const story = underWay(workflow('tool'), { door: 'a2a', caller: 'peer' }, RELEASE);
    expect(story.sent('hop.requested').share).toEqual(share);
  });

  test('"yes" of somebody whom no door knows is refused, and the question stays; "no" is taken', () => {
    const story = needsYes()
      .when(answers('yes', 'q1', 'nats:'))
      .thenExpect({ state: 'asking' });
    expect(story.sent('task.input.refused')).toMatchObject({ code: 'not_allowed', open: { questionId: 'q1' } });
    story.when(answers('no', 'q1', 'nats:')).thenExpect({ state: 'failed' });
  });

  test('"no" ends it, and nothing was done', () => {
    const story = needsYes().when(answers('no', 'q1')).thenExpect({ state: 'failed' });
    expect(resultOf(story).error).toEqual({
      ...{ code: 'not_approved', retryable: false },
      message: 'the tool http_post_once was not allowed to act: no',
    });
  });

  test('arguments that are too long for a question are shown cut, and it says so', () => {
    const long = { name: 'http_post', arguments: { body: 'x'.repeat(50_000) } };
    const story = underWay(workflow('tool'), {}, RELEASE).when(needsConsent(long));
    const { question } = story.sent('task.input.required');
    expect(question.length).toBeLessThan(6200);
    expect(question).toContain('(50011 characters in all)');
  });
});
