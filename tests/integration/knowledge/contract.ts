/**
 * What every knowledge base promises, whatever keeps its vectors. Owns: the promises. Does not own: the bases; each is
 * opened by the suite that runs this.
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { KnowledgeBase } from '../../../knowledge/knowledge-base.ts';

export interface Surroundings {
  /** Unlike that of any other test. */
  readonly folder: string;
  readonly database: string;
}

export interface Kind {
  readonly name: string;
  /** As results call it. */
  readonly engine: string;
  /** Null when no vectors are kept. */
  readonly store: string | null;
  open(surroundings: Surroundings): KnowledgeBase;
  /** Removes what other tests left on a shared server. */
  reset?(): Promise<void>;
}

export function workspace(kind: Kind, files: Readonly<Record<string, string>> = {}) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'mesh-knowledge-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const project = join(folder, 'project');
  mkdirSync(project);
  const write = (path: string, content: string): void => {
    mkdirSync(dirname(join(project, path)), { recursive: true });
    writeFileSync(join(project, path), content);
  };
  for (const [path, content] of Object.entries(files)) write(path, content);
  const surroundings = { folder, database: join(folder, 'state', 'knowledge.db') };
  const open = (): KnowledgeBase => {
    const base = kind.open(surroundings);
    onTestFinished(() => base.close());
    return base;
  };
  return {
    project,
    database: surroundings.database,
    write,
    remove: (path: string) => rmSync(join(project, path)),
    open,
  };
}

export const ZOO = {
  'animals.md': '# Animals\n\nThe park.\n\n## Zebra\n\nStriped, and never tamed.\n\n## Yak\n\nLives high up.\n',
  'care.md': '# Care\n\n## Feeding\n\nHay in the morning, and water all day.\n',
  'gate.ts': '/** Opens the gate. */\nexport function openGate(): void {\n  motor.start();\n}\n',
};

export function storeContract(kind: Kind): void {
  describe(`a knowledge base: ${kind.name}`, () => {
    beforeEach(() => kind.reset?.());

    it('finds a passage and says where it is from: file, heading and lines', async () => {
      const { project, open } = workspace(kind, ZOO);
      const base = open();
      const summary = await base.index([project]);
      expect(summary).toMatchObject({ added: 3, chunks: 5, skipped: [] });
      expect(summary.vectors?.problem ?? null).toBeNull();
      expect(summary.vectors?.store ?? null).toBe(kind.store);
      if (kind.store !== null) expect(summary.vectors?.embedded).toBe(5);
      const found = await base.search('striped zebra');
      expect(found).toMatchObject({ engine: kind.engine, problem: null });
      expect(found.passages[0]).toEqual({
        id: 'project/animals.md:5',
        path: 'project/animals.md',
        heading: 'Animals > Zebra',
        startLine: 5,
        endLine: 7,
        text: '## Zebra\n\nStriped, and never tamed.',
        kind: 'markdown',
        language: '',
        score: expect.any(Number),
      });
      const gate = (await base.search('openGate')).passages[0];
      expect(gate).toMatchObject({
        path: 'project/gate.ts',
        heading: 'openGate',
        startLine: 1,
        endLine: 4,
        kind: 'code',
      });
    });

    it('embeds only what changed, and follows changes and deletions', async () => {
      const { project, write, remove, open } = workspace(kind, ZOO);
      const base = open();
      await base.index([project]);
      const again = await base.index([project]);
      expect(again).toMatchObject({ added: 0, updated: 0, unchanged: 3 });
      expect(again.vectors?.embedded ?? 0).toBe(0);
      write('care.md', '# Care\n\n## Feeding\n\nCarrots at noon.\n');
      remove('gate.ts');
      const changed = await base.index([project]);
      expect(changed).toMatchObject({ updated: 1, removed: 1 });
      if (kind.store !== null) expect(changed.vectors?.embedded).toBe(1);
      const texts = (await base.search('hay carrots gate motor', { limit: 50 })).passages
        .map(({ text }) => text)
        .join('\n');
      expect(texts).toContain('Carrots at noon');
      expect(texts).not.toContain('Hay');
      expect(texts).not.toContain('motor');
      expect(base.stats()).toMatchObject({ files: 2, roots: [project] });
    });

    it('gives as many as wanted, best first, each once', async () => {
      const { project, open } = workspace(kind, ZOO);
      const base = open();
      await base.index([project]);
      const { passages } = await base.search('zebra yak hay', { limit: 2 });
      expect(passages).toHaveLength(2);
      const all = (await base.search('zebra yak hay', { limit: 50 })).passages;
      expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
      const scores = all.map(({ score }) => score);
      expect(scores).toEqual([...scores].sort((a, b) => b - a));
      expect(scores[0]).toBeLessThanOrEqual(1.25);
    });

    it.each(['', '  ', '"*()', '🙂'])('finds nothing by %j', async (query) => {
      const { project, open } = workspace(kind, ZOO);
      const base = open();
      await base.index([project]);
      expect((await base.search(query)).passages).toEqual([]);
    });

    it('finds nothing in an empty base, and what is empty is no trouble', async () => {
      const { project, open } = workspace(kind, { 'empty.md': '' });
      const base = open();
      expect((await base.search('zebra')).passages).toEqual([]);
      expect((await base.index([project])).vectors?.problem ?? null).toBeNull();
      expect((await base.search('zebra')).passages).toEqual([]);
    });

    it('goes on where an interrupted run stopped', async () => {
      const files = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`${i}.md`, `# File ${i}\n\nZebra ${i}.`]));
      const { project, open } = workspace(kind, files);
      const base = open();
      const stop = new AbortController();
      const wanted = kind.store === null ? 'files' : 'vectors';
      const stopped = base.index([project], {
        signal: stop.signal,
        onProgress: ({ phase }) => phase === wanted && stop.abort(new Error('enough')),
      });
      await expect(stopped).rejects.toThrow('enough');
      const rest = await base.index([project]);
      expect(rest.vectors?.problem ?? null).toBeNull();
      expect(base.stats().chunks).toBe(40);
      const { passages, engine } = await base.search('zebra 7', { limit: 100 });
      expect(passages.length).toBeGreaterThanOrEqual(40);
      expect(engine).toBe(kind.engine);
      expect((await base.index([project])).vectors?.embedded ?? 0).toBe(0);
    });

    it('is seen by another handle, also after this one was closed', async () => {
      const { project, open } = workspace(kind, ZOO);
      const [writer, reader] = [open(), open()];
      await writer.index([project]);
      await writer.close();
      const found = await reader.search('striped zebra');
      expect(found.passages[0]?.id).toBe('project/animals.md:5');
      expect(found.engine).toBe(kind.engine);
      await expect(writer.search('zebra')).rejects.toMatchObject({ code: 'closed' });
      await expect(writer.index([project])).rejects.toMatchObject({ code: 'closed' });
    });

    it('stops searching when told to', async () => {
      const { project, open } = workspace(kind, ZOO);
      const base = open();
      await base.index([project]);
      await expect(base.search('zebra', { signal: AbortSignal.abort(new Error('no more')) })).rejects.toThrow(
        'no more',
      );
    });
  });
}
