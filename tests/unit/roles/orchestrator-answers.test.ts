/** Answers and the questions they are for: ids, choices, races, limits of time (release 4). */
import { describe, expect, test } from 'vitest';
import { role } from '../../../actors/roles/orchestrator/machine.ts';
import { readAnswer } from '../../../actors/roles/orchestrator/questions.ts';
import { timerFired } from '../../../actors/runtime/effects/settlement.ts';
import type { Workflow } from '../../../actors/workflows/index.ts';
import type { TaskInputProvidedData } from '../../../schemas/events/generated.ts';
import { START_MS } from '../runtime/support/events.ts';
import { done, elapsed, failed, given, type Moment, received, type Story } from './support/given.ts';
import { answered, coded, retrieved, reviewed, toolRan } from './support/samples.ts';
import {
  answers,
  cancels,
  completes,
  hopsOf,
  mayHaveHappened,
  resultOf,
  submitted,
  taskOf,
  underWay,
} from './support/task-story.ts';
import { approvalWorkflow, workflow } from './support/workflows.ts';

const RELEASE = 4;

function says(text: string, more: Partial<TaskInputProvidedData> = {}): Moment {
  return received('task.input.provided', { text, ...more }, { from: 'ingress', hop: 0 });
}

const twoGates: Workflow = {
  name: 'two-gates',
  description: 'Two approvals in a row.',
  steps: [
    { step: 'first', role: 'tools', timeoutMs: 60_000, approval: true },
    { step: 'second', role: 'tools', timeoutMs: 60_000, approval: true },
  ],
};

function gate(approve: NonNullable<Workflow['steps'][number]['approve']>): Workflow {
  return { ...approvalWorkflow, steps: [{ step: 'pay', role: 'tools', timeoutMs: 60_000, approve }] };
}

const asked = (): Story => underWay(approvalWorkflow, {}, RELEASE);

describe('a question', () => {
  test('has an id and says what it accepts', () => {
    expect(asked().sent('task.input.required')).toEqual({
      ...{ question: 'May the step pay (tools) run?', reason: 'approval', choices: ['yes', 'no'] },
      ...{ questionId: 'q1', accepts: 'choice' },
    });
  });

  test.each(['yes', ' YES ', 'Yes'])('%j is yes', (text) => {
    const story = asked().when(says(text, { caller: 'ada', messageId: 'm1', questionId: 'q1' }));
    story.thenExpect({ state: 'working.hop' });
    expect(story.sent('task.input.accepted')).toEqual({ text, caller: 'ada', messageId: 'm1', questionId: 'q1' });
    expect(story.outputs.find(({ event }) => event.type.includes('input.accepted'))).toMatchObject({ awaited: true });
  });

  test.each(['ok, do not run it', '"yes"', 'sure', 'ja', 'да', 'y', 'yes!', 'yes please', '…', 'nо'])(
    'S6: %j is none of the choices: it is refused with them, and the question stays open',
    (text) => {
      const story = asked().when(says(text, { messageId: 'm1' }));
      story.thenExpect({ state: 'asking', sent: ['task.input.refused > watchers'], timers: ['answerWithin'] });
      expect(story.sent('task.input.refused')).toMatchObject({
        ...{ text, messageId: 'm1', code: 'not_a_choice', reason: expect.stringContaining('yes, no') },
        open: { questionId: 'q1', choices: ['yes', 'no'] },
      });
      story.when(says('no')).thenExpect({ state: 'failed' });
      expect(resultOf(story).error).toMatchObject({ code: 'not_approved' });
    },
  );

  test('S5: an answer to another question is refused, naming both', () => {
    const story = asked()
      .when(says('yes', { questionId: 'q7' }))
      .thenExpect({ state: 'asking' });
    expect(story.sent('task.input.refused')).toMatchObject({
      ...{ code: 'other_question', questionId: 'q7', open: { questionId: 'q1' } },
      reason: expect.stringMatching(/question q7, but the task asks q1: "May the step pay/),
    });
  });

  test('the limit of time goes on while answers are refused', () => {
    const story = asked();
    const due = story.timer('answerWithin').dueUpMs;
    story.when(says('maybe'));
    expect(story.timer('answerWithin').dueUpMs).toBe(due);
  });
});

describe('a later question', () => {
  const second = (): Story =>
    underWay(twoGates, {}, RELEASE).when(says('yes', { questionId: 'q1', caller: 'ada' }), completes(toolRan));

  test('S6: the same press again is for the question that was answered, and who answered is told', () => {
    const story = second().thenExpect({ state: 'asking' });
    story.when(says('no', { questionId: 'q1', messageId: 'm2' })).thenExpect({ state: 'asking' });
    expect(story.sent('task.input.refused')).toMatchObject({
      ...{ code: 'answered', answered: { text: 'yes', caller: 'ada' }, open: { questionId: 'q2' } },
      reason: expect.stringMatching(/q1 was answered already by ada: "yes"; now the task asks q2/),
    });
  });

  test('S6: an answer that names none is refused: nobody knows which one the person saw', () => {
    const story = second().when(says('yes')).thenExpect({ state: 'asking' });
    expect(story.sent('task.input.refused')).toMatchObject({ code: 'not_named', open: { questionId: 'q2' } });
    story.when(says('yes', { questionId: 'q2' })).thenExpect({ state: 'working.hop' });
  });

  test('the loser of a race is told also while the step runs', () => {
    const story = underWay(twoGates, {}, RELEASE).when(says('yes', { questionId: 'q1', caller: 'ada' }));
    story.when(says('no', { questionId: 'q1', caller: 'bob', messageId: 'm2' }));
    story.thenExpect({ state: 'working.hop', sent: ['task.input.refused > watchers'] });
    expect(story.sent('task.input.refused')).toMatchObject({ code: 'answered', messageId: 'm2' });
    expect(story.sent('task.input.refused').open).toBeUndefined();
  });
});

describe('an answer that nobody asked for', () => {
  test.each([{}, { questionId: 'q1' }])('S9: is rejected with its reason: %j', (named) => {
    const story = underWay(workflow('tool'), {}, RELEASE).when(says('yes', named));
    expect(story.results).toMatchObject([{ kind: 'rejected', code: 'nothing_asked' }]);
    // The question comes later, and is nobody's yet.
    story.when(mayHaveHappened()).thenExpect({ state: 'asking' });
  });

  test('S1: tasks before release 4 take it as they always did', () => {
    const story = underWay(workflow('tool'), {}, 3).when(answers('yes'));
    expect(story.results).toMatchObject([{ kind: 'applied', outputs: [] }]);
  });
});

describe('what may or may not have happened', () => {
  const doubtful = (): Story => underWay(workflow('tool'), {}, RELEASE).when(mayHaveHappened());

  test('says what it accepts', () => {
    expect(doubtful().sent('task.input.required')).toMatchObject({
      ...{ reason: 'outcome_unknown', choices: ['done', 'not done', 'retry', 'abort'], accepts: 'choice_or_result' },
    });
  });

  test.each([
    ['done', 'done'],
    ['done: receipt 20417', 'receipt 20417'],
    ['Done:\n42', '42'],
  ])('S6: %j is taken as its result', (text, result) => {
    const story = doubtful().when(says(text)).thenExpect({ state: 'working.hop' });
    expect(story.sent('hop.requested')).toMatchObject({ step: 'respond', input: { tool: { result } } });
    story.when(completes(answered));
    expect(hopsOf(resultOf(story))).toEqual(['1 tools#1 unknown', '2 respond#1 completed']);
  });

  test.each(['no', 'receipt 20417', 'retry, please', 'not: done', 'done:'])('S6: %j is no result', (text) => {
    const story = doubtful().when(says(text)).thenExpect({ state: 'asking' });
    expect(story.sent('task.input.refused')).toMatchObject({ code: 'not_a_choice' });
  });

  test('S6: "not done" is a failed attempt: it is tried again as the workflow says, and then fails', () => {
    const story = doubtful().when(says('Not  Done')).thenExpect({ state: 'working.hop' });
    expect(story.sent('hop.requested')).toMatchObject({ step: 'tools', attempt: 2, repeat: true });
    story.when(mayHaveHappened(), says('not done', { questionId: 'q2' })).thenExpect({ state: 'failed' });
    expect(resultOf(story).error).toMatchObject({ code: 'not_done' });
  });

  test('"not done" of an optional step goes on without it', () => {
    const optional = {
      ...approvalWorkflow,
      steps: [{ step: 'act', role: 'tools', timeoutMs: 1000, attempts: 1, optional: true }],
    };
    const story = underWay(optional, {}, RELEASE).when(mayHaveHappened(), says('not done'));
    story.thenExpect({ state: 'completed' });
    expect(resultOf(story).error).toBeUndefined();
  });

  test('"retry" runs it again whatever happened, "abort" stops', () => {
    const story = doubtful().when(says('RETRY')).thenExpect({ state: 'working.hop' });
    expect(story.sent('hop.requested')).toMatchObject({ attempt: 2, repeat: true });
    story.when(mayHaveHappened(), says('abort', { questionId: 'q2' })).thenExpect({ state: 'failed' });
    expect(resultOf(story).error).toMatchObject({ code: 'aborted' });
  });

  test('S8: retries end at the limit of hops', () => {
    const story = underWay(workflow('tool'), {}, RELEASE);
    for (let hop = 1; hop <= 12; hop += 1) story.when(mayHaveHappened(), says('retry', { questionId: `q${hop}` }));
    story.thenExpect({ state: 'failed' });
    expect(resultOf(story).error).toMatchObject({ code: 'too_many_hops' });
  });
});

describe('approvals in a loop', () => {
  const loop: Workflow = {
    ...workflow('build'),
    name: 'careful-build',
    steps: [
      { step: 'retrieve', role: 'retriever', timeoutMs: 60_000, approval: true },
      { step: 'code', role: 'coder', timeoutMs: 60_000, approval: true },
      { step: 'review', role: 'reviewer', timeoutMs: 60_000 },
    ],
  };

  test('S6: are asked again each round, those before the loop are not', () => {
    const story = underWay(loop, {}, 4).when(says('yes', { questionId: 'q1' }), completes(retrieved));
    story.when(says('yes', { questionId: 'q2' }), completes(coded(1)), completes(reviewed(2)));
    story.when(goesRound(loop)).thenExpect({ state: 'asking' });
    expect(story.sent('task.input.required')).toMatchObject({
      questionId: 'q3',
      question: expect.stringContaining('code'),
    });
    expect(taskOf(story).approved).toEqual(['retrieve']);
    story.when(says('yes', { questionId: 'q3' })).thenExpect({ state: 'working.hop' });
  });
});

describe('an approval in the words of its workflow', () => {
  test('asks them, in any script', () => {
    const story = underWay(gate({ question: 'Оплатить счёт?', choices: ['Да', 'Нет'] }), {}, RELEASE);
    expect(story.sent('task.input.required')).toMatchObject({ question: 'Оплатить счёт?', choices: ['Да', 'Нет'] });
    story.when(says('yes')).thenExpect({ state: 'asking' });
    story.when(says('да')).thenExpect({ state: 'working.hop' });
  });

  test('without choices any answer lets the step run, and is given to it', () => {
    const story = underWay(gate({ question: 'Which account?', choices: [] }), {}, RELEASE);
    expect(story.sent('task.input.required')).toMatchObject({ choices: [], accepts: 'text' });
    story.when(says('the second one')).thenExpect({ state: 'working.hop' });
    expect(story.sent('hop.requested')).toMatchObject({ input: { note: 'the second one' } });
  });

  test('S8: nobody answers in time: its default counts, and is told as that', () => {
    const story = underWay(gate({ timeoutMs: 60_000, default: 'no' }), {}, RELEASE);
    expect(story.sent('task.input.required')).toMatchObject({ timeoutMs: 60_000, default: 'no' });
    story.when(elapsed('answerWithin')).thenExpect({ state: 'failed' });
    expect(story.sent('task.input.accepted')).toEqual({ text: 'no', byDefault: true, questionId: 'q1' });
    expect(resultOf(story).error).toMatchObject({ code: 'not_approved' });
  });

  test('a default may approve', () => {
    const story = underWay(gate({ timeoutMs: 60_000, default: 'yes' }), {}, RELEASE);
    story.when(elapsed('answerWithin')).thenExpect({ state: 'working.hop' });
  });

  test('S8: without a default the task fails', () => {
    const story = underWay(gate({ timeoutMs: 60_000 }), {}, RELEASE);
    story.when(elapsed('answerWithin')).thenExpect({ state: 'failed' });
    expect(resultOf(story).error).toMatchObject({ code: 'no_answer' });
  });

  test('is sent on once, to whom the workflow names', () => {
    const story = underWay(gate({ timeoutMs: 60_000, remindAfterMs: 10_000, remindTo: 'on call' }), {}, RELEASE);
    story
      .when(reminded())
      .thenExpect({ state: 'asking', sent: ['task.input.reminded > watchers'], timers: ['answerWithin'] });
    expect(story.sent('task.input.reminded')).toMatchObject({ questionId: 'q1', waitedMs: 10_000, to: 'on call' });
  });

  test('nobody is reminded of what was answered or cancelled', () => {
    const story = (): Story => underWay(gate({ remindAfterMs: 10_000 }), {}, RELEASE);
    story()
      .when(says('yes'))
      .thenExpect({ timers: ['deadline', 'hopTimeout'] });
    story().when(cancels()).thenExpect({ state: 'cancelled', timers: [] });
  });
});

describe('reading an answer', () => {
  const question = { reason: 'approval', text: '', choices: ['Straße', 'Ａ b'], accepts: 'choice' } as const;
  test.each([
    ['STRASSE', 'Straße'],
    ['a  B', 'Ａ b'],
    ['strase', undefined],
  ])('%j is %j', (text, choice) => {
    expect(readAnswer(question, text)?.choice).toBe(choice);
  });
});

function goesRound(loop: Workflow): Moment {
  return (story) => {
    const route = { decision: loop.name, confidence: 1, fallback: false, reason: 'a test', probabilities: {} };
    const output = { route: { ...route, engine: 'rules', ms: 1 }, workflow: loop, next: 'continue' };
    return done('route', output)(story);
  };
}

function reminded(): Moment {
  return (story) => {
    const row = [...story.living.timers.values()].find(({ timer }) => timer === 'remind');
    if (!row) throw new Error('no reminder is armed');
    const atMs = START_MS + row.dueUpMs;
    return { event: timerFired(story.living, row, atMs), atMs };
  };
}

describe('a task of release 4 is otherwise what it was', () => {
  const begun = (): Story => underWay(workflow('tool'), {}, RELEASE);

  test('S8: a step has its limit, and the router that fails on the way is done without', () => {
    const story = begun().when(elapsed('hopTimeout')).thenExpect({ state: 'working.routing' });
    story.when(failed('route')).thenExpect({ state: 'working.hop' });
    expect(story.sent('hop.requested')).toMatchObject({ step: 'tools', attempt: 2 });
  });

  test('S8: so has the task', () => {
    underWay(workflow('direct'), {}, RELEASE).when(elapsed('deadline')).thenExpect({ state: 'failed' });
  });

  test('it is cancelled', () => {
    underWay(workflow('direct'), {}, RELEASE).when(cancels()).thenExpect({ state: 'cancelled' });
  });

  test('it fails when the router fails at its start', () => {
    given(role, RELEASE).when(submitted(), failed('route')).thenExpect({ state: 'failed' });
  });
});
