/** A mistyped word finds what was meant, and a right one is left alone. */
import { describe, expect, it } from 'vitest';
import { mistakesAllowed, nearestWords } from '../../../knowledge/spelling.ts';
import { workspace } from './workspace.ts';

describe('near words', () => {
  it.each([
    ['serch', 'search', true],
    ['wrok', 'work', true],
    ['postgers', 'postgr', true],
    ['signatur', 'signature', true],
    ['form', 'farm', true],
    ['abcd', 'badc', false],
    ['zebra', 'cobra', false],
    ['the', 'then', false],
    ['sha256', 'sha255', false],
  ])('%s may have meant %s: %s', (typed, known, isNear) => {
    expect(nearestWords(typed, [known])).toEqual(isNear ? [known] : []);
  });

  it('are the nearest only, the first of them at most three', () => {
    expect(nearestWords('lettr', ['letter', 'lettres', 'better'])).toEqual(['letter']);
    expect(nearestWords('woor', ['door', 'poor', 'moor', 'word', 'work'])).toEqual(['door', 'poor', 'moor']);
  });

  it('allow more mistakes in longer words, none in short ones', () => {
    expect(['abc', 'abcd', 'abcdefg', 'größe'].map(mistakesAllowed)).toEqual([0, 1, 2, 1]);
  });
});

describe('a search with a typing error', () => {
  const files = {
    'index.md': '# Rebuilding the index\n\nA search index is written anew.\n',
    'form.md': '# Forms\n\nA form has fields.\n',
    'from.md': '# Senders\n\nWhat a letter is from.\n',
  };

  it.each([
    ['serch indx', 'project/index.md:1'],
    ['rebiulding', 'project/index.md:1'],
    ['feilds', 'project/form.md:1'],
  ])('%j finds %s', async (query, id) => {
    const { project, open } = workspace(files);
    const store = open();
    await store.index([project]);
    expect((await store.search(query))[0]?.id).toBe(id);
  });

  it('takes a word as it is when it is in the index', async () => {
    const { project, open } = workspace(files);
    const store = open();
    await store.index([project]);
    expect((await store.search('form')).map(({ path }) => path)).toEqual(['project/form.md']);
    expect(await store.search('qqqqqqqq')).toEqual([]);
  });
});
