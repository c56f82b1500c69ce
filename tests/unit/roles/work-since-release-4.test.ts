/** Roles since release 4: they say when they wait, whose work it is, and what they had begun when they are stopped. */
import { describe, expect, test } from 'vitest';
import { role as coder } from '../../../actors/roles/coder/machine.ts';
import { role as llm } from '../../../actors/roles/llm/machine.ts';
import { role as responder } from '../../../actors/roles/responder/machine.ts';
import { role as reviewer } from '../../../actors/roles/reviewer/machine.ts';
import { role as tools } from '../../../actors/roles/tools/machine.ts';
import type { HopInput, LlmRequestedData } from '../../../schemas/events/generated.ts';
import { done, elapsed, failed, given, received, waits } from './support/given.ts';
import { answered, coded, codeOf, request, reviewed, reviewOf } from './support/samples.ts';

const standing = { share: { caller: 'ci', priority: 'low' as const }, waitForModel: true };
const REPLY = ['hop.replied > orchestrator'];
const asked = (step: string, input: Partial<HopInput> = {}) =>
  received('hop.requested', { ...request(step, input), ...standing }, { hop: 2 });
const cancelled = (step: string) => received('hop.cancelled', { step, attempt: 1, reason: 'enough' }, { hop: 2 });

describe.each([
  { role: coder, step: 'code', output: coded(1) },
  { role: responder, step: 'respond', output: answered },
])('$role.name', ({ role, step, output }) => {
  test('passes on whose work it is', () => {
    const story = given(role, 4)
      .when(asked(step))
      .thenExpect({ state: 'writing', sent: ['llm.requested > llm'] });
    expect(story.sent('llm.requested')).toMatchObject(standing);
    const data = { requestId: `2.${step}.1`, status: 'completed' as const, output };
    story.when(received('llm.replied', data, { from: 'llm', hop: 2 })).thenExpect({ state: 'idle', sent: REPLY });
  });

  test('passes a cancel on', () => {
    given(role, 4)
      .when(asked(step))
      .when(cancelled(step))
      .thenExpect({ state: 'idle', sent: ['hop.cancelled > llm'] });
  });
});

describe('what a tool answered word for word', () => {
  const tool = { name: 'calculator', arguments: {}, result: '42' };
  const page = { ...tool, name: 'http_get', result: 'first line\nsecond line' };

  test.each<[string, Partial<HopInput>, string]>([
    ['a line', { prompt: 'what is 6 * 7?', tool }, 'The tool calculator answered: 42'],
    ['nothing', { prompt: 'what is it?', tool: { ...tool, result: ' \n' } }, 'The tool calculator answered: (nothing)'],
    [
      'what the request named the tool for',
      { prompt: 'tool:http_get {}', tool: page },
      'The tool http_get answered:\n\n```\nfirst line\nsecond line\n```',
    ],
  ])('is the answer, without a model: %s', (_what, input, text) => {
    const story = given(responder, 4).when(asked('respond', input)).thenExpect({ state: 'idle', sent: REPLY });
    expect(story.sent('hop.replied').output).toMatchObject({ answer: { text, citations: [] }, engine: /^tool:/ });
  });

  test.each<[string, Partial<HopInput>]>([
    ['there is more to read', { prompt: 'fetch it and say what it says', tool: page }],
    ['a model chose the tool', { prompt: 'do I need a coat?', tool: { ...tool, chosenBy: 'qwen' } }],
    ['a person said it', { prompt: 'what is 6 * 7?', tool, note: 'in Roman numerals' }],
  ])('is put into words by a model where %s', (_what, input) => {
    given(responder, 4)
      .when(asked('respond', input))
      .thenExpect({ state: 'writing', sent: ['llm.requested > llm'] });
  });
});

describe('llm', () => {
  const wanted = (more: Partial<LlmRequestedData> = {}) =>
    received(
      'llm.requested',
      { requestId: '2.respond.1', purpose: 'answer', input: request('respond').input, ...more },
      { from: 'responder', hop: 2 },
    );
  const stop = received(
    'hop.cancelled',
    { step: 'respond', attempt: 1, reason: 'enough' },
    { from: 'responder', hop: 2 },
  );
  const generating = (more: Partial<LlmRequestedData> = {}) => given(llm, 4).when(wanted(more));
  const holding = () => generating(standing).when(failed('generate', { code: 'overloaded' }));

  test('S8: has no limit of its own: a wait is none of the model’s time', () => {
    const story = generating().thenExpect({ state: 'generating', effects: ['generate'], timers: [] });
    story.when(waits('generate', 7)).thenExpect({ state: 'generating', sent: ['hop.waiting > orchestrator'] });
    expect(story.sent('hop.waiting')).toEqual({ role: 'llm', waiting: true, ahead: 7 });
    expect(story.envelope('hop.waiting').hopindex).toBe(2);
    story.when(waits('generate', null));
    expect(story.sent('hop.waiting')).toEqual({ role: 'llm', waiting: false, ahead: 0 });
    story.when(done('generate', answered)).thenExpect({ state: 'idle', sent: ['llm.replied > responder'] });
  });

  test('a cancel ends it, wherever it is', () => {
    generating().when(stop).thenExpect({ state: 'idle', effects: [] });
    generating().when(failed('generate'), stop).thenExpect({ state: 'idle', effects: [] });
    holding().when(stop).thenExpect({ state: 'idle', timers: [] });
  });

  test('falls back where the asker does not say that it would rather wait', () => {
    const story = generating()
      .when(failed('generate', { code: 'overloaded' }))
      .thenExpect({ state: 'falling' });
    story.when(done('extract', answered)).thenExpect({ state: 'idle' });
    generating().when(failed('generate'), failed('extract')).thenExpect({ state: 'idle' });
  });

  test.each(['overloaded', 'breaker_open', 'engine_busy', 'engine_rate_limited'])(
    'asks a model again that is busy (%s), and says that it waits',
    (code) => {
      const story = generating(standing).when(failed('generate', { code }));
      story.thenExpect({ state: 'holding', sent: ['hop.waiting > orchestrator'], timers: ['holdFor'], effects: [] });
      story.when(elapsed('holdFor')).thenExpect({ state: 'generating', effects: ['generate'] });
      expect(story.sent('hop.waiting')).toMatchObject({ waiting: false });
    },
  );

  test('no answer is better than one without the model', () => {
    const story = generating(standing).when(failed('generate', { code: 'no_model', message: 'None is set up.' }));
    story.thenExpect({ state: 'idle', sent: ['llm.replied > responder'], effects: [] });
    expect(story.sent('llm.replied')).toMatchObject({ status: 'failed', error: { code: 'no_model' } });
  });

  test('but what a tool has said never fails for want of one', () => {
    const tool = { name: 'http_get', arguments: {}, result: 'one\ntwo' };
    const input = { ...request('respond').input, tool };
    generating({ ...standing, input })
      .when(failed('generate'))
      .thenExpect({ state: 'falling' });
  });
});

describe('reviewer', () => {
  const review = reviewOf(0);

  test('says when its check waits', () => {
    const story = given(reviewer, 4).when(asked('review')).when(waits('check', 4));
    story.thenExpect({ state: 'checking', sent: ['hop.waiting > orchestrator'] });
    expect(story.sent('hop.waiting')).toMatchObject({ role: 'reviewer', ahead: 4 });
    story.when(done('check', { review })).thenExpect({ state: 'idle', sent: REPLY });
  });

  test('passes on whose work it is', () => {
    const story = given(reviewer, 4).when(asked('review'), done('check', { review, forModel: codeOf(1) }));
    expect(story.sent('llm.requested')).toMatchObject(standing);
    const data = { requestId: '2.review.1', status: 'completed' as const, output: reviewed(0) };
    story.when(received('llm.replied', data, { from: 'llm', hop: 2 })).thenExpect({ state: 'idle' });
  });

  test('a failed check is a failed hop, and a cancel ends it', () => {
    const checking = () => given(reviewer, 4).when(asked('review'));
    checking().when(failed('check')).thenExpect({ state: 'idle', sent: REPLY });
    checking().when(cancelled('review')).thenExpect({ state: 'idle', effects: [] });
    checking()
      .when(done('check', { review, forModel: codeOf(1) }), cancelled('review'))
      .thenExpect({ state: 'idle' });
  });
});

describe('tools', () => {
  const choice = (fence: string) => ({ name: 'http_post', arguments: {}, fence });
  const running = (fence: string) => given(tools, 4).when(asked('tools'), done('choose', choice(fence)));
  const unchosen = done('choose', { unfit: 'no tool fits this request.', offers: [] });
  const proposal = { engine: 'qwen', summary: 'http_post', tool: { name: 'http_post', arguments: {}, result: '' } };
  const replied = (more: object) =>
    received('llm.replied', { requestId: '2.tools.1', status: 'completed', ...more }, { from: 'llm', hop: 2 });

  test('say when a tool waits for a place, and whose call it is', () => {
    const story = running('pure');
    expect(story.effect('run').input).toMatchObject({ share: standing.share });
    story.when(waits('run', 2)).thenExpect({ state: 'running', sent: ['hop.waiting > orchestrator'] });
    expect(story.sent('hop.waiting')).toEqual({ role: 'tools', waiting: true, ahead: 2 });
    story.when(failed('run')).thenExpect({ state: 'idle', sent: REPLY });
  });

  test.each([
    ['pure', 'failed', 'nothing was done'],
    ['keyed', 'unknown', 'http_post had begun'],
    ['once', 'unknown', 'http_post had begun'],
  ])('S6: stopped while a %s tool runs, they say that it is %s', (fence, status, message) => {
    const story = running(fence).when(cancelled('tools')).thenExpect({ state: 'idle', sent: REPLY, effects: [] });
    expect(story.sent('hop.replied')).toMatchObject({ status, error: { message } });
  });

  test('S6: stopped before, nothing was done', () => {
    const choosing = given(tools, 4).when(asked('tools'));
    const asking = () => given(tools, 4).when(asked('tools'), unchosen);
    for (const story of [choosing, asking(), asking().when(replied({ output: proposal }))]) {
      story.when(cancelled('tools')).thenExpect({ state: 'idle' });
      expect(story.sent('hop.replied')).toMatchObject({ status: 'failed', error: { code: 'cancelled' } });
    }
  });

  test('S8: a model’s choice has its time from when it begins; a result says who chose', () => {
    const story = given(tools, 4).when(asked('tools'), unchosen).thenExpect({ state: 'asking', timers: [] });
    expect(story.sent('llm.requested')).toMatchObject(standing);
    story.when(replied({ output: proposal }), done('check', choice('pure')), done('run', { result: 'done' }));
    expect(story.sent('hop.replied').output?.tool).toMatchObject({ chosenBy: 'qwen', result: 'done' });
  });

  test('no choice, or none that can be run, is a failed hop', () => {
    const asking = () => given(tools, 4).when(asked('tools'), unchosen);
    asking()
      .when(replied({ status: 'failed' }))
      .thenExpect({ state: 'idle', sent: REPLY });
    asking()
      .when(replied({ output: proposal }), failed('check'))
      .thenExpect({ state: 'idle', sent: REPLY });
    given(tools, 4).when(asked('tools'), failed('choose')).thenExpect({ state: 'idle', sent: REPLY });
  });
});
