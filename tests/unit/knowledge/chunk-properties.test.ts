/** Whatever a file holds, its chunks lose no line, repeat none and stay within bounds. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunkFile } from '../../../knowledge/chunk.ts';
import { FENCE_CHARS_MAX } from '../../../knowledge/chunk-blocks.ts';
import { CODE_CHARS_MAX } from '../../../knowledge/chunk-code.ts';

const chunksOf = (path: string, lines: readonly string[]) => chunkFile(path, lines.join('\n')).chunks;

describe('every language', () => {
  const paths = 'md txt ts py go rs java c sh sql svelte css yaml json toml lua'
    .split(' ')
    .map((ending) => `file.${ending}`);
  const line = fc.oneof(
    fc.constantFrom(
      '',
      '   ',
      '# A',
      '### B',
      '```',
      '~~~',
      '---',
      '===',
      '- item',
      '// note',
      '/**',
      ' */',
      '{',
      '}',
      '  }',
    ),
    fc.constantFrom(
      'class A {',
      '  run() {',
      'def f():',
      '    pass',
      'function g() {',
      'key:',
      '"k": {',
      '  "k": 1,',
      '<script>',
    ),
    fc.constantFrom(
      'CREATE TABLE t (',
      'func H() {',
      'impl T for U {',
      '.a {',
      '@decorator',
      '[section]',
      `${'x'.repeat(400)}`,
    ),
    fc.string({ maxLength: 30 }).map((text) => text.replace(/[\r\n]/g, ' ')),
  );

  it('puts every line that is not blank into exactly one chunk, in order and verbatim', () => {
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.array(line, { maxLength: 120, size: 'max' }), (path, lines) => {
        const chunks = chunksOf(path, lines);
        let previousEnd = 0;
        for (const chunk of chunks) {
          expect(chunk.startLine).toBeGreaterThan(previousEnd);
          expect(chunk.text).toBe(lines.slice(chunk.startLine - 1, chunk.endLine).join('\n'));
          const skipped = lines.slice(previousEnd, chunk.startLine - 1);
          expect(skipped.every((text) => text.trim() === '')).toBe(true);
          previousEnd = chunk.endLine;
        }
        expect(lines.slice(previousEnd).every((text) => text.trim() === '')).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  it('bounds the size of a chunk', () => {
    const headings = 6 * 402;
    fc.assert(
      fc.property(
        fc.constantFrom(...paths),
        fc.array(line, { minLength: 60, maxLength: 200, size: 'max' }),
        (path, lines) => {
          for (const chunk of chunksOf(path, lines)) {
            expect(chunk.text.length).toBeLessThanOrEqual(Math.max(CODE_CHARS_MAX, FENCE_CHARS_MAX) + headings);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('counts lines the same with Windows line ends', () => {
    expect(chunkFile('a.md', '# A\r\n\r\nText.\r\n').chunks).toEqual(chunkFile('a.md', '# A\n\nText.\n').chunks);
  });
});
