/** `mesh index --watch`: the index follows what people do to files, looks seldom, and reads only what changed. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openKnowledgeBase } from '../../../knowledge/knowledge-base.ts';
import { KnowledgeError, type KnowledgeStore, type SeenFiles } from '../../../knowledge/port.ts';
import { seenFiles } from '../../../knowledge/seen-files.ts';
import { type WatchRun, watchKnowledge } from '../../../knowledge/watch.ts';
import { type Workspace, workspace } from './workspace.ts';

/** On a machine that does much else, a change may be taken this late. */
const DEADLINE_MS = 60_000;

interface Watching {
  readonly runs: readonly WatchRun[];
  readonly troubles: readonly KnowledgeError[];
  /** Resolves when the files in the index are these, by the paths of their passages. */
  has(...paths: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

async function watching(
  space: Workspace,
  roots: readonly string[],
  index: (store: KnowledgeStore) => KnowledgeStore['index'] = (store) => store.index,
): Promise<Watching> {
  const store = openKnowledgeBase({ path: space.database, embedder: null, chroma: null });
  const stop = new AbortController();
  const runs: WatchRun[] = [];
  const troubles: KnowledgeError[] = [];
  let tell = (): void => undefined;
  const ended = watchKnowledge(
    { index: index(store) },
    {
      roots,
      signal: stop.signal,
      everyMs: null,
      onRun: (run) => {
        runs.push(run);
        tell();
      },
      onTrouble: (error) => {
        troubles.push(error);
        tell();
      },
    },
  );
  const shown = async (): Promise<string[]> => {
    const { passages } = await store.search('zebra', { limit: 100 });
    return [...new Set(passages.map(({ path }) => path))].sort();
  };
  const stopAll = async (): Promise<void> => {
    stop.abort();
    await ended;
    await store.close();
  };
  onTestFinished(stopAll);
  return {
    runs,
    troubles,
    async has(...paths) {
      const late = new Promise<never>((_, reject) => {
        const timer = setTimeout(async () => reject(new Error(`the index has ${await shown()}`)), DEADLINE_MS);
        onTestFinished(() => clearTimeout(timer));
      });
      for (;;) {
        const next = new Promise<void>((resolve) => {
          tell = resolve;
        });
        if ((await shown()).join() === [...paths].sort().join()) return;
        await Promise.race([next, late]);
      }
    },
    stop: stopAll,
  };
}

describe('an index that is watched follows', () => {
  it('files that are added, edited, renamed and removed', async () => {
    const space = workspace({ '.git/HEAD': 'x', 'docs/a.md': 'The zebra.', 'docs/b.md': 'The lion.' });
    const { has, runs } = await watching(space, [join(space.project, 'docs')]);
    await has('docs/a.md');
    space.write('docs/new.md', 'A zebra too.');
    await has('docs/a.md', 'docs/new.md');
    space.write('docs/b.md', 'Now a zebra.');
    await has('docs/a.md', 'docs/b.md', 'docs/new.md');
    renameSync(join(space.project, 'docs/new.md'), join(space.project, 'docs/newer.md'));
    await has('docs/a.md', 'docs/b.md', 'docs/newer.md');
    rmSync(join(space.project, 'docs/a.md'));
    await has('docs/b.md', 'docs/newer.md');
    expect(runs.at(-1)?.changes).toEqual([{ path: 'docs/a.md', change: 'removed' }]);
  });

  it('an edit that leaves size and content length alike, right after the file was read', async () => {
    const space = workspace({ 'a.md': 'The zebra.' });
    const { has } = await watching(space, [space.project]);
    await has('project/a.md');
    space.write('a.md', 'The tapir.');
    await has();
    space.write('a.md', 'The zebra.');
    await has('project/a.md');
  });

  it('what an editor does: a copy is written beside the file and takes its name', async () => {
    const space = workspace({ 'a.md': 'The lion.' });
    const { has } = await watching(space, [join(space.project, 'a.md')]);
    for (const name of ['a.md~', '.a.md.swp', '#a.md#', 'a.md.tmp', 'a.md___jb_tmp___'])
      space.write(name, 'A zebra that nobody meant.');
    space.write('a.md.tmp', 'The zebra.');
    renameSync(join(space.project, 'a.md.tmp'), join(space.project, 'a.md'));
    await has('a.md');
    const whole = await watching({ ...space, database: `${space.database}-2` }, [space.project]);
    await whole.has('project/a.md');
  });

  it('rules that are written later, above the root too, and a secret that comes into a file', async () => {
    const space = workspace({ '.git/HEAD': 'x', 'docs/a.md': 'The zebra.', 'docs/b.md': 'A zebra.' });
    const { has } = await watching(space, [join(space.project, 'docs')]);
    await has('docs/a.md', 'docs/b.md');
    space.write('docs/.gitignore', 'b.md\n');
    await has('docs/a.md');
    rmSync(join(space.project, 'docs/.gitignore'));
    await has('docs/a.md', 'docs/b.md');
    space.write('.ignore', 'docs/a.md\n');
    await has('docs/b.md');
    rmSync(join(space.project, '.ignore'));
    await has('docs/a.md', 'docs/b.md');
    space.write(
      'docs/a.md',
      `The zebra.\n-----BEGIN ${'RSA PRIVATE KEY'}-----\n${'Q7fj2Kd9sLw4Zx8Vb3Nm6Tc1Rp5Yg0Hu'.repeat(2)}\n`,
    );
    await has('docs/b.md');
  });

  it('folders that are made deep, that vanish, come back, and are replaced by others of their name', async () => {
    const space = workspace({ 'docs/deep/a.md': 'The zebra.' });
    const docs = join(space.project, 'docs');
    const { has } = await watching(space, [docs]);
    await has('docs/deep/a.md');
    rmSync(docs, { recursive: true });
    await has();
    space.write('docs/other/deeper/b.md', 'A zebra.');
    await has('docs/other/deeper/b.md');
    rmSync(join(docs, 'other'), { recursive: true });
    mkdirSync(join(docs, 'other'));
    space.write('docs/other/c.md', 'The zebra sleeps under a tree.');
    await has('docs/other/c.md');
    space.write('docs/other/d.md', 'A zebra runs from lions.');
    await has('docs/other/c.md', 'docs/other/d.md');
    renameSync(space.project, `${space.project}-away`);
    await has();
    renameSync(`${space.project}-away`, space.project);
    await has('docs/other/c.md', 'docs/other/d.md');
    writeFileSync(join(docs, 'e.md'), 'No zebra swims in the sea.');
    await has('docs/other/c.md', 'docs/other/d.md', 'docs/e.md');
  });
});

it('many changes at once are taken together', async () => {
  const space = workspace({ 'first.md': 'The zebra.' });
  const { has, runs } = await watching(space, [space.project]);
  await has('project/first.md');
  const names = Array.from({ length: 90 }, (_, index) => `file-${index}.md`);
  for (const name of names) space.write(name, `A zebra called ${name}: ${name.repeat(9)}`);
  await has('project/first.md', ...names.map((name) => `project/${name}`));
  // Looking began while the last were written, on a busy machine perhaps; never once for each.
  expect(runs.length).toBeLessThan(9);
});

it('a file that did not change is not read again, and one that was left out is looked into once', async () => {
  const space = workspace({
    'a.md': 'The zebra.',
    'b.md': 'The lion.',
    'picture.md': '\0\0\0',
  });
  const store = space.open();
  const seen = seenFiles(0);
  const read: string[] = [];
  const counting: SeenFiles = {
    ...seen,
    keep: (path, stamp, what) => {
      read.push(path.slice(space.project.length + 1));
      // What the grain of times would leave open here, a test of its own looks at.
      seen.keep(path, { ...stamp, isSettled: true }, what);
    },
  };
  const first = await store.index([space.project], { seen: counting });
  expect(read).toEqual(['a.md', 'b.md', 'picture.md']);
  const again = await store.index([space.project], { seen: counting });
  expect(read).toHaveLength(3);
  expect(again).toMatchObject({ added: 0, unchanged: 2, skipped: first.skipped });
  space.write('b.md', 'The lion sleeps.');
  expect(await store.index([space.project], { seen: counting })).toMatchObject({ updated: 1, unchanged: 1 });
  expect(read).toEqual(['a.md', 'b.md', 'picture.md', 'b.md']);
});

it('a file that was changed a moment ago is read again: its times cannot tell a second change', async () => {
  const space = workspace({ 'a.md': 'The zebra.' });
  const path = join(space.project, 'a.md');
  const [fresh, grainless] = [seenFiles(), seenFiles(-60_000)];
  for (const [seen, expected] of [
    [fresh, undefined],
    [grainless, { hash: 'h' }],
  ] as const) {
    const stamp = seen.stampOf(path);
    if (stamp === null) throw new Error('there is no such file');
    seen.keep(path, stamp, { hash: 'h' });
    expect(seen.recall(path, stamp)).toEqual(expected);
    expect(seen.recall(path, { ...stamp, text: `${stamp.text}0` })).toBeUndefined();
  }
  expect(fresh.stampOf(join(space.project, 'none.md'))).toBeNull();
});

it('an error that passes is told and waited out, one that does not ends it', async () => {
  const space = workspace({ 'a.md': 'The zebra.' });
  const busy = await watching(space, [space.project], () => async () => {
    throw new KnowledgeError('busy', 'another process writes');
  });
  await expect.poll(() => busy.troubles.map(({ code }) => code)).toEqual(['busy']);
  await busy.stop();
  const broken = watchKnowledge(
    {
      index: async () => {
        throw new KnowledgeError('corrupt', 'the file is damaged');
      },
    },
    {
      roots: [space.project],
      signal: new AbortController().signal,
      everyMs: null,
      onRun: () => undefined,
      onTrouble: () => undefined,
    },
  );
  await expect(broken).rejects.toMatchObject({ code: 'corrupt' });
});
