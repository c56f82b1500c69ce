/** Every knowledge base keeps the same promises: on SQLite alone, with a model, and with a real Chroma server. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { ggufEmbedder } from '../../../knowledge/gguf-embedder.ts';
import { openKnowledgeBase } from '../../../knowledge/knowledge-base.ts';
import { type ChromaServer, startChromaServer } from '../../support/chroma-server.ts';
import { writeTinyModel } from '../../support/tiny-gguf.ts';
import { storeContract } from './contract.ts';

const log = { debug: () => undefined, warn: () => undefined };
const folder = mkdtempSync(join(tmpdir(), 'mesh-embedder-'));
const model = join(folder, 'tiny.gguf');
let server: ChromaServer;

beforeAll(async () => {
  writeTinyModel(model, { kind: 'embedding' });
  server = await startChromaServer();
});
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

storeContract({
  name: 'words alone',
  engine: 'sqlite-fts5',
  store: null,
  open: ({ database }) => openKnowledgeBase({ path: database, embedder: null, chroma: null }),
});

storeContract({
  name: 'an embedding model, vectors in SQLite',
  engine: 'sqlite-fts5+sqlite-vec',
  store: 'sqlite-vec',
  open: ({ database }) => openKnowledgeBase({ path: database, embedder: ggufEmbedder(model, log), chroma: null }),
});

storeContract({
  name: 'Chroma without a model',
  engine: 'sqlite-fts5+chroma',
  store: 'chroma',
  reset: () => server.clear(),
  open: ({ database, folder: source }) =>
    openKnowledgeBase({ path: database, embedder: null, chroma: { url: server.url, source } }),
});

storeContract({
  name: 'Chroma with an embedding model',
  engine: 'sqlite-fts5+chroma',
  store: 'chroma',
  reset: () => server.clear(),
  open: ({ database, folder: source }) =>
    openKnowledgeBase({
      path: database,
      embedder: ggufEmbedder(model, log),
      chroma: { url: server.url, source },
    }),
});
