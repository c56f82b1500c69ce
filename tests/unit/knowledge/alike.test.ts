/** Copies of a paragraph are shown once, with where the others are; what only resembles it stays. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { foldAlike } from '../../../knowledge/alike.ts';
import { openKnowledgeBase } from '../../../knowledge/knowledge-base.ts';
import { workspace } from './workspace.ts';

const option =
  'If set to true, the install fails when a peer of a package has another range than the one that is there, instead of choosing one of both and going on with a warning.';
const fold = (texts: readonly string[], limit = 10) =>
  foldAlike(
    texts.map((text, index) => ({ id: String(index), text })),
    ({ text }) => text,
    limit,
  );

describe('passages that are alike', () => {
  it('stay once, the first of them, whatever changed in letters, marks or a word', () => {
    const { kept, folded } = fold([option, 'Zebras graze.', option.toUpperCase(), option.replace('warning', 'note')]);
    expect(kept.map(({ id }) => id)).toEqual(['0', '1']);
    expect(folded.get('0')).toEqual(['2', '3']);
  });

  it('are others when one says more, and when they share half', () => {
    const half = `${option.slice(0, 80)} and then something else is written here about quite another matter.`;
    expect(fold([option, `${option} ${half} ${half}`, half]).kept).toHaveLength(3);
    expect(fold(['', 'yes', 'no', 'yes']).kept.map(({ id }) => id)).toEqual(['0', '1', '2']);
  });

  it('leave their places to the next, up to the limit', () => {
    expect(fold([option, option, 'a b c d', 'e f g h', 'i j k l'], 2).kept.map(({ id }) => id)).toEqual(['0', '2']);
  });
});

it('a search says where the copies are', async () => {
  const { project, database } = workspace({
    'a.md': `# Install\n\n${option}`,
    'b.md': `# Update\n\n${option}`,
    'c.md': '# Peers\n\nA peer is a package that another one expects to be there.',
  });
  const base = openKnowledgeBase({ path: database, embedder: null, chroma: null });
  onTestFinished(() => base.close());
  await base.index([project]);
  const { passages, alike } = await base.search('peer of a package', { limit: 3 });
  expect(passages.map(({ path }) => path).toSorted()).toEqual([expect.stringMatching(/[ab]\.md/), 'project/c.md']);
  expect(Object.values(alike ?? {}).flat()).toHaveLength(1);
  expect((await base.search('expects')).alike).toBeUndefined();
});
