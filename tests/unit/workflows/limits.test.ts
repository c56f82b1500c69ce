/** Limits of time lie inside each other: what a file leaves out is derived, and what does not fit is refused by name. */
import { describe, expect, test } from 'vitest';
import { loadRoleDefinitions } from '../../../actors/roles/index.ts';
import { ATTEMPTS_MAX, attemptMs, modelMs, stepMs } from '../../../actors/roles/llm/budget.ts';
import { checkWorkflow, loadWorkflows, WorkflowError } from '../../../actors/workflows/index.ts';
import { limitsOf } from '../../../actors/workflows/limits.ts';

const definitions = await loadRoleDefinitions();
const roles = new Set(definitions.map(({ name }) => name));

test.each([2000, 120_000, 600_000, 3_600_000])('of a generation of %d ms: engine < attempts < step', (generation) => {
  expect(attemptMs(generation)).toBeGreaterThan(generation);
  expect(modelMs(stepMs(generation))).toBeGreaterThanOrEqual(ATTEMPTS_MAX * attemptMs(generation));
  expect(stepMs(generation)).toBeGreaterThan(modelMs(stepMs(generation)));
});

test('with the shipped settings a step lies inside its task', () => {
  const limits = limitsOf(definitions, { modelStepMs: stepMs(600_000) });
  for (const { steps, deadlineMs } of loadWorkflows(roles, undefined, limits).values())
    for (const { timeoutMs } of steps) expect(timeoutMs).toBeLessThan(deadlineMs ?? 0);
});

test('steps whose role asks a model get its time, others keep theirs, and none gets less', () => {
  const timesOf = (limits: ReturnType<typeof limitsOf>) =>
    [...loadWorkflows(roles, undefined, limits).values()].flatMap(({ steps }) =>
      steps.map(({ role, timeoutMs }) => `${role} ${timeoutMs}`),
    );
  const own = new Set(['retriever 30000', 'responder 180000', 'coder 300000', 'reviewer 300000', 'tools 240000']);
  expect(new Set(timesOf(limitsOf(definitions)))).toEqual(own);
  expect(new Set(timesOf(limitsOf(definitions, { modelStepMs: 1000 })))).toEqual(own);
  expect(new Set(timesOf(limitsOf(definitions, { modelStepMs: 755_000 })))).toEqual(
    new Set(['retriever 30000', 'responder 755000', 'coder 755000', 'reviewer 755000', 'tools 755000']),
  );
});

test('a role that does what may not be repeated is asked what it had begun', () => {
  const steps = [...loadWorkflows(roles, undefined, limitsOf(definitions)).values()].flatMap((one) => one.steps);
  for (const { role, confirmsCancel = false } of steps) expect(confirmsCancel).toBe(role === 'tools');
});

describe('what a file says', () => {
  const limits = limitsOf(definitions, { modelStepMs: 100_000, deadlineMs: 500_000 });
  const file = (timeoutMs: number | undefined, more: object = {}) => ({
    ...{ name: 'mine', description: 'Mine.', ...more },
    steps: [
      { step: 'look', role: 'retriever' },
      { step: 'say', role: 'responder', ...(timeoutMs === undefined ? {} : { timeoutMs }) },
    ],
  });
  const check = (...given: Parameters<typeof file>) => checkWorkflow(file(...given), 'mine.json', roles, limits);

  test.each([100_000, 180_000, 499_999])('%d ms is taken', (timeoutMs) => {
    expect(check(timeoutMs).steps[1]?.timeoutMs).toBe(timeoutMs);
    expect(check(timeoutMs).deadlineMs).toBe(500_000);
  });

  test.each<[number, object, RegExp]>([
    [99_999, {}, /^mine\.json\/steps\/1\/timeoutMs: 99999 ms is less than the 100000 ms .*responder.*LLM_TIMEOUT_MS/],
    [500_000, {}, /^mine\.json\/steps\/1\/timeoutMs: 500000 ms is not less than .*MESH_TASK_DEADLINE_MS/],
    [200_000, { deadlineMs: 200_000 }, /^mine\.json\/steps\/1\/timeoutMs: .*deadlineMs of the workflow/],
  ])('%d ms with %j is refused with file and field', (timeoutMs, more, message) => {
    expect(() => check(timeoutMs, more)).toThrow(WorkflowError);
    expect(() => check(timeoutMs, more)).toThrow(message);
  });

  test('a workflow may have a deadline of its own, and what it leaves out always fits', () => {
    expect(check(600_000, { deadlineMs: 700_000 })).toMatchObject({ deadlineMs: 700_000 });
    expect(check(undefined, { deadlineMs: 2000 })).toMatchObject({ deadlineMs: 2000 });
    expect(() => check(undefined, { deadlineMs: 999 })).toThrow(/^mine\.json\/deadlineMs must be >= 1000$/);
  });

  test('without a model a step may be as short as it likes', () => {
    const without = limitsOf(definitions, { deadlineMs: 500_000 });
    expect(checkWorkflow(file(100), 'mine.json', roles, without).steps[1]?.timeoutMs).toBe(100);
  });
});
