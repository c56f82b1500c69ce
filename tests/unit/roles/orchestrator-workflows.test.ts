/** The five workflows from submission to result. */
import { describe, expect, test } from 'vitest';
import { role } from '../../../actors/roles/orchestrator/machine.ts';
import { checkWorkflow } from '../../../actors/workflows/index.ts';
import { failed, given } from './support/given.ts';
import { answered, coded, passage, retrieved, reviewed, toolRan } from './support/samples.ts';
import {
  completes,
  completesWithNothing,
  hopsOf,
  PROMPT,
  resultOf,
  routed,
  submitted,
  underWay,
} from './support/task-story.ts';
import { approvalWorkflow, builtin, eagerWorkflow, roleNames, workflow } from './support/workflows.ts';

const HOP = (to: string) => [`hop.requested > ${to}`, 'hop.started > watchers'];
const NEXT = (to: string) => ['hop.finished > watchers', ...HOP(to)];
const END = ['hop.finished > watchers', 'task.completed > watchers'];

test('the workflows that only tests have are allowed ones', () => {
  for (const made of [approvalWorkflow, eagerWorkflow])
    expect(checkWorkflow(made, made.name, roleNames)).toMatchObject(made);
});

describe('the beginning', () => {
  test('S4: a submission is accepted for whoever waits, then routed', () => {
    const story = given(role).when(submitted({ caller: 'mesh run', workflow: 'build', deadlineMs: 5000 }));
    story.thenExpect({
      state: 'working.routing',
      sent: ['task.accepted > watchers'],
      effects: ['route'],
      timers: ['deadline'],
    });
    expect(story.sent('task.accepted')).toEqual({ prompt: PROMPT, workflow: 'build', caller: 'mesh run' });
    expect(story.outputs[0]).toMatchObject({ to: 'watchers', awaited: true });
    expect(story.effect('route').input).toEqual({ prompt: PROMPT, wish: 'build', remainingHops: 12 });
  });

  test('without wishes nothing is made up', () => {
    const story = given(role).when(submitted());
    expect(story.sent('task.accepted')).toEqual({ prompt: PROMPT });
    expect(story.effect('route').input).toMatchObject({ wish: null });
  });

  test('the route is told with its steps, and the first hop begins', () => {
    const story = given(role)
      .when(submitted())
      .when(routed(workflow('tool')));
    story.thenExpect({ state: 'working.hop', sent: ['task.routed > watchers', ...HOP('tools')] });
    expect(story.sent('task.routed')).toMatchObject({
      route: { decision: 'tool', engine: 'rules' },
      steps: [
        { step: 'tools', role: 'tools' },
        { step: 'respond', role: 'responder' },
      ],
    });
  });

  test('a task that cannot be routed fails, and says why', () => {
    const story = given(role)
      .when(submitted())
      .when(failed('route', { code: 'unknown_workflow', message: 'no such' }));
    story.thenExpect({ state: 'failed', sent: ['task.failed > watchers'], effects: [], timers: [] });
    expect(resultOf(story)).toMatchObject({ outcome: 'failed', hops: [], error: { code: 'unknown_workflow' } });
  });
});

describe('to the end', () => {
  test('answer', () => {
    const story = underWay(workflow('answer')).thenExpect({ state: 'working.hop' });
    story.when(completes(retrieved)).thenExpect({ state: 'working.hop', sent: NEXT('responder') });
    expect(story.sent('hop.requested')).toEqual({
      ...{ step: 'respond', attempt: 1, timeoutMs: 180_000 },
      input: { prompt: PROMPT, passages: [passage] },
    });
    story.when(completes(answered)).thenExpect({ state: 'completed', sent: END, effects: [], timers: [] });
    expect(resultOf(story)).toMatchObject({
      ...{ outcome: 'answered', answer: answered.answer?.text, citations: answered.answer?.citations },
      ...{ engine: 'extractive', loops: { used: 0, max: 0 } },
    });
    expect(hopsOf(resultOf(story))).toEqual(['1 retrieve#1 completed', '2 respond#1 completed']);
  });

  test('build, accepted at once', () => {
    const story = underWay(workflow('build'))
      .when(completes(retrieved))
      .thenExpect({ sent: NEXT('coder') });
    story.when(completes(coded(1))).thenExpect({ sent: NEXT('reviewer') });
    expect(story.sent('hop.requested').input).toEqual({ prompt: PROMPT, passages: [passage], code: coded(1).code });
    story.when(completes(reviewed(0)));
    story.thenExpect({
      state: 'completed',
      sent: ['hop.finished > watchers', 'loop.advanced > watchers', 'task.completed > watchers'],
    });
    expect(story.sent('loop.advanced')).toEqual({
      loops: { used: 0, max: 2 },
      verdict: 'approved',
      next: 'accepted',
      findings: 0,
    });
    const result = resultOf(story);
    expect(result).toMatchObject({ outcome: 'accepted', code: coded(1).code, review: { verdict: 'approved' } });
    expect(result.answer).toContain('```typescript\nexport const attempt = 1;\n```');
    expect(result.answer).toContain('Accepted by the reviewer after 0 revisions. Checked by typescript@6.0.3.');
  });

  test('review', () => {
    const story = underWay(workflow('review')).thenExpect({
      sent: ['task.accepted > watchers', 'task.routed > watchers', ...HOP('reviewer')],
    });
    story.when(completes(reviewed(2))).thenExpect({ state: 'completed', sent: END });
    expect(resultOf(story)).toMatchObject({ outcome: 'reviewed' });
    expect(resultOf(story).answer).toBe(
      "2 errors\n- error, line 1: Cannot find name 'x0'. (ts2304)\n- error, line 2: Cannot find name 'x1'. (ts2304)",
    );
  });

  test('tool', () => {
    const story = underWay(workflow('tool'))
      .when(completes(toolRan))
      .thenExpect({ sent: NEXT('responder') });
    expect(story.sent('hop.requested').input).toEqual({ prompt: PROMPT, tool: toolRan.tool });
    story.when(completes(answered)).thenExpect({ state: 'completed', sent: END });
    expect(resultOf(story).outcome).toBe('answered');
  });

  test('direct', () => {
    const story = underWay(workflow('direct')).when(completes(answered)).thenExpect({ state: 'completed', sent: END });
    expect(hopsOf(resultOf(story))).toEqual(['1 respond#1 completed']);
  });

  test('S4: the result is awaited: its commit does not wait for the window', () => {
    const story = underWay(workflow('direct')).when(completes(answered));
    expect(story.outputs.at(-1)).toMatchObject({ to: 'watchers', awaited: true });
    expect(story.outputs.slice(0, -1).some(({ awaited }) => awaited)).toBe(false);
  });

  test.each([...builtin.values()])('S1: $name: times are the log’s, from request to reply', (made) => {
    const story = underWay(made);
    const [first] = made.steps;
    story.when(completes({ ...reviewed(0), ...answered, ...coded(1) }));
    expect(story.sent('hop.finished').hop).toMatchObject({ step: first?.step, ms: 1000, index: 1 });
  });

  test('a completed step without an output fails the task', () => {
    const story = underWay(workflow('direct')).when(completesWithNothing()).thenExpect({ state: 'failed' });
    expect(resultOf(story).error).toMatchObject({ code: 'no_output', message: 'responder replied with nothing' });
  });

  test('S5: after the end nothing is sent any more', () => {
    const story = underWay(workflow('direct'));
    const { event } = completes(toolRan)(story);
    story
      .when(completes(answered))
      .when(() => ({ event }), submitted())
      .thenExpect({ state: 'completed', sent: [] });
  });
});
