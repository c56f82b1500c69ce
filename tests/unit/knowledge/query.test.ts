/** What a person types becomes an expression that no text can break out of. */
import { describe, expect, it } from 'vitest';
import { cutQuery, planSearch, QUERY_CHARS_MAX, TERMS_MAX } from '../../../knowledge/query.ts';
import { hiddenParts, wordParts } from '../../../knowledge/terms.ts';

describe('identifiers', () => {
  it.each([
    ['debounceFn', ['debounce', 'fn']],
    ['debounce_fn', ['debounce', 'fn']],
    ['HTTPServerError', ['http', 'server', 'error']],
    ['MAX_SIZE', ['max', 'size']],
    ['sha256Hex', ['sha256', 'hex']],
    ['__init__', ['init']],
    ['größeÄndern', ['größe', 'ändern']],
    ['plain', ['plain']],
  ])('splits %s', (word, parts) => expect(wordParts(word)).toEqual(parts));

  it('lists the words that a tokenizer would not see', () => {
    expect(hiddenParts('const debounceFn = debounceFn(JSONParser, plain_name)')).toBe('debounce fn | json parser');
  });
});

describe('a plan', () => {
  it('drops stop words, unless nothing else is there', () => {
    expect(planSearch('How does a task survive a crash?')?.terms.map(({ match }) => match)).toEqual([
      '"task"',
      '"survive"',
      '"crash"',
    ]);
    expect(planSearch('to be or not to be')?.terms.map(({ match }) => match)).toEqual([
      '"to"',
      '"be"',
      '"or"',
      '"not"',
    ]);
  });

  it('searches a lone word and the end of an identifier as a prefix', () => {
    expect(planSearch('debounc')?.terms.map(({ match }) => match)).toEqual(['"debounc"*']);
    expect(planSearch('fix debounceF and sqliteSto')?.terms.map(({ match }) => match)).toEqual([
      '"fix"',
      '"debounce"',
      '"f"',
      '"sqlite"',
      '"sto"*',
    ]);
  });

  it.each([
    ['How does it work', 'question'],
    ['retries of a task?', 'question'],
    ['write a debounce function', 'code'],
    ['Please implement the parser', 'code'],
    ['how do I write a function', 'question'],
    ['dead letters', 'plain'],
  ])('reads the intent of %j as %s', (query, intent) => expect(planSearch(query)?.intent).toBe(intent));

  it.each(['', '   ', '"', '*', '()', '-- ^ :', '___', '🙂', '\0', '\uD800'])('is null for %j', (query) => {
    expect(planSearch(query)).toBeNull();
  });

  it('cuts a long text at a word and searches a bounded number of words', () => {
    const long = Array.from({ length: 900 }, (_, index) => `word${index}`).join(' ');
    expect(cutQuery(long).length).toBeLessThanOrEqual(QUERY_CHARS_MAX);
    expect(long.startsWith(`${cutQuery(long)}word`)).toBe(true);
    expect(cutQuery('x'.repeat(10_000))).toHaveLength(QUERY_CHARS_MAX);
    expect(planSearch(long)?.terms).toHaveLength(TERMS_MAX);
  });
});
