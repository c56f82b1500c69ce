/** Tool calls in the forms that models write them; garbage is never a call. */
import { describe, expect, test } from 'vitest';
import { parseToolChoice } from '../../../prompting/tool-choice.ts';

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
    '{"tool":"clock","arguments":{"zone":"UTC"}} {"tool":"other","arguments":{}}',
  ])('%s', (reply) => {
    expect(parseToolChoice(reply, tools)).toEqual(clock);
  });

  test('of a name that an API cannot have', () => {
    expect(parseToolChoice('{"name":"files_read","arguments":{}}', tools)?.name).toBe('files.read');
  });
});

test.each(['{"tool":"none","arguments":{}}', 'none', 'None.', '{"tool":null}'])('none fits: %s', (reply) => {
  expect(parseToolChoice(reply, tools)).toBeNull();
});

test.each(['no idea', '{"tool":"shell","arguments":{}}', '{', '', 'clock', '{"arguments":{"zone":"UTC"}}'])(
  'no choice, and nothing of the endpoint’s: %s',
  (reply) => {
    expect(() => parseToolChoice(reply, tools)).toThrowError(
      expect.objectContaining({ code: 'engine_no_answer', retryable: false }),
    );
  },
);
