/** Steps that wait for a model outlast the model, and the model's own limits outlast each other. */
import { expect, test } from 'vitest';
import { attemptMs, modelMs, stepMs } from '../../../actors/roles/llm/budget.ts';
import { withModelTime } from '../../../actors/workflows/model-time.ts';
import { builtin } from '../roles/support/workflows.ts';

const asking = new Set(['responder', 'coder']);

test.each([2000, 120_000, 600_000, 3_600_000])(
  'one budget: the limits of %d ms lie inside each other',
  (generation) => {
    const step = stepMs(generation);
    expect(attemptMs(generation)).toBeGreaterThan(generation);
    expect(modelMs(step)).toBeGreaterThanOrEqual(attemptMs(generation));
    expect(step).toBeGreaterThan(modelMs(step));
  },
);

test('steps that ask a model get its time, others keep theirs, and none gets less', () => {
  const steps = [...withModelTime(builtin, asking, 755_000).values()].flatMap((workflow) => workflow.steps);
  for (const { role, timeoutMs } of steps)
    expect([role, timeoutMs]).toEqual([role, role === 'retriever' ? 30_000 : 755_000]);
  const quick = withModelTime(builtin, asking, 1000);
  expect(quick).toEqual(builtin);
});
