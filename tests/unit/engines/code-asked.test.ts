/** What a request asks to have written decides what in a reply is the code: things, changes, files and documents. */
import { describe, expect, test } from 'vitest';
import { type Kind, kindsAskedFor } from '../../../actors/roles/coder/asked-things.ts';
import { parseCode } from '../../../actors/roles/coder/code-reply.ts';
import type { CodeArtifact } from '../../../schemas/events/generated.ts';

const fence = (language: string, text: string): string => `\`\`\`${language}\n${text}\n\`\`\``;
const rules = ({ faults = [] }: CodeArtifact): string[] => faults.map(({ rule }) => rule);

describe('the things of a request', () => {
  test.each<[string, Kind[]]>([
    ['Write a Python function that reads JSON data', ['body']],
    ['Create a data class in Python', ['body']],
    ['Write an interface and a class in TypeScript', ['declaration', 'body']],
    ['Write type definitions for this function', ['declaration']],
    ['Implement an LRU cache in Go', ['body']],
    ['Write a GitHub Actions workflow for a Python package', ['data']],
    ['I need a TypeScript function with types', ['body']],
    ['How do I write a C header for a stack?', ['declaration']],
    ['TypeScript function add(a, b)', ['body']],
    ['Write unit tests for add', ['test']],
    ['Write me a script and its tests', ['body', 'test']],
    ['Write a package.json for a JavaScript project', ['data']],
    ['In TypeScript, write a function add(a, b)', ['body']],
    ['Write a function signature in C', ['declaration']],
    ['Write something', []],
  ])('%s', (prompt, kinds) => {
    expect([...kindsAskedFor(prompt)].toSorted()).toEqual(kinds.toSorted());
  });

  test.each([
    ['data', 'Write a Python function that adds example data', 'json', '{"a": 1}', 'wrong-language'],
    ['data', 'Create a data class for settings in Python', 'yaml', 'a: 1', 'wrong-language'],
    ['imports', 'Write a Python function that imports a CSV file', 'python', 'import csv', 'no-code'],
    [
      'a declaration',
      'Write a TypeScript function that takes a User type',
      'ts',
      'export interface User {\n  id: string;\n}',
      'no-code',
    ],
    [
      'a test',
      'Write a Python function that is easily tested',
      'python',
      'from a import add\n\n\ndef test_add():\n    assert add(1, 2) == 3',
      'no-code',
    ],
  ])('%s in place of it: %s', (_what, prompt, language, text, rule) => {
    expect(rules(parseCode(fence(language, text), { prompt }, []))).toEqual([rule]);
  });

  test.each([
    ['Write an example of a config in YAML for my Python program', 'yaml', 'a: 1'],
    ['Write a pyproject.toml config for a Python package', 'toml', 'a = 1'],
    ['Write a Python test for add', 'python', 'from a import add\n\n\ndef test_add():\n    assert add(1, 2) == 3'],
    ['Write a TypeScript type for a user', 'ts', 'export type User = { id: string };'],
  ])('the thing itself: %s', (prompt, language, text) => {
    expect(rules(parseCode(fence(language, text), { prompt }, []))).toEqual([]);
  });
});

describe('a change', () => {
  const code = {
    ...{ language: 'python', text: 'def add(a, b):\n    return a - b\n', attempt: 1, explanation: '', citations: [] },
  };
  const HUNK = ' def add(a, b):\n-    return a - b\n+    return a + b';
  test.each([
    ['without a place', fence('diff', HUNK)],
    ['in a fence of the language', fence('python', HUNK)],
    ['as a patch', `*** Begin Patch\n*** Update File: x.py\n@@\n${HUNK}\n*** End Patch`],
    [
      'as a patch, in a fence',
      fence('patch', `*** Begin Patch\n*** Update File: x.py\n@@ def add\n${HUNK}\n*** End Patch`),
    ],
    [
      'over two blocks',
      `${fence('diff', `@@ -1,2 +1,2 @@\n def add(a, b):\n-    return a - b\n+    return a * b`)}\nand\n${fence('diff', '@@ -2 +2 @@\n-    return a * b\n+    return a + b')}`,
    ],
  ])('%s', (_how, reply) => {
    const made = parseCode(reply, { prompt: 'Fix it in Python', code }, []);
    expect(made).toMatchObject({ language: 'python', text: 'def add(a, b):\n    return a + b\n' });
    expect(rules(made)).toEqual([]);
  });

  test('that does not fit is that fault alone', () => {
    const made = parseCode(fence('diff', '-x\n+y'), { prompt: 'Fix it in Python', code }, []);
    expect(rules(made)).toEqual(['unapplied-diff']);
  });
});

describe('files', () => {
  test('named in the sentence before', () => {
    const reply = `Create \`src/a.ts\` first:\n${fence('ts', 'export const a = 1;')}\nThen **src/b.ts**:\n${fence('ts', "import { a } from './a';")}`;
    const made = parseCode(reply, { prompt: 'Write a TypeScript app' }, []);
    expect(made.files?.map(({ path }) => path)).toEqual(['src/a.ts', 'src/b.ts']);
  });

  test('that begin with their path have it once', () => {
    const reply = `${fence('c', '// a.h\nint f(void);')}\n${fence('c', '// a.c\nint f(void) { return 1; }')}`;
    const made = parseCode(reply, { prompt: 'Write a C library' }, []);
    expect(made.text).toBe('// a.h\nint f(void);\n\n// a.c\nint f(void) { return 1; }\n');
  });

  test('of a page are those that it names', () => {
    const page = '<link rel="stylesheet" href="main.css">\n<button id="b">0</button>';
    const reply = `${fence('html', page)}\n${fence('css', 'b { color: red; }')}\n${fence('js', 'b.onclick = () => b.textContent++;')}`;
    const made = parseCode(reply, { prompt: 'Write a web page with a button that counts' }, []);
    expect(made.files?.map(({ path }) => path)).toEqual(['index.html', 'main.css', 'script.js']);
  });

  test('as an editor’s tool writes them', () => {
    const file = (path: string): string =>
      `<write_to_file>\n<path>${path}</path>\n<content>\nx = 1\n</content>\n</write_to_file>`;
    const made = parseCode(`${file('a.py')}\n${file('b.py')}`, { prompt: 'Write a Python package' }, []);
    expect(made.files?.map(({ path, text }) => [path, text])).toEqual([
      ['a.py', 'x = 1\n'],
      ['b.py', 'x = 1\n'],
    ]);
  });
});

describe('one text', () => {
  test.each([
    [
      'a script without how it is called',
      'Write a bash script',
      `${fence('bash', '#!/bin/bash\nls')}\nMake it executable:\n${fence('bash', 'chmod +x x.sh\n./x.sh')}`,
      '#!/bin/bash\nls\n',
    ],
    [
      'the one after a slip',
      'Write a Python function',
      `${fence('python', 'def f():\n    return 1')}\nOops, that is one:\n${fence('python', 'def f():\n    return 2')}`,
      'def f():\n    return 2\n',
    ],
    [
      'code on the line of its fence',
      'Write a Python function',
      '```python def f():\n    return 1\n```',
      'def f():\n    return 1\n',
    ],
    [
      'cells of a notebook',
      'Write a Python function',
      fence('python', 'In [1]: def f():\n   ...:     return 1'),
      'def f():\n    return 1\n',
    ],
    [
      'an artefact',
      'Write a Python function',
      '<antArtifact identifier="f" language="python">\ndef f():\n    return 1\n</antArtifact>',
      'def f():\n    return 1\n',
    ],
  ])('%s', (_what, prompt, reply, text) => {
    expect(parseCode(reply, { prompt }, []).text).toBe(text);
  });

  test.each([
    ['all of the reply', `# X\n\n${fence('sh', 'ls')}\n\nEnd`],
    ['in a fence that its own would close', `\`\`\`markdown\n# X\n\n${fence('sh', 'ls')}\n\nEnd\n\`\`\``],
    ['in a longer fence', `Here:\n\`\`\`\`markdown\n# X\n\n${fence('sh', 'ls')}\n\nEnd\n\`\`\`\``],
  ])('a document with blocks of its own: %s', (_how, reply) => {
    const made = parseCode(reply, { prompt: 'Write a README for my Python package' }, []);
    expect(made).toMatchObject({ language: 'markdown', text: `# X\n\n${fence('sh', 'ls')}\n\nEnd\n` });
    expect(rules(made)).toEqual([]);
  });

  test.each([
    "```\nI'm sorry, but I can't help with that.\n```",
    'Es tut mir leid, das geht nicht.',
    '抱歉，我无法提供这段代码。',
  ])('a refusal is none: %s', (reply) => {
    expect(() => parseCode(reply, { prompt: 'Write a Python function' }, [])).toThrow(
      expect.objectContaining({ code: 'engine_refused' }),
    );
  });
});
