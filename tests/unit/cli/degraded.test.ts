/** An answer that is less than what was asked for is marked in every door, and ends `mesh run` with a code of its own. */
import { describe, expect, it } from 'vitest';
import { exitCodeOf } from '../../../cli/commands/run.ts';
import { taskOf as a2aTask } from '../../../gateway/a2a/convert.ts';
import { taskOf as grpcTask } from '../../../gateway/grpc/convert.ts';
import type { Degraded, Result } from '../../../schemas/events/generated.ts';
import { foldAll, toReport } from '../../../schemas/events/task-view.ts';
import { result, taskId, trail } from './facts.ts';

const degraded: Degraded = {
  reason: 'model_failed',
  instead: 'nothing',
  message: 'The configured language model failed: no.',
};
const viewOf = (more: Partial<Result>) =>
  foldAll(
    taskId,
    trail(['task.accepted', { prompt: 'Why?' }], ['task.completed', { result: { ...result(), ...more } }]),
  );

describe('the mark', () => {
  const view = viewOf({ degraded });

  it('is in JSON, for the command line and MCP', () => {
    expect(toReport(view)).toMatchObject({ degraded });
    expect(toReport(viewOf({}))).not.toHaveProperty('degraded');
  });

  it('is in gRPC', () => {
    expect(grpcTask({ view, cursor: '', traceparent: null }).result?.degraded).toMatchObject(degraded);
  });

  it('is in the metadata of A2A', () => {
    expect(a2aTask(view).metadata).toMatchObject({ degraded });
  });
});

it.each([
  ['an answer', {}, 0],
  ['quotes', { degraded: { ...degraded, instead: 'quotes' } }, 0],
  ['nothing', { degraded }, 4],
  ['accepted code', { outcome: 'accepted' }, 0],
  ['code that was not accepted', { outcome: 'exhausted' }, 4],
] as const)('%s ends with its code', (_what, more, code) => {
  expect(exitCodeOf(viewOf(more))).toBe(code);
});
