/** What the agents service says of its knowledge base, and what the retriever's hop says when a part of it fails. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { readSettings } from '../../../config/settings.ts';
import { createBreakers } from '../../../resilience/breakers.ts';
import { knowledgePart } from '../../../services/adapters/knowledge.ts';
import { writeTinyModel } from '../../support/tiny-gguf.ts';

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function part(env: (folder: string) => Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-part-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'zebra.md'), '# Zebra\n\nStriped.\n');
  const warn = vi.fn();
  const info = vi.fn();
  const log = { ...quiet, warn, info };
  const breakers = createBreakers(log, { failuresMax: 2 });
  const settings = readSettings({ MESH_HOME: join(folder, 'home'), ...env(folder) });
  const made = knowledgePart(settings, log, breakers);
  onTestFinished(async () => made.close?.());
  return { folder, part: made, breakers, warn, info };
}

describe('the registry', () => {
  it('is told of the words alone', () => {
    const { part: made } = part(() => ({}));
    expect(made.status()).toMatchObject({ capabilities: ['store:sqlite', 'embedder:lexical'], problems: [] });
  });

  it('is told of a model, and that it does not work, before anybody searches', async () => {
    const { folder, part: made } = part((home) => ({ EMBEDDING_MODEL_PATH: join(home, 'tiny.gguf') }));
    expect(made.status().capabilities).toEqual(['store:sqlite', 'embedder:tiny']);
    await vi.waitFor(() => expect(made.status().problems).toHaveLength(1), 60_000);
    expect(made.status().problems?.[0]).toContain('there is no file');
    writeTinyModel(join(folder, 'tiny.gguf'), { kind: 'embedding' });
    await made.port().index([folder]);
    await made.port().search('zebra');
    expect(made.status().problems).toEqual([]);
  });

  it('is told of Chroma that is down, once, with its breaker beside it', async () => {
    const { folder, part: made, breakers, warn } = part(() => ({ CHROMA_URL: 'http://127.0.0.1:9' }));
    expect(made.status().capabilities).toEqual(['store:sqlite', 'store:chroma', 'embedder:hashed-words']);
    await made.port().index([folder]);
    for (let i = 0; i < 4; i += 1) expect((await made.port().search('zebra')).passages).toHaveLength(1);
    expect(made.status().problems).toEqual([
      'knowledge by words alone: Chroma at http://127.0.0.1:9 cannot be reached',
    ]);
    expect(breakers.states()).toMatchObject([{ name: 'knowledge:chroma', state: 'open' }]);
    const texts = warn.mock.calls.map(([, text]) => text);
    expect(texts.filter((text) => text === 'the knowledge base is searched by words alone')).toHaveLength(1);
  });
});
