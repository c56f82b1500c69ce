/** The orchestrator's question to the router: what it is asked, and what becomes of an answer that is none. */
import { expect, test } from 'vitest';
import { createEffects } from '../../../actors/roles/orchestrator/effects.ts';
import type { RouteInput } from '../../../actors/roles/orchestrator/routing.ts';
import type { EffectContext } from '../../../actors/runtime/role.ts';
import { readCarried } from '../../../actors/workflows/index.ts';
import { limitsOf } from '../../../actors/workflows/limits.ts';
import { atTheStart, type Decided, type Situation } from '../../../router/port.ts';
import { builtin, roleNames } from '../roles/support/workflows.ts';

const decision = {
  ...{ decision: 'build', confidence: 0.9, fallback: false, reason: 'a test', probabilities: { build: 0.9 } },
  ...{ engine: 'embedded', ms: 3 },
};

async function routed(input: RouteInput, answer: Partial<Decided> = {}, workflows = builtin) {
  const asked: { query: string; situation: Situation }[] = [];
  const attributes: Record<string, unknown> = {};
  const router = {
    decide: (query: string, situation: Situation) => {
      asked.push({ query, situation });
      return Promise.resolve({ decision, next: 'begin' as const, ...answer });
    },
  };
  const silent = (): void => undefined;
  const context: EffectContext = {
    ...{
      key: 'k',
      attempt: 1,
      correlationId: 'c',
      signal: new AbortController().signal,
      share: { flow: '', weight: 1 },
      heartbeat: silent,
      waits: silent,
    },
    log: { debug: silent, info: silent, warn: silent, error: silent },
    span: { set: (more) => void Object.assign(attributes, more) },
  };
  const handler = createEffects({
    router,
    workflows,
    readWorkflow: (carried) => readCarried(carried, roleNames, limitsOf([])),
  }).route;
  if (!handler) throw new Error('no effect route');
  const output = await handler.run(input, context);
  return { output, asked, attributes };
}

test('the decision comes back with its workflow, and is on the span', async () => {
  const { output, attributes } = await routed({ prompt: 'Write it', ...atTheStart });
  expect(output).toEqual({ route: decision, workflow: builtin.get('build'), next: 'begin' });
  expect(attributes).toMatchObject({
    ...{ 'mesh.route.decision': 'build', 'mesh.route.confidence': 0.9, 'mesh.route.fallback': false },
    'mesh.route.engine': 'embedded',
  });
});

test('its examples are for the router: the workflow that a task carries has none', async () => {
  const build = builtin.get('build');
  if (!build) throw new Error('no workflow build');
  const withExamples = new Map(builtin).set('build', { ...build, examples: ['a function that debounces'] });
  const { output } = await routed({ prompt: 'Write it', ...atTheStart }, {}, withExamples);
  expect(output).toEqual({ route: decision, workflow: build, next: 'begin' });
});

test('S11: a task of release 1 says less, and is asked for as one at its start', async () => {
  const { asked } = await routed({ prompt: 'Write it', wish: null, remainingHops: 12 });
  expect(asked).toEqual([{ query: 'Write it', situation: atTheStart }]);
});

test('on the way the whole situation is handed over', async () => {
  const situation: Situation = {
    ...{ phase: 'after_review', wish: null, remainingHops: 7, remainingLoops: 1, current: 'build' },
    ...{ ahead: ['coder', 'reviewer'], review: { errors: 1, errorsBefore: 2 } },
  };
  const { asked, output } = await routed({ prompt: 'Write it', ...situation }, { next: 'finish' });
  expect(asked[0]?.situation).toEqual(situation);
  expect(output).toMatchObject({ next: 'finish' });
});

test('a wish for what there is not is refused before anybody is asked, and names what there is', async () => {
  const asked = routed({ prompt: 'Write it', ...atTheStart, wish: 'poetry' });
  await expect(asked).rejects.toMatchObject({ code: 'unknown_workflow', retryable: false });
  await expect(asked).rejects.toThrow('there is no workflow poetry; choose one of answer, build, direct, review, tool');
});

test('a decision for what there is not fails the effect', async () => {
  const stranger = routed({ prompt: 'x', ...atTheStart }, { decision: { ...decision, decision: 'poetry' } });
  await expect(stranger).rejects.toThrow('the router chose poetry, which is no workflow');
});

test('a forked task keeps the workflow that it brings, also one that no file has any more', async () => {
  const carried = {
    name: 'gone',
    description: 'No file has it.',
    steps: [{ step: 'respond', role: 'responder', timeoutMs: 1000 }],
  };
  const { output, asked } = await routed({ prompt: 'p', wish: 'gone', remainingHops: 12, phase: 'start', carried });
  expect(output).toMatchObject({ route: { decision: 'gone', engine: 'fork' }, workflow: carried, next: 'begin' });
  expect(asked).toEqual([]);
});

test('what a fork brings is checked like a file', async () => {
  const carried = {
    name: 'gone',
    description: 'No file has it.',
    steps: [{ step: 'a', role: 'stranger', timeoutMs: 1000 }],
  };
  await expect(routed({ prompt: 'p', wish: null, remainingHops: 12, carried })).rejects.toMatchObject({
    code: 'unknown_workflow',
    message: expect.stringContaining('no role stranger'),
  });
});
