/** Tasks since release 4: time is that of work, and a deed that is cut off is asked after (S6, S8). */
import { describe, expect, test } from 'vitest';
import { role } from '../../../actors/roles/orchestrator/machine.ts';
import type { Workflow } from '../../../actors/workflows/index.ts';
import type { TaskSubmittedData } from '../../../schemas/events/generated.ts';
import { elapsed, failed, given, type Moment, received, type Story } from './support/given.ts';
import { answered, toolRan } from './support/samples.ts';
import {
  answers,
  cancels,
  completes,
  fails,
  failsInPassing,
  hopsOf,
  mayHaveHappened,
  resultOf,
  routed,
  says,
  submitted,
  underWay,
} from './support/task-story.ts';
import { approvalWorkflow, workflow } from './support/workflows.ts';

const begun = (of: Workflow, more: Partial<TaskSubmittedData> = {}): Story => underWay(of, more, 4);
/** The hop at work says that it waits, or that its turn has come. */
const queues = (ahead: number | null, hop = 1): Moment =>
  received('hop.waiting', { role: 'llm', waiting: ahead !== null, ahead: ahead ?? 0 }, { from: 'llm', hop });

describe('a step that waits for its turn', () => {
  const waiting = () => begun(workflow('direct')).when(queues(12));

  test('S8: has no limit of work meanwhile, and is shown as waiting', () => {
    const story = waiting().thenExpect({
      ...{ state: 'working.queued', sent: ['hop.waiting > watchers'], timers: ['deadline'] },
    });
    expect(story.sent('hop.waiting')).toEqual({ role: 'llm', waiting: true, ahead: 12 });
    story.when(queues(3)).thenExpect({ state: 'working.queued', sent: ['hop.waiting > watchers'] });
  });

  test('S8: has its whole time when its turn comes', () => {
    const story = waiting().when(queues(null));
    story.thenExpect({
      state: 'working.resumed',
      sent: ['hop.waiting > watchers'],
      timers: ['deadline', 'hopTimeout'],
    });
    expect(story.timer('hopTimeout').dueUpMs - story.upMs).toBe(180_000);
    story.when(queues(1)).thenExpect({ state: 'working.queued' });
    story.when(queues(null), elapsed('hopTimeout'), says('continue', workflow('direct')));
    expect(story.sent('hop.requested')).toMatchObject({ attempt: 2 });
  });

  test.each<[string, readonly Moment[]]>([
    ['while it waits', [queues(12)]],
    ['when its turn has come', [queues(12), queues(null)]],
  ])('a reply is taken %s', (_when, moments) => {
    begun(workflow('direct'))
      .when(...moments, completes(answered))
      .thenExpect({ state: 'completed' });
  });

  test('S5: what an earlier hop says changes nothing', () => {
    begun(workflow('direct')).when(queues(12, 0)).thenExpect({ state: 'working.hop', sent: [] });
    waiting().when(queues(null, 0), queues(4, 0)).thenExpect({ state: 'working.queued', sent: [] });
  });

  test('the deadline and a cancel end it all the same', () => {
    waiting().when(cancels()).thenExpect({ state: 'cancelled' });
    waiting().when(elapsed('deadline')).thenExpect({ state: 'failed' });
  });
});

describe('the deadline', () => {
  const timed = (more: Partial<TaskSubmittedData> = {}) => begun({ ...approvalWorkflow, deadlineMs: 70_000 }, more);

  test('is the workflow’s, unless the caller says otherwise', () => {
    const story = begun({ ...workflow('direct'), deadlineMs: 70_000 });
    expect(story.timer('deadline').dueUpMs).toBe(story.upMs - 1000 + 70_000);
    const own = begun({ ...workflow('direct'), deadlineMs: 70_000 }, { deadlineMs: 20_000 });
    expect(own.timer('deadline').dueUpMs).toBe(own.upMs - 1000 + 20_000);
    story.when(elapsed('deadline'));
    expect(resultOf(story).error).toMatchObject({ message: 'not finished within 70000 ms' });
  });

  test('S8: goes on after a question where it was', () => {
    const story = timed({ deadlineMs: 50_000 }).thenExpect({ state: 'asking', timers: ['answerWithin'] });
    const late: Moment = (at) => ({ ...answers('yes')(at), atMs: at.atMs + 3_000_000 });
    story.when(late).thenExpect({ timers: ['deadline', 'hopTimeout'] });
    const left = story.timer('deadline').dueUpMs - story.upMs;
    expect(left).toBeLessThan(50_000);
    expect(left).toBeGreaterThan(45_000);
    story.when(mayHaveHappened(), answers('retry', 'q2'));
    expect(story.timer('deadline').dueUpMs - story.upMs).toBeLessThan(left);
  });

  test('a person’s cancel at a question ends the task', () => {
    timed().when(cancels('enough')).thenExpect({ state: 'cancelled' });
  });
});

describe('work says whose it is', () => {
  test('to every role, with its priority', () => {
    const story = begun(workflow('direct'), { caller: 'ci', priority: 'low', waitForModel: true });
    expect(story.sent('hop.requested')).toMatchObject({ share: { caller: 'ci', priority: 'low' }, waitForModel: true });
    const plain = begun(workflow('direct'));
    expect(plain.sent('hop.requested').share).toEqual({ caller: '', priority: 'normal' });
    expect(plain.sent('hop.requested').waitForModel).toBeUndefined();
  });
});

describe('S6: a deed that may not be repeated and is cut off', () => {
  const paying: Workflow = {
    ...{ name: 'paying', description: 'A tool.' },
    steps: [{ step: 'pay', role: 'tools', timeoutMs: 60_000, confirmsCancel: true }],
  };
  const stopping = (how: Moment = cancels('stop')) => begun(paying).when(how);
  const hadBegun = mayHaveHappened();

  test('is asked after before the task ends', () => {
    stopping().thenExpect({ state: 'stopping', sent: ['hop.cancelled > tools'], timers: ['stopWithin'] });
  });

  test.each<[string, Moment, string]>([
    ['a cancel', cancels('stop'), 'stop'],
    ['the deadline', elapsed('deadline'), 'not finished within 3600000 ms'],
  ])('%s says that it may have happened, to everybody', (_what, how, why) => {
    const story = stopping(how).when(hadBegun);
    const said = `${why}. The step pay (tools) may or may not have happened: it was cut off. Look before you do it again.`;
    expect(story.sent('hop.finished')).toMatchObject({
      hop: { status: 'unknown', summary: said },
      error: { message: said },
    });
    expect(resultOf(story)).toMatchObject({ answer: said, error: { message: said } });
    expect(['cancelled', 'failed']).toContain(resultOf(story).outcome);
  });

  test('what had been done is said as done, what had not begun is no word worth', () => {
    const happened = stopping().when(completes(toolRan)).thenExpect({ state: 'cancelled' });
    expect(resultOf(happened).answer).toBe('stop. The step pay (tools) had been done.');
    expect(hopsOf(resultOf(happened))).toEqual(['1 pay#1 completed']);
    const nothing = stopping().when(fails()).thenExpect({ state: 'cancelled' });
    expect(resultOf(nothing).answer).toBe('stop');
    expect(hopsOf(resultOf(nothing))).toEqual(['1 pay#1 cancelled']);
  });

  test('S8: a role that does not answer keeps nobody waiting', () => {
    const story = stopping();
    expect(story.timer('stopWithin').dueUpMs - story.upMs).toBe(5000);
    story.when(elapsed('stopWithin')).thenExpect({ state: 'cancelled' });
    expect(resultOf(story).answer).toContain('may or may not have happened: tools has not said what it had begun.');
  });

  test('S5: the answer of an earlier attempt is none', () => {
    begun(paying)
      .when(failsInPassing(), says('continue', paying), cancels('stop'))
      .when(received('hop.replied', { step: 'pay', attempt: 1, status: 'failed' }, { from: 'tools', hop: 1 }))
      .thenExpect({ state: 'stopping' });
  });
});

describe('what else a task of this release does', () => {
  test('it fails when the router fails, at the start', () => {
    given(role, 4)
      .when(submitted(), failed('route'))
      .thenExpect({ state: 'failed', sent: ['task.accepted > watchers', 'task.failed > watchers'] });
  });

  test('a fork from a step that is not there is no task', () => {
    given(role, 4)
      .when(submitted({ fork: { origin: { correlationId, hop: 1 }, step: 'none', remainingLoops: 0, artifacts: {} } }))
      .when(routed(workflow('direct')))
      .thenExpect({ state: 'failed' });
  });

  test('a question that nobody answers ends it', () => {
    begun(approvalWorkflow).when(elapsed('answerWithin')).thenExpect({ state: 'failed' });
  });

  test('an attempt that takes too long is tried again', () => {
    begun(workflow('direct'))
      .when(elapsed('hopTimeout'), says('continue', workflow('direct')))
      .thenExpect({ state: 'working.hop' });
  });
});

const correlationId = '7c9e6679-7425-40de-944b-e07fc1f90001';
