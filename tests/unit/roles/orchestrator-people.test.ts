/** Questions to a person: approval, and effects of which nobody knows whether they happened (S6). */
import { describe, expect, test } from 'vitest';
import { elapsed } from './support/given.ts';
import { answered, coded, retrieved, toolRan } from './support/samples.ts';
import { answers, completes, hopsOf, mayHaveHappened, resultOf, taskOf, underWay } from './support/task-story.ts';
import { approvalWorkflow, workflow } from './support/workflows.ts';

describe('approval', () => {
  const asked = () => underWay(approvalWorkflow);

  test('S6: is asked before the step runs, and awaited', () => {
    const story = asked().thenExpect({ state: 'asking', effects: [], timers: ['answerWithin'] });
    expect(story.sent('task.input.required')).toEqual({
      ...{ question: 'May the step pay (tools) run?', reason: 'approval', choices: ['yes', 'no'] },
    });
    expect(story.outputs.at(-1)).toMatchObject({ awaited: true, to: 'watchers' });
    expect(story.sentEver.some(({ event }) => event.type.includes('hop.requested'))).toBe(false);
  });

  test.each(['yes', 'Yes!', ' y ', 'ok, go on', 'APPROVED', 'approve'])('%j lets it run', (text) => {
    const story = asked().when(answers(text));
    story.thenExpect({
      state: 'working.hop',
      sent: ['task.input.accepted > watchers', 'hop.requested > tools', 'hop.started > watchers'],
    });
    expect(story.sent('task.input.accepted')).toEqual({ text });
    expect(story.sent('hop.requested')).toMatchObject({ step: 'pay', attempt: 1, input: { note: text } });
    expect(taskOf(story).approved).toEqual(['pay']);
  });

  test.each(['no', 'not yet', 'yesterday', 'why?', 'n'])('S6: %j does not', (text) => {
    const story = asked().when(answers(text));
    story.thenExpect({ state: 'failed', sent: ['task.input.accepted > watchers', 'task.failed > watchers'] });
    expect(resultOf(story).error).toMatchObject({ code: 'not_approved' });
    expect(resultOf(story).hops).toEqual([]);
  });

  test('S8: nobody answers for five days', () => {
    const story = asked();
    expect(story.timer('answerWithin').dueUpMs - story.upMs).toBe(5 * 86_400_000);
    story.when(elapsed('answerWithin')).thenExpect({ state: 'failed', sent: ['task.failed > watchers'] });
    expect(resultOf(story).error).toMatchObject({ code: 'no_answer' });
  });

  test('waiting for people does not count against the deadline', () => {
    const story = asked().thenExpect({ timers: ['answerWithin'] });
    story.when(answers('yes')).thenExpect({ timers: ['deadline', 'hopTimeout'] });
    expect(story.timer('deadline').dueUpMs - story.upMs).toBe(3_600_000);
  });

  test('the note is for the approved step, not for those after it', () => {
    const story = asked().when(answers('yes'), completes(toolRan));
    expect(story.sent('hop.requested')).toMatchObject({ step: 'respond' });
    expect(story.sent('hop.requested').input.note).toBeUndefined();
  });
});

describe('an unknown outcome', () => {
  const asked = () => underWay(workflow('tool')).when(mayHaveHappened());

  test('S6: asks a person and runs nothing again', () => {
    const story = asked().thenExpect({
      state: 'asking',
      sent: ['hop.finished > watchers', 'task.input.required > watchers'],
    });
    expect(story.sent('task.input.required')).toMatchObject({
      ...{ reason: 'outcome_unknown', choices: ['done', 'retry', 'abort'] },
      question: expect.stringContaining('may or may not have happened: it was cut off.'),
    });
    expect(story.sent('hop.finished')).toMatchObject({
      hop: { status: 'unknown' },
      error: { code: 'outcome_unknown' },
    });
  });

  test.each(['done', 'receipt 20417', 'It returned 42.'])('S6: %j is taken as its result', (text) => {
    const story = asked().when(answers(text)).thenExpect({ state: 'working.hop' });
    expect(story.sent('hop.requested')).toMatchObject({
      step: 'respond',
      input: { tool: { name: 'tools', arguments: {}, result: text } },
    });
    story.when(completes(answered));
    expect(hopsOf(resultOf(story))).toEqual(['1 tools#1 unknown', '2 respond#1 completed']);
    expect(resultOf(story).error).toBeUndefined();
  });

  test('S6: "retry" runs it once more, as another attempt', () => {
    const story = asked().when(answers('Retry, please')).thenExpect({ state: 'working.hop' });
    expect(story.sent('hop.requested')).toMatchObject({ step: 'tools', attempt: 2 });
    expect(story.envelope('hop.requested').hopindex).toBe(2);
    story.when(mayHaveHappened()).thenExpect({ state: 'asking' });
  });

  test('S6: the role is told that it is a person who wants it, and no other hop is', () => {
    const story = underWay(workflow('tool'), {}, 3);
    expect(story.sent('hop.requested').repeat).toBeUndefined();
    story.when(mayHaveHappened(), answers('retry'));
    expect(story.sent('hop.requested')).toMatchObject({ attempt: 2, repeat: true });
    story.when(mayHaveHappened(), answers('done'));
    expect(story.sent('hop.requested')).toMatchObject({ step: 'respond' });
    expect(story.sent('hop.requested').repeat).toBeUndefined();
  });

  test('S11: tasks before release 3 say it to no role', () => {
    const story = asked().when(answers('retry'));
    expect(story.sent('hop.requested')).not.toHaveProperty('repeat');
  });

  test('S6: "abort" stops the task', () => {
    const story = asked().when(answers('abort')).thenExpect({ state: 'failed' });
    expect(resultOf(story).error).toMatchObject({ code: 'aborted' });
  });

  test('S8: retries end at the limit of hops', () => {
    const story = underWay(workflow('tool'));
    for (let hop = 1; hop < 12; hop += 1)
      story.when(mayHaveHappened()).thenExpect({ state: 'asking' }).when(answers('retry'));
    story.when(mayHaveHappened(), answers('retry')).thenExpect({ state: 'failed' });
    expect(resultOf(story).error).toMatchObject({ code: 'too_many_hops' });
    expect(resultOf(story).hops).toHaveLength(12);
  });

  test('a person’s word is no review', () => {
    const story = underWay(workflow('build')).when(completes(retrieved), completes(coded(1)), mayHaveHappened());
    story.when(answers('done')).thenExpect({ state: 'failed' });
    expect(resultOf(story).error).toMatchObject({ code: 'no_review' });
  });

  test('S5: a second answer changes nothing any more', () => {
    const story = asked().when(answers('done'));
    story.when(answers('abort')).thenExpect({ state: 'working.hop', sent: [] });
  });

  test('S6: a reply that comes after the question is late', () => {
    const story = asked();
    story.when(completes(toolRan)).thenExpect({ state: 'asking', sent: [] });
  });
});
