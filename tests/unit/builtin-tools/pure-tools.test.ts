/** The tools without effects: what prompts they read, what they answer, what they refuse. */
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { calculate, closeCalculator, evaluate } from '../../../actors/roles/tools/builtin/calculator.ts';
import { builtinTools, chooseTool, type ToolContext, ToolError } from '../../../actors/roles/tools/builtin/index.ts';
import { builtinNames } from '../../../actors/roles/tools/builtin/names.ts';

const tools = builtinTools({ now: () => new Date('2026-01-02T03:04:05Z') });
const context: ToolContext = {
  signal: new AbortController().signal,
  idempotencyKey: 'key-1',
  heartbeat: () => undefined,
};

afterAll(closeCalculator);

async function ask(prompt: string): Promise<string | null> {
  const chosen = await chooseTool(tools, prompt);
  return chosen === null ? null : `${chosen.tool.name}: ${await chosen.tool.run(chosen.arguments, context)}`;
}

describe('prompts in plain words', () => {
  test.each([
    ['what is 2+2*3?', 'calculator: 8'],
    ['What is 15 percent of 80?', 'calculator: 12'],
    ['17 times 23', 'calculator: 391'],
    ['what is the square root of 144', 'calculator: 12'],
    ['0.1 + 0.2 =', 'calculator: 0.3'],
    ['2^100', 'calculator: 1267650600228229401496703205376'],
    ['10!', 'calculator: 3628800'],
    ['1,234 + 1', 'calculator: 1235'],
    ['max(1, 2, 3)', 'calculator: 3'],
    ['what time is it in Tokyo?', 'clock: Friday, 2 January 2026 at 12:04:05'],
    ['what is the date in UTC', 'clock: Friday, 2 January 2026'],
    ['convert 5 km to miles', 'convert: 5 km = 3.10686 miles'],
    ['100 C to F', 'convert: 100 C = 212 F'],
    ['how many feet in 3 meters', 'convert: 3 meters = 9.84252 feet'],
    ['255 in hex', 'convert: 0xff'],
    ['0b101 to decimal', 'convert: 5'],
    ['1010 from binary to decimal', 'convert: 10'],
    ['sha256 of "hello"', 'hash: 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'],
    ['base64 encode żółw', 'base64: xbzDs8WCdw=='],
    ['decode aGVsbG8= from base64', 'base64: hello'],
  ])('%s', async (prompt, expected) => {
    const said = (await ask(prompt))?.replace(/, (?=\d\d:)/, ' at ');
    expect(said?.slice(0, expected.length)).toBe(expected);
  });

  test('a uuid of either version', async () => {
    expect(await ask('generate a uuid')).toMatch(/^uuid: [0-9a-f]{8}-[0-9a-f]{4}-4/);
    expect(await ask('give me a UUID v7')).toMatch(/^uuid: [0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  test.each([
    'What is the mesh?',
    'Write a debounce function',
    '2024-01-02',
    'explain NATS 2.9',
    'How do I convert a callback to a promise?',
    'what is the hash of a git commit used for',
    'What time is it in the novel?',
    'import("fs")+1',
    'convert 5 usd to eur',
    'Please POST the results to the wall',
  ])('%s is for no tool', async (prompt) => {
    expect(await chooseTool(tools, prompt)).toBeNull();
  });

  test('any prompt can be read', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), async (prompt) => {
        fc.pre(!/^\s*tool:/i.test(prompt));
        const chosen = await chooseTool(tools, prompt);
        await chosen?.tool.checkArguments(chosen.arguments);
      }),
    );
  });
});

describe('a tool named in the prompt', () => {
  test('is called with exactly its arguments', async () => {
    expect(await chooseTool(tools, 'tool:calculator {"expression": "6*7"}')).toMatchObject({
      tool: { name: 'calculator' },
      arguments: { expression: '6*7' },
      score: 1,
    });
    expect(await ask('tool:uuid')).toMatch(/^uuid: /);
  });

  test.each([
    ['tool:nothing {}', 'tool_unknown', /There are: convert, calculator/],
    ['tool:calculator {"expression": 5}', 'tool_bad_arguments', /expression must be string/],
    ['tool:calculator {}', 'tool_bad_arguments', /required property 'expression'/],
    ['tool:hash {"algorithm": "crc", "text": "x"}', 'tool_bad_arguments', /algorithm must be equal to one of/],
    ['tool:calculator {"expression": "1", "more": 1}', 'tool_bad_arguments', /additional properties/],
    ['tool:calculator 6*7', 'tool_bad_arguments', /not JSON/],
    ['tool:calculator [1]', 'tool_bad_arguments', /one JSON object/],
  ])('%s: a clear error', async (prompt, code, message) => {
    const error = { code, retryable: false, message: expect.stringMatching(message) };
    await expect(chooseTool(tools, prompt)).rejects.toMatchObject(error);
  });
});

describe('what the calculator cannot know beforehand', () => {
  test.each(['cosh(1e9)', 'sinh(1e6)'])('%s ends at a limit and stops nobody', async (expression) => {
    const ends: string[] = [];
    const note = (what: string) => () => void ends.push(what);
    const hostile = calculate(expression);
    const [harmless] = await Promise.all([
      calculate('6 * 7').finally(note('harmless')),
      hostile.catch(note('hostile')),
    ]);
    expect(harmless).toBe('42');
    expect(ends).toEqual(['harmless', 'hostile']);
    await expect(hostile).rejects.toMatchObject({
      ...{ code: 'tool_bad_arguments', retryable: false, message: expect.stringMatching(/takes longer than 5 s/) },
    });
    // It is known by now: another five seconds of work would show in the processor time of this process.
    const before = process.cpuUsage();
    await expect(calculate(expression)).rejects.toThrow('takes longer than 5 s');
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000_000).toBeLessThan(3);
  });

  test.each(['sin(1e1000)', 'sin(1e100000)', 'tan(1e3000)', '1 +'])(
    'nothing of %s stays behind',
    async (expression) => {
      await expect(calculate(expression)).rejects.toBeInstanceOf(ToolError);
      for (let n = 0; n < 4; n += 1) expect(await calculate('2^0.5')).toBe('1.41421356237309');
      expect(await calculate('1/3')).toBe('0.333333333333333');
    },
  );
});

describe('the calculator refuses', () => {
  test.each([
    'import({}, {})',
    'createUnit("x")',
    'evaluate("1+1")',
    'parse("1")',
    'config({})',
    'simplify("x+x")',
    'f(x) = x',
    'a = 1',
    '[1,2,3]',
    '"text"',
    'cos.constructor("return process")()',
    'zeros(1e9)',
    'combinations(1000000, 500000)',
    'factorial(1e9)',
    '(10^9)!',
    'x + 1',
    '1/0',
    '1; 2',
    '{a: 1}',
    '1:1e9',
    '2 +',
    '9'.repeat(400),
  ])('%s', (expression) => {
    expect(() => evaluate(expression)).toThrow(ToolError);
  });

  test('whatever is written, it ends with a text or a ToolError', () => {
    const token = fc.constantFrom(
      '1',
      '2.5',
      '9e9',
      '+',
      '-',
      '*',
      '/',
      '^',
      '(',
      ')',
      'sqrt(',
      'e',
      'pi',
      '!',
      ',',
      'mod',
      'sin(',
      '%',
      'i',
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
        try {
          expect(evaluate(tokens.join(' '))).toMatch(/\S/);
        } catch (error) {
          expect(error).toBeInstanceOf(ToolError);
        }
      }),
    );
  });
});

test.each([
  ['tool:convert {"value": "12", "from": "km", "to": "seconds"}', /cannot be made/],
  ['tool:convert {"value": "1e308", "from": "km", "to": "m"}', /cannot be made: the result is larger/],
  ['tool:convert {"value": "zz", "to": "binary"}', /not a whole number/],
  ['tool:convert {"value": "1", "to": "miles"}', /missing/],
  ['tool:clock {"timeZone": "Mars/Olympus"}', /not a time zone/],
  ['tool:base64 {"action": "decode", "text": "*"}', /not base64/],
  ['tool:base64 {"action": "decode", "text": "/w=="}', /not UTF-8/],
])('%s is refused in words', async (prompt, message) => {
  await expect(ask(prompt)).rejects.toThrow(message);
});

test('the names that a process tells before its tools are loaded are theirs', () => {
  expect(tools.map(({ name }) => name)).toEqual([...builtinNames]);
});

test('each tool says what it is and how it may be repeated (S6)', () => {
  expect(tools.map((tool) => [tool.name, tool.fence])).toEqual([
    ['convert', 'pure'],
    ['calculator', 'pure'],
    ['date', 'pure'],
    ['clock', 'pure'],
    ['hash', 'pure'],
    ['base64', 'pure'],
    ['uuid', 'pure'],
    ['list_files', 'pure'],
    ['read_file', 'pure'],
    ['search_files', 'pure'],
    ['check_code', 'pure'],
    ['http_get', 'pure'],
    ['http_post', 'keyed'],
    ['http_post_once', 'once'],
  ]);
  expect(tools.every((tool) => tool.description.length > 20)).toBe(true);
});
