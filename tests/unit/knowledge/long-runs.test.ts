/** What is one character, said half a million times, is gone through once: twice the text takes twice the time, not four times. */
import { expect, test } from 'vitest';
import { pageText } from '../../../knowledge/page.ts';
import { formsOf } from '../../../knowledge/word-forms.ts';
import { replyIn } from '../../../prompting/model-text.ts';

const TIMES = 500_000;

test('spaces of a page', () => {
  expect(pageText(`<p>a${' '.repeat(TIMES)}b</p>`).trim()).toBe('a b');
  expect(pageText(`<p>a${' '.repeat(1000)}\n${' '.repeat(1000)}b</p>`).trim()).toBe('a\nb');
});

test('a word without an end', () => {
  expect(formsOf('a'.repeat(TIMES))).toBe('');
  expect(formsOf(`${'a'.repeat(20)}-mail e-mail`)).toBe(`${'a'.repeat(20)}mail | email`);
});

test('what fills up a turn', () => {
  expect(replyIn(`Yes.${'<pad>'.repeat(20_000)}`)).toBe('Yes.');
  expect(replyIn(`Yes.${'<pad>'.repeat(20_000)} No.`)).toMatch(/^Yes\.<pad>/);
});
