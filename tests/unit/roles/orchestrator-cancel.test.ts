/** A task is cancelled: in every state, with what is at work told to stop. */
import { describe, expect, test } from 'vitest';
import { role } from '../../../actors/roles/orchestrator/machine.ts';
import { done, given } from './support/given.ts';
import { answered, retrieved } from './support/samples.ts';
import {
  cancels,
  completes,
  fails,
  hopsOf,
  mayHaveHappened,
  resultOf,
  submitted,
  underWay,
} from './support/task-story.ts';
import { approvalWorkflow, workflow } from './support/workflows.ts';

describe('cancel', () => {
  test('while the route is being chosen: the effect is no longer wanted', () => {
    const story = given(role).when(submitted()).when(cancels('never mind'));
    story.thenExpect({ state: 'cancelled', sent: ['task.cancelled > watchers'], effects: [], timers: [] });
    const [result] = story.results;
    expect(result?.kind === 'applied' && result.endedEffects.map(({ effect }) => effect)).toEqual(['route']);
    expect(resultOf(story)).toMatchObject({
      ...{ outcome: 'cancelled', answer: 'never mind', hops: [] },
      error: { code: 'cancelled', message: 'never mind', retryable: false },
    });
    expect(resultOf(story).route).toBeUndefined();
  });

  test('while a hop is at work: its role is told, and the hop ends as cancelled', () => {
    const story = underWay(workflow('answer')).when(completes(retrieved)).when(cancels());
    story.thenExpect({
      state: 'cancelled',
      sent: ['hop.cancelled > responder', 'hop.finished > watchers', 'task.cancelled > watchers'],
      timers: [],
    });
    expect(story.sent('hop.cancelled')).toEqual({ step: 'respond', attempt: 1, reason: 'cancelled by the caller' });
    expect(story.envelope('hop.cancelled')).toMatchObject({ hopindex: 2 });
    expect(hopsOf(resultOf(story))).toEqual(['1 retrieve#1 completed', '2 respond#1 cancelled']);
    expect(story.outputs.at(-1)?.awaited).toBe(true);
  });

  test.each([
    ['an approval', () => underWay(approvalWorkflow)],
    ['an unknown outcome', () => underWay(workflow('tool')).when(mayHaveHappened())],
  ])('while a person is asked about %s: nothing is at work', (_what, asked) => {
    const story = asked().thenExpect({ state: 'asking' }).when(cancels('enough'));
    story.thenExpect({ state: 'cancelled', sent: ['task.cancelled > watchers'], timers: [] });
    expect(resultOf(story)).toMatchObject({ outcome: 'cancelled', answer: 'enough' });
  });

  test('twice: the second changes nothing', () => {
    const story = underWay(workflow('direct')).when(cancels('one'), cancels('two'));
    expect(story.sentEver.filter(({ event }) => event.type.includes('task.cancelled'))).toHaveLength(1);
    expect(resultOf(story).answer).toBe('one');
  });

  test.each([
    ['completed', () => underWay(workflow('direct')).when(completes(answered))],
    ['failed', () => underWay(workflow('direct')).when(fails())],
  ])('of a task that has %s: too late, nothing is sent', (state, ended) => {
    ended().when(cancels()).thenExpect({ state, sent: [] });
  });

  test('what comes afterwards is late', () => {
    const story = given(role).when(submitted());
    const { event } = done('route', {})(story);
    story.when(cancels(), () => ({ event })).thenExpect({ state: 'cancelled' });
    expect(story.results.at(-1)).toEqual({ kind: 'ignored', reason: 'late' });
  });
});
