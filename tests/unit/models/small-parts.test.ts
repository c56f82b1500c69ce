import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { languageModel } from '../../../cli/doctor-model.ts';
import { readSettings } from '../../../config/settings.ts';
import { catalogue } from '../../../gguf-models/catalogue.ts';
import { modelPath } from '../../../gguf-models/files.ts';
import { readGgufInfo } from '../../../gguf-models/gguf.ts';
import { createLoadGuard } from '../../../gguf-models/load-guard.ts';
import { contextThatFits, memoryOf } from '../../../gguf-models/memory.ts';
import { engineKind } from '../../../services/adapters/engine-kind.ts';
import { findOllama, ollamaOrigin } from '../../../services/adapters/ollama.ts';
import { writeTinyModel } from '../../support/tiny-gguf.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-parts-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('which engine the settings mean', () => {
  const both = { LLM_MODEL_PATH: 'a.gguf', OPENAI_BASE_URL: 'http://127.0.0.1:1/v1' };
  test.each([
    [{ LLM_ENGINE: 'auto' }, 'extractive'],
    [{ LLM_ENGINE: 'auto', OPENAI_BASE_URL: both.OPENAI_BASE_URL }, 'openai'],
    [{ LLM_ENGINE: 'auto', ...both }, 'llama'],
    [{ LLM_ENGINE: 'openai', ...both }, 'openai'],
    [{ LLM_ENGINE: 'extractive', ...both }, 'extractive'],
    [{ LLM_ENGINE: 'ollama' }, 'ollama'],
  ] as const)('%j: %s', (settings, kind) => {
    expect(engineKind(settings)).toBe(kind);
  });
});

describe('what a setting that names a model means', () => {
  test('a path, or a file in the models folder with or without its ending', () => {
    const places = { root: join(folder, 'root'), home: join(folder, 'home') };
    mkdirSync(join(places.root, 'sub'), { recursive: true });
    mkdirSync(join(places.home, 'models'), { recursive: true });
    writeFileSync(join(places.root, 'sub', 'a.gguf'), 'x');
    writeFileSync(join(places.home, 'models', 'b.gguf'), 'x');
    expect(modelPath('/abs/c.gguf', places)).toBe('/abs/c.gguf');
    expect(modelPath('sub/a.gguf', places)).toBe(join(places.root, 'sub', 'a.gguf'));
    expect(modelPath('b.gguf', places)).toBe(join(places.home, 'models', 'b.gguf'));
    expect(modelPath('b', places)).toBe(join(places.home, 'models', 'b.gguf'));
    expect(modelPath('nowhere.gguf', places)).toBe(join(places.home, 'models', 'nowhere.gguf'));
  });
});

describe('memory', () => {
  test('grows with contexts and their size, and the context that fits is the largest that does', async () => {
    const info = await readGgufInfo(writeTinyModel(join(folder, 'tiny.gguf')));
    const shape = { contextSize: 4096, contexts: 2, batchSize: 512 };
    const memory = memoryOf(info, shape);
    // Two layers, four heads of 16, a key and a value of two bytes each.
    expect(memory.cache).toBe(4096 * 2 * 2 * 4 * 32 * 2);
    expect(memoryOf(info, { ...shape, contexts: 4 }).cache).toBe(memory.cache * 2);
    const limit = memory.total + 1_000_000;
    const contextSize = contextThatFits(info, shape, limit);
    expect(memoryOf(info, { ...shape, contextSize }).total).toBeLessThanOrEqual(limit);
    expect(memoryOf(info, { ...shape, contextSize: contextSize + 1 }).total).toBeGreaterThan(limit);
    expect(contextThatFits(info, shape, 1000)).toBe(0);
  });
});

describe('a model that ends the process while it loads', () => {
  test('is left alone after three times, and tried again when the file is another one', () => {
    const note = join(folder, 'guard', 'note.json');
    const model = join(folder, 'deadly.gguf');
    writeFileSync(model, 'x');
    const begin = (): void => createLoadGuard(note).begin(model, '8192x2');
    begin();
    begin();
    begin();
    expect(begin).toThrow(/ended the process 3 times/);
    expect(() => createLoadGuard(note).begin(model, '1024x1')).not.toThrow();
    begin();
    begin();
    begin();
    expect(begin).toThrow(expect.objectContaining({ code: 'model_crashes' }));
    writeFileSync(model, 'another');
    expect(begin).not.toThrow();
  });

  test('a load that ended well counts for nothing, nor does a damaged note', () => {
    const note = join(folder, 'guard', 'other.json');
    const guard = createLoadGuard(note);
    for (let i = 0; i < 10; i += 1) {
      guard.begin('/nowhere.gguf', 'x');
      guard.end();
    }
    writeFileSync(note, '{"subject":');
    expect(() => guard.begin('/nowhere.gguf', 'x')).not.toThrow();
    expect(JSON.parse(readFileSync(note, 'utf8'))).toMatchObject({ begun: 1 });
  });
});

describe('Ollama', () => {
  test.each([
    [undefined, 'http://127.0.0.1:11434'],
    ['', 'http://127.0.0.1:11434'],
    ['0.0.0.0', 'http://127.0.0.1:11434'],
    ['box:1234', 'http://box:1234'],
    ['box', 'http://box:11434'],
    ['http://box', 'http://box'],
    ['https://box/', 'https://box'],
    ['http://box:99/x', 'http://box:99'],
    ['http://', null],
  ])('OLLAMA_HOST=%s is %s', (host, origin) => {
    expect(ollamaOrigin(host)).toBe(origin);
  });

  test('is found by what it lists; nobody there, or somebody else, is none', async () => {
    let body = JSON.stringify({ models: [{ name: 'qwen', size: 5, details: { quantization_level: 'Q4_0' } }] });
    const server = createServer((_request, response) => response.end(body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await findOllama(host)).toEqual({
      ...{ baseUrl: `http://${host}/v1`, models: [{ name: 'qwen', bytes: 5, quantisation: 'Q4_0' }] },
    });
    body = '<html>';
    expect(await findOllama(host)).toBeNull();
    await new Promise((resolve) => server.close(resolve));
    expect(await findOllama(host)).toBeNull();
  });

  test('what it has not is said by the doctor, with what to do', async () => {
    let models: object[] = [{ name: 'nomic-embed-text:latest' }, { name: 'qwen:3b' }, { name: 'phi:latest' }];
    const server = createServer((request, response) =>
      request.url === '/api/tags' ? response.end(JSON.stringify({ models })) : response.writeHead(404).end(),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const said = async (model?: string): Promise<string> => {
      const named = model === undefined ? {} : { OPENAI_MODEL: model };
      const { status, text } = await languageModel(readSettings({ LLM_ENGINE: 'ollama', OLLAMA_HOST: host, ...named }));
      return `${status}: ${text}`;
    };
    expect(await said('qwen:3b')).toBe(`ok: Ollama at ${host}, qwen:3b`);
    expect(await said('phi')).toBe(`ok: Ollama at ${host}, phi`);
    expect(await said()).toBe(`ok: Ollama at ${host}, its first chat model`);
    expect(await said('qwen9')).toBe(
      `warn: the Ollama at ${host} has no qwen9: \`ollama pull qwen9\`, or set OPENAI_MODEL to qwen:3b, phi:latest`,
    );
    models = [];
    expect(await said('phi')).toContain('`ollama pull phi`');
    await new Promise((resolve) => server.close(resolve));
    expect(await said('phi')).toContain('start it');
  });
});

test('the catalogue: distinct names, https, GGUF', () => {
  expect(new Set(catalogue.map(({ name }) => name)).size).toBe(catalogue.length);
  for (const { url, bytes } of catalogue) {
    expect(url).toMatch(/^https:\/\/.*\.gguf$/);
    expect(bytes).toBeGreaterThan(1e6);
  }
});
