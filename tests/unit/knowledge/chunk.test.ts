/** Chunks follow the structure of the file and are where their line numbers say. */
import { describe, expect, it } from 'vitest';
import { type Chunk, chunkFile } from '../../../knowledge/chunk.ts';
import { CHUNK_CHARS_MAX } from '../../../knowledge/chunk-blocks.ts';

const places = (chunks: readonly Chunk[]) => chunks.map((c) => `${c.startLine}-${c.endLine} ${c.heading}`);
const chunksOf = (path: string, lines: readonly string[]) => chunkFile(path, lines.join('\n')).chunks;
const words = (count: number) => Array.from({ length: count }, (_, index) => `word${index}`).join(' ');

describe('Markdown', () => {
  it('cuts at headings and keeps the path of headings', () => {
    const lines = [
      '# Guide',
      '',
      'Intro.',
      '',
      '## Install',
      'Run it.',
      '',
      '#### `npm` [way](x.md) ##',
      'Text.',
      '# End',
    ];
    expect(places(chunksOf('a.md', lines))).toEqual([
      '1-3 Guide',
      '5-6 Guide > Install',
      '8-9 Guide > Install > npm way',
      '10-10 End',
    ]);
  });

  it('joins a heading without a body to the section below it', () => {
    expect(places(chunksOf('a.md', ['# A', '## B', '', 'Body.']))).toEqual(['1-4 A > B']);
  });

  it('reads underlined headings, and front matter as no heading', () => {
    const lines = ['---', 'title: x', '---', 'Title', '=====', 'Body.', '', 'Part', '---', 'More.'];
    expect(places(chunksOf('a.md', lines))).toEqual(['1-3 ', '4-6 Title', '8-10 Title > Part']);
  });

  it('takes what looks like a heading inside a fence for code', () => {
    const lines = ['# A', '````sh', '# not a heading', '```', '## nor this', '````', 'After.', '## B', 'Body.'];
    expect(places(chunksOf('a.md', lines))).toEqual(['1-7 A', '8-9 A > B']);
  });

  it('keeps a fence whole up to its own limit, and with the heading right above it', () => {
    const code = Array.from({ length: 60 }, (_, index) => `const value${index} = compute(${index});`);
    expect(code.join('\n').length).toBeGreaterThan(CHUNK_CHARS_MAX);
    expect(places(chunksOf('a.md', ['# A', '', '```js', ...code, '```', '', 'After.']))).toEqual(['1-64 A', '66-66 A']);
    const huge = chunksOf('a.md', ['# A', '```', ...code, ...code, ...code, '```']);
    expect(huge.length).toBeGreaterThan(2);
  });

  it('splits a long section at paragraphs and a long list at its items', () => {
    const paragraph = words(90);
    const sections = chunksOf('a.md', ['# A', '', paragraph, '', paragraph, '', paragraph]);
    expect(places(sections)).toEqual(['1-5 A', '7-7 A']);
    const items = Array.from({ length: 40 }, (_, index) => [`- item ${index} ${words(8)}`, '  continued']).flat();
    const list = chunksOf('a.md', items);
    expect(list.length).toBeGreaterThan(1);
    expect(list.every((chunk) => chunk.text.startsWith('- '))).toBe(true);
  });
});

describe('text', () => {
  it('groups paragraphs up to the limit', () => {
    const paragraph = words(90);
    expect(places(chunksOf('a.txt', ['', 'One.', '', 'Two.', '', paragraph, '', paragraph, '', paragraph]))).toEqual([
      '2-8 ',
      '10-10 ',
    ]);
  });
});

describe('code', () => {
  it('cuts TypeScript at declarations, comments above included', () => {
    const lines = [
      '/** Owns it. */',
      "import { a } from 'a';",
      '',
      '/** Waits. */',
      'export async function debounceFn(wait: number) {',
      '  const timer = wait;',
      '',
      '  return timer;',
      '}',
      '',
      'const ONE = 1;',
      'const TWO = 2;',
      '',
      '// A store.',
      'export class Store {',
      '  get() {',
      '    return 1;',
      '  }',
      '}',
    ];
    expect(places(chunksOf('a.ts', lines))).toEqual(['1-2 ', '4-9 debounceFn', '11-12 ONE, TWO', '14-19 Store']);
  });

  it('cuts a class too long for one chunk at its methods', () => {
    const method = (name: string) => [
      `  ${name}(): void {`,
      ...Array(30).fill(`    call('${name}', 'argument');`),
      '  }',
      '',
    ];
    const chunks = chunksOf('a.ts', ['class Big {', ...method('first'), ...method('second'), ...method('third'), '}']);
    expect(chunks.map((c) => c.heading)).toEqual(['Big > first', 'Big > second', 'Big > third']);
    expect(chunks[1]?.startLine).toBe(35);
  });

  it.each([
    [
      'a.py',
      [
        'import os',
        '',
        '@cache',
        'def load(path):',
        '    x = 1',
        '',
        '    y = 2',
        '    return x',
        '',
        'class A:',
        '    pass',
        '    z = 1',
        '    w = 2',
      ],
      ['', 'load', 'A'],
    ],
    [
      'a.go',
      [
        'package main',
        '',
        '// Run runs.',
        'func (s *Server) Run() {',
        '\tx()',
        '\ty()',
        '\tz()',
        '}',
        '',
        'type T struct {',
        '\tA int',
        '\tB int',
        '}',
      ],
      ['main', 'Run', 'T'],
    ],
    [
      'a.rs',
      [
        'use x;',
        '',
        '#[derive(Debug)]',
        'pub struct P {',
        '  a: u8,',
        '  b: u8,',
        '}',
        '',
        'impl Show for P {',
        '  fn a() {}',
        '  fn b() {}',
        '}',
      ],
      ['', 'P', 'P'],
    ],
    ['a.java', ['package x;', '', 'public final class Main {', '  void run() {', '  }', '}'], ['', 'Main']],
    [
      'a.c',
      ['#include <x.h>', '', 'static int add(int a, int b)', '{', '  int c = a;', '  return c + b;', '}'],
      ['', 'add'],
    ],
    ['a.sh', ['set -e', '', 'build() {', '  a', '  b', '  c', '}', '', 'build'], ['', 'build', '']],
    [
      'a.sql',
      [
        'CREATE TABLE IF NOT EXISTS tasks (',
        '  id TEXT,',
        '  state TEXT,',
        '  at TEXT',
        ');',
        '',
        'CREATE INDEX by_state',
        '  ON tasks',
        '  (state,',
        '   at);',
      ],
      ['tasks', 'by_state'],
    ],
    [
      'a.css',
      ['.a {', '  x: y;', '  y: z;', '  z: x;', '}', '', '.b > p {', '  x: y;', '  y: z;', '  z: x;', '}'],
      ['.a', '.b > p'],
    ],
    [
      'a.svelte',
      [
        '<script>',
        '  let a = 1;',
        '  let b = 2;',
        '</script>',
        '',
        '<main>',
        '  <p>x</p>',
        '  <p>y</p>',
        '  <p>z</p>',
        '</main>',
      ],
      ['script, a, b', 'main'],
    ],
  ])('names the declarations of %s', (path, lines, headings) => {
    expect(chunksOf(path, lines).map((c) => c.heading)).toEqual(headings);
  });

  it('keeps a short configuration file whole and cuts a long one at its keys', () => {
    const entries = Array.from({ length: 50 }, (_, index) => `    "package-${index}": "^1.0.0 || ^2.0.0",`);
    const lines = [
      '{',
      '  "name": "x",',
      '  "dependencies": {',
      ...entries,
      '    "z": "1"',
      '  },',
      '  "other": {',
      ...entries,
      '    "z": "1"',
      '  }',
      '}',
    ];
    expect(chunksOf('a.json', ['{', '  "name": "x"', '}'])).toHaveLength(1);
    expect(chunksOf('a.json', lines).map((c) => c.heading)).toEqual(['name', 'dependencies', 'other']);
  });
});

describe('underlined titles of plain text', () => {
  const rest = [
    '=====',
    'Guide',
    '=====',
    '',
    'Hello.',
    '',
    'First',
    '-----',
    '',
    'One.',
    '',
    'Deep',
    '~~~~',
    '',
    'Two.',
  ];

  it('are headings, their levels in the order in which the marks are met', () => {
    expect(chunksOf('a.txt', rest).map(({ heading, startLine, endLine }) => [heading, startLine, endLine])).toEqual([
      ['Guide', 1, 5],
      ['Guide > First', 7, 10],
      ['Guide > First > Deep', 12, 15],
    ]);
    expect(chunksOf('a.rst', rest)).toEqual(chunksOf('a.txt', rest));
  });

  it('are none where a line stands in a table, is too short, or follows a text', () => {
    const texts = [
      ['a    b', '==== ====', '1    2'],
      ['A long title', '----'],
      ['Some text', 'more text', '========='],
    ];
    for (const lines of texts) expect(chunksOf('a.txt', lines).map(({ heading }) => heading)).toEqual(['']);
  });
});
