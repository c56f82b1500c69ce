/** The router asked again on the way: after a review, and after a failure in passing. What it may not say is not done (S8). */
import { describe, expect, test } from 'vitest';
import { role } from '../../../actors/roles/orchestrator/machine.ts';
import type { Workflow } from '../../../actors/workflows/index.ts';
import type { TaskSubmittedData } from '../../../schemas/events/generated.ts';
import { elapsed, failed, given, type Story } from './support/given.ts';
import { answered, coded, codeOf, retrieved, reviewed, reviewOf, toolRan } from './support/samples.ts';
import {
  answers,
  cancels,
  completes,
  fails,
  failsInPassing,
  hopsOf,
  resultOf,
  says,
  submitted,
  underWay,
} from './support/task-story.ts';
import { approvalWorkflow, eagerWorkflow, workflow } from './support/workflows.ts';

const build = workflow('build');
const HOP = (to: string) => [`hop.requested > ${to}`, 'hop.started > watchers'];
describe.each([2, 3, 4])('a task of release %i', (release) => {
  const reconsidering = (of: Workflow, more: Partial<TaskSubmittedData> = {}): Story => underWay(of, more, release);
  const atReview = (): Story => reconsidering(build).when(completes(retrieved), completes(coded(1)));

  describe('at the start', () => {
    test('the question says that it is the first one', () => {
      const story = given(role, release).when(submitted({ workflow: 'build' }));
      expect(story.effect('route').input).toEqual({
        ...{ prompt: 'Write a debounce function in TypeScript', wish: 'build', remainingHops: 12, phase: 'start' },
        ...{ remainingLoops: null, current: null, ahead: [], review: null },
      });
      story.when(says('begin', build)).thenExpect({ sent: ['task.routed > watchers', ...HOP('retriever')] });
      expect(story.sent('task.routed')).toMatchObject({ phase: 'start', next: 'begin', route: { decision: 'build' } });
    });

    test('a router that fails fails the task, as there is nothing to go on with', () => {
      const story = given(role, release).when(
        submitted(),
        failed('route', { code: 'unknown_workflow', message: 'none' }),
      );
      story.thenExpect({ state: 'failed', sent: ['task.accepted > watchers', 'task.failed > watchers'] });
    });
  });

  describe('after a review that requests changes', () => {
    test('the router is asked before the loop moves, with what the loop has left', () => {
      const story = atReview().when(completes(reviewed(2)));
      story.thenExpect({ state: 'working.routing', sent: ['hop.finished > watchers'], effects: ['route'] });
      expect(story.effect('route').input).toMatchObject({
        ...{ phase: 'after_review', remainingHops: 9, remainingLoops: 2, current: 'build' },
        ...{ ahead: ['coder', 'reviewer'], review: { errors: 2, errorsBefore: null } },
      });
    });

    test('another round', () => {
      const story = atReview().when(completes(reviewed(2)), says('continue', build));
      story.thenExpect({
        state: 'working.hop',
        sent: ['hop.finished > watchers', 'task.routed > watchers', 'loop.advanced > watchers', ...HOP('coder')],
      });
      expect(story.sent('task.routed')).toMatchObject({ phase: 'after_review', next: 'continue' });
      expect(story.sent('loop.advanced')).toMatchObject({ next: 'revise', loops: { used: 1, max: 2 } });
      expect(story.sent('hop.requested')).toMatchObject({
        step: 'code',
        input: { code: codeOf(1), review: reviewOf(2) },
      });
      story.when(completes(coded(2)), completes(reviewed(1)));
      expect(story.effect('route').input).toMatchObject({ remainingLoops: 1, review: { errors: 1, errorsBefore: 2 } });
    });

    test('the end, with the best attempt and a loop unused', () => {
      const story = atReview().when(completes(reviewed(2)), says('continue', build));
      story.when(completes(coded(2)), completes(reviewed(3)), says('finish', build)).thenExpect({ state: 'completed' });
      expect(story.sent('loop.advanced')).toMatchObject({ next: 'exhausted', loops: { used: 1, max: 2 } });
      expect(resultOf(story)).toMatchObject({ outcome: 'exhausted', code: codeOf(1), loops: { used: 1, max: 2 } });
      expect(resultOf(story).route).toMatchObject({ decision: 'build', reason: 'a test' });
    });

    test('an approval needs no question', () => {
      const story = atReview().when(completes(reviewed(0)));
      story.thenExpect({ state: 'completed', effects: [] });
      expect(story.sent('loop.advanced')).toMatchObject({ next: 'accepted' });
    });

    test('S8: with no loop left nobody is asked', () => {
      const story = atReview().when(completes(reviewed(3)), says('continue', build));
      story.when(completes(coded(2)), completes(reviewed(2)), says('continue', build));
      story.when(completes(coded(3)), completes(reviewed(1))).thenExpect({ state: 'completed', effects: [] });
      expect(resultOf(story)).toMatchObject({ outcome: 'exhausted', loops: { used: 2, max: 2 } });
      expect(resultOf(story).hops).toHaveLength(7);
    });

    test('S8: another workflow is not taken at a review', () => {
      const story = atReview().when(completes(reviewed(2)), says('begin', workflow('direct')));
      story.thenExpect({ state: 'working.hop' });
      expect(story.sent('task.routed')).toMatchObject({ next: 'continue', route: { decision: 'build' } });
      expect(story.sent('hop.requested')).toMatchObject({ step: 'code' });
    });

    test('a router that fails ends nothing: the loop goes round as its workflow says', () => {
      const story = atReview().when(completes(reviewed(2)), failed('route', { message: 'no engine' }));
      story.thenExpect({ state: 'working.hop' });
      expect(story.sent('task.routed').route).toMatchObject({ fallback: true, engine: 'policy' });
      expect(story.sent('task.routed').route.reason).toBe('it goes on: the router failed (no engine)');
      expect(story.sent('loop.advanced')).toMatchObject({ next: 'revise' });
    });
  });

  describe('after a failure in passing', () => {
    const atTool = (): Story => reconsidering(workflow('tool')).when(failsInPassing());

    test('the router is asked whether the roles ahead are well', () => {
      const story = atTool().thenExpect({ state: 'working.routing', sent: ['hop.finished > watchers'] });
      expect(story.effect('route').input).toMatchObject({
        ...{ phase: 'health_changed', current: 'tool', ahead: ['tools', 'responder'], remainingLoops: 0 },
      });
    });

    test('it stays, and tries again', () => {
      const story = atTool().when(says('continue', workflow('tool')));
      story.thenExpect({ state: 'working.hop', sent: ['task.routed > watchers', ...HOP('tools')] });
      expect(story.sent('hop.requested')).toMatchObject({ step: 'tools', attempt: 2 });
    });

    test('it leaves for another workflow, from its first step', () => {
      const story = atTool().when(says('begin', workflow('answer')));
      story.thenExpect({ state: 'working.hop', sent: ['task.routed > watchers', ...HOP('retriever')] });
      expect(story.sent('hop.requested')).toMatchObject({ step: 'retrieve', attempt: 1 });
      story.when(completes(retrieved), completes(answered)).thenExpect({ state: 'completed' });
      expect(hopsOf(resultOf(story))).toEqual([
        ...['1 tools#1 failed', '2 retrieve#1 completed', '3 respond#1 completed'],
      ]);
      expect(resultOf(story)).toMatchObject({ outcome: 'answered', route: { decision: 'answer' } });
    });

    test('S8: only once; later failures have their attempts and no more', () => {
      const story = atTool().when(says('begin', workflow('direct')));
      story.when(failsInPassing()).thenExpect({ state: 'working.hop', effects: [] });
      story.when(failsInPassing()).thenExpect({ state: 'failed' });
    });

    test('S8: never for a workflow that goes round, nor for the one that it is in', () => {
      for (const other of [eagerWorkflow, workflow('tool')]) {
        const story = atTool().when(says('begin', other));
        expect(story.sent('task.routed')).toMatchObject({ next: 'continue', route: { decision: 'tool' } });
        expect(story.sent('hop.requested')).toMatchObject({ step: 'tools', attempt: 2 });
      }
    });

    test('S8: a step that came too late is the same case', () => {
      const story = reconsidering(workflow('tool')).when(elapsed('hopTimeout'));
      story.thenExpect({ state: 'working.routing', sent: ['hop.cancelled > tools', 'hop.finished > watchers'] });
      story.when(says('begin', workflow('direct')), completes(answered)).thenExpect({ state: 'completed' });
    });

    test('approvals were given for the workflow that is left', () => {
      const story = reconsidering(approvalWorkflow).thenExpect({ state: 'asking' });
      story.when(answers('yes'), failsInPassing(), says('begin', workflow('tool')));
      story.when(completes(toolRan), completes(answered)).thenExpect({ state: 'completed' });
    });

    test('one that will not pass asks nobody', () => {
      reconsidering(workflow('tool')).when(fails()).thenExpect({ state: 'failed', effects: [] });
    });
  });

  describe('what ends a task ends it while the router is asked, too', () => {
    const asked = (): Story => reconsidering(workflow('tool'), { deadlineMs: 60_000 }).when(failsInPassing());

    test('a cancel', () => {
      asked()
        .when(cancels())
        .thenExpect({ state: 'cancelled', effects: [], sent: ['task.cancelled > watchers'] });
    });

    test('the deadline', () => {
      asked()
        .when(elapsed('deadline'))
        .thenExpect({ state: 'failed', effects: [], sent: ['task.failed > watchers'] });
    });

    test('and while a person is asked', () => {
      reconsidering(approvalWorkflow).when(cancels()).thenExpect({ state: 'cancelled' });
      reconsidering(approvalWorkflow).when(elapsed('answerWithin')).thenExpect({ state: 'failed' });
      reconsidering(approvalWorkflow).when(answers('no')).thenExpect({ state: 'failed' });
    });
  });
});
