/** A role that prompts a model its own way: what is asked, what is made of the reply, and what is done without a model. */
import { afterEach, describe, expect, test } from 'vitest';
import { createEffects } from '../../../actors/roles/llm/effects.ts';
import type { LlmEngine } from '../../../actors/roles/llm/engines/port.ts';
import type { RoleDefinition } from '../../../actors/runtime/role.ts';
import { createBreakers } from '../../../resilience/breakers.ts';
import type { LlmRepliedData, LlmRequestedData } from '../../../schemas/events/generated.ts';
import { defineRole } from '../../../sdk/define-role.ts';
import { modelMachine } from '../../../sdk/model-machine.ts';
import { shippedSkills } from '../engines/asking.ts';
import { type ChatServer, startChatServer, streamText } from '../engines/chat-server.ts';
import { engineFor } from '../engines/openai-runs.ts';
import { given, received } from '../roles/support/given.ts';

const ignore = (): void => undefined;
const log = { debug: ignore, info: ignore, warn: ignore, error: ignore };
const asked: LlmRequestedData = {
  ...{ requestId: '1.ask.1', purpose: 'text', input: { prompt: 'a cat' } },
  messages: [
    { role: 'system', content: 'You are a poet.' },
    { role: 'user', content: 'a cat' },
  ],
};
const poet: RoleDefinition = defineRole({
  ...{ name: 'poet', asks: ['llm'] },
  machine: modelMachine('poet', {
    messages: ({ input }) => [
      { role: 'system', content: 'You are a poet.' },
      { role: 'user', content: input.prompt },
    ],
    read: (text, said) => ({ ...said, summary: 'a poem', answer: { text: text.toUpperCase(), citations: [] } }),
    without: (_request, { code }) =>
      code === 'no_model' ? { engine: 'none', summary: 'silent', answer: { text: '…', citations: [] } } : null,
  }),
});
const hop = received(
  'hop.requested',
  { step: 'ask', attempt: 1, input: { prompt: 'a cat' }, timeoutMs: 60_000 },
  { from: 'orchestrator', hop: 1 },
);
const replied = (more: Omit<LlmRepliedData, 'requestId'>) =>
  received('llm.replied', { requestId: '1.ask.1', ...more }, { from: 'llm', hop: 1 });

describe('the role', () => {
  test('asks with its own messages', () => {
    const story = given(poet)
      .when(hop)
      .thenExpect({ state: 'writing', sent: ['llm.requested > llm'] });
    expect(story.sent('llm.requested')).toMatchObject(asked);
  });

  test('makes its output of what the model said', () => {
    const output = { engine: 'openai:m1', summary: 'Wrote 4 characters.', answer: { text: 'meow', citations: [] } };
    const story = given(poet).when(hop, replied({ status: 'completed', output }));
    expect(story.sent('hop.replied')).toMatchObject({
      status: 'completed',
      output: { engine: 'openai:m1', summary: 'a poem', answer: { text: 'MEOW' } },
    });
  });

  test('says what it says without a model, and fails for any other reason', () => {
    const because = (code: string) => replied({ status: 'failed', error: { code, message: 'm', retryable: false } });
    expect(given(poet).when(hop, because('no_model')).sent('hop.replied')).toMatchObject({
      output: { engine: 'none', answer: { text: '…' } },
    });
    expect(given(poet).when(hop, because('engine_refused')).sent('hop.replied')).toMatchObject({ status: 'failed' });
  });
});

const servers: ChatServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** The llm role's effect with this engine, or with none. */
function generate(engine: LlmEngine | null) {
  const llm = {
    engine: engine && (() => Promise.resolve(engine)),
    kind: 'openai',
    timeoutMs: 1000,
    parallel: 1,
    queueMax: 1,
  };
  const { generate: handler } = createEffects({
    llm,
    skills: shippedSkills,
    breakers: createBreakers(log),
    showText: () => ignore,
  });
  const context = {
    ...{ key: 'key', attempt: 1, correlationId: 'task', signal: new AbortController().signal, log },
    ...{ share: { flow: '', weight: 1 }, heartbeat: ignore, waits: ignore, span: { set: ignore } },
  };
  return (request: LlmRequestedData) => handler?.run(request, context);
}

describe('the llm role', () => {
  test('tells the model the messages as they are, and the form that is wanted', async () => {
    const server = await startChatServer((response) => streamText(response, ['{"a":', '1}']));
    servers.push(server);
    const format = { type: 'object', properties: { a: { type: 'number' } } };
    expect(await generate(engineFor(server))({ ...asked, format })).toEqual({
      ...{ engine: 'openai:m1', summary: 'Wrote 7 characters.' },
      answer: { text: '{"a":1}', citations: [] },
    });
    expect(server.requests[0]?.body).toMatchObject({
      messages: asked.messages,
      response_format: { type: 'json_schema', json_schema: { name: 'text', schema: format } },
    });
  });

  test('fails without a model, and says what to set', async () => {
    await expect(generate(null)(asked)).rejects.toThrow(/No language model is set up: fetch one/);
  });

  test('takes the skill that is named as its fallback', async () => {
    const input = { prompt: 'Write a TypeScript function that debounces another function' };
    expect(await generate(null)({ ...asked, input, fallback: 'code' })).toMatchObject({
      engine: 'extractive',
      code: { language: 'typescript' },
    });
  });
});
