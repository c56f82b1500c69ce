/** The reviewer's static checks, run on the real compilers: what each language's errors look like, and what is let pass. */
import { afterAll, describe, expect, test } from 'vitest';
import { checkCode, closeChecks, reviewCode } from '../../../code-checks/index.ts';
import { readShellCheck, shellCheck } from '../../../code-checks/shellcheck.ts';
import { readSqlFluff, sqlDialect, sqlFluff } from '../../../code-checks/sqlfluff.ts';

afterAll(closeChecks);

const rules = async (language: string, text: string): Promise<string[]> =>
  (await checkCode({ language, text })).findings.map(
    (finding) => `${finding.severity} ${finding.line} ${finding.rule}`,
  );

describe('TypeScript', () => {
  test('sound code has no findings', async () => {
    const text = 'export function add(a: number, b: number): number {\n  return a + b;\n}\n';
    expect(await checkCode({ language: 'ts', text })).toEqual({
      findings: [],
      checkedBy: [expect.stringMatching(/^typescript@6\./)],
    });
  });

  test.each([
    ['a wrong type', 'export const a: number = "x";\n', ['error 1 ts2322']],
    ['an undefined name', '\nexport const a = missing;\n', ['error 2 ts2304']],
    ['an implicit any', 'export function f(a) { return a; }\n', ['error 1 ts7006']],
    ['a syntax error', 'export function f( {\n', ['error 2 ts1005']],
    ['an unused import', "import { join } from 'node:path';\nexport const a = 1;\n", ['warning 1 ts6133']],
  ])('finds %s', async (_what, text, expected) => {
    expect(await rules('typescript', text)).toEqual(expected);
  });

  test.each([
    ['a package that is not here', "import { z } from 'zod';\nexport const schema = z.object({});\n"],
    ['another file', "import { helper } from './helper.ts';\nexport const a = helper(1);\n"],
  ])('an import of %s is a warning', async (_what, text) => {
    expect(await rules('typescript', text)).toEqual(['warning 1 ts2307']);
  });

  test.each([
    [
      "Node's modules and globals",
      "import { readFile } from 'node:fs/promises';\nexport const run = () => readFile(process.argv[2] ?? '', 'utf8');\n",
    ],
    ['the DOM', 'export const title = (): string => document.title;\n'],
    ['functions nobody calls', 'function helper(): number {\n  return 1;\n}\n'],
    ['JSX in a block called typescript', 'export const Hello = () => <p className="x">hi</p>;\n'],
    ['await at the top', "const response = await fetch('https://example.com');\nconsole.log(response.status);\n"],
  ])('knows %s', async (_what, text) => {
    expect(await rules('typescript', text)).toEqual([]);
  });

  test('nothing of this project is visible to the code', async () => {
    expect(await rules('typescript', "import { transition } from 'xstate';\nexport const t = transition;\n")).toEqual([
      'warning 1 ts2307',
    ]);
  });
});

describe('JavaScript', () => {
  test.each([
    ['untyped code', 'export function f(a, b) {\n  return a.x + b.y.z();\n}\n', []],
    ['CommonJS', "const fs = require('fs');\nmodule.exports = { read: (p) => fs.readFileSync(p) };\n", []],
    ['an undefined name', 'export const f = () => missing;\n', ['error 1 ts2304']],
    ['a constant assigned again', 'const a = 1;\na = 2;\nconsole.log(a);\n', ['error 2 ts2588']],
    ['types', 'let a: number = 1;\nconsole.log(a);\n', ['error 1 ts8010']],
    ['a syntax error', 'function f( {\n', ['error 2 ts1005']],
  ])('%s', async (_what, text, expected) => {
    expect(await rules('js', text)).toEqual(expected);
  });
});

describe('other languages', () => {
  test.each([
    ['python', 'def f(x):\n    return x + 1\n', []],
    ['python', 'def f(x)\n    return x\n', ['error 1 ruff-invalid-syntax']],
    ['python', 'def f():\n    return missing\n', ['error 2 ruff-f821']],
    ['py', 'import os\n', ['warning 1 ruff-f401']],
    ['python', 'def f(x):\n    pass\n', ['error 1 placeholder']],
    ['python', 'def f(x): ...\n', ['error 1 placeholder']],
    ['python', 'class A:\n    def __init__(self):\n        pass\n', []],
    ['python', 'from typing import Protocol\n\n\nclass A(Protocol):\n    def f(self) -> int: ...\n', []],
    ['json', '{"a": [1, 2]}', []],
    ['json', '{\n  "a": 1,\n}', ['error 3 json-syntax', 'error 3 json-syntax']],
    ['json', '{"a": 1} x', ['error 1 json-syntax']],
    ['yaml', 'a: 1\nb: [1, 2]\n', []],
    ['yml', 'a: 1\na: 2\n', ['error 2 yaml-syntax']],
  ])('%s: %j', async (language, text, expected) => {
    expect(await rules(language, text)).toEqual(expected);
  });

  test('an unknown language is said to be unchecked', async () => {
    const { findings, checkedBy } = await checkCode({ language: 'cobol', text: 'STOP RUN.' });
    expect(checkedBy).toEqual([]);
    expect(findings).toEqual([
      { severity: 'warning', line: 0, rule: 'not-checked', message: expect.stringContaining('cobol') },
    ]);
  });
});

describe('ShellCheck', () => {
  test('what it says, version 0.11.0, is told by its weight; anything else says nothing', () => {
    const said =
      '{"comments":[{"file":"-","line":6,"endLine":6,"column":5,"endColumn":7,"level":"error","code":2290,"message":"Remove spaces around = to assign.","fix":null},{"file":"-","line":1,"endLine":1,"column":1,"endColumn":6,"level":"warning","code":2164,"message":"Use \'cd ... || exit\' or \'cd ... || return\' in case cd fails.","fix":null}]}';
    const { findings, checkedBy } = readShellCheck(said);
    expect(findings.map(({ severity, line, rule }) => `${severity} ${line} ${rule}`)).toEqual([
      'error 6 shellcheck-sc2290',
      'warning 1 shellcheck-sc2164',
    ]);
    expect(checkedBy).toEqual(['shellcheck']);
    for (const other of ['', 'usage: …', '[]', '{"comments":1}'])
      expect(readShellCheck(other)).toEqual({ findings: [], checkedBy: [] });
  });
});

describe('SQLFluff', () => {
  const violation = (code: string, line: number) =>
    `{"start_line_no": ${line}, "start_line_pos": 16, "code": "${code}", "description": "Reference 'o.total' refers to table/view not found in the FROM clause.", "name": "x", "warning": false, "fixes": []}`;
  const said = (...violations: string[]) =>
    `[{"filepath": "stdin", "violations": [${violations.join(', ')}], "statistics": {}, "timings": {}}]`;

  test('what it says, version 4.5.0, is a warning; anything else says nothing', () => {
    expect(readSqlFluff(said(violation('RF01', 3)), 'postgres')).toEqual({
      findings: [
        {
          ...{ severity: 'warning', line: 3, rule: 'sqlfluff-rf01' },
          message: "Reference 'o.total' refers to table/view not found in the FROM clause.",
        },
      ],
      checkedBy: ['sqlfluff (postgres)'],
    });
    expect(readSqlFluff(said(), 'mysql')).toEqual({ findings: [], checkedBy: ['sqlfluff (mysql)'] });
    for (const other of ['', 'User Error: x', '{}', '[]', '[{"violations":1}]', '[null]'])
      expect(readSqlFluff(other, 'postgres')).toEqual({ findings: [], checkedBy: [] });
  });

  test.each(['PRS', 'LXR', 'TMP'])('what it could not read (%s) it has not checked', (code) => {
    expect(readSqlFluff(said(violation('RF01', 1), violation(code, 1)), 'postgres').checkedBy).toEqual([]);
  });

  test.each([
    ['CREATE TABLE t (id INT AUTO_INCREMENT) ENGINE=InnoDB', 'mysql'],
    ['SELECT `a` FROM `t`', 'mysql'],
    ['SELECT TOP 5 a FROM t', 'tsql'],
    ['CREATE TABLE t (name NVARCHAR(20))', 'tsql'],
    ['CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)', 'sqlite'],
    ['INSERT OR IGNORE INTO t VALUES (1)', 'sqlite'],
    ['SELECT a FROM t WHERE b ILIKE $1', 'postgres'],
    ['SELECT top FROM engine', 'postgres'],
  ])('%s is read as %s', (text, dialect) => {
    expect(sqlDialect(text)).toBe(dialect);
  });
});

test.each([
  ['shellcheck', shellCheck, 'cd $1\n'],
  ['sqlfluff', sqlFluff, 'SELECT o.a FROM b;\n'],
])('where %s is not installed, nobody is named', async (_name, check, text) => {
  const path = process.env.PATH;
  process.env.PATH = '/nowhere';
  try {
    expect(await check(text)).toEqual({ findings: [], checkedBy: [] });
  } finally {
    process.env.PATH = path;
  }
});

describe('in any language', () => {
  test.each([
    ['nothing', '  \n', 'error 0 empty'],
    ['a merge marker', '// a\n<<<<<<< HEAD\n', 'error 2 merge-marker'],
    [
      'a throwing skeleton',
      "export const f = () => {\n  throw new Error('Not implemented');\n};\n",
      'error 2 placeholder',
    ],
    ['a comment in place of code', '// TODO: implement the parser\nexport {};\n', 'error 1 placeholder'],
    ['omitted code', 'export const a = 1;\n// ... rest of the code\n', 'error 2 placeholder'],
    [
      'code that stays as it was',
      'export const a = 1;\n// ... existing methods remain unchanged\n',
      'error 2 placeholder',
    ],
    ['a place for logic', 'export const a = 1;\n// Add your validation logic here\n', 'error 2 placeholder'],
  ])('finds %s', async (_what, text, expected) => {
    expect(await rules('typescript', text)).toContain(expected);
  });

  test('a text over the limit is refused, not checked (S8)', async () => {
    expect(await rules('typescript', 'a'.repeat(200_001))).toEqual(['error 0 too-large']);
  });

  test('at most 100 findings fit a review, and the last says how many were left out (S8)', async () => {
    const text = Array.from({ length: 150 }, (_, line) => `export const a${line} = missing${line};`).join('\n');
    const { findings } = await checkCode({ language: 'typescript', text });
    expect(findings).toHaveLength(100);
    expect(findings.at(-1)).toMatchObject({ severity: 'info', message: '51 more findings were left out.' });
  });
});

describe('the verdict', () => {
  test('an error asks for changes', async () => {
    const review = await reviewCode({ language: 'typescript', text: 'export const a: number = "x";' });
    expect(review.verdict).toBe('changes_requested');
    expect(review.summary).toMatch(/1 error, 0 warnings\. line 1: /);
  });

  test('warnings alone approve', async () => {
    const review = await reviewCode({ language: 'python', text: 'import os\n' });
    expect(review).toMatchObject({ verdict: 'approved', checkedBy: [expect.stringMatching(/^ruff@/)] });
  });
});

describe('the checking thread', () => {
  test('an aborted check ends with the reason, and the next one works', async () => {
    const controller = new AbortController();
    const check = checkCode({ language: 'typescript', text: 'export {};' }, { signal: controller.signal });
    controller.abort(new Error('no longer wanted'));
    await expect(check).rejects.toThrow('no longer wanted');
    expect(await rules('json', '{}')).toEqual([]);
  });

  test('checks asked at once are each answered with their own findings', async () => {
    const texts = ['{}', '{', '[]', '['];
    const found = await Promise.all(texts.map((text) => rules('json', text)));
    expect(found.map((list) => list.length > 0)).toEqual([false, true, false, true]);
  });
});

describe('a grammar that is asked again', () => {
  const lua = 'local t <const> = {}\n\nfunction t.add(a, b)\n  return a // b\nend\n\nreturn t\n';

  test('Lua reads its second text as its first', async () => {
    for (let turn = 0; turn < 3; turn += 1) expect(await rules('lua', lua)).toEqual([]);
    expect(await rules('lua', 'function add(a, b)\n  return a\n')).toEqual(['error 2 syntax']);
    expect(await rules('lua', lua)).toEqual([]);
  });

  test.each([
    ['php', 'function add(a, b) { return a + b; }\n', ['error 1 syntax', 'error 1 syntax']],
    ['php', 'function add(int $a, int $b): int { return $a + $b; }\n', []],
    ['php', '<p><?= 1 ?></p>\n', []],
    ['css', '.a { color: red; place-items: cent\n', ['error 1 syntax', 'warning 1 syntax']],
    ['powershell', 'Get-ChildItem | Select-Object Name, Length\n', ['warning 1 syntax']],
    ['powershell', 'if ($a) {\n  Select-Object Name, Length\n', ['error 2 syntax', 'warning 1 syntax']],
  ])('%s: %s', async (language, text, expected) => {
    expect((await rules(language, text)).sort()).toEqual(expected);
  });
});

describe('what only says that it is not there', () => {
  test.each([
    ['kotlin', 'fun a(): String = TODO("implement")\n', ['placeholder']],
    ['ruby', 'def a\n  raise NotImplementedError, "a"\nend\n', ['placeholder']],
    [
      'ruby',
      'class A\n  def b\n    raise NotImplementedError\n  end\nend\n\nclass C < A\n  def b\n    1\n  end\nend\n',
      [],
    ],
    ['php', '<?php\nfunction rev(string $s): string {\n    // implement the reversal here\n}\n', ['placeholder']],
    ['python', 'def a():\n    raise NotImplementedError("later")\n', ['placeholder']],
    ['python', 'def a(b):\n    if b:\n        return 1\n    raise NotImplementedError(b)\n', []],
    [
      'python',
      'class A:\n    def b(self):\n        raise NotImplementedError\n\n\nclass C(A):\n    def b(self):\n        return 1\n',
      [],
    ],
    ['kotlin', 'fun a(): Int {\n  val TODO = 1\n  return TODO\n}\n', []],
  ])('%s: %s', async (language, text, expected) => {
    expect((await checkCode({ language, text })).findings.map(({ rule }) => rule)).toEqual(expected);
  });
});
