/** A task that runs another again: it begins at a later step, with what the hops before had made. */
import { describe, expect, test } from 'vitest';
import type { TaskSubmittedData } from '../../../schemas/events/generated.ts';
import { coded, codeOf, passage, retrieved, reviewed, reviewOf } from './support/samples.ts';
import { completes, resultOf, taskOf, underWay } from './support/task-story.ts';
import { workflow } from './support/workflows.ts';

type Fork = NonNullable<TaskSubmittedData['fork']>;
const origin = { correlationId: '0b0ae3f0-7a0c-4c0e-9a54-0c8d3a1f2b11', hop: 4 };
const fork = (more: Partial<Fork>): Partial<TaskSubmittedData> => ({
  workflow: 'build',
  fork: { origin, step: 'code', remainingLoops: 2, artifacts: {}, ...more },
});

describe('a fork', () => {
  test('tells what it runs again, and begins at the step with the artifacts', () => {
    const artifacts = { passages: [passage], code: codeOf(1), review: reviewOf(2) };
    const story = underWay(workflow('build'), fork({ remainingLoops: 1, artifacts }));
    expect(
      story.sentEver.find(({ event }) => event.type === 'dev.agentmesh.task.accepted.v1')?.event.data,
    ).toMatchObject({
      fork: origin,
    });
    story.thenExpect({ state: 'working.hop' });
    expect(story.sent('hop.requested')).toMatchObject({ step: 'code', attempt: 1, input: artifacts });
    expect(story.envelope('hop.requested')).toMatchObject({ hopindex: 1, remainingloops: 1 });
  });

  test('S8: takes no more loops than were left, and then gives the best attempt, the old one included', () => {
    const artifacts = { code: codeOf(1), review: reviewOf(1) };
    const story = underWay(workflow('build'), fork({ remainingLoops: 0, engine: 'openai:one', artifacts }));
    story.when(completes(coded(2)), completes(reviewed(3)));
    const result = resultOf(story);
    expect(result).toMatchObject({ outcome: 'exhausted', loops: { used: 2, max: 2 }, code: codeOf(1) });
  });

  test('at the review, the author of the code stays who it was', () => {
    const story = underWay(
      workflow('build'),
      fork({ step: 'review', engine: 'openai:one', artifacts: { code: codeOf(1) } }),
    );
    story.when(completes(reviewed(0)));
    expect(resultOf(story)).toMatchObject({ outcome: 'accepted', engine: 'openai:one' });
  });

  test('at the review without any code fails, and no loop has moved', () => {
    const story = underWay(workflow('build'), fork({ step: 'review' }));
    story.when(completes(reviewed(2))).thenExpect({ sent: ['hop.finished > watchers', 'task.failed > watchers'] });
    expect(resultOf(story)).toMatchObject({ outcome: 'failed', error: { code: 'no_code' } });
  });

  test('from the first step is the whole task again', () => {
    const story = underWay(workflow('build'), fork({ step: 'retrieve' }));
    story.when(completes(retrieved), completes(coded(1)), completes(reviewed(0)));
    expect(resultOf(story).outcome).toBe('accepted');
    expect(taskOf(story).hops.map(({ step }) => step)).toEqual(['retrieve', 'code', 'review']);
  });

  test('a step that the workflow does not have any more fails the task, with the reason', () => {
    const story = underWay(workflow('build'), fork({ step: 'paint' }));
    expect(resultOf(story)).toMatchObject({ outcome: 'failed', error: { code: 'unknown_step' } });
  });

  test('more loops than the workflow gives are not taken', () => {
    const story = underWay(workflow('build'), fork({ remainingLoops: 99 }));
    expect(taskOf(story).loopsUsed).toBe(0);
  });
});
