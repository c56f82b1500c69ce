/** What is found in a text of ASCII alone is what would be found in it as part of any other text. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isAscii, matcher } from '../../../knowledge/ascii-text.ts';
import { hiddenParts } from '../../../knowledge/terms.ts';
import { formsOf } from '../../../knowledge/word-forms.ts';

/** Beyond ASCII, and parted by blanks from what stands before: no word of the text goes on in it. */
const BESIDE = ' 漢';
const letters = fc.string({
  unit: fc.constantFrom('a', 'b', 'Z', 'Y', '0', '9', '_', '-', ' ', '.', '\n'),
  maxLength: 40,
});

test('the parts of identifiers are the same with a text beyond ASCII beside them', () => {
  fc.assert(
    fc.property(letters, (text) => {
      expect(hiddenParts(text)).toBe(hiddenParts(text + BESIDE));
    }),
  );
});

test('words with hyphens are the same with a text beyond ASCII beside them', () => {
  fc.assert(
    fc.property(letters, (text) => {
      const alone = formsOf(text);
      expect(formsOf(text + BESIDE)).toBe(alone === '' ? '漢' : `${alone} | 漢`);
    }),
  );
});

test.each([
  ['readFile of parseJSONText', 'read file | parse json text'],
  ['größeÄndern', 'größe ändern'],
])('identifiers of %s fall apart', (text, parts) => expect(hiddenParts(text)).toBe(parts));

test('a pattern whose class has no range of ASCII is refused', () => {
  expect(() => matcher(String.raw`[\p{P}]`)).toThrow('no range of ASCII');
  expect([isAscii('a\u007f'), isAscii('a\u0080'), isAscii('')]).toEqual([true, false, true]);
});
