/** Tools of MCP servers as tools of the mesh: fences by hints, arguments by schema, failures by fence, prompts by name. */
import { afterAll, describe, expect, test } from 'vitest';
import { chooseTool, type Tool, ToolError } from '../../../actors/roles/tools/builtin/index.ts';
import { createMcpTools } from '../../../actors/roles/tools/mcp-tools.ts';
import { closeSchemaChecks } from '../../../actors/roles/tools/schema-lane.ts';
import { McpError, type McpErrorCode, type McpServers, type McpTool, noMcpServers } from '../../../mcp/client/port.ts';

afterAll(closeSchemaChecks);

const text = { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] };

function mcpTool(more: Partial<McpTool> = {}): McpTool {
  const plain = { server: 'box', name: 'put-text', description: '', readOnly: false, idempotent: false };
  return { ...plain, inputSchema: text, ...more };
}

function tools(
  listed: McpTool[],
  call: McpServers['call'] = () => Promise.resolve({ text: 'done', attachments: [] }),
): readonly Tool[] {
  const limits = () => ({ timeoutMs: 1000, concurrencyMax: 2 });
  return createMcpTools({ ...noMcpServers, tools: () => listed, limits, call })();
}

function only(more: Partial<McpTool> = {}, call?: McpServers['call']): Tool {
  const [tool] = tools([mcpTool(more)], call);
  if (!tool) throw new Error('no tool');
  return tool;
}

const context = { signal: new AbortController().signal, idempotencyKey: 'deed', heartbeat: () => undefined };

test.each([
  [{}, 'once'],
  [{ idempotent: true }, 'keyed'],
  [{ readOnly: true }, 'pure'],
  [{ readOnly: true, idempotent: true }, 'pure'],
] as const)('S6: the hints %j mean %s', (hints, fence) => {
  expect(only(hints)).toMatchObject({ name: 'box.put-text', fence, service: 'mcp:box' });
});

describe('arguments', () => {
  test.each([
    [{}, "arguments must have required property 'text'"],
    [{ text: 1 }, 'arguments/text must be string'],
    [['x'], 'its arguments are one JSON object'],
  ])('%j are refused before anything is sent', async (args, message) => {
    await expect(only().checkArguments(args)).rejects.toThrow(message);
  });

  test.each(['http://json-schema.org/draft-07/schema#', 'https://json-schema.org/draft/2020-12/schema'])(
    '%s',
    async ($schema) => {
      const tool = only({ inputSchema: { $schema, ...text } });
      await tool.checkArguments({ text: 'x' });
      await expect(tool.checkArguments({ text: 1 })).rejects.toThrow('must be string');
    },
  );

  test('a schema that cannot be read is left to the server', async () => {
    await only({ inputSchema: { type: 'nonsense' } }).checkArguments({ any: 1 });
  });

  test('a pattern that takes for ever with a few letters stops nobody, and is not sent (S9)', async () => {
    const inputSchema = { ...text, properties: { text: { type: 'string', pattern: '^(a+)+$' } } };
    const args = { text: `${'a'.repeat(60)}!` };
    const refused = expect(only({ inputSchema }).checkArguments(args)).rejects.toMatchObject({
      ...{ code: 'tool_bad_arguments', retryable: false, message: expect.stringContaining('takes longer than 2 s') },
    });
    // Were it here, nothing else would be done until it is over.
    await only().checkArguments({ text: 'x' });
    await refused;
  });
});

describe('what a call answers besides text', () => {
  const outputSchema = { type: 'object', properties: { sum: { type: 'number' } }, required: ['sum'] };
  const answering = (structured: unknown) =>
    only({ outputSchema }, () => Promise.resolve({ text: 'so', attachments: [], structured })).run(
      { text: 'x' },
      context,
    );

  test('is passed on when it is what the schema says', async () => {
    expect(await answering({ sum: 3 })).toMatchObject({ text: 'so' });
  });

  test('is an error when it is not', async () => {
    await expect(answering({ sum: 'three' })).rejects.toMatchObject({
      ...{ code: 'tool_failed', message: expect.stringContaining('answer/sum must be number') },
    });
  });
});

describe('S6: what a failure means', () => {
  const fail = async (code: McpErrorCode, hints: Partial<McpTool>): Promise<unknown> =>
    only(hints, () => Promise.reject(new McpError(code, 'so')))
      .run({ text: 'x' }, context)
      .catch((error: unknown) => error);

  test.each([
    ['unavailable', {}, 'mcp_unavailable', true],
    ['unavailable', { readOnly: true }, 'mcp_unavailable', true],
    ['cut_off', {}, 'tool_outcome_unknown', false],
    ['cut_off', { idempotent: true }, 'tool_cut_off', true],
    ['cut_off', { readOnly: true }, 'tool_cut_off', true],
    ['too_large', { readOnly: true }, 'tool_answer_too_large', false],
    ['too_large', { idempotent: true }, 'tool_answer_too_large', false],
    ['too_large', {}, 'tool_outcome_unknown', false],
    ['timeout', {}, 'tool_outcome_unknown', false],
    ['timeout', { readOnly: true }, 'tool_timeout', true],
    ['failed', {}, 'tool_failed', false],
    ['bad_arguments', {}, 'tool_bad_arguments', false],
  ] as const)('%s %j is %s', async (code, hints, expected, retryable) => {
    const error = await fail(code, hints);
    expect(error).toBeInstanceOf(ToolError);
    expect(error).toMatchObject({ code: expected, retryable });
  });
});

describe('prompts', () => {
  const sum = {
    type: 'object',
    properties: { a: { type: 'number' }, b: { type: 'number' } },
    required: ['a', 'b'],
  };
  const all = tools([
    mcpTool(),
    mcpTool({ name: 'get-sum', inputSchema: sum }),
    mcpTool({ name: 'now', inputSchema: { type: 'object' } }),
    mcpTool({
      name: 'two',
      inputSchema: { ...text, properties: { ...text.properties, to: { type: 'string' } }, required: ['text', 'to'] },
    }),
  ]);
  test.each([
    ['tool:box.put-text {"text": "x"}', 'box.put-text', { text: 'x' }],
    ['box.put-text: hello there', 'box.put-text', { text: 'hello there' }],
    ['Use box.put-text with "hello"', 'box.put-text', { text: 'hello' }],
    ['use the put text tool on hello', 'box.put-text', { text: 'hello' }],
    ['box.get-sum {"a": 1, "b": 2}', 'box.get-sum', { a: 1, b: 2 }],
    ['call box.get-sum for 3 and 4.5', 'box.get-sum', { a: 3, b: 4.5 }],
    ['run box.now', 'box.now', {}],
  ])('%s', async (prompt, name, args) => {
    expect(await chooseTool(all, prompt)).toMatchObject({ tool: { name }, arguments: args });
  });

  test.each([
    'put a text somewhere',
    'what is box.put-text?',
    'how does box.put-text handle errors, and what is get-sum for?',
    'use box.get-sum for 3',
    'use box.two with x',
    'use box.put-texts with x',
  ])('%s: a tool is not guessed at', async (prompt) => {
    expect(await chooseTool(all, prompt)).toBeNull();
  });
});
