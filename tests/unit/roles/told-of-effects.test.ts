/** What effects say of their work to their span: names of the conventions, and words only where content may be told. */
import { expect, test } from 'vitest';
import { z } from 'zod';
import { createEffects as llmEffects } from '../../../actors/roles/llm/effects.ts';
import type { LlmEngine } from '../../../actors/roles/llm/engines/port.ts';
import { inputMessages, outputMessages } from '../../../actors/roles/llm/told-messages.ts';
import { createEffects as retrieverEffects } from '../../../actors/roles/retriever/effects.ts';
import type { EffectContext } from '../../../actors/runtime/role.ts';
import { createBreakers } from '../../../resilience/breakers.ts';
import { bounded } from '../../../telemetry/span.ts';
import { shippedSkills } from '../engines/asking.ts';
import { answered, request } from './support/samples.ts';

/** As the schema of gen_ai.input.messages has it. */
const form = z
  .array(z.object({ role: z.string(), parts: z.array(z.object({ type: z.literal('text'), content: z.string() })) }))
  .min(1);
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

test.each([
  ['short', 'How long does a lease live?'],
  ['long', 'zanzibar "quoted" '.repeat(500)],
  ['of escapes alone', '\u0000'.repeat(5000)],
])('messages keep the form of the conventions, whatever they hold: %s', (_what, words) => {
  const input = { ...request('respond').input, prompt: words };
  const brought = [
    { role: 'system' as const, content: 'Answer in one word.' },
    { role: 'user' as const, content: words },
  ];
  for (const told of [
    inputMessages({ requestId: 'r', input }),
    inputMessages({ requestId: 'r', input, messages: brought }),
    outputMessages({ ...answered, summary: words }),
  ]) {
    expect(bounded({ told })).toEqual({ told });
    const messages = form.parse(JSON.parse(told));
    expect(messages.at(-1)?.parts[0]?.content.length).toBeGreaterThan(20);
  }
});

test('an endpoint that does not know its model yet was asked for none', async () => {
  expect(await generated('openai', 'openai:small')).toEqual({
    ...{ 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai', 'gen_ai.response.model': 'small' },
  });
});

test('without a model the embedded engine is provider and model in one word', async () => {
  const { told, context } = listening();
  const handlers = llmEffects({
    llm: { engine: null, kind: 'extractive', timeoutMs: 1000, parallel: 1, queueMax: 1 },
    ...{ skills: shippedSkills, breakers: createBreakers(log), showText: () => silent },
  });
  await handlers.generate?.run({ requestId: 'r', purpose: 'answer', input: request('respond').input }, context);
  const names = { 'gen_ai.provider.name': 'extractive', 'gen_ai.request.model': 'extractive' };
  expect(told).toMatchObject({ ...names, 'gen_ai.response.model': 'extractive' });
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
