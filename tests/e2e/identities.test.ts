/**
 * What roles of different processes say to each other, in a mesh whose processes have each an identity of its own. Owns:
 * that the ways which tasks need are open. Does not own: those that are shut (`tests/integration/bus/permissions.test.ts`).
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../support/nats-server.ts';
import { type ChatServer, startChatServer, streamText } from '../unit/engines/chat-server.ts';
import { createMeshCommand, type MeshCommand } from './command.ts';

let server: ChatServer;
let mesh: MeshCommand;
beforeAll(async () => {
  const port = await freePort();
  const choice = JSON.stringify({ tool: 'calculator', arguments: { expression: '6 * 7' } });
  server = await startChatServer(
    (response) => {
      const isChoice = JSON.stringify(server.requests.at(-1)?.body).includes('"content":"Tools:');
      return streamText(response, [isChoice ? choice : 'It is 42, says the model.']);
    },
    undefined,
    port,
  );
  mesh = await createMeshCommand({ OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1`, OPENAI_MODEL: 'm1' });
  expect(await mesh.run(['up', '--detach'])).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await mesh.end();
  await server.close();
});

it('a tool is chosen by a model, runs, and the model answers: agents, tools, llm and tools again', async () => {
  const prompt = 'please take care of the thing we talked about';
  const { code, stdout, stderr } = await mesh.run(['run', prompt, '--workflow', 'tool', '--json']);
  expect(code, stderr).toBe(0);
  const result = JSON.parse(stdout) as { answer: string; hops: { role: string; summary: string }[] };
  expect(result.hops.find(({ role }) => role === 'tools')?.summary).toBe('calculator ran, chosen by openai:m1');
  expect(result.answer).toContain('42');
});
