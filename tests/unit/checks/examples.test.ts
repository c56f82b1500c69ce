/** Code run against what its request says: which examples are seen, what is tried of them, and what the sandbox keeps in. */
import { createServer } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import { compileTrials } from '../../../code-checks/examples/compile.ts';
import { examplesIn } from '../../../code-checks/examples/in-request.ts';
import { hasNamespaces, runConfined } from '../../../code-checks/examples/sandbox.ts';
import { closeExamples, tryExamples } from '../../../code-checks/examples/try-examples.ts';
import { closeChecks, reviewCode } from '../../../code-checks/index.ts';

afterAll(async () => {
  await closeChecks();
  await closeExamples();
});

const ADD = 'export function add(a: number, b: number): number {\n  return a + b;\n}\n';
const fence = (text: string): string => `\`\`\`ts\n${text}\n\`\`\``;
const calls = (prompt: string): string[] =>
  examplesIn(prompt).map((one) => (one.kind === 'call' ? `${one.call} = ${one.expected}` : `test ${one.text.length}`));

describe('examples in a request', () => {
  test.each([
    ['add(1, 2) → 3', 'add(1, 2) = 3'],
    ['so that `add(1, 2)` returns `3`.', 'add(1, 2) = 3'],
    ['add(1, 2) should return 3, of course', 'add(1, 2) = 3'],
    ['e.g. slugify("A (b)") => "a-b"', 'slugify("A (b)") = "a-b"'],
    ["slugify('Hello World') gives 'hello-world'", "slugify('Hello World') = 'hello-world'"],
    ['- `chunk([1,2,3], 2)` is `[[1,2],[3]]`', 'chunk([1,2,3], 2) = [[1,2],[3]]'],
    ['console.log(add(1, 2)) // 3', 'add(1, 2) = 3'],
    ['parse("") throws an error', 'parse("") = null'],
    ['new Stack().size() === 0', 'new Stack().size() = 0'],
    ['curry(f)(1)(2) == -3', 'curry(f)(1)(2) = -3'],
    ['| add(1, 2) | 3 |', 'add(1, 2) = 3'],
    ['isOdd(3) is true', 'isOdd(3) = true'],
    ['expect(add(1, 2)).toBe(3)', 'test 25'],
  ])('%s', (prompt, expected) => {
    expect(calls(prompt)).toEqual([expected]);
  });

  test.each([
    'add(a: number, b: number) => number',
    'Write a function debounce(fn, ms) that returns a function',
    'sleep(100) returns a promise',
    'square(x) = x * x',
    'area(2) is 3 times larger',
    'random() returns 0 or more',
    'use setTimeout(f, 0) when 3 are left',
    'Add two numbers (1 and 2) → three',
  ])('none: %s', (prompt) => {
    expect(calls(prompt)).toEqual([]);
  });
});

describe('what is tried of them', () => {
  const names = (text: string, prompt: string): readonly string[] =>
    compileTrials({ language: 'typescript', text }, prompt)?.trials.map(({ name }) => name) ?? [];

  test('what is not of the code alone is passed over', () => {
    expect(names(ADD, 'add(x, 2) → 3, Math.max(1, 2) → 2, add(1, 2) → 3')).toEqual(['add(1, 2) → 3']);
  });

  test('a name that the request has and the code has not is missing, where it is plain that it is meant', () => {
    const missing = (prompt: string) => compileTrials({ language: 'typescript', text: ADD }, prompt)?.missing ?? [];
    expect(missing('`slugify("A")` returns "a"')).toEqual(['slugify']);
    expect(missing(fence('import { sum } from "./sum";\nexpect(sum(1)).toBe(1);'))).toEqual(['sum']);
    expect(missing("as Python's len('abc') is 3")).toEqual([]);
  });

  test('code that is to be mended is no test of itself', () => {
    const prompt = `Fix it:\n${fence('function add(a, b) { return a - b; }\nexpect(add(1, 2)).toBe(3);')}`;
    expect(names(ADD, prompt)).toEqual([]);
  });
});

describe('the verdict of examples', () => {
  const rules = async (text: string, request: string, language = 'typescript'): Promise<string[]> => {
    const { findings, checkedBy } = await tryExamples({ language, text }, request);
    return [...findings.map(({ severity, message }) => `${severity}: ${message}`), ...checkedBy];
  };

  test('what holds is named as checked; what fails is an error that says what came instead', async () => {
    expect(await rules(ADD, 'add(1, 2) → 3')).toEqual(['examples of the request (1)']);
    expect(await rules(ADD.replace('a + b', 'a - b'), 'add(1, 2) → 3 and add(3, 1) → 2')).toEqual([
      'error: “add(1, 2) → 3” of the request fails: it gives -1',
      'examples of the request (2)',
    ]);
  });

  test('a fenced test with a framework, several files, a default import', async () => {
    const prompt = fence(
      'import add from "./add";\nimport { describe, it, expect } from "vitest";\ndescribe("add", () => {\n  it("adds", () => expect(add(1, 2)).toBe(3));\n  it("takes none", () => { expect(() => add(0, 0)).not.toThrow(); });\n});',
    );
    expect(await rules(ADD, prompt)).toEqual(['examples of the request (2)']);
    const files = [
      {
        path: 'src/add.ts',
        language: 'typescript',
        text: "import { plus } from './plus.js';\nexport const add = (a: number, b: number): number => plus(a, b);\n",
      },
      {
        path: 'src/plus.ts',
        language: 'typescript',
        text: 'export const plus = (a: number, b: number): number => a + b;\n',
      },
    ];
    const text = files.map((file) => file.text).join('\n');
    const { checkedBy } = await tryExamples({ language: 'typescript', text, files }, 'add(1, 2) → 3');
    expect(checkedBy).toEqual(['examples of the request (1)']);
  });

  test('a script with its results in comments; JavaScript as well', async () => {
    const counter = 'export class Counter {\n  n = 0;\n  next() {\n    this.n += 1;\n    return this.n;\n  }\n}\n';
    const prompt = fence('const c = new Counter();\nc.next(); // 1\nconsole.log(c.next()); // 2');
    expect(await rules(counter, prompt, 'javascript')).toEqual(['examples of the request (1)']);
    expect((await rules(counter.replace('+= 1', '+= 2'), prompt, 'javascript'))[0]).toContain('c.next() → 1');
  });

  test('what needs the network, files or time is not tried, and that is no fault of the code', async () => {
    const load =
      'export async function load(): Promise<number> {\n  return (await fetch("http://127.0.0.1:9/")).status;\n}\n';
    const read =
      'import { readFileSync } from "node:fs";\nexport function load(): number {\n  return readFileSync("/etc/hosts").length;\n}\n';
    for (const text of [load, read]) {
      const { findings, checkedBy } = await tryExamples({ language: 'typescript', text }, 'load() → 1');
      expect([findings.map(({ severity, rule }) => `${severity} ${rule}`), checkedBy]).toEqual([
        ['info example-not-tried'],
        [],
      ]);
    }
  });

  test('the reviewer takes it for an error, and without a request runs nothing', async () => {
    const wrong = { language: 'typescript', text: ADD.replace('a + b', 'a - b') };
    expect((await reviewCode(wrong, { request: 'add(1, 2) → 3' })).verdict).toBe('changes_requested');
    expect(await reviewCode(wrong)).toMatchObject({ verdict: 'approved', findings: [] });
  });
});

describe('the sandbox', () => {
  /** What a module says that has got out of the stubs, by what it puts into the result. */
  const run = (js: string) =>
    runConfined({ modules: { '/main.js': js }, trials: [{ name: 'it', js: "import 'code:/main.js';" }], missing: [] });

  test('has no network, whatever the code calls', async () => {
    const server = createServer((socket) => socket.end('secret'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    let connections = 0;
    server.on('connection', () => {
      connections += 1;
    });
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const tries = [
      "import('node:net')",
      "import('node:http')",
      "import('node:module')",
      `fetch('http://127.0.0.1:${port}')`,
    ];
    for (const one of tries) {
      const { outcomes } = await run(`await ${one};`);
      expect(outcomes[0]).toMatchObject({ ok: false, wanted: expect.stringMatching(/network|module/) });
    }
    const names = await run(
      'const g = Function("return globalThis")(); if (g.process.getBuiltinModule || g.process.binding || g.require || g.process.kill) throw new Error("a way out");',
    );
    expect(names.outcomes).toEqual([{ name: 'it', ok: true, message: '' }]);
    expect(connections).toBe(0);
    server.close();
  });

  test('ends what does not end by itself, or eats memory', async () => {
    expect((await run('const all = []; for (;;) all.push(new Array(1e6).fill(1));')).ended).toBe('memory');
    expect((await run('for (;;);')).ended).toBe('cpu');
  }, 240_000);

  test('what the code prints cannot be taken for a result', async () => {
    const { outcomes, ended } = await run('process.stdout.write("\\n00 \\"done\\"\\n"); throw new Error("no");');
    expect([outcomes.length, outcomes[0]?.ok, ended]).toEqual([1, false, 'done']);
  });

  test('says whether it has namespaces', async () => {
    expect(typeof (await hasNamespaces())).toBe('boolean');
  });
});
