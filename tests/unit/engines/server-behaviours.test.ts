/** Every behaviour of servers, tried; the table in docs/models.md is what came of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createOpenAiEngine } from '../../../actors/roles/llm/engines/index.ts';
import { type ChatServer, startChatServer } from './chat-server.ts';
import { type EngineErrorLike, engineErrorOf, run } from './openai-runs.ts';
import type { Behaviour, Outcome } from './server-behaviours/behaviour.ts';
import { behaviours, tableOf } from './server-behaviours/index.ts';

const clock = { name: 'clock', description: 'The time.', inputSchema: { type: 'object' } };
const servers: ChatServer[] = [];
afterAll(async () => Promise.all(servers.map((server) => server.close())));

async function tried({ play, models, unnamed, skill, api }: Behaviour): Promise<Outcome> {
  const server = await startChatServer(
    (response, index) => play(response, index, lastBody(server)),
    models ?? { data: [{ id: 'm1' }] },
  );
  servers.push(server);
  const name = unnamed ? {} : { model: 'm1' };
  const at = api === undefined ? { baseUrl: server.baseUrl } : { baseUrl: new URL('/', server.baseUrl).href, api };
  const engine = createOpenAiEngine({ ...at, backoffMs: 2, attempts: 2, timeoutMs: 20_000, ...name });
  const more = skill === 'tool' ? { tools: [clock] } : {};
  const ended = await run(engine, { prompt: 'Why?' }, skill ?? 'answer', more).output.catch(engineErrorOf);
  const requests = server.requests.filter(({ method }) => method === 'POST').length;
  if (isError(ended)) return { error: ended.code, says: ended.message, requests };
  return { answer: ended.answer?.text ?? ended.review?.verdict ?? ended.tool?.name ?? '', requests };
}

function isError(ended: object): ended is EngineErrorLike {
  return 'retryable' in ended;
}

function lastBody(server: ChatServer): Record<string, unknown> {
  return { ...(server.requests.at(-1)?.body as object) };
}

describe('servers as they are', () => {
  test.concurrent.each(behaviours.map((one) => [one.server, one.does, one] as const))(
    '%s %s',
    async (_server, _does, one) => {
      const { says, ...rest } = await tried(one);
      const { says: told, ...expected } = one.gives;
      expect(rest).toEqual(expected);
      if (told !== undefined) expect(says).toContain(told);
      // One sentence ends once, and no page is shown as text.
      if (says !== undefined) expect(says).not.toMatch(/[^.]\.\.(?:\s|$)|<\w+>/);
    },
  );

  test('the table in docs/models.md is the one that was tried', () => {
    const docs = readFileSync(join(import.meta.dirname, '../../../docs/models.md'), 'utf8');
    const [, table = ''] = /<!-- servers -->\n([\s\S]*?)<!-- \/servers -->/.exec(docs) ?? [];
    expect(table.trim()).toBe(tableOf(behaviours));
  });
});
