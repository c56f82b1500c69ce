/** Tool calls in the forms that models write them; garbage is never a call. */
import { describe, expect, test } from 'vitest';
import { fromToolCalls, parseToolChoice } from '../../../prompting/tool-choice.ts';

const tools = ['clock', 'files.read'].map((name) => ({ name, description: '', inputSchema: { type: 'object' } }));
const clock = { name: 'clock', arguments: { zone: 'UTC' }, result: '' };

describe('a call', () => {
  test.each([
    '{"tool":"clock","arguments":{"zone":"UTC"}}',
    '{"name":"clock","arguments":{"zone":"UTC"}}',
    '{"name":"clock","parameters":{"zone":"UTC"}}',
    '{"name":"clock","arguments":"{\\"zone\\":\\"UTC\\"}"}',
    '{"function":{"name":"clock","arguments":"{\\"zone\\":\\"UTC\\"}"},"type":"function"}',
    '{"tool_calls":[{"function":{"name":"clock","arguments":{"zone":"UTC"}}}]}',
    '[{"name":"clock","arguments":{"zone":"UTC"}}]',
    '<tool_call>\n{"name": "clock", "arguments": {"zone": "UTC"}}\n</tool_call>',
    '[TOOL_CALLS][{"name": "clock", "arguments": {"zone": "UTC"}}]',
    '[TOOL_CALLS]clock[ARGS]{"zone": "UTC"}',
    '<|python_tag|>{"name": "clock", "parameters": {"zone": "UTC"}}',
    '<function=clock>{"zone": "UTC"}</function>',
    '{"tool":"clock","arguments":{"zone":"UTC",}}',
    "{'tool': 'clock', 'arguments': {'zone': 'UTC'}}",
    'In {braces} I take ```json\n{"tool":"clock","arguments":{"zone":"UTC"}}\n```',
    'For {this} I call {"name":"clock","args":{"zone":"UTC"}} now.',
    '{"thought":"hm"}\n{"action":"clock","action_input":{"zone":"UTC"}}',
    '{"name":"functions.clock","arguments":{"zone":"UTC"}}',
    '{"name":"default_api.clock","arguments":{"zone":"UTC"}}',
    '{"name":"tools:clock","arguments":{"zone":"UTC"}}',
    '{"name":"clock()","arguments":{"zone":"UTC"}}',
    '{"name":"clock","arguments":"\\"{\\\\\\"zone\\\\\\":\\\\\\"UTC\\\\\\"}\\""}',
    '{"name":"clock","arguments":[{"zone":"UTC"}]}',
    '{"tool":"clock","arguments":{"zone":"UTC"}} {"tool":"other","arguments":{}}',
    '[clock(zone="UTC")]',
    'clock(zone="UTC")',
    "<|tool_call_start|>[clock(zone='UTC')]<|tool_call_end|>",
    '```tool_code\nclock(zone="UTC")\n```',
    '<tool_call>\n<function=clock>\n<parameter=zone>\nUTC\n</parameter>\n</function>\n</tool_call>',
    '<tool_call>clock\n<arg_key>zone</arg_key>\n<arg_value>UTC</arg_value>\n</tool_call>',
    '<invoke name="clock"><parameter name="zone">UTC</parameter></invoke>',
    '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>clock\n```json\n{"zone": "UTC"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>clock<｜tool▁sep｜>{"zone": "UTC"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    '<|tool_calls_section_begin|><|tool_call_begin|>functions.clock:0<|tool_call_argument_begin|>{"zone":"UTC"}<|tool_call_end|>',
    '<|channel|>commentary to=functions.clock <|constrain|>json<|message|>{"zone":"UTC"}<|call|>',
    'Thought: I need the time.\nAction: clock\nAction Input: {"zone":"UTC"}',
    '{"tool":"clock","zone":"UTC"}',
    '{"clock":{"zone":"UTC"}}',
    'functools[{"name": "clock", "arguments": {"zone": "UTC"}}]',
  ])('%s', (reply) => {
    expect(parseToolChoice(reply, tools)).toEqual(clock);
  });

  test('of a name that an API cannot have', () => {
    expect(parseToolChoice('{"name":"files_read","arguments":{}}', tools)?.name).toBe('files.read');
  });
});

describe('a reply that was cut', () => {
  const cut = { cut: true };

  test.each([
    '{"tool":"clock","arguments":{"zone":"UT',
    '{"tool":"clock","arguments":{"zone":"UTC"',
    '{"tool":"clock","arguments":"{\\"zone\\":\\"U',
    '<function=clock>{"zone":{"name":"UTC"},"days":3',
    '<tool_call>{"name":"clock","arguments":{"zone":"U',
    '[clock(zone="U',
  ])('is no choice: %s', (reply) => {
    expect(() => parseToolChoice(reply, tools, cut)).toThrowError(
      expect.objectContaining({ code: 'engine_no_answer', message: expect.stringContaining('was cut') }),
    );
  });

  test('is one when the choice is whole and what follows is cut', () => {
    expect(parseToolChoice('{"tool":"clock","arguments":{"zone":"UTC"}}\nI chose {', tools, cut)).toEqual(clock);
    expect(fromToolCalls([{ name: 'clock', arguments: '{"zone":"UTC"}' }], tools, cut)).toEqual(clock);
  });

  test('is none by the API’s means when its arguments end early', () => {
    expect(() => fromToolCalls([{ name: 'clock', arguments: '{"zone":"U' }], tools, cut)).toThrowError(/was cut/);
  });
});

test.each(['read-files', 'readFiles', 'READ_FILES'])(
  'a name in another spelling is the tool of that name: %s',
  (name) => {
    const offered = [{ name: 'read_files', description: '', inputSchema: { type: 'object' } }];
    expect(parseToolChoice(JSON.stringify({ name, arguments: 'null' }), offered)).toEqual({
      ...{ name: 'read_files', arguments: {}, result: '' },
    });
  },
);

test.each(['{"tool":"none","arguments":{}}', 'none', 'None.', '{"tool":null}'])('none fits: %s', (reply) => {
  expect(parseToolChoice(reply, tools)).toBeNull();
});

test('numbers and lists in a call of texts are what the tool wants', () => {
  const properties = { zone: { type: 'string' }, days: { type: 'integer' }, names: { type: 'array' } };
  const typed = [{ name: 'clock', description: '', inputSchema: { type: 'object', properties } }];
  const call =
    '<function=clock><parameter=zone>7</parameter><parameter=days>3</parameter><parameter=names>["a"]</parameter></function>';
  expect(parseToolChoice(call, typed)?.arguments).toEqual({ zone: '7', days: 3, names: ['a'] });
  expect(parseToolChoice('[clock(zone="a, b", days=3, names=[1, True])]', typed)?.arguments).toEqual({
    ...{ zone: 'a, b', days: 3, names: [1, true] },
  });
});

test.each([
  'I could use clock(zone="UTC") but I do not need to.',
  'The clock tool takes {"zone": "UTC"}.',
  'clock(zone=open("/etc/passwd").read())',
  'clock(zone=zone)',
  '<tool_call>clock now</tool_call>',
])('a sentence about a call, or an expression, is none: %s', (reply) => {
  expect(() => parseToolChoice(reply, tools)).toThrowError(expect.objectContaining({ code: 'engine_no_answer' }));
});

test.each([
  'no idea',
  '{"tool":"clock","arguments":"UTC please"}',
  '{"tool":"shell","arguments":{}}',
  '{',
  '',
  'clock',
  '{"arguments":{"zone":"UTC"}}',
])('no choice, and nothing of the endpoint’s: %s', (reply) => {
  expect(() => parseToolChoice(reply, tools)).toThrowError(
    expect.objectContaining({ code: 'engine_no_answer', retryable: false }),
  );
});
