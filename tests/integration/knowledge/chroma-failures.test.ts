/** A Chroma server that is killed, frozen, emptied or shared: the words answer meanwhile, and nothing stays wrong. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ChromaClient } from 'chromadb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashedEmbedder } from '../../../knowledge/hashed-embedder.ts';
import { type KnowledgeBase, openKnowledgeBase } from '../../../knowledge/knowledge-base.ts';
import { type Breakers, createBreakers } from '../../../resilience/breakers.ts';
import { type ChromaServer, startChromaServer } from '../../support/chroma-server.ts';
import { workspace, ZOO } from './contract.ts';

const HALF_OPEN_AFTER_MS = 300;
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
let server: ChromaServer;
let breakers: Breakers;

beforeEach(async () => {
  server = await startChromaServer();
  breakers = createBreakers(log, { failuresMax: 2, halfOpenAfterMs: HALF_OPEN_AFTER_MS });
});
afterEach(async () => {
  server.thaw();
  await server.stop();
});

function zoo(files: Readonly<Record<string, string>> = ZOO, source = 'this-machine', url = server.url) {
  return workspace(
    {
      name: 'Chroma',
      engine: 'sqlite-fts5+chroma',
      store: 'chroma',
      open: ({ database }) =>
        openKnowledgeBase({
          path: database,
          embedder: null,
          chroma: { url, source },
          guard: breakers.run.bind(breakers),
        }),
    },
    files,
  );
}

const breaker = () => breakers.states().find(({ name }) => name === 'knowledge:chroma');

/** Searches until the engine is the wanted one; a search is what lets a breaker try again. */
async function searchUntil(base: KnowledgeBase, engine: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const found = await base.search('striped zebra');
    expect(found.passages[0]?.id).toBe('project/animals.md:5');
    if (found.engine === engine) return;
    if (Date.now() > deadline) throw new Error(`still ${found.engine}: ${found.problem}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function storedPaths(): Promise<string[]> {
  const client = new ChromaClient({ host: '127.0.0.1', port: Number(new URL(server.url).port), ssl: false });
  const paths = new Set<string>();
  for (const collection of await client.listCollections()) {
    const { metadatas } = await collection.get({ include: ['metadatas'] });
    for (const metadata of metadatas) paths.add(String(metadata?.path));
  }
  return [...paths].sort();
}

it('another server at its address is named as what it is', async () => {
  const other = createServer((_request, response) => {
    response.writeHead(500, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: { message: 'no such model' } }));
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = other.address() as AddressInfo;
    const { project, open } = zoo(ZOO, 'this-machine', `http://127.0.0.1:${port}`);
    const base = open();
    await base.index([project]);
    const { problem } = await base.search('striped zebra');
    expect(problem).toBe(
      `Chroma at http://127.0.0.1:${port} refused in a form that is not Chroma’s: is it another server’s address?`,
    );
  } finally {
    await new Promise((resolve) => other.close(resolve));
  }
});

describe('Chroma goes away', () => {
  it('is answered for by the words, opens the breaker, and is used again when it is back', async () => {
    const { project, open } = zoo();
    const base = open();
    await base.index([project]);
    await searchUntil(base, 'sqlite-fts5+chroma');
    expect(breaker()).toMatchObject({ state: 'closed', failures: 0 });
    await server.kill();
    const found = await base.search('striped zebra');
    expect(found.passages[0]?.id).toBe('project/animals.md:5');
    expect(found.engine).toBe('sqlite-fts5');
    expect(found.problem).toContain(`Chroma at ${server.url} cannot be reached`);
    await base.search('striped zebra');
    expect(breaker()).toMatchObject({ state: 'open', failures: 2 });
    expect((await base.search('striped zebra')).problem).toMatch(/left alone after 2 failures/);
    await server.start();
    await searchUntil(base, 'sqlite-fts5+chroma');
    expect(breaker()).toMatchObject({ state: 'closed', failures: 0 });
  });

  it('is given up on in time when it hangs, and used again when it goes on', async () => {
    const { project, open } = zoo();
    const base = open();
    await base.index([project]);
    await searchUntil(base, 'sqlite-fts5+chroma');
    server.freeze();
    const found = await base.search('striped zebra');
    expect(found).toMatchObject({ engine: 'sqlite-fts5' });
    expect(found.problem).toContain('did not answer in time');
    expect(found.passages[0]?.id).toBe('project/animals.md:5');
    server.thaw();
    await searchUntil(base, 'sqlite-fts5+chroma');
  });

  it('stops a search that hangs in it when the caller stops', async () => {
    const { project, open } = zoo();
    const base = open();
    await base.index([project]);
    server.freeze();
    const stop = new AbortController();
    const search = base.search('striped zebra', { signal: stop.signal });
    stop.abort(new Error('no longer wanted'));
    await expect(search).rejects.toThrow('no longer wanted');
    expect(breaker()?.failures ?? 0).toBe(0);
  });

  it('misses nothing that was indexed, changed or deleted while it was down', async () => {
    const { project, write, remove, open } = zoo();
    const base = open();
    await base.index([project]);
    await server.kill();
    write('new.md', '# New\n\nA quagga.\n');
    remove('gate.ts');
    const down = await base.index([project]);
    expect(down).toMatchObject({ added: 1, removed: 1 });
    expect(down.vectors?.problem).toContain('cannot be reached');
    expect((await base.search('quagga')).passages[0]?.path).toBe('project/new.md');
    await server.start();
    const back = await base.index([project]);
    expect(back).toMatchObject({ added: 0, removed: 0, vectors: { embedded: 1, problem: null } });
    expect(await storedPaths()).toEqual(['project/animals.md', 'project/care.md', 'project/new.md']);
  });
});

describe('what lies on the server', () => {
  it('is completed after the server was killed in the middle of writing', async () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`${i}.md`, `# File ${i}\n\nZebra ${i}.`]));
    const { project, open } = zoo(many);
    const base = open();
    let killed: Promise<void> | undefined;
    const broken = await base.index([project], {
      onProgress: ({ phase, done }) => {
        if (phase === 'vectors' && done === 10) killed ??= server.kill();
      },
    });
    await killed;
    expect(broken).toMatchObject({ added: 30 });
    expect(broken.vectors?.problem).toContain('Chroma');
    await server.start();
    const { vectors } = await base.index([project]);
    expect(vectors?.problem).toBeNull();
    expect(vectors?.embedded).toBeGreaterThan(0);
    expect(vectors?.embedded).toBeLessThan(30);
    expect(await storedPaths()).toHaveLength(30);
    expect((await base.index([project])).vectors?.embedded).toBe(0);
  });

  it('is written again when somebody emptied it', async () => {
    const { project, open } = zoo();
    const base = open();
    await base.index([project]);
    await server.clear();
    expect((await base.search('striped zebra')).passages[0]?.id).toBe('project/animals.md:5');
    expect((await base.index([project])).vectors).toMatchObject({ embedded: 5, problem: null });
  });

  it('is shared: another machine finds it without an index of its own, and removes only what is its own', async () => {
    const first = zoo();
    await first.open().index([first.project]);
    const second = zoo({ 'other.md': '# Other\n\nA capybara.\n' }, 'another-machine');
    const base = second.open();
    const found = await base.search('striped zebra');
    expect(found).toMatchObject({ engine: 'sqlite-fts5+chroma', problem: null });
    expect(found.passages[0]).toMatchObject({ path: 'project/animals.md', startLine: 5, heading: 'Animals > Zebra' });
    await base.index([second.project]);
    const both = (await base.search('zebra capybara')).passages.map(({ path }) => path);
    expect(both.slice(0, 2).sort()).toEqual(['project/animals.md', 'project/other.md']);
    second.remove('other.md');
    await base.index([second.project]);
    expect(await storedPaths()).toEqual(['project/animals.md', 'project/care.md', 'project/gate.ts']);
  });

  it('moves to another collection with another model, and leaves nothing of its own behind', async () => {
    const { project, database, open } = zoo();
    await open().index([project]);
    const renamed = { ...hashedEmbedder(), name: 'another', space: async () => 'another-space' };
    const chroma = { url: server.url, source: 'this-machine' };
    const base = openKnowledgeBase({ path: database, embedder: renamed, chroma });
    expect((await base.index([project])).vectors).toMatchObject({ embedder: 'another', embedded: 5, problem: null });
    await base.close();
    const client = new ChromaClient({ host: '127.0.0.1', port: Number(new URL(server.url).port), ssl: false });
    const collections = await client.listCollections();
    expect(collections.map(({ metadata }) => metadata?.space)).toEqual(['another-space']);
  });
});
