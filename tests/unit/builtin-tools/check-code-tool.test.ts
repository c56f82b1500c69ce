/** check_code: the reviewer's checks as a tool. */
import { afterAll, expect, test } from 'vitest';
import { builtinTools } from '../../../actors/roles/tools/builtin/index.ts';
import { closeChecks } from '../../../code-checks/index.ts';
import { ask, context, toolNamed } from './support.ts';

const tool = toolNamed(builtinTools(), 'check_code');
afterAll(closeChecks);

test('a language by name, and one that is guessed', async () => {
  expect(await tool.run({ code: '{"a": 1,}', language: 'json' }, context)).toMatch(/^2 findings .*\nline 1: error: /);
  const guessed = await tool.run({ code: 'const a: number = "text";\nexport { a };' }, context);
  expect(guessed).toContain(', as typescript)');
  expect(guessed).toMatch(/line 1: error: .*not assignable/);
});

test('good code, and a language that nobody checks', async () => {
  expect(await tool.run({ code: 'def f(x):\n    return x\n', language: 'python' }, context)).toMatch(/^No findings/);
  expect(await tool.run({ code: 'PROGRAM-ID. HELLO.', language: 'cobol' }, context)).toContain(
    'There is no checker for cobol',
  );
});

test('a prompt with code', async () => {
  expect(await ask('check the syntax of\n```json\n{"a" 1}\n```', {})).toMatch(/^check_code: \d finding/);
  expect(await ask('check the syntax of my life', {})).toBeNull();
});
