/** A whole mesh with Chroma: a task is answered while the server is there, while it is gone, and when it is back. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { projectRoot, readSettings } from '../../../config/settings.ts';
import { livingServices } from '../../../registry/registry.ts';
import { openKnowledge } from '../../../services/adapters/knowledge.ts';
import { type ChromaServer, startChromaServer } from '../../support/chroma-server.ts';
import { Mesh } from '../../support/mesh.ts';
import { answerPrompt } from '../../support/prompts.ts';

const LIMIT_MS = 60_000;
let chroma: ChromaServer;
let mesh: Mesh;

beforeAll(async () => {
  chroma = await startChromaServer();
  mesh = await Mesh.open('knowledge-chroma', { env: { CHROMA_URL: chroma.url, MESH_HOST_ID: hostname() } });
  const settings = readSettings({
    CHROMA_URL: chroma.url,
    MESH_HOME: mesh.home,
    MESH_KNOWLEDGE_PATH: join(mesh.home, 'knowledge.db'),
  });
  const base = openKnowledge(settings);
  await base.index([join(projectRoot, 'tests', 'fixtures', 'crash-knowledge')]);
  await base.close();
});
afterAll(async () => {
  await mesh?.close({ keepLogs: false });
  await chroma?.stop();
});

/** Runs a task and gives what its retriever's hop said. */
async function retrieved() {
  const id = await mesh.submit({ prompt: answerPrompt, workflow: 'answer' });
  const { name, result } = await mesh.watch.result(id, LIMIT_MS);
  expect(name).toBe('task.completed');
  expect(result.hops?.map(({ role }) => role)).toEqual(['retriever', 'responder']);
  expect(result.citations?.[0]).toMatchObject({ path: expect.stringContaining('leases.md') });
  const hop = result.hops?.[0];
  return { engine: hop?.engine, summary: hop?.summary };
}

/** What the agents service says of itself, once it says what is waited for. */
async function registry(fits: (beat: { problems: string; breaker: string | undefined }) => boolean) {
  const deadline = Date.now() + LIMIT_MS;
  for (;;) {
    const agents = (await livingServices(mesh.bus)).find(({ service }) => service === 'agents');
    const breaker = agents?.breakers?.find(({ name }) => name === 'knowledge:chroma')?.state;
    const seen = { capabilities: agents?.capabilities ?? [], problems: agents?.problems?.join() ?? '', breaker };
    if (fits(seen)) return seen;
    if (Date.now() > deadline) throw new Error(`the registry still says ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

describe('a mesh with Chroma', () => {
  test('asks it, does without it, and asks it again', async () => {
    expect(await retrieved()).toMatchObject({
      engine: 'sqlite-fts5+chroma',
      summary: expect.not.stringContaining('alone'),
    });
    const { capabilities } = await registry(({ breaker }) => breaker === 'closed');
    expect(capabilities).toEqual(expect.arrayContaining(['store:sqlite', 'store:chroma', 'embedder:hashed-words']));

    await chroma.kill();
    expect(await retrieved()).toMatchObject({
      engine: 'sqlite-fts5',
      summary: expect.stringMatching(/by words alone: Chroma at .* cannot be reached/),
    });
    await registry(({ problems }) => problems.includes('cannot be reached'));
    for (let i = 0; i < 4; i += 1) await retrieved();
    await registry(({ breaker }) => breaker === 'open');

    await chroma.start();
    const deadline = Date.now() + LIMIT_MS;
    while ((await retrieved()).engine !== 'sqlite-fts5+chroma') expect(Date.now()).toBeLessThan(deadline);
    await registry(({ problems, breaker }) => problems === '' && breaker === 'closed');
  });
});
