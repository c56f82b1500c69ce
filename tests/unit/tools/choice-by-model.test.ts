/** What a model is offered, and the effects around its choice, with the real toolbox. */
import { describe, expect, test } from 'vitest';
import type { LlmEngine } from '../../../actors/roles/llm/engines/port.ts';
import { builtinTools, type Tool } from '../../../actors/roles/tools/builtin/index.ts';
import { createEffects } from '../../../actors/roles/tools/effects.ts';
import { offersFor } from '../../../actors/roles/tools/offers.ts';
import { defaultPolicy, parsePolicy, type ToolPolicy } from '../../../actors/roles/tools/policy.ts';
import { createToolbox } from '../../../actors/roles/tools/toolbox.ts';
import type { EffectContext } from '../../../actors/runtime/role.ts';
import { parseMcpConfig } from '../../../mcp/client/config.ts';
import { type McpServers, noMcpServers } from '../../../mcp/client/port.ts';
import { createBreakers } from '../../../resilience/breakers.ts';

const builtin = builtinTools();
const names = (offers: readonly { name: string }[]): string[] => offers.map(({ name }) => name);

function tool(name: string, more: Partial<Tool> = {}): Tool {
  return {
    ...{ name, description: 'Does something.', inputSchema: { type: 'object' }, fence: 'once' },
    ...{ checkArguments: () => Promise.resolve(), run: () => Promise.resolve('') },
    ...more,
  };
}

test('a tool of a server that is switched off or written wrong: the task is told so', async () => {
  const written = { mcpServers: { off: { command: 'x', disabled: true }, wrong: { command: 'x', timeoutMs: 1 } } };
  const { leftOut } = parseMcpConfig(JSON.stringify(written), '/mesh/mcp.json', {});
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const toolbox = createToolbox({
    ...{ allowHosts: [], workspace: null, policy: defaultPolicy, breakers: createBreakers(log) },
    mcp: { ...noMcpServers, leftOut: () => leftOut },
  });
  for (const [prompt, why] of [
    ['tool:off.x {}', /^the MCP server off is not used, as mcp.json stands: it is switched off/],
    ['tool:wrong.x {}', /^the MCP server wrong is not used, as mcp.json stands: timeoutMs/],
    ['tool:other.x {}', /^There is no tool other.x/],
  ] as const)
    await expect(toolbox.choose(prompt, {})).rejects.toMatchObject({
      ...{ code: 'tool_unknown', retryable: false, message: expect.stringMatching(why) },
    });
});

test('a tool of a server that does not run: the task is told why it does not', async () => {
  const states: McpServers['states'] = () => [
    { name: 'gone', state: 'down', problem: 'command gone was not found', tools: 0 },
  ];
  const mcp = { ...noMcpServers, states };
  const breakers = createBreakers({
    ...{ debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  const toolbox = createToolbox({ allowHosts: [], workspace: null, mcp, breakers, policy: defaultPolicy });
  await expect(toolbox.choose('tool:gone.x {}', {})).rejects.toMatchObject({
    ...{ code: 'mcp_unavailable', message: 'the MCP server gone does not run: command gone was not found' },
  });
  await expect(toolbox.choose('tool:other.x {}', {})).rejects.toMatchObject({ code: 'tool_unknown' });
});

describe('offers', () => {
  test('all built-in tools fit', () => {
    const { offers, leftOut } = offersFor('whatever', builtin);
    expect({ names: names(offers), leftOut }).toEqual({ names: names(builtin), leftOut: 0 });
    expect(offers[1]).toEqual({
      ...{ name: 'calculator', description: builtin[1]?.description, inputSchema: builtin[1]?.inputSchema },
    });
  });

  test('S8: of many, those that share words with the request are there, within 8,000 characters', () => {
    const many = Array.from({ length: 150 }, (_, i) => tool(`box.t${i}`, { description: `${'x'.repeat(150)} ${i}` }));
    const wanted = tool('box.open-invoice', { description: 'Opens an invoice of a customer.' });
    const { offers, leftOut } = offersFor('show me the invoice of our customer', [...builtin, ...many, wanted]);
    expect(names(offers)).toContain('box.open-invoice');
    expect(JSON.stringify(offers).length).toBeLessThan(8200);
    expect(leftOut).toBe(builtin.length + many.length + 1 - offers.length);
    expect(leftOut).toBeGreaterThan(0);
  });

  test('S8: no more than an event may carry', () => {
    expect(
      offersFor(
        'x',
        Array.from({ length: 150 }, (_, i) => tool(`b.${i}`)),
      ).offers,
    ).toHaveLength(64);
  });

  test('S8: a schema is offered whole or not at all, and a long description is cut', () => {
    const wide = tool('box.wide', { inputSchema: { type: 'object', description: 'y'.repeat(9000) } });
    const wordy = tool('box.wordy', { description: 'z'.repeat(4000) });
    const unnamed = tool(`box.${'n'.repeat(200)}`);
    const { offers, leftOut } = offersFor('x', [wide, wordy, unnamed]);
    expect(names(offers)).toEqual(['box.wordy']);
    expect(offers[0]?.description).toHaveLength(600);
    expect(leftOut).toBe(2);
  });
});

const silent = (): void => undefined;
const log = { debug: silent, info: silent, warn: silent, error: silent };
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
  ...{ log, span: { set: silent } },
};
const model = (): Promise<LlmEngine> => Promise.reject(new Error('the tools process asks no engine itself'));

function effects(
  engine: (() => Promise<LlmEngine>) | null,
  mcp: McpServers = noMcpServers,
  policy: ToolPolicy = defaultPolicy,
) {
  const tools = createToolbox({ allowHosts: [], workspace: null, mcp, breakers: createBreakers(log), policy });
  const handlers = createEffects({ tools, llm: { engine } });
  return (name: 'choose' | 'check', input: unknown): Promise<unknown> => {
    const handler = handlers[name];
    if (!handler) throw new Error(`no effect ${name}`);
    return handler.run(input, context);
  };
}

test('what a model has chosen and a question cannot show whole is not asked for, and does not run', async () => {
  const act = tool('act', { fence: 'once' });
  const toolbox = createToolbox({
    ...{ allowHosts: [], workspace: null, mcp: noMcpServers, own: [act], policy: defaultPolicy },
    breakers: createBreakers(log),
  });
  const whose = { share: { caller: 'bob', priority: 'normal', door: 'a2a' } } as const;
  const hiding = { note: 'x'.repeat(6000), url: 'https://elsewhere.example' };
  await expect(toolbox.check('act', hiding, whose)).rejects.toMatchObject({
    ...{ code: 'tool_bad_arguments', message: expect.stringMatching(/can be shown 6000 characters/) },
  });
  expect(await toolbox.check('act', { note: 'x'.repeat(5000) }, whose)).toMatchObject({ asks: true });
  // A person has said yes to it, or none is asked.
  expect(await toolbox.check('act', hiding, { ...whose, consented: true })).not.toHaveProperty('asks');
  expect(await toolbox.check('act', hiding, { share: { ...whose.share, door: 'cli' } })).not.toHaveProperty('asks');
});

describe('choosing', () => {
  const vague = { prompt: 'do the thing with the stuff' };

  test('what the words say is never asked about', async () => {
    const call = effects(model);
    expect(await call('choose', { prompt: 'what is 6 * 7?' })).toMatchObject({ name: 'calculator', fence: 'pure' });
    await expect(call('choose', { prompt: 'tool:nothing {}' })).rejects.toMatchObject({ code: 'tool_unknown' });
    await expect(call('choose', { prompt: 'tool:uuid {"no": 1}' })).rejects.toMatchObject({
      code: 'tool_bad_arguments',
    });
  });

  test('where a model is configured it is offered the tools', async () => {
    const question = await effects(model)('choose', vague);
    expect(question).toMatchObject({
      unfit: expect.stringMatching(/name one, as in tool:calculator .*\. There are: /),
    });
    expect(question).toMatchObject({ offers: expect.arrayContaining([expect.objectContaining({ name: 'convert' })]) });
  });

  test('without one nothing fits, and the error says how to name a tool', async () => {
    const refused = { code: 'no_tool', retryable: false, message: expect.stringContaining('name one, as in tool:') };
    await expect(effects(null)('choose', vague)).rejects.toMatchObject(refused);
  });
});

describe('checking a choice', () => {
  test.each([
    [{ name: 'calculator', arguments: { expression: '6*7' } }, { fence: 'pure' }],
    [{ name: 'http_post_once', arguments: { url: 'http://127.0.0.1/pay', body: '1' } }, { fence: 'once' }],
  ])('%j gets its fence', async (proposal, more) => {
    expect(await effects(model)('check', proposal)).toEqual({ ...proposal, ...more });
  });

  test.each([
    [{ name: 'calculator', arguments: { expression: 5 } }, 'tool_bad_arguments', 'expression must be string'],
    [{ name: 'calculator', arguments: {} }, 'tool_bad_arguments', "required property 'expression'"],
    [{ name: 'calculator {"expression": "1"}', arguments: {} }, 'tool_unknown', 'there is no tool'],
  ])('%j is refused', async (proposal, code, message) => {
    await expect(effects(model)('check', proposal)).rejects.toMatchObject({
      ...{ code, retryable: false, message: expect.stringContaining(message) },
    });
  });

  test('a tool whose server is gone is refused for now', async () => {
    const gone: McpServers = {
      ...noMcpServers,
      states: () => [{ name: 'box', state: 'down', tools: 0, problem: 'it ended' }],
    };
    await expect(effects(model, gone)('check', { name: 'box.put', arguments: {} })).rejects.toMatchObject({
      ...{ code: 'mcp_unavailable', retryable: true, message: expect.stringContaining('it ended') },
    });
  });
});

describe('the policy of tools', () => {
  const share = { caller: 'bob', priority: 'normal', door: 'a2a' } as const;
  const arguments_ = { url: 'http://127.0.0.1:1/' };
  const prompt = `tool:http_post_once ${JSON.stringify(arguments_)}`;

  test('a choice by words says that it asks, and with a yes it does not', async () => {
    const run = effects(null);
    expect(await run('choose', { prompt, share })).toMatchObject({ name: 'http_post_once', asks: true });
    const check = { name: 'http_post_once', arguments: arguments_, share };
    expect(await run('check', check)).toMatchObject({ asks: true });
    expect(await run('check', { ...check, consented: true })).not.toHaveProperty('asks');
    expect(await run('choose', { prompt, share: { ...share, door: 'cli' } })).not.toHaveProperty('asks');
  });

  test('what is denied is neither chosen, nor run by a yes, nor offered to a model', async () => {
    const policy = parsePolicy('{"rules":[{"callers":["b*"],"tools":["http_*"],"decision":"deny"}]}');
    const run = effects(model, noMcpServers, policy);
    const code = { code: 'tool_not_allowed', retryable: false };
    await expect(run('choose', { prompt, share })).rejects.toMatchObject(code);
    const check = { name: 'http_get', arguments: arguments_, share, consented: true };
    await expect(run('check', check)).rejects.toMatchObject(code);
    const { offers } = (await run('choose', { prompt: 'do something', share })) as { offers: { name: string }[] };
    expect(names(offers)).not.toContain('http_post');
    expect(names(offers)).toContain('calculator');
    const other = (await run('choose', { prompt: 'do something', share: { ...share, caller: 'alice' } })) as {
      offers: { name: string }[];
    };
    expect(names(other.offers)).toContain('http_post');
  });
});
