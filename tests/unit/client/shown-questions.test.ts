/** Which question an answer without a name is for. */
import { expect, test } from 'vitest';
import { emptyView, type TaskView } from '../../../schemas/events/task-view.ts';
import { answerOf, ShownQuestions, verdictOn } from '../../../task-client/answers.ts';
import { MeshError } from '../../../task-client/errors.ts';

const caller = { name: 'local', role: 'admin' } as const;
const asking = (questionId: string): TaskView => ({
  ...emptyView('7c9e6679-7425-40de-944b-e07fc1f90001'),
  question: { questionId, question: 'May it?', reason: 'approval', choices: ['yes', 'no'] },
});
const { taskId } = asking('q1');

test('S6: by A2A it is the one that was shown last, once it could have been read', () => {
  let nowMs = 0;
  const shown = new ShownQuestions(() => nowMs);
  const context = { caller, door: 'a2a' } as const;
  shown.note(context, asking('q1'));
  nowMs = 1000;
  // Shown again is not shown anew.
  shown.note(context, asking('q1'));
  expect(shown.of(context, taskId)).toBeNull();
  nowMs = 2000;
  expect(shown.of(context, taskId)).toBe('q1');
  shown.note(context, asking('q2'));
  nowMs = 3000;
  expect(shown.of(context, taskId)).toBeNull();
  nowMs = 4000;
  expect(shown.of(context, taskId)).toBe('q2');
});

test.each(['grpc', 'mcp', 'cli', 'dapr', undefined] as const)('S6: by %s it is none but the first', (door) => {
  let nowMs = 0;
  const shown = new ShownQuestions(() => nowMs);
  shown.note({ caller, ...(door === undefined ? {} : { door }) }, asking('q2'));
  shown.note({ caller, door: 'a2a' }, asking('q2'));
  nowMs = 60_000;
  expect(shown.of({ caller, ...(door === undefined ? {} : { door }) }, taskId)).toBeNull();
});

test.each([
  ['it named no question', { code: 'not_named' as const }],
  ['its question was not asked yet', { code: 'other_question' as const, questionId: 'q2' }],
])('S6: refused because %s, the same answer has a name of its own when it names the open one', (_why, why) => {
  const open = { questionId: 'q2', question: 'May it?', choices: ['yes', 'no'] };
  const order = { correlationId: taskId, text: 'yes', ...(why.code === 'not_named' ? {} : { questionId: 'q2' }) };
  const turns = ['q1', 'q2'].map((questionId) => ({
    ...{ kind: 'question' as const, id: questionId, questionId, text: 'May it?', messageId: null, caller: null },
    ...{ atMs: 0, byDefault: false, reason: 'approval' as const, choices: ['yes', 'no'] },
  }));
  const early = answerOf(order, { ...asking('q2'), turns }, caller, null);
  const refusal = { ...why, text: 'yes', messageId: early.messageId, reason: 'not now', open, atMs: 0 };
  const view = { ...asking('q2'), turns, refusals: [refusal] };
  expect(verdictOn(view, early)).toBeInstanceOf(MeshError);
  const named = answerOf({ ...order, questionId: 'q2' }, view, caller, null);
  expect(verdictOn(view, named)).toBeNull();
  // Given twice it is one.
  expect(answerOf({ ...order, questionId: 'q2' }, view, caller, null)).toEqual(named);
  // What is none of the choices stays what it is.
  const wrong = answerOf({ ...order, questionId: 'q2', text: 'ok' }, view, caller, null);
  const refused = {
    code: 'not_a_choice' as const,
    text: 'ok',
    messageId: wrong.messageId,
    reason: 'none',
    open,
    atMs: 0,
  };
  const after = { ...view, refusals: [refusal, refused] };
  expect(answerOf({ ...order, questionId: 'q2', text: 'ok' }, after, caller, null)).toEqual(wrong);
});
