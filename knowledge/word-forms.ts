/**
 * Words that the index's tokenizer does not see as a person means them. Owns: words of scripts that put no spaces between
 * them, and the one form in which spellings of a word meet. Used when indexing and when searching, which must agree. Does not
 * own: identifiers and stop words (`terms.ts`), the query (`query.ts`).
 *
 * Chinese, Japanese and Korean are cut into pairs of characters, each overlapping the next, which needs no dictionary and
 * finds a word wherever it stands; Thai, Lao, Khmer and Burmese into words, by the dictionary of ICU.
 */

import { isAscii, matcher } from './ascii-text.ts';

const PAIRED = String.raw`[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}ー々]+`;
const SEGMENTED = String.raw`[\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]+`;
const RUNS = new RegExp(`${PAIRED}|${SEGMENTED}`, 'gu');
const IS_PAIRED = new RegExp(`^${PAIRED}$`, 'u');
const segmenter = new Intl.Segmenter('th', { granularity: 'word' });

/** Marks that nobody sees inside of a word: where it may be parted, where it must not. */
const INVISIBLE = /[\u00ad\u200b\u2060\ufeff]/g;
/** Letters that are written in two ways, and that taking off marks does not bring together. */
const LETTERS: Readonly<Record<string, string>> = {
  ...{ ß: 'ss', ı: 'i', ł: 'l', ø: 'o', đ: 'd', ð: 'd', þ: 'th', æ: 'ae', œ: 'oe', ё: 'е' },
  ...{ أ: 'ا', إ: 'ا', آ: 'ا', ى: 'ي', ة: 'ه', ـ: '' },
};
const SPECIAL = new RegExp(`[${Object.keys(LETTERS).join('')}]`, 'gu');
/** Arabic articles and what is joined to them, and the signs of short vowels. */
const ARTICLE = /^(?:[وبكف]?ال|لل)(?=\p{Script=Arabic}{3})/u;
const SHORT_VOWELS = /[\u064b-\u0652\u0670]/g;
/** From the beginning of a word, so that a long one is gone through once. */
const hyphenated = matcher(String.raw`(?<![\p{L}])[\p{L}]+(?:-[\p{L}]+)+`);

/** As it is searched: letters of one form, without marks that nobody sees. */
export function plainLetters(text: string): string {
  return text.normalize('NFKC').replace(INVISIBLE, '');
}

/** The form in which spellings of a word meet, in lower case. */
export function foldedWord(word: string): string {
  const letters = plainLetters(word)
    .toLowerCase()
    .replace(SPECIAL, (letter) => LETTERS[letter] ?? letter);
  return letters.replace(SHORT_VOWELS, '').replace(ARTICLE, '');
}

/** A word of a query as what is searched for: itself, or the pieces of a script without spaces, in their order. */
export function piecesOf(word: string): string[] {
  const pieces: string[] = [];
  let from = 0;
  for (const { index, 0: run } of word.matchAll(RUNS)) {
    if (index > from) pieces.push(word.slice(from, index));
    pieces.push(...cut(run));
    from = index + run.length;
  }
  if (from < word.length) pieces.push(word.slice(from));
  return pieces;
}

/** A single character of a script whose characters are words finds every pair that it begins. */
export function isPaired(piece: string): boolean {
  return IS_PAIRED.test(piece);
}

function cut(run: string): string[] {
  if (!IS_PAIRED.test(run)) {
    return [...segmenter.segment(run)].map(({ segment }) => segment).filter((word) => /\p{L}/u.test(word));
  }
  const characters = [...run];
  if (characters.length === 1) return characters;
  return characters.slice(1).map((character, index) => `${characters[index]}${character}`);
}

/** What a text is found by beside the words that the tokenizer sees. */
export function formsOf(text: string): string {
  const joined = [...new Set(hyphenated(text))].map((word) => word.replaceAll('-', ''));
  if (isAscii(text)) return joined.join(' | ');
  const plain = plainLetters(text);
  const runs = [...plain.matchAll(RUNS)].map(([run]) => cut(run).join(' '));
  const words = new Set(text.match(/[\p{L}\p{N}\p{M}_\u00ad\u200b\u2060]+/gu));
  // A word of ASCII is its own form.
  const folded = [...words]
    .filter((word) => !isAscii(word))
    .map((word) => [word.toLowerCase(), foldedWord(word)] as const);
  const others = folded.filter(([word, form]) => form !== word && form !== '').map(([, form]) => form);
  return [...joined, ...others, ...runs].join(' | ');
}
