/** Which block is the code: the request decides, diffs are applied, files stay files. */
import { describe, expect, test } from 'vitest';
import { parseCode } from '../../../actors/roles/coder/code-reply.ts';
import { skills } from '../../../actors/roles/coder/skills.ts';
import { withoutThinking } from '../../../prompting/model-text.ts';
import type { CodeArtifact } from '../../../schemas/events/generated.ts';

const fence = (language: string, text: string): string => `\`\`\`${language}\n${text}\n\`\`\``;
const of = (reply: string, prompt = 'Write a TypeScript function', code?: CodeArtifact): CodeArtifact =>
  parseCode(reply, { prompt, ...(code === undefined ? {} : { code }) }, []);
const rules = ({ faults = [] }: CodeArtifact): string[] => faults.map(({ rule }) => rule);

describe('several blocks', () => {
  test('parts of one program are joined', () => {
    const made = of(`First:\n${fence('ts', 'export const a = 1;')}\nThen:\n${fence('ts', 'export const b = 2;')}`);
    expect(made.text).toBe('export const a = 1;\n\nexport const b = 2;\n');
  });

  test('commands, output and examples are not the code', () => {
    const made = of(
      `${fence('bash', 'npm install left-pad')}\n${fence('ts', 'export function pad(): void {}')}\nUsage:\n${fence('ts', 'pad();\npad();\npad();\npad();')}\nOutput:\n${fence('', 'padded')}`,
    );
    expect(made.text).toBe('export function pad(): void {}\n');
  });

  test('of two versions the better one', () => {
    const made = of(
      `${fence('ts', 'export const f = 1;\nexport function g() {}')}\nAn improved version:\n\n${fence('ts', 'export function g(): void {}')}`,
    );
    expect(made.text).toBe('export function g(): void {}\n');
  });

  test('with names they are files', () => {
    const made = of(
      `**src/a.ts**\n${fence('ts', 'export const a = 1;')}\n\n### \`src/page.html\`\n${fence('html', '<p>a</p>')}`,
    );
    expect(made.files?.map(({ path, language }) => [path, language])).toEqual([
      ['src/a.ts', 'typescript'],
      ['src/page.html', 'html'],
    ]);
    expect(made.language).toBe('typescript');
  });

  test.each(['ts title="src/a.ts"', 'ts:src/a.ts', 'ts src/a.ts', 'src/a.ts'])('a name in the fence: %s', (info) => {
    const made = of(
      `${fence(info, 'export const a = 1;')}\n${fence(info.replace('a.ts', 'b.ts'), 'export const b = 1;')}`,
    );
    expect(made.files?.map(({ path }) => path)).toEqual(['src/a.ts', 'src/b.ts']);
  });

  test('a name that leads out of the project is none', () => {
    expect(
      of(`**../../etc/a.ts**\n${fence('ts', 'export const a = 1;')}\n**b.ts**\n${fence('ts', 'export const b = 1;')}`)
        .files,
    ).toBeUndefined();
  });
});

describe('a diff', () => {
  const before: CodeArtifact = {
    language: 'typescript',
    text: 'one\ntwo\nthree\n',
    attempt: 1,
    explanation: '',
    citations: [],
  };
  test.each([
    '--- a/x.ts\n+++ b/x.ts\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three',
    '@@ -2 +2 @@\n-two\n+TWO',
    '@@ -1,99 +1,12 @@\n one\n-two\n+TWO\n three',
    '@@ ... @@\n one\n-two\n+TWO\n three',
  ])('is applied: %s', (diff) => {
    expect(of(fence('diff', diff), 'Fix it', before)).toMatchObject({
      language: 'typescript',
      text: 'one\nTWO\nthree\n',
      attempt: 2,
    });
  });

  test('that does not fit is a fault', () => {
    expect(rules(of(fence('diff', '@@ -1,1 +1,1 @@\n-nine\n+ten'), 'Fix it', before))).toEqual(['unapplied-diff']);
  });
});

describe('no fence', () => {
  test('words before the code are no code', () => {
    const made = of(
      'Sure! Here is the function:\n\ndef add(a, b):\n    return a + b\n\nIt adds them.',
      'Write a Python function',
    );
    expect(made).toMatchObject({ language: 'python', text: 'def add(a, b):\n    return a + b\n' });
  });

  test.each([
    ["I'm sorry, but I can't help with that.", 'engine_refused'],
    ['You could use a loop for this.', 'engine_no_answer'],
  ])('%s', (reply, code) => {
    expect(() => of(reply)).toThrowError(expect.objectContaining({ code }));
  });
});

test('several languages in a request make none of them wrong', () => {
  expect(
    rules(
      of(
        fence('python', 'import sqlite3\n\nsqlite3.connect("a.db").execute("SELECT 1")'),
        'Write a Python script that runs a SQL query',
      ),
    ),
  ).toEqual([]);
});

test.each([
  ['Let me see.\n</think>\nYes.', 'Yes.'],
  ['<think>a</think>Yes.<think>b</think> No.', 'Yes.No.'],
  ['Write `<think>` so.', 'Write `<think>` so.'],
  [`${fence('html', '<p></think></p>')}`, fence('html', '<p></think></p>')],
  ['<think>never ends', ''],
])('thoughts: %s', (reply, expected) => {
  expect(withoutThinking(reply)).toBe(expected);
});

describe('frames around code', () => {
  const python = 'Write a Python function that adds two numbers';
  const DEF = 'def add(a, b):\n    return a + b\n';
  test.each([
    ['a fence in an item of a list', '1. So:\n\n   ```python\n   def add(a, b):\n       return a + b\n   ```'],
    ['JSON', JSON.stringify({ code: DEF, language: 'python' })],
    ['JSON in a fence', fence('json', JSON.stringify({ code: DEF, language: 'python' }))],
    ['HTML tags', `<pre><code class="language-python">${DEF}</code></pre>`],
    ['a fence around a fence', `\`\`\`\n${fence('python', DEF.trimEnd())}\n\`\`\``],
    ['the prompts of an interpreter', fence('python', '>>> def add(a, b):\n...     return a + b')],
  ])('%s', (_what, reply) => {
    const made = of(reply, python);
    expect([made.language, made.text]).toEqual(['python', DEF]);
  });

  test('a sentence with code in it is no code', () => {
    expect(() => of('Use `lambda a, b: a + b`.', python)).toThrow('wrote no code but this');
  });

  test('comments alone are a fault', () => {
    expect(rules(of(fence('ts', '// This adds two numbers.')))).toEqual(['no-code']);
  });

  test('of TypeScript and JavaScript the one that was asked for', () => {
    const made = of(`${fence('js', 'function f() {}')}\n${fence('ts', 'export function f(): void {}')}`);
    expect(made.text).toBe('export function f(): void {}\n');
  });
});

test.each([
  ['```ts\n// a.ts\nexport const a = 1;\n```\n\nAnd `b.ts`:\n', ['cut']],
  ['```ts\nexport const a = 1;\n```\nIt is one, bec', []],
])('a reply that is cut: %s', (text, faults) => {
  const reply = { ...{ text, cut: 'cut', toolCalls: [], passages: [], engine: 'm', notes: '' } };
  const { code } = skills.code?.read({ ...reply, input: { prompt: 'Write a.ts and b.ts' }, tools: [] }) ?? {};
  expect((code?.faults ?? []).map(({ rule }) => rule)).toEqual(faults);
});

describe('the same two lines of Python, however they are framed', () => {
  const code = 'def add(a, b):\n    return a + b';
  const other = 'from a import add\nprint(add(1, 2))';
  const before: CodeArtifact = {
    ...{ language: 'python', text: 'def add(a, b):\n    return a - b\n', attempt: 1, explanation: '', citations: [] },
  };
  const pair = '<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE';

  test.each([
    ['in a quotation', '> ```python\n> def add(a, b):\n>     return a + b\n> ```'],
    ['in a list indented by a tab', '-\tHere:\n\n\t```python\n\tdef add(a, b):\n\t    return a + b\n\t```'],
    ['closed behind the last line', `\`\`\`python\n${code}\`\`\``],
    ['indented by four spaces', 'Here it is:\n\n    def add(a, b):\n        return a + b\n\nIt adds.'],
    ['in BBCode', `[code=python]\n${code}\n[/code]`],
    ['in a tag of its language', `<python>\n${code}\n</python>`],
    ['as an artifact', `<artifact type="code" language="python">\n${code}\n</artifact>`],
    ['in LaTeX', `\\begin{lstlisting}[language=Python]\n${code}\n\\end{lstlisting}`],
    ['with numbers', '```python\n1 def add(a, b):\n2     return a + b\n```'],
    ['with numbers and bars', '```python\n  1 | def add(a, b):\n  2 |     return a + b\n```'],
    ['with spaces of another kind', '```python\n\u200bdef add(a, b):\n\u00a0\u00a0\u00a0\u00a0return a + b\n```'],
    [
      'as a diff of a new file',
      '```diff\n--- /dev/null\n+++ b/a.py\n@@ -0,0 +1,2 @@\n+def add(a, b):\n+    return a + b\n```',
    ],
    ['in a page of Markdown', `\`\`\`markdown\n# Add\n\n\`\`\`python\n${code}\n\`\`\`\n\nIt adds.\n\`\`\``],
    ['as the call of a tool', JSON.stringify({ name: 'write_file', arguments: { path: 'a.py', content: code } })],
    [
      'beside what not to do',
      `Do not do this:\n${fence('python', 'def add(a, b):\n    return eval(a)')}\nBut this:\n${fence('python', code)}`,
    ],
    [
      'after what it was before',
      `Before:\n${fence('python', 'def add(a, b):\n    return a - b')}\nAfter:\n${fence('python', code)}`,
    ],
    [
      'with tests that nobody asked for',
      `${fence('python', code)}\nTests:\n${fence('python', 'import unittest\nclass T(unittest.TestCase):\n    pass')}`,
    ],
  ])('%s', (_how, reply) => {
    const made = of(reply, 'Write a Python function add');
    expect(made).toMatchObject({ language: 'python', text: `${code}\n` });
    expect(rules(made)).toEqual([]);
  });

  test.each([
    ['pairs in a fence', fence('python', pair)],
    ['pairs below a name', `a.py\n${fence('', pair)}`],
  ])('as a change by %s', (_how, reply) => {
    expect(of(reply, 'Write a Python function add', before).text).toBe(`${code}\n`);
  });

  test('a change that does not fit is said to be none', () => {
    const made = of(fence('python', pair.replace('a - b', 'a * b')), 'Write a Python function add', before);
    expect(rules(made)).toContain('unapplied-diff');
  });

  test.each([
    ['tags', `<file path="a.py">\n${code}\n</file>\n<file path="b.py">\n${other}\n</file>`],
    ['signs', `=== a.py ===\n${fence('python', code)}\n=== b.py ===\n${fence('python', other)}`],
    [
      'a list of JSON',
      JSON.stringify({
        files: [
          { path: 'a.py', content: code },
          { path: 'b.py', content: other },
        ],
      }),
    ],
    ['an object of JSON', JSON.stringify({ files: { 'a.py': code, 'b.py': other } })],
    ['paths of another system', `**\\a.py**\n${fence('python', code)}\n**C:\\b.py**\n${fence('python', other)}`],
  ])('as files by %s', (_how, reply) => {
    const made = of(reply, 'Write a Python function add');
    expect(made.files?.map(({ path, text }) => [path, text])).toEqual([
      ['a.py', `${code}\n`],
      ['b.py', `${other}\n`],
    ]);
  });

  test('JSON in place of a program is not what was asked for', () => {
    expect(rules(of(fence('json', '{"a": 1}'), 'Write a Python function add'))).toEqual(['wrong-language']);
  });

  test.each([
    [
      'a terminal',
      fence('console', '$ ls -la\ntotal 0\n$ pwd\n/'),
      'Write a bash script that lists files',
      'shell',
      'ls -la\npwd\n',
    ],
    [
      'text',
      fence('text', 'fn add() -> i32 {\n    1\n}'),
      'Write a Rust function',
      'rust',
      'fn add() -> i32 {\n    1\n}\n',
    ],
  ])('in a fence of %s', (_how, reply, prompt, language, text) => {
    const made = of(reply, prompt);
    expect(made).toMatchObject({ language, text });
    expect(rules(made)).toEqual([]);
  });
});

describe('what stands around the code, in its place', () => {
  test.each([
    ['imports', 'Write a Python function add', 'python', 'import math\nfrom os import (\n    path,\n)'],
    ['imports', 'Write a Go function add', 'go', 'package main\n\nimport (\n\t"fmt"\n\t"os"\n)'],
    [
      'a declaration',
      'Write a TypeScript function add',
      'ts',
      'export declare function add(a: number, b: number): number;',
    ],
    ['a prototype', 'Write a C function that adds', 'c', '#include <math.h>\nint add(int a, int b);'],
    ['an interface', 'Write a Java class that adds', 'java', 'interface Adder {\n  int add(int a, int b);\n}'],
    [
      'a test',
      'Write a Python function add',
      'python',
      'from a import add\n\n\ndef test_add():\n    assert add(1, 2) == 3',
    ],
    ['a test', 'Write a Go function that adds', 'go', 'package a\n\nfunc TestAdd(t *testing.T) {\n\tadd(1, 2)\n}'],
    [
      'a test',
      'Write a TypeScript function add',
      'ts',
      "import { add } from './add';\n\ntest('adds', () => {\n  expect(add(1, 2)).toBe(3);\n});",
    ],
  ])('%s: %s', (_what, prompt, language, text) => {
    expect(rules(of(fence(language, text), prompt))).toEqual(['no-code']);
  });

  test.each([
    ['Write a Python module that re-exports math by an import', 'python', 'from math import *'],
    ['Write a TypeScript interface for a class User', 'ts', 'export interface User {\n  name: string;\n}'],
    ['Write a C header that declares a function', 'c', 'int add(int a, int b);'],
    [
      'Write pytest tests for the function add',
      'python',
      'from a import add\n\n\ndef test_add():\n    assert add(1, 2) == 3',
    ],
    ['Write a Python function test_port that tries a port', 'python', 'def test_port(port):\n    return port > 0'],
    ['Write a C program', 'c', '#include <stdio.h>\nint main(void) {\n  puts("x");\n}'],
    ['Write a TypeScript class', 'ts', 'export class A {\n  b(): number {\n    return 1;\n  }\n}'],
    [
      'Write a Kotlin class with an interface',
      'kotlin',
      'interface A {\n  fun b(): Int\n}\nclass C : A {\n  override fun b() = 1\n}',
    ],
  ])('%s', (prompt, language, text) => {
    expect(rules(of(fence(language, text), prompt))).toEqual([]);
  });
});

describe('the language of a request', () => {
  test.each([
    ['Translate this Python function to Go:\n```python\nx\n```', 'go', 'package main\n\nfunc main() {}', []],
    ['Port this Java class to C#', 'csharp', 'class A { int b = 1; }', []],
    ['Write a PowerShell script that lists files', 'bash', 'ls', ['wrong-language']],
    ['Write an HTML page', 'css', 'h1 { color: red; }', ['wrong-language']],
    ['Write an HTML page with a JavaScript counter', 'html', '<!DOCTYPE html>\n<script>\nlet a = 1;\n</script>', []],
    ['Write a Go program that prints hello', 'yaml', 'a: 1', ['wrong-language']],
    ['Write a workflow for my Go program', 'yaml', 'on: push', []],
    ['Write a C function that adds', 'cpp', '#include <iostream>\nvoid a() { std::cout << 1; }', []],
  ])('%s', (prompt, language, text, found) => {
    const made = of(fence(language, text), prompt);
    expect(rules(made)).toEqual(found);
    if (found.length === 0 && language !== 'cpp') expect(made.language).toBe(language);
  });
});
