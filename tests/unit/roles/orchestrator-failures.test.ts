/** Hops that fail, come too late or never: retries, time-outs and the limits of a task (S8). */
import { describe, expect, test } from 'vitest';
import { HOPS_MAX } from '../../../actors/roles/orchestrator/context.ts';
import type { Workflow } from '../../../actors/workflows/index.ts';
import { elapsed } from './support/given.ts';
import { answered, coded, retrieved, reviewed } from './support/samples.ts';
import { completes, fails, failsInPassing, hopsOf, resultOf, taskOf, underWay } from './support/task-story.ts';
import { eagerWorkflow, workflow } from './support/workflows.ts';

const oneStep = (more: object): Workflow => ({
  name: 'short',
  description: 'One step.',
  steps: [{ step: 'respond', role: 'responder', timeoutMs: 5000, ...more }],
});

describe('failures', () => {
  test('a passing one is tried again, and the second attempt may succeed', () => {
    const story = underWay(workflow('direct')).when(failsInPassing());
    story.thenExpect({
      state: 'working.hop',
      sent: ['hop.finished > watchers', 'hop.requested > responder', 'hop.started > watchers'],
    });
    expect(story.sent('hop.finished')).toMatchObject({ hop: { status: 'failed' }, error: { code: 'unavailable' } });
    expect(story.sent('hop.requested')).toMatchObject({ attempt: 2 });
    expect(story.envelope('hop.requested').hopindex).toBe(2);
    story.when(completes(answered)).thenExpect({ state: 'completed' });
    expect(hopsOf(resultOf(story))).toEqual(['1 respond#1 failed', '2 respond#2 completed']);
    expect(resultOf(story).error).toBeUndefined();
  });

  test('S8: two attempts when the workflow does not say', () => {
    const story = underWay(workflow('direct')).when(failsInPassing(), failsInPassing()).thenExpect({ state: 'failed' });
    expect(resultOf(story)).toMatchObject({ outcome: 'failed', answer: 'try later', error: { code: 'unavailable' } });
  });

  test.each([1, 2, 5])('S8: %i attempts when it does', (attempts) => {
    const story = underWay(oneStep({ attempts }));
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      story.thenExpect({ state: 'working.hop' }).when(failsInPassing());
    }
    story.thenExpect({ state: 'failed' });
    expect(resultOf(story).hops).toHaveLength(attempts);
  });

  test('one that will not pass is not tried again', () => {
    const story = underWay(workflow('direct')).when(fails()).thenExpect({ state: 'failed' });
    expect(hopsOf(resultOf(story))).toEqual(['1 respond#1 failed']);
    expect(resultOf(story)).toMatchObject({ answer: 'it broke', error: { code: 'broken', retryable: false } });
  });

  test('the task goes on without an optional step', () => {
    const story = underWay(workflow('build')).when(fails());
    story.thenExpect({ state: 'working.hop' });
    expect(story.sent('hop.requested')).toMatchObject({
      step: 'code',
      attempt: 1,
      input: { prompt: expect.any(String) },
    });
    expect(story.sent('hop.requested').input.passages).toBeUndefined();
    story.when(completes(coded(1)), completes(reviewed(0))).thenExpect({ state: 'completed' });
    expect(resultOf(story).error).toBeUndefined();
    expect(hopsOf(resultOf(story))[0]).toBe('1 retrieve#1 failed');
  });

  test('an optional step has its attempts too', () => {
    const story = underWay(workflow('build')).when(failsInPassing());
    expect(story.sent('hop.requested')).toMatchObject({ step: 'retrieve', attempt: 2 });
    story.when(failsInPassing());
    expect(story.sent('hop.requested')).toMatchObject({ step: 'code', attempt: 1 });
  });

  test('a failed reply without an error still says that it failed', () => {
    const story = underWay(workflow('direct'));
    story.when((one) => {
      const made = fails()(one);
      const { event } = made;
      if (event.type !== 'dev.agentmesh.hop.replied.v1') throw new Error('not a reply');
      const { error: _error, ...data } = event.data;
      return { event: { ...event, data } };
    });
    expect(resultOf(story).error).toEqual({ code: 'unexpected', message: 'responder failed', retryable: false });
  });
});

describe('time', () => {
  test('S8: a hop without a reply is cancelled and tried again', () => {
    const story = underWay(oneStep({}));
    expect(story.timer('hopTimeout').dueUpMs).toBe(story.upMs + 5000);
    story.when(elapsed('hopTimeout')).thenExpect({
      state: 'working.hop',
      sent: [
        'hop.cancelled > responder',
        'hop.finished > watchers',
        'hop.requested > responder',
        'hop.started > watchers',
      ],
      timers: ['deadline', 'hopTimeout'],
    });
    expect(story.sent('hop.cancelled')).toEqual({
      step: 'respond',
      attempt: 1,
      reason: 'the time for this step is up',
    });
    expect(story.envelope('hop.cancelled').hopindex).toBe(1);
    expect(story.sent('hop.finished')).toMatchObject({
      hop: { status: 'failed', ms: 5000 },
      error: { code: 'hop_timeout' },
    });
    story.when(elapsed('hopTimeout')).thenExpect({ state: 'failed', timers: [] });
    expect(resultOf(story).error).toMatchObject({ code: 'hop_timeout', message: 'no reply within 5000 ms' });
  });

  test('S8: the deadline ends the task and the hop at work', () => {
    const story = underWay(workflow('direct'), { deadlineMs: 2500 }).when(elapsed('deadline'));
    story.thenExpect({
      state: 'failed',
      sent: ['hop.cancelled > responder', 'hop.finished > watchers', 'task.failed > watchers'],
      timers: [],
    });
    expect(resultOf(story).error).toMatchObject({ code: 'deadline_exceeded', message: 'not finished within 2500 ms' });
    expect(hopsOf(resultOf(story))).toEqual(['1 respond#1 cancelled']);
  });

  test('S8: the deadline runs from the submission, over all hops', () => {
    const story = underWay(workflow('build'), { deadlineMs: 60_000 });
    const { dueUpMs } = story.timer('deadline');
    story.when(completes(retrieved), completes(coded(1)));
    expect(story.timer('deadline').dueUpMs).toBe(dueUpMs);
  });

  test('S8: an hour when nobody says', () => {
    const story = underWay(workflow('direct'));
    expect(story.timer('deadline').dueUpMs - story.upMs).toBe(3_600_000 - 1000);
    story.when(elapsed('deadline'));
    expect(resultOf(story).error?.message).toBe('not finished within 3600000 ms');
  });
});

describe('replies that are not to the hop at work', () => {
  const story = () => underWay(workflow('direct')).when(failsInPassing());

  test.each([
    ['an earlier hop', { hop: 1 }],
    ['a later hop', { hop: 3 }],
    ['another role', { from: 'coder' }],
  ])('S5: from %s change nothing', (_what, options) => {
    story().when(completes(answered, options)).thenExpect({ state: 'working.hop', sent: [] });
  });

  test('S5: to an earlier attempt change nothing', () => {
    const late = story();
    late.when((one) => {
      const { event } = completes(answered)(one);
      if (event.type !== 'dev.agentmesh.hop.replied.v1') throw new Error('not a reply');
      return { event: { ...event, data: { ...event.data, attempt: 1 } } };
    });
    late.thenExpect({ state: 'working.hop', sent: [] });
    late.when(completes(answered)).thenExpect({ state: 'completed' });
  });
});

describe('the limit of hops', () => {
  test('S8: a task that keeps failing in passing stops at it', () => {
    const story = underWay(eagerWorkflow);
    for (let hop = 1; hop <= 5; hop += 1) story.when(failsInPassing());
    for (let hop = 6; hop < 10; hop += 1) story.when(failsInPassing());
    story.when(completes(coded(1)), failsInPassing(), failsInPassing()).thenExpect({ state: 'failed' });
    expect(resultOf(story)).toMatchObject({ outcome: 'failed', error: { code: 'unavailable' } });
    expect(resultOf(story).hops).toHaveLength(HOPS_MAX);
  });

  test('S8: no step begins beyond it, though the one before went well', () => {
    const story = underWay(eagerWorkflow);
    for (let hop = 1; hop < 10; hop += 1) story.when(failsInPassing());
    story.when(completes(coded(1)), completes(reviewed(1)), completes(coded(2))).thenExpect({ state: 'failed' });
    expect(resultOf(story)).toMatchObject({
      outcome: 'failed',
      error: { code: 'too_many_hops', message: `the task used its ${HOPS_MAX} hops` },
    });
    expect(resultOf(story).hops).toHaveLength(HOPS_MAX);
  });

  test('S8: a loop that would go beyond it ends with the best attempt', () => {
    const story = underWay(eagerWorkflow).when(completes(retrieved));
    for (let round = 1; round <= 5; round += 1) story.when(completes(coded(round)), completes(reviewed(9 - round)));
    story.thenExpect({ state: 'working.hop' });
    story.when(failsInPassing()).thenExpect({ state: 'failed' });
    expect(taskOf(story).hop).toBe(HOPS_MAX);
  });

  test('S8: a review that is the last hop ends the loop', () => {
    const story = underWay(eagerWorkflow).when(failsInPassing(), completes(retrieved));
    for (let round = 1; round <= 5; round += 1) story.when(completes(coded(round)), completes(reviewed(round)));
    story.thenExpect({ state: 'completed' });
    expect(resultOf(story)).toMatchObject({ outcome: 'exhausted', code: { attempt: 1 }, loops: { used: 4, max: 5 } });
  });
});
