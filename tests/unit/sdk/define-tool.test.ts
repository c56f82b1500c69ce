/** Tools of a user's own, in the toolbox beside the shipped ones. */
import { expect, test, vi } from 'vitest';
import { defaultPolicy } from '../../../actors/roles/tools/policy.ts';
import { createToolbox } from '../../../actors/roles/tools/toolbox.ts';
import { noMcpServers } from '../../../mcp/client/port.ts';
import { createBreakers } from '../../../resilience/breakers.ts';
import { defineTool } from '../../../sdk/define-tool.ts';

const ignore = (): void => undefined;
const log = { debug: ignore, info: ignore, warn: ignore, error: ignore };
const weather = defineTool<{ city: string }>({
  name: 'weather',
  description: 'Says how the weather is.',
  input: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
  fence: 'pure',
  run: ({ city }) => `${city}: rain`,
});
const toolbox = createToolbox({
  ...{ allowHosts: [], workspace: null, mcp: noMcpServers, own: [weather] },
  ...{ breakers: createBreakers(log), policy: defaultPolicy },
});
const whose = {};
const call = {
  ...{ signal: new AbortController().signal, idempotencyKey: 'key', heartbeat: ignore, waits: ignore, log },
  ...{ span: { set: ignore }, fence: 'pure' as const, share: { flow: '', weight: 1 } },
};

test.each([['tool:weather {"city": "Bern"}'], ['use weather for Bern'], ['call the tool weather for Bern']])(
  'it is meant by: %s',
  async (prompt) => {
    expect(await toolbox.choose(prompt, whose)).toEqual({
      name: 'weather',
      fence: 'pure',
      arguments: { city: 'Bern' },
    });
  },
);

test.each([
  [42, 'a number', /its run returned number, and has to return text, or { text, attachments }/],
  [undefined, 'nothing', /its run returned nothing/],
  [null, 'null', /its run returned null/],
  [{ text: 1, attachments: [] }, 'no text', /its run returned object/],
])('one that returns %j says so, and is not tried again', async (answer, _what, said) => {
  const odd = defineTool({
    ...{ name: 'odd', description: 'Odd.', input: { type: 'object' }, fence: 'pure' },
    run: vi.fn().mockReturnValue(answer),
  });
  const asked = odd.run({}, { signal: call.signal, idempotencyKey: 'key', heartbeat: ignore });
  await expect(asked).rejects.toMatchObject({
    code: 'tool_failed',
    retryable: false,
    message: expect.stringMatching(said),
  });
});

test('it runs behind the guard of all tools, with checked arguments', async () => {
  expect(await toolbox.run('weather', { city: 'Bern' }, call)).toBe('Bern: rain');
  await expect(toolbox.check('weather', { town: 'Bern' }, whose)).rejects.toThrow(
    /The tool weather cannot be called like this/,
  );
});

test('it is listed, and offered to a model', async () => {
  expect(toolbox.names()).toContain('weather');
  expect((await toolbox.offers('How is the weather in Bern?', whose)).offers[0]?.name).toBe('weather');
});

test('a reading of its own comes before its name', async () => {
  const match = (prompt: string) => (prompt === 'rain?' ? { arguments: { city: 'here' }, score: 0.9 } : null);
  expect(defineTool({ ...weather, input: weather.inputSchema, match, run: () => '' }).match?.('rain?')).toEqual({
    arguments: { city: 'here' },
    score: 0.9,
  });
});
