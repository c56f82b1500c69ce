/** What a generation took stands on what it made, and on the hop that asked for it. */
import { expect, test } from 'vitest';
import { createEffects } from '../../../actors/roles/llm/effects.ts';
import type { LlmEngine, Usage } from '../../../actors/roles/llm/engines/port.ts';
import type { EffectContext } from '../../../actors/runtime/role.ts';
import { createBreakers } from '../../../resilience/breakers.ts';
import { validateData } from '../../../schemas/events/envelope.ts';
import { shippedSkills } from '../engines/asking.ts';
import { answered, coded, request, retrieved } from './support/samples.ts';
import { completes, resultOf, underWay } from './support/task-story.ts';
import { workflow } from './support/workflows.ts';

const silent = (): void => undefined;
const log = { debug: silent, info: silent, warn: silent, error: silent };
const context: EffectContext = {
  ...{ key: 'k', attempt: 1, correlationId: 'c', signal: new AbortController().signal },
  ...{ share: { flow: '', weight: 1 }, heartbeat: silent, waits: silent, log, span: { set: silent } },
};

function generated(counts: readonly Usage[]): Promise<unknown> {
  const engine: LlmEngine = {
    name: 'openai:m1',
    generate: (_request, { onUsage }) => {
      for (const usage of counts) onUsage?.(usage);
      return Promise.resolve(answered);
    },
  };
  const handlers = createEffects({
    llm: { engine: () => Promise.resolve(engine), kind: 'openai', timeoutMs: 1000, parallel: 1, queueMax: 1 },
    skills: shippedSkills,
    breakers: createBreakers(log),
    showText: () => silent,
  });
  const input = { requestId: 'r', purpose: 'answer', input: request('respond').input };
  return handlers.generate?.run(input, context) ?? Promise.reject(new Error('no effect generate'));
}

test('a server that counts as it goes has said the whole at the end', async () => {
  const counts = [
    { input: 90, output: 1 },
    { input: 90, output: 12 },
  ];
  expect(await generated(counts)).toEqual({ ...answered, usage: { input: 90, output: 12 } });
});

test('where nobody counts nothing is made up', async () => {
  expect(await generated([])).toEqual(answered);
});

test('the hop and the result of the task say it', () => {
  const usage = { input: 90, output: 12 };
  const story = underWay(workflow('direct')).when(completes({ ...answered, usage }));
  expect(story.sent('hop.finished').hop.usage).toEqual(usage);
  expect(resultOf(story).hops.map((hop) => hop.usage)).toEqual([usage]);
});

test('the next hop is not told: it is given what was made, and nothing else', () => {
  const usage = { input: 90, output: 12 };
  const story = underWay(workflow('build')).when(completes(retrieved), completes({ ...coded(1), usage }));
  const { input } = story.sent('hop.requested');
  expect(input).not.toHaveProperty('usage');
  expect(validateData('hop.requested', story.sent('hop.requested')).ok).toBe(true);
});
