/** For a path it is said why it is in the index or not, and how it is cut. */
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { explain } from '../../../knowledge/explain.ts';
import { workspace } from './workspace.ts';

const FILES = {
  '.git/HEAD': 'ref: refs/heads/main',
  '.gitignore': 'drafts/\n',
  'docs/a.md': '# A\n\nOne.\n\n# B\n\nTwo.',
  'docs/build/how.md': '# Building',
  'drafts/new.md': '# New',
  'config/prod.env': 'A=1',
  'old.doc': 'Zebra.',
  'notes.md': `The key is ghp_${'aB3dE5fG7h'.repeat(4)}`,
};

describe('a path', () => {
  it.each([
    ['drafts/new.md', 'ignored', 'drafts'],
    ['docs/build/how.md', 'folder-of-a-tool', 'docs/build'],
    ['config/prod.env', 'secret', 'config/prod.env'],
    ['notes.md', 'secret', 'notes.md'],
    ['.git/HEAD', 'hidden', '.git'],
    ['old.doc', 'not-read', 'old.doc'],
  ])('%s is left out as %s by %s', async (path, reason, at) => {
    const { project } = workspace(FILES);
    expect(await explain(join(project, path), [project])).toMatchObject({
      ...{ path, root: project, files: 0, passages: [] },
      leftOut: { reason, at },
    });
  });

  it('that is a file shows its passages, and that nothing covers it where that is so', async () => {
    const { project } = workspace(FILES);
    const file = await explain(join(project, 'docs/a.md'), []);
    expect(file).toMatchObject({ path: 'docs/a.md', root: null, leftOut: null, files: 1 });
    expect(file.passages.map(({ heading, startLine, endLine }) => [heading, startLine, endLine])).toEqual([
      ['A', 1, 3],
      ['B', 5, 7],
    ]);
  });

  it.each([
    ['a.md', 'symlink-inside-root'],
    ['../outside.md', 'symlink-outside-root'],
    ['nowhere.md', 'broken-symlink'],
  ])('that is a link to %s is left out as %s, and named alone is what it leads to', async (target, reason) => {
    const { project, write } = workspace({ 'a.md': '# A\n\nOne.' });
    write('../outside.md', 'One.');
    symlinkSync(target, join(project, 'link.md'));
    const told = await explain(join(project, 'link.md'), [project]);
    expect(told).toMatchObject({ leftOut: { reason, at: 'project/link.md' }, files: 0 });
    const alone = await explain(join(project, 'link.md'), []);
    expect(alone.root).toBeNull();
    expect(alone.files).toBe(reason === 'broken-symlink' ? 0 : 1);
  });

  it('that has nothing in it is taken in, and has no passage', async () => {
    const { project } = workspace({ 'a.md': '\n \n' });
    expect(await explain(join(project, 'a.md'), [project])).toMatchObject({ isFile: true, files: 1, passages: [] });
  });

  it('that is a folder shows what is below it; one that is named is meant', async () => {
    const { project } = workspace(FILES);
    expect(await explain(join(project, 'docs'), [project])).toMatchObject({
      ...{ path: 'docs', leftOut: null, files: 1 },
      skipped: [{ path: 'docs/build', reason: 'folder-of-a-tool' }],
    });
    expect(await explain(join(project, 'drafts'), [])).toMatchObject({ leftOut: null, files: 1, root: null });
  });
});
