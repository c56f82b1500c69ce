/**
 * Requests for code, what a scripted model replies and what it says as a reviewer, and whether the result may be called
 * accepted. Owns: the cases, of which docs/models.md shows the outcome.
 */

export type Ending = 'accepted' | 'not accepted' | 'no code' | 'not checked';

export interface CodeRequest {
  readonly language: string;
  readonly prompt: string;
  /** What is the matter with the replies. */
  readonly matter: string;
  readonly reply: string;
  /** The reply stopped at its token limit. */
  readonly cut?: true;
  readonly review: string;
  readonly ends: Ending;
}

const FINE = '{"verdict":"approved","summary":"Fine.","findings":[]}';
const fenced = (language: string, text: string, around = ''): string =>
  `Here it is.\n\n\`\`\`${language}\n${text}\n\`\`\`\n${around}`;

interface Sample {
  readonly language: string;
  readonly prompt: string;
  readonly fence: string;
  readonly good: string;
  readonly broken: string;
  /** How a reviewer refuses it, each in another way. */
  readonly refusal: string;
}

const samples: readonly Sample[] = [
  {
    language: 'TypeScript',
    prompt: 'Write a TypeScript function that adds two numbers',
    fence: 'ts',
    good: 'export function add(a: number, b: number): number {\n  return a + b;\n}',
    broken: 'export function add(a: number, b: number): number {\n  return [a, b];\n}',
    refusal: 'REJECT. This has an SQL injection vulnerability, it must be fixed before merging.',
  },
  {
    language: 'JavaScript',
    prompt: 'Write a JavaScript function that adds two numbers',
    fence: 'js',
    good: 'export function add(a, b) {\n  return a + b;\n}',
    broken: 'export function add(a, b) {\n  return a + c;\n}',
    refusal: '{"verdict":"rejected","findings":[{"severity":"high","message":"It adds strings too."}]}',
  },
  {
    language: 'Python',
    prompt: 'Write a Python function that adds two numbers',
    fence: 'python',
    good: 'def add(a, b):\n    return a + b',
    broken: 'def add(a, b)\n    return a + b',
    refusal:
      '{"verdict":"CHANGES_REQUESTED","findings":[{"severity":"critical","line":"2","message":"eval of input"}]}',
  },
  {
    language: 'Go',
    prompt: 'Write a Go program in Go that prints hello',
    fence: 'go',
    good: 'package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println("hello")\n}',
    broken: 'package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println("hello"\n}',
    refusal: '{"decision":"needs work","issues":["The error is dropped."]}',
  },
  {
    language: 'Rust',
    prompt: 'Write a Rust function that doubles a number',
    fence: 'rust',
    good: 'pub fn double(x: i32) -> i32 {\n    x * 2\n}',
    broken: 'pub fn double(x: i32) -> i32 {\n    x * 2',
    refusal: '{"approved": false, "comments": ["It overflows."]}',
  },
  {
    language: 'Java',
    prompt: 'Write a Java class that counts',
    fence: 'java',
    good: 'public class Counter {\n  private int n;\n  public int next() { return ++n; }\n}',
    broken: 'public class Counter {\n  private int n\n  public int next() { return ++n; }\n',
    refusal: "I can't approve this: two threads count the same number.",
  },
  {
    language: 'C',
    prompt: 'Write a program in C that returns zero',
    fence: 'c',
    good: '#include <stdio.h>\n\nint main(void) {\n  puts("hi");\n  return 0;\n}',
    broken: '#include <stdio.h>\n\nint main(void) {\n  puts("hi")\n  return 0;\n}',
    refusal: '**Verdict:** Request changes\n\nThe buffer is never freed.',
  },
  {
    language: 'C++',
    prompt: 'Write a C++ function that squares a number',
    fence: 'cpp',
    good: 'int square(int x) {\n  return x * x;\n}',
    broken: 'int square(int x) {\n  return x * ;\n}',
    refusal: 'There is a buffer overflow when x is large.',
  },
  {
    language: 'C#',
    prompt: 'Write a C# class that greets',
    fence: 'csharp',
    good: 'public class Greeter\n{\n    public string Greet(string name) => $"Hello {name}";\n}',
    broken: 'public class Greeter\n{\n    public string Greet(string name => $"Hello {name}";\n}',
    refusal: '{"verdict":"approve","summary":"Approve, but the null case must be fixed first."}',
  },
  {
    language: 'SQL',
    prompt: 'Write a SQL query for all users',
    fence: 'sql',
    good: 'SELECT id, name FROM users ORDER BY name;',
    broken: 'SELCT id, name FORM users;',
    refusal: '{"status":"fail","reason":"It reads the whole table."}',
  },
  {
    language: 'shell',
    prompt: 'Write a bash script that lists text files',
    fence: 'bash',
    good: 'set -euo pipefail\nfor file in *.txt; do\n  echo "$file"\ndone',
    broken: 'if [ -d . ]; then\n  ls *.txt\n',
    refusal: 'Das muss vor dem Zusammenführen behoben werden.',
  },
  {
    language: 'HTML',
    prompt: 'Write an HTML page with a heading',
    fence: 'html',
    good: '<!doctype html>\n<html>\n<body><h1>Hi</h1></body>\n</html>',
    broken: '<!doctype html>\n<html>\n<body><h1>Hi</h1></body>\n</html',
    refusal: 'NACK',
  },
];

const cases = samples.flatMap(({ language, prompt, fence, good, broken, refusal }): CodeRequest[] => [
  { language, prompt, matter: 'nothing', reply: fenced(fence, good), review: FINE, ends: 'accepted' },
  {
    language,
    prompt,
    matter: 'an error that a checker finds',
    reply: fenced(fence, broken),
    review: FINE,
    ends: 'not accepted',
  },
  {
    language,
    prompt,
    matter: `refused: ${refusal.replace(/\s+/g, ' ')}`,
    reply: fenced(fence, good),
    review: refusal,
    ends: 'not accepted',
  },
]);

const typescript = 'Write a TypeScript function that adds two numbers';
const python = 'Write a Python function that adds two numbers';
const ADD = 'export function add(a: number, b: number): number {\n  return a + b;\n}';
const DEF = 'def add(a, b):\n    return a + b';

export const requests: readonly CodeRequest[] = [
  ...cases,
  {
    language: 'Python',
    prompt: python,
    matter: 'cut inside the code, what there is is valid',
    reply: `\`\`\`python\n${DEF}\n\ndef sub(a, b):\n    return a`,
    cut: true,
    review: FINE,
    ends: 'not accepted',
  },
  {
    language: 'Python',
    prompt: python,
    matter: 'the fence is never closed',
    reply: `\`\`\`python\n${DEF}\n`,
    review: FINE,
    ends: 'not accepted',
  },
  {
    language: 'Python',
    prompt: python,
    matter: 'written in JavaScript',
    reply: fenced('js', 'function add(a, b) {\n  return a + b;\n}'),
    review: FINE,
    ends: 'not accepted',
  },
  {
    language: 'Python',
    prompt: python,
    matter: 'JavaScript in a fence that says python',
    reply: fenced('python', 'const add = (a, b) => {\n  return a + b;\n};'),
    review: FINE,
    ends: 'not accepted',
  },
  {
    language: 'Python',
    prompt: python,
    matter: 'Python in a fence that says js',
    reply: fenced('js', DEF),
    review: FINE,
    ends: 'accepted',
  },
  {
    language: 'Python',
    prompt: python,
    matter: 'an example of use that is longer',
    reply: `${fenced('python', DEF)}\nUsage:\n\n\`\`\`python\n${'print(add(1, 2))\n'.repeat(5)}\`\`\``,
    review: FINE,
    ends: 'accepted',
  },
  {
    language: 'Python',
    prompt: python,
    matter: 'a longer draft in the thoughts',
    reply: `Draft:\n\`\`\`python\ndef add(a, b):\n    # this is wrong and long\n    return a - b\n\`\`\`\n</think>\n${fenced('python', DEF)}`,
    review: FINE,
    ends: 'accepted',
  },
  {
    language: 'Python',
    prompt: python,
    matter: 'a fence inside its docstring',
    reply: fenced(
      'python',
      'def add(a, b):\n    """Add.\n\n    ```\n    add(1, 2)\n    ```\n    """\n    return a + b',
    ),
    review: FINE,
    ends: 'accepted',
  },
  {
    language: 'TypeScript',
    prompt: typescript,
    matter: 'a diff of nothing',
    reply: '```diff\n--- a/add.ts\n+++ b/add.ts\n@@ -1,3 +1,3 @@\n-a\n+b\n```',
    review: FINE,
    ends: 'not accepted',
  },
  {
    language: 'TypeScript',
    prompt: typescript,
    matter: 'refused by the writer',
    reply: "I'm sorry, but I can't help with that.",
    review: FINE,
    ends: 'no code',
  },
  {
    language: 'Python',
    prompt: python,
    matter: 'prose alone',
    reply: 'Sure! Here is how it works: you take both numbers and add them.',
    review: FINE,
    ends: 'no code',
  },
  {
    language: 'TypeScript',
    prompt: typescript,
    matter: 'the body is left out',
    reply: fenced(
      'ts',
      'export function add(a: number, b: number): number {\n  throw new Error("not implemented");\n}',
    ),
    review: FINE,
    ends: 'not accepted',
  },
  {
    language: 'TypeScript',
    prompt: typescript,
    matter: 'a reviewer who does not decide',
    reply: fenced('ts', ADD),
    review: 'The function takes two numbers.',
    ends: 'accepted',
  },
  {
    language: 'Fortran',
    prompt: 'Write a Fortran program',
    matter: 'no checker, a reviewer who does not decide',
    reply: fenced('fortran', 'program hi\nprint *, 1\nend program'),
    review: 'The program prints one.',
    ends: 'not checked',
  },
  {
    language: 'Fortran',
    prompt: 'Write a Fortran program',
    matter: 'no checker, an approval',
    reply: fenced('fortran', 'program hi\nprint *, 1\nend program'),
    review: 'LGTM',
    ends: 'accepted',
  },
  {
    language: 'TypeScript',
    prompt: 'Write a TypeScript module and its page',
    matter: 'two files, the error in the second',
    reply: `**src/add.ts**\n\`\`\`ts\n${ADD}\n\`\`\`\n\n**src/sub.ts**\n\`\`\`ts\nexport const sub = (a: number): number => a +;\n\`\`\``,
    review: FINE,
    ends: 'not accepted',
  },
  ...(
    [
      ['approved on a condition', 'LGTM once the numbers are checked.'],
      [
        'approved, and taken back behind the JSON',
        `${FINE}\n\nActually, wait: the result is wrong for negative numbers.`,
      ],
      ['approved with changes', '{"verdict":"approved_with_changes","findings":[]}'],
      ['a flag of another name', '{"should_merge": false, "note": "It adds texts too."}'],
      ['a low score', '{"score": 2, "max": 10, "comment": "Poor."}'],
      ['a thumb', '👎'],
      ['bare findings', '[{"severity":"critical","message":"It evaluates its input."}]'],
    ] as const
  ).map(
    ([matter, review]): CodeRequest => ({
      ...{ language: 'TypeScript', prompt: typescript, reply: fenced('ts', ADD) },
      ...{ matter: `refused: ${matter}`, review, ends: 'not accepted' },
    }),
  ),
  {
    ...{ language: 'Fortran', prompt: 'Write a Fortran program', matter: 'no checker, the form said back' },
    reply: fenced('fortran', 'program hi\nprint *, 1\nend program'),
    review: '{"verdict": "approved" | "changes_requested", "summary": string}',
    ends: 'not checked',
  },
  {
    ...{ language: 'Python', prompt: python, matter: 'a function without a body', review: FINE },
    reply: fenced('python', 'def add(a, b):\n    """Adds two numbers."""\n    pass'),
    ends: 'not accepted',
  },
  {
    ...{ language: 'Python', prompt: python, matter: 'a comment in place of code', review: FINE },
    reply: fenced('python', '# I cannot help with this.'),
    ends: 'no code',
  },
  {
    ...{ language: 'Python', prompt: python, matter: 'code in a field of JSON', review: FINE },
    reply: JSON.stringify({ language: 'python', code: `${DEF}\n` }),
    ends: 'accepted',
  },
  {
    ...{ language: 'Python', prompt: python, matter: 'what was typed into an interpreter', review: FINE },
    reply: fenced('python', '>>> def add(a, b):\n...     return a + b\n...\n>>> add(1, 2)\n3'),
    ends: 'accepted',
  },
  {
    ...{ language: 'TypeScript', prompt: typescript, matter: 'JavaScript and TypeScript of the same', review: FINE },
    reply: `${fenced('js', 'function add(a, b) {\n  return a + b;\n}')}\nIn TypeScript:\n${fenced('ts', ADD)}`,
    ends: 'accepted',
  },
  {
    ...{
      language: 'Go',
      prompt: 'Write a Go program in Go that prints hello',
      matter: 'the body is left out',
      review: FINE,
    },
    reply: fenced('go', 'package main\n\nfunc main() {\n\t// your implementation here\n}'),
    ends: 'not accepted',
  },
  {
    ...{ language: 'TypeScript', prompt: `${typescript}: add(1, 2) → 3`, matter: 'the example of the request fails' },
    ...{ reply: fenced('ts', ADD.replace('a + b', 'a - b')), review: FINE, ends: 'not accepted' },
  },
  {
    ...{ language: 'TypeScript', prompt: `${typescript}: add(1, 2) → 3`, matter: 'the example of the request holds' },
    ...{ reply: fenced('ts', ADD), review: FINE, ends: 'accepted' },
  },
  {
    ...{ language: 'TypeScript', prompt: `${typescript}: \`sum(1, 2)\` is 3`, review: FINE, ends: 'not accepted' },
    ...{ reply: fenced('ts', ADD), matter: 'named otherwise than in the example' },
  },
  {
    ...{ language: 'JavaScript', matter: 'the test in the request fails', review: FINE, ends: 'not accepted' },
    prompt: 'Write a JavaScript function for this test:\n```js\nexpect(add([1, 2])).toEqual([2, 1]);\n```',
    reply: fenced('js', 'export function add(a) {\n  return a;\n}'),
  },
  {
    ...{ language: 'Kotlin', prompt: 'Write a Kotlin function that adds', matter: 'Java', review: FINE },
    ...{ reply: fenced('kotlin', 'public int add(int a, int b) {\n    return a + b;\n}'), ends: 'not accepted' },
  },
  {
    ...{ language: 'PHP', prompt: 'Write a PHP function that adds', matter: 'names without their sign', review: FINE },
    ...{ reply: fenced('php', '<?php\nfunction add(a, b) {\n    return a + b;\n}'), ends: 'not accepted' },
  },
  {
    ...{ language: 'PHP', prompt: 'Write a PHP function that adds', matter: 'nothing, without its tag', review: FINE },
    ...{ reply: fenced('php', 'function add(int $a, int $b): int {\n    return $a + $b;\n}'), ends: 'accepted' },
  },
  {
    ...{ language: 'Swift', prompt: 'Write a function in Swift that adds', matter: 'a parenthesis is missing' },
    ...{ review: FINE, ends: 'not accepted' },
    reply: fenced('swift', 'func add(_ a: Int, _ b: Int -> Int {\n    return a + b\n}'),
  },
  {
    ...{ language: 'YAML', prompt: 'Write a YAML config file', matter: 'a key twice', review: FINE },
    ...{ reply: fenced('yaml', 'a: 1\na: 2'), ends: 'not accepted' },
  },
  {
    ...{ language: 'YAML', prompt: 'Write a GitHub Actions workflow in YAML', matter: 'tabs', review: FINE },
    ...{ reply: fenced('yaml', 'on: push\njobs:\n\tbuild:\n\t\truns-on: ubuntu-latest'), ends: 'not accepted' },
  },
  {
    ...{ language: 'Dockerfile', prompt: 'Write a Dockerfile for a Node app', matter: 'no verdict', review: 'Hm.' },
    ...{ reply: fenced('dockerfile', 'FORM node:24\nCMD ["node"]'), ends: 'not checked' },
  },
  {
    ...{ language: 'TOML', prompt: 'Write a pyproject.toml config', matter: 'a key twice', review: FINE },
    ...{ reply: fenced('toml', '[project]\nname = "a"\nname = "b"'), ends: 'not accepted' },
  },
  {
    ...{ language: 'TOML', prompt: 'Write a pyproject.toml config', matter: 'nothing', review: FINE },
    ...{ reply: fenced('toml', '[project]\nname = "a"\n[tool.x]\ny = [1, 2]'), ends: 'accepted' },
  },
  {
    ...{ language: 'CSS', prompt: 'Write CSS for a red button', matter: 'a brace is missing', review: FINE },
    ...{ reply: fenced('css', '.b {\n  color: red;\n.c { color: blue; }'), ends: 'not accepted' },
  },
  {
    ...{ language: 'SQL', prompt: 'Write MySQL SQL that upserts a user', matter: 'nothing, of MySQL', review: FINE },
    ...{ ends: 'accepted' },
    reply: fenced('sql', 'INSERT INTO `u` (`id`) VALUES (1) ON DUPLICATE KEY UPDATE `id` = VALUES(`id`);'),
  },
  {
    ...{ language: 'SQL', prompt: 'Write MySQL SQL that selects users', matter: 'FORM, in MySQL', review: FINE },
    ...{ reply: fenced('sql', 'SELECT `name` FORM `users`;'), ends: 'not accepted' },
  },
  {
    ...{
      language: 'SQL',
      prompt: 'Write an Oracle SQL block that prints x',
      matter: 'nothing, of Oracle',
      review: FINE,
    },
    ...{ reply: fenced('sql', "BEGIN\n  DBMS_OUTPUT.PUT_LINE('x');\nEND;\n/"), ends: 'accepted' },
  },
  {
    ...{
      language: 'Go',
      prompt: 'Write a Go program that prints hello',
      matter: 'an import that nothing uses',
      review: FINE,
    },
    ...{ ends: 'not accepted' },
    reply: fenced('go', 'package main\n\nimport (\n\t"fmt"\n\t"os"\n)\n\nfunc main() {\n\tfmt.Println("hello")\n}'),
  },
  {
    ...{
      language: 'Go',
      prompt: 'Write a Go program that prints hello',
      matter: 'imports of every form',
      review: FINE,
    },
    ...{ ends: 'accepted' },
    reply: fenced(
      'go',
      'package main\n\nimport (\n\t"fmt"\n\tr "math/rand"\n\t_ "embed"\n\t"gopkg.in/yaml.v3"\n\t"math/rand/v2"\n)\n\nfunc main() {\n\tfmt.Println(r.Int(), rand.Int(), yaml.Node{})\n}',
    ),
  },
];

export function tableOf(list: readonly CodeRequest[]): string {
  const rows = list.map(({ language, matter, ends }) => `| ${language} | ${matter.replaceAll('|', '\\|')} | ${ends} |`);
  return ['| language | what is the matter | what comes of it |', '|---|---|---|', ...rows].join('\n');
}

if (import.meta.main) process.stdout.write(`${tableOf(requests)}\n`);
