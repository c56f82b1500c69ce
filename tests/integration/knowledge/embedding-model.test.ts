/** An embedding model that is missing, broken, put right or exchanged: search goes on and never mixes vectors. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ggufEmbedder } from '../../../knowledge/gguf-embedder.ts';
import { openKnowledgeBase } from '../../../knowledge/knowledge-base.ts';
import { brokenModel, writeTinyModel } from '../../support/tiny-gguf.ts';
import { workspace, ZOO } from './contract.ts';

const log = { debug: () => undefined, warn: () => undefined };
const folder = mkdtempSync(join(tmpdir(), 'mesh-embedding-'));
const models = { one: join(folder, 'one.gguf'), other: join(folder, 'other.gguf') };

beforeAll(() => {
  writeTinyModel(models.one, { kind: 'embedding', seed: 1 });
  writeTinyModel(models.other, { kind: 'embedding', seed: 2, width: 96 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function zoo(model: string) {
  const space = workspace(
    {
      name: 'model',
      engine: 'sqlite-fts5+sqlite-vec',
      store: 'sqlite-vec',
      open: ({ database }) => openKnowledgeBase({ path: database, embedder: ggufEmbedder(model, log), chroma: null }),
    },
    ZOO,
  );
  const openWith = (path: string) =>
    openKnowledgeBase({ path: space.database, embedder: ggufEmbedder(path, log), chroma: null });
  return { ...space, openWith };
}

describe('vectors of a model', () => {
  it('have length 1, are the same for the same text, and differ between texts', async () => {
    const embedder = ggufEmbedder(models.one, log);
    const [a, again, b, long, empty] = await embedder.embed(
      ['zebra', 'zebra', 'yak in the mountains', 'word '.repeat(20_000), ''],
      'passage',
    );
    await embedder.close();
    expect(a).toEqual(again);
    expect(a).not.toEqual(b);
    expect(empty).toEqual(new Float32Array(64));
    for (const vector of [a, b, long]) {
      expect(vector).toHaveLength(64);
      expect(Math.hypot(...(vector ?? []))).toBeCloseTo(1, 4);
    }
  });

  it('are made anew for another model, of another size too, and never compared with those of the first', async () => {
    const { project, open, openWith } = zoo(models.one);
    expect((await open().index([project])).vectors).toMatchObject({ embedder: 'one', embedded: 5 });
    const other = openWith(models.other);
    const before = await other.search('striped zebra');
    expect(before.engine).toBe('sqlite-fts5');
    expect(before.problem).toContain('vectors of one; run `mesh index`');
    expect(before.passages[0]?.id).toBe('project/animals.md:5');
    expect((await other.index([project])).vectors).toMatchObject({ embedder: 'other', embedded: 5, problem: null });
    expect(await other.search('striped zebra')).toMatchObject({ engine: 'sqlite-fts5+sqlite-vec', problem: null });
    await other.close();
  });

  it('are told apart by the content of the file, not by its name', async () => {
    const path = join(folder, 'same-name.gguf');
    copyFileSync(models.one, path);
    const first = await ggufEmbedder(path, log).space();
    copyFileSync(models.other, path);
    expect(await ggufEmbedder(path, log).space()).not.toBe(first);
  });
});

describe('a model that cannot be used', () => {
  it.each([
    ['missing', (path: string) => path, 'there is no file'],
    ['empty', brokenModel.empty, 'is empty'],
    ['foreign', brokenModel.foreign, 'is not a GGUF model'],
    ['truncated', brokenModel.truncated, 'fetch the model again'],
    ['corrupt', brokenModel.corrupt, 'cannot be used'],
  ])('leaves the words, and says why: %s', async (name, make, reason) => {
    const path = make(join(folder, `${name}.gguf`));
    const { project, open } = zoo(path);
    const base = open();
    const summary = await base.index([project]);
    expect(summary).toMatchObject({ added: 3, chunks: 5 });
    expect(summary.vectors?.problem).toContain(reason);
    const found = await base.search('striped zebra');
    expect(found.engine).toBe('sqlite-fts5');
    expect(found.problem).toContain('the embedding model cannot be used');
    expect(found.passages[0]?.id).toBe('project/animals.md:5');
  });

  it('is used as soon as it is put right, without a restart', async () => {
    const path = join(folder, 'late.gguf');
    const { project, open } = zoo(path);
    const base = open();
    expect((await base.index([project])).vectors?.problem).toContain('there is no file');
    copyFileSync(models.one, path);
    expect((await base.index([project])).vectors).toMatchObject({ embedded: 5, problem: null });
    expect(await base.search('striped zebra')).toMatchObject({ engine: 'sqlite-fts5+sqlite-vec', problem: null });
  });
});
