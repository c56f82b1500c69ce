/** An index run that was interrupted while it made vectors: the search says that it sees only a part by meaning. */
import Database from 'better-sqlite3';
import { expect, it, onTestFinished } from 'vitest';
import { hashedEmbedder } from '../../../knowledge/hashed-embedder.ts';
import { openKnowledgeBase } from '../../../knowledge/knowledge-base.ts';
import { workspace } from './workspace.ts';

it('vectors that are not complete are said so, until they are', async () => {
  const { project, database } = workspace({ 'a.md': 'The zebra is striped.', 'b.md': 'The lion sleeps.' });
  const base = openKnowledgeBase({ path: database, embedder: hashedEmbedder(), chroma: null });
  onTestFinished(() => base.close());
  await base.index([project]);
  expect((await base.search('zebra')).problem).toBeNull();
  const beside = new Database(database);
  beside.exec('DELETE FROM vectors WHERE chunk_id = (SELECT min(chunk_id) FROM vectors)');
  beside.close();
  expect(await base.search('zebra')).toMatchObject({
    ...{
      engine: 'sqlite-fts5+sqlite-vec',
      problem: '1 of 2 passages have no vector yet; run `mesh index` to embed them',
    },
  });
  await base.index([project]);
  expect((await base.search('zebra')).problem).toBeNull();
});
