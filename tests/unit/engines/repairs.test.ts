/** Mechanical repairs: each kind once, and the promise that repairing never makes things worse. */
import fc from 'fast-check';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { closeRepairs, repairCode } from '../../../actors/roles/coder/repairs/repair-code.ts';
import { repairByToken } from '../../../actors/roles/coder/repairs/token-repair.ts';
import { closeChecks, reviewCode } from '../../../code-checks/index.ts';

// A compiler that is started beside other work takes its time.
vi.setConfig({ testTimeout: 120_000 });

afterAll(async () => {
  await closeRepairs();
  await closeChecks();
});

describe('each repair leaves text that the checks approve', () => {
  test.each([
    ['typescript', 'a missing bracket', 'export const a = [1, 2, 3;\nexport const b = { c: [a] };\n', '[1, 2, 3];'],
    ['typescript', 'a missing parenthesis', 'export function f(a: number { return a; }\n', 'f(a: number)'],
    ['typescript', 'a missing brace at the end', 'export function f(): number {\n  return 1;\n', '}'],
    ['typescript', 'a stray bracket', 'export const a = (1 + 2));\n', '(1 + 2);'],
    ['typescript', 'an unfinished string', "export const a = 'x;\nexport const b = 1;\n", "'x"],
    ['typescript', 'an implicit any without a use', 'export function f(a) { return a; }\n', 'a: unknown'],
    ['typescript', 'a missing import of Node', "export const p = join('a', 'b');\n", "from 'node:path'"],
    ['typescript', 'a misspelt name', 'const counter = 1;\nexport const a = countre;\n', '= counter;'],
    [
      'typescript',
      'await in a plain function',
      'export function f(u: string) {\n  const r = await fetch(u);\n  return r;\n}\n',
      'async function f',
    ],
    [
      'typescript',
      'an undeclared property',
      'export class A {\n  constructor(x: number) {\n    this.x = x;\n  }\n}\n',
      'x: number',
    ],
    [
      'typescript',
      'a call of another file',
      "export function f(): number {\n  log('x');\n  return 1;\n}\n",
      '  return 1;',
    ],
    [
      'javascript',
      'types in JavaScript',
      'interface A { a: number }\nexport const f = (x: A): number => x.a;\n',
      '(x) => x.a',
    ],
    ['python', 'tabs and spaces mixed', 'def f():\n\tx = 1\n        return x\n', 'return x'],
    ['python', 'a missing bracket', 'def f(x:\n    return [x, 1\n', 'def f(x):'],
    ['python', 'words of other languages', 'def f(x):\n    return x == null && !x\n', 'None'],
    [
      'python',
      'a missing standard import',
      'def f(p):\n    return json.loads(Path(p).read_text())\n',
      'from pathlib import Path',
    ],
    ['json', 'single quotes and commas', "{'a': 1, b: [1, 2,],}", '"b"'],
    ['yaml', 'tabs', 'a:\n\tb: 1\n', '  b: 1'],
  ])('%s: %s', async (language, _what, text, expected) => {
    const repaired = await repairCode({ language, text });
    expect(repaired.text).toContain(expected);
    expect(repaired.errorsLeft).toBe(0);
    expect(repaired.repairs.length).toBeGreaterThan(0);
    expect((await reviewCode({ language, text: repaired.text })).verdict).toBe('approved');
  });

  test('sound code and unknown languages stay as they are', async () => {
    const text = 'export const a = 1;\n';
    expect(await repairCode({ language: 'typescript', text })).toEqual({ text, repairs: [], errorsLeft: 0 });
    expect(await repairCode({ language: 'cobol', text })).toMatchObject({ text, repairs: [] });
  });

  test('what cannot be repaired is counted, not hidden', async () => {
    const repaired = await repairCode({ language: 'typescript', text: 'export const a: number = "x";\n' });
    expect(repaired).toMatchObject({ repairs: [], errorsLeft: 1 });
  });
});

test('a token repair never adds to the weight of errors', () => {
  const depth = (text: string): number => {
    let open = 0;
    let stray = 0;
    for (const character of text) {
      if (character === '(') open += 1;
      if (character === ')' && open === 0) stray += 1;
      else if (character === ')') open -= 1;
    }
    return open + stray;
  };
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('(', ')', 'x', ' ', '\n') }), fc.nat(30), (text, at) => {
      const repaired = repairByToken(text, { offset: Math.min(at, text.length), tokens: ['(', ')'], weigh: depth });
      if (repaired !== null) expect(depth(repaired.text)).toBeLessThan(depth(text));
    }),
  );
});
