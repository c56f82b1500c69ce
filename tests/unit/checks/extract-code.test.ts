/** Finding the code in a prompt, and telling languages apart. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fencedBlocks, withoutFencedBlocks } from '../../../code-checks/fenced-blocks.ts';
import { extractCode } from '../../../code-checks/index.ts';
import { guessLanguage, languageInPrompt, languageName } from '../../../code-checks/languages.ts';

describe('the code of a prompt', () => {
  test('is its longest fenced block, in the language of the fence', () => {
    const prompt = 'Review this:\n```sh\nls\n```\nand\n```ts\nconst a = 1;\nconst b = 2;\n```\nthanks';
    expect(extractCode(prompt)).toEqual({ language: 'typescript', text: 'const a = 1;\nconst b = 2;' });
  });

  test('a fence without a language takes the one the prompt names, else the one it looks like', () => {
    expect(extractCode('Is this Python fine?\n```\nx = 1\n```')).toEqual({ language: 'python', text: 'x = 1' });
    expect(extractCode('Look:\n```\ndef f(x):\n    return x\n```')).toMatchObject({ language: 'python' });
  });

  test.each([
    ['function add(a, b) {\n  return a + b;\n}', 'javascript'],
    ['interface A {\n  b: string;\n}', 'typescript'],
    ['def add(a, b):\n    return a + b', 'python'],
    ['{"a": 1, "b": [2]}', 'json'],
    ['Review this: function add(a, b) { return a + b }', 'javascript'],
    ['please check this code\nconst a = 1;\nlet b = a + 1;', 'javascript'],
  ])('can be the whole prompt: %j', (prompt, language) => {
    expect(extractCode(prompt)).toMatchObject({ language });
  });

  test.each([
    'What is a mesh?',
    'Write a debounce function in TypeScript',
    '',
    'How do I import a module from another folder?',
  ])('is absent from prose: %j', (prompt) => {
    expect(extractCode(prompt)).toBeNull();
  });
});

describe('fenced blocks', () => {
  test('know their lines, and a longer fence may hold a shorter one', () => {
    expect(fencedBlocks('a\n````md\n```\nx\n```\n````\nb')).toEqual([
      { language: 'markdown', info: 'md', text: '```\nx\n```', startLine: 3, endLine: 5, closed: true },
    ]);
  });

  test.each([
    ['inside of a list', '1. Do this:\n\n    ```js\n    a();\n      b();\n    ```\n\n2. Done.', 'a();\n  b();'],
    ['of an item in an item', '- a\n  - b\n\n      ~~~\n      c\n      ~~~', 'c'],
    [
      'around a doc comment',
      '```py\ndef f():\n    """\n    ```\n    f()\n    ```\n    """\n```',
      'def f():\n    """\n    ```\n    f()\n    ```\n    """',
    ],
    ['around a mark behind a tab', '```\na\n\t```\nb\n```', 'a\n\t```\nb'],
  ])('end as far in as they begin: %s', (_where, text, code) => {
    expect(fencedBlocks(text).map((block) => [block.text, block.closed])).toEqual([[code, true]]);
  });

  test('a mark far in that nothing ends is no block', () => {
    expect(fencedBlocks('Indented:\n\n    ```js\n    a();\n\nText.')).toEqual([]);
  });

  test('what is around them stays', () => {
    expect(withoutFencedBlocks('before\n```\ncode\n```\nafter').replace(/\n+/g, '|')).toBe('before|after');
    expect(withoutFencedBlocks('before\n```\nopen').trim()).toBe('before');
    expect(withoutFencedBlocks('a\n```\n```\nb').replace(/\n+/g, '|')).toBe('a|b');
  });

  test('any text can be read, and lines stay inside it', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('```', '```ts', '~~~', 'x', '', '   ```', '````')), (lines) => {
        const text = lines.join('\n');
        for (const block of fencedBlocks(text)) {
          expect(block.startLine).toBeLessThanOrEqual(block.endLine);
          expect(text).toContain(block.text);
        }
        withoutFencedBlocks(text);
      }),
    );
  });
});

describe('languages', () => {
  test.each([
    ['Write a debounce in TypeScript', 'typescript'],
    ['a python script that reads a json file', 'python'],
    ['node.js server', 'javascript'],
    ['Write a function that reads JSON', null],
    ['Give me a JSON document of a person', 'json'],
    ['a kubernetes deployment as yaml', 'yaml'],
    ['write a worker pool in go', 'go'],
    ['how do I go to the next page', null],
    ['Write a debounce function', null],
  ])('%j asks for %s', (prompt, language) => {
    expect(languageInPrompt(prompt)).toBe(language);
  });

  test('names have one form', () => {
    expect(['TS', 'yml', 'py', 'Rust', 'constructor'].map(languageName)).toEqual([
      'typescript',
      'yaml',
      'python',
      'rust',
      'constructor',
    ]);
  });

  test('guessing never fails', () => {
    fc.assert(
      fc.property(fc.string(), (text) => guessLanguage(text) === null || typeof guessLanguage(text) === 'string'),
    );
  });
});
