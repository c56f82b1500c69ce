/** What effects say of their work to their span: names of the conventions, and words only where content may be told. */
import { expect, test } from 'vitest';
import { createEffects as llmEffects } from '../../../actors/roles/llm/effects.ts';
import type { LlmEngine } from '../../../actors/roles/llm/engines/port.ts';
import { createEffects as retrieverEffects } from '../../../actors/roles/retriever/effects.ts';
import type { EffectContext } from '../../../actors/runtime/role.ts';
import { createBreakers } from '../../../resilience/breakers.ts';
import { shippedSkills } from '../engines/asking.ts';
import { answered, request } from './support/samples.ts';

const silent = (): void => undefined;
const log = { debug: silent, info: silent, warn: silent, error: silent };

function listening() {
  const told: Record<string, unknown> = {};
  const content: Record<string, unknown> = {};
  const context: EffectContext = {
    ...{ key: 'k', attempt: 1, correlationId: 'c', signal: new AbortController().signal },
    ...{ share: { flow: '', weight: 1 }, heartbeat: silent, waits: silent, log },
    span: {
      set: (attributes) => void Object.assign(told, attributes),
      content: (attributes) => void Object.assign(content, attributes()),
    },
  };
  return { told, content, context };
}

async function generated(name: string, engineOfAnswer: string): Promise<Record<string, unknown>> {
  const { told, context } = listening();
  const answer = { ...answered, engine: engineOfAnswer };
  const engine: LlmEngine = { name, generate: () => Promise.resolve(answer) };
  const handlers = llmEffects({
    llm: { engine: () => Promise.resolve(engine), kind: 'openai', timeoutMs: 1000, parallel: 1, queueMax: 1 },
    ...{ skills: shippedSkills, breakers: createBreakers(log), showText: () => silent },
  });
  const input = { requestId: 'r', purpose: 'answer', input: request('respond').input };
  await handlers.generate?.run(input, context);
  return told;
}

test('a generation says who was asked, and who answered', async () => {
  expect(await generated('openai:small:7b', 'openai:small:7b')).toEqual({
    ...{ 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai' },
    ...{ 'gen_ai.request.model': 'small:7b', 'gen_ai.response.model': 'small:7b' },
  });
});

test('an endpoint that does not know its model yet was asked for none', async () => {
  expect(await generated('openai', 'openai:small')).toEqual({
    ...{ 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai', 'gen_ai.response.model': 'small' },
  });
});

test('a search says that it fell back; what its store said about that is content', async () => {
  const { told, content, context } = listening();
  const problem = 'Chroma at http://127.0.0.1:8000 refused: zanzibarwords';
  const search = () => Promise.resolve({ passages: [], engine: 'sqlite-fts5', problem });
  const knowledge = () => ({ search }) as unknown as ReturnType<Parameters<typeof retrieverEffects>[0]['knowledge']>;
  await retrieverEffects({ knowledge } as Parameters<typeof retrieverEffects>[0]).search?.run({ query: 'q' }, context);
  expect(told).toMatchObject({ 'gen_ai.operation.name': 'retrieval', 'mesh.retrieve.fallback': true });
  expect(JSON.stringify(told)).not.toContain('zanzibarwords');
  expect(content).toEqual({ 'mesh.retrieve.problem': problem });
});
