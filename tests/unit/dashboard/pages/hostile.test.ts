import { describe, expect, it } from 'vitest';
import { pieces } from '../../../../dashboard/src/lib/model/highlight.ts';
import { blocksOf } from '../../../../dashboard/src/lib/model/markup.ts';
import { headline, line, plain, whole } from '../../../../dashboard/src/lib/model/text.ts';

describe('text of anybody', () => {
  it('names what turns, hides or moves the text around it', () => {
    expect(plain('a\u202Eb\u200Bc\u0007d\uFEFF')).toBe('a‹U+202E›b‹U+200B›c‹U+0007›d‹U+FEFF›');
  });

  it('names what draws nothing, in which a text can hide', () => {
    const hidden = [...'rm'].map((letter) => String.fromCodePoint(0xe0000 + letter.charCodeAt(0))).join('');
    expect(plain(`a${hidden}`)).toBe('a‹U+E0072›‹U+E006D›');
    expect(plain('a\u3164b\u{E0101}c')).toBe('a‹U+3164›b‹U+E0101›c');
  });

  it('is known by its first line in words', () => {
    expect(headline('\n```ts\n\n  Is this   right?\nwhile (true) {}\n```')).toBe('Is this right?');
    expect(headline('```\n—\n```')).toBe('``` — ```');
    expect(headline('x'.repeat(1_000_000), 10)).toBe('x'.repeat(10));
    expect(headline('')).toBe('');
  });

  it('leaves out the colours and titles of terminals', () => {
    expect(plain('\u001B[31mred\u001B[0m \u001B]0;title\u0007x\u001B[2J')).toBe('red x');
  });

  it('keeps lines, tabs, emoji and other scripts', () => {
    expect(plain('á\tб\n漢 👩‍💻 می‌خواهم')).toBe('á\tб\n漢 👩‍💻 می‌خواهم');
  });

  it('names what is hidden in tags, selectors and joiners', () => {
    expect(plain('ok\u{e0072}\ufe01 ru\u200dn')).toBe('ok‹U+E0072›‹U+FE01› ru‹U+200D›n');
  });

  it('is cut with a note of what is missing', () => {
    expect(plain('x'.repeat(1_000_000), 10)).toBe(`${'x'.repeat(10)}… (999,990 more characters)`);
    expect(line(`a\n\n  b${'c'.repeat(2_000_000)}`, 20)).toHaveLength(20);
  });
});

describe('Markdown of a model', () => {
  it('has no HTML: tags are text', () => {
    const blocks = blocksOf('<script>alert(1)</script>\n\na <img src=x onerror=alert(1)> b');
    expect(JSON.stringify(blocks)).toContain('<script>alert(1)</script>');
    expect(blocks.every(({ kind }) => kind === 'paragraph')).toBe(true);
  });

  it('has no pictures: an image is a link, and only to the web', () => {
    expect(blocksOf('![see](https://example.org/a.png)')).toEqual([
      { kind: 'paragraph', inlines: [{ kind: 'link', text: 'see', href: 'https://example.org/a.png' }] },
    ]);
    const refused = blocksOf('[x](javascript:alert(1)) [y](data:text/html,z) [z](//evil.example)');
    expect(JSON.stringify(refused)).not.toContain('"link"');
  });

  it('does not make links of what only looks like one', () => {
    expect(blocksOf('ruff@0.17.4: 1 error')).toEqual([
      {
        kind: 'paragraph',
        inlines: [
          { kind: 'text', text: 'ruff@0.17.4' },
          { kind: 'text', text: ': 1 error' },
        ],
      },
    ]);
  });

  it('has code, lists, tables and emphasis', () => {
    const kinds = blocksOf('# A\n\n- *b*\n- c\n\n| d |\n|---|\n| `e` |\n\n```ts\nf\n```\n\n> g').map(
      ({ kind }) => kind,
    );
    expect(kinds).toEqual(['heading', 'list', 'table', 'code', 'quote']);
  });

  it('is shown as it is when it is too long to read', () => {
    expect(blocksOf('a'.repeat(70_000))).toMatchObject([{ kind: 'code' }]);
  });
});

it('code in colours is the code, to the letter', () => {
  const code = 'const a = "<b>"; // \u202E\nexport default a;';
  expect(
    pieces(code, 'ts')
      .map(({ text }) => text)
      .join(''),
  ).toBe(plain(code));
  expect(pieces(code, 'ts').some(({ kind }) => kind === 'keyword')).toBe(true);
  expect(pieces('x', 'no-such-language')).toEqual([{ text: 'x', kind: '' }]);
});

it('of what a person decides by, nothing is taken out and nothing cut', () => {
  const text = `act with ${'x'.repeat(7000)} \u001b]0;delete all\u0007 \u009dhidden\u009c \u202emoc`;
  expect(whole(text)).toBe(
    `act with ${'x'.repeat(7000)} ‹U+001B›]0;delete all‹U+0007› ‹U+009D›hidden‹U+009C› ‹U+202E›moc`,
  );
});
