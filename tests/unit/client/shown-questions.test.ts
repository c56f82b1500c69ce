/** Which question an answer without a name is for. */
import { expect, test } from 'vitest';
import { emptyView, type TaskView } from '../../../schemas/events/task-view.ts';
import { ShownQuestions } from '../../../task-client/answers.ts';

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
