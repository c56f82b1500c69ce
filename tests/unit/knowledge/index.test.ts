/** Indexing follows the disk: what changed is read again, what vanished goes, what is left out says why. */
import { renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FILE_BYTES_MAX } from '../../../knowledge/scan.ts';
import { workspace } from './workspace.ts';

describe('an incremental run', () => {
  it('reads only what changed and follows deletions', async () => {
    const { project, write, open } = workspace({ 'docs/a.md': '# Alpha\n\nZebra.', 'docs/b.md': '# Beta\n\nYak.' });
    const store = open();
    const docs = join(project, 'docs');
    expect(store.stats()).toEqual({ files: 0, chunks: 0, roots: [], lastIndexedAt: null });
    expect(await store.index([docs])).toMatchObject({ added: 2, updated: 0, unchanged: 0, removed: 0, chunks: 2 });
    expect(await store.index([docs])).toMatchObject({ added: 0, updated: 0, unchanged: 2, removed: 0, chunks: 0 });

    write('docs/a.md', '# Alpha\n\nGiraffe.\n\n## More\n\nText.');
    rmSync(join(docs, 'b.md'));
    write('docs/c.md', 'New.');
    expect(await store.index([docs])).toMatchObject({ added: 1, updated: 1, unchanged: 0, removed: 1, chunks: 3 });
    expect(store.stats()).toMatchObject({ files: 2, chunks: 3, lastIndexedAt: expect.any(String) });
    expect(await store.search('zebra yak')).toEqual([]);
    expect(await store.search('giraffe')).toMatchObject([{ id: 'docs/a.md:1', startLine: 1, endLine: 3 }]);
  });

  it('forgets a root that vanished, and reports a path that never was', async () => {
    const { project, open } = workspace({ 'docs/a.md': 'Zebra.' });
    const store = open();
    await store.index([join(project, 'docs')]);
    rmSync(join(project, 'docs'), { recursive: true });
    const summary = await store.index([join(project, 'docs'), join(project, 'nowhere')]);
    expect(summary).toMatchObject({ removed: 1, skipped: [{ reason: 'missing' }, { reason: 'missing' }] });
    expect(store.stats().files).toBe(0);
  });

  it('counts a file once when roots lie inside each other, in either order', async () => {
    const { project, open } = workspace({
      'package.json': '{}',
      'docs/a.md': 'Zebra.',
      'build/made.md': 'Named alone.',
    });
    const store = open();
    await store.index([join(project, 'docs'), join(project, 'build'), project]);
    expect(store.stats().files).toBe(3);
    expect((await store.search('zebra')).map((p) => p.path)).toEqual(['docs/a.md']);
    rmSync(join(project, 'docs/a.md'));
    expect(await store.index([project])).toMatchObject({ removed: 1 });
    expect((await store.search('named alone')).map((p) => p.path)).toEqual(['build/made.md']);
  });

  it('reports progress and stops between files when aborted, to be completed later', async () => {
    const { project, open } = workspace({ 'a.md': 'A.', 'b.md': 'B.', 'c.md': 'C.' });
    const store = open();
    const seen: string[] = [];
    const stop = new AbortController();
    const onProgress = (p: { done: number; total: number; path: string }): void => {
      seen.push(`${p.done}/${p.total} ${p.path}`);
      if (p.done === 2) stop.abort();
    };
    await expect(store.index([project], { signal: stop.signal, onProgress })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(seen).toEqual(['1/3 project/a.md', '2/3 project/b.md']);
    expect(store.stats()).toEqual({ files: 2, chunks: 2, roots: [project], lastIndexedAt: null });
    expect(await store.index([project])).toMatchObject({ added: 1, unchanged: 2 });
  });
});

describe('shown paths', () => {
  it('are relative to the repository, else to the project, else to the parent of the root', async () => {
    const { project, write, open } = workspace({ 'repo/.git/HEAD': 'x', 'repo/docs/a.md': 'Zebra one.' });
    write('node/package.json', '{}');
    write('node/docs/package.json', '{}');
    write('node/docs/b.md', 'Zebra two.');
    write('bare/notes/c.md', 'Zebra three.');
    const store = open();
    await store.index([join(project, 'repo/docs'), join(project, 'node/docs'), join(project, 'bare/notes')]);
    const shown = (await store.search('zebra')).map((p) => p.path).sort();
    expect(shown).toEqual(['docs/a.md', 'docs/b.md', 'notes/c.md']);
  });

  it('tell two projects apart', async () => {
    const { project, open } = workspace({
      'one/docs/a.md': 'Zebra.',
      'two/docs/a.md': 'Zebra.',
      'two/docs/x.md': 'X.',
    });
    const store = open();
    await store.index([join(project, 'one/docs'), join(project, 'two/docs')]);
    expect((await store.search('zebra')).map((p) => p.id)).toEqual(['docs/a.md:1', 'two/docs/a.md:1']);
    renameSync(join(project, 'one'), join(project, 'three'));
    expect(await store.index([join(project, 'two/docs')])).toMatchObject({ unchanged: 2 });
  });
});

describe('what is left out', () => {
  it('is named with a reason, a folder as one', async () => {
    const { project, write, open } = workspace({ 'docs/keep.md': 'Keep.', 'outside.md': 'Outside.' });
    for (const folder of ['node_modules', '.git', '.mesh', 'dist', 'build', 'coverage', 'vendor', '.hidden']) {
      write(`docs/sub/${folder}/inner.md`, 'Ignored.');
    }
    write('docs/binary.bin', Buffer.from([65, 0, 66]));
    write('docs/large.txt', 'x'.repeat(FILE_BYTES_MAX + 1));
    write('docs/package-lock.json', '{}');
    write('docs/Cargo.lock', '');
    write('docs/.env', 'TOKEN=1');
    write('docs/server.pem', 'KEY');
    write('docs/rows.csv', '1,2');
    write('docs/bundle.js', `var a=1;${'b();'.repeat(6_000)}`);
    symlinkSync(join(project, 'outside.md'), join(project, 'docs/link-out.md'));
    symlinkSync(join(project, 'docs/keep.md'), join(project, 'docs/link-in.md'));
    symlinkSync(join(project, 'gone.md'), join(project, 'docs/link-broken.md'));
    const store = open();
    const summary = await store.index([join(project, 'docs')]);
    expect(summary.added).toBe(1);
    expect(Object.fromEntries(summary.skipped.map(({ path, reason }) => [path, reason]))).toEqual({
      'docs/binary.bin': 'binary',
      ...Object.fromEntries(
        ['node_modules', 'dist', 'build', 'coverage', 'vendor'].map((name) => [`docs/sub/${name}`, 'folder-of-a-tool']),
      ),
      'docs/sub/.hidden': 'hidden',
      'docs/large.txt': 'too-large',
      'docs/package-lock.json': 'lock-file',
      'docs/Cargo.lock': 'lock-file',
      'docs/.env': 'hidden',
      'docs/server.pem': 'secret',
      'docs/rows.csv': 'data',
      'docs/bundle.js': 'minified',
      'docs/link-out.md': 'symlink-outside-root',
      'docs/link-in.md': 'symlink-inside-root',
      'docs/link-broken.md': 'broken-symlink',
    });
  });

  it('leaves the index when a file stops being text', async () => {
    const { project, write, open } = workspace({ 'a.txt': 'Zebra.' });
    const store = open();
    await store.index([project]);
    write('a.txt', Buffer.from([0]));
    expect(await store.index([project])).toMatchObject({ removed: 1, skipped: [{ reason: 'binary' }] });
    expect(await store.search('zebra')).toEqual([]);
  });
});
