/**
 * The native library with the small models of the tests: what other tests rest on.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadLlama, threadsFor } from '../../../gguf-models/llama.ts';
import { brokenModel, writeTinyModel } from '../../support/tiny-gguf.ts';

const LOAD_MS = 60_000;
let folder = '';
const said: string[] = [];
const log = {
  debug: () => undefined,
  warn: (_fields: Record<string, unknown>, message: string) => void said.push(message),
};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-llama-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('never more threads than cores', () => {
  expect(threadsFor(undefined)).toBe(Math.min(8, availableParallelism()));
  expect(threadsFor(1000)).toBe(availableParallelism());
  expect(threadsFor(1)).toBe(1);
});

test('one library for the whole process', { timeout: LOAD_MS }, async () => {
  const [first, second] = await Promise.all([loadLlama({ log }), loadLlama({ log, threads: 1 })]);
  expect(first).toBe(second);
  expect(first.maxThreads).toBe(threadsFor(undefined));
});

test.each(['f32', 'f16'] as const)(
  'a small model (%s) writes printable text',
  { timeout: LOAD_MS },
  async (numbers) => {
    const llama = await loadLlama({ log });
    const model = await llama.loadModel({ modelPath: writeTinyModel(join(folder, `${numbers}.gguf`), { numbers }) });
    const context = await model.createContext({ contextSize: 512, threads: 1 });
    const { LlamaChat } = await import('node-llama-cpp');
    const chat = new LlamaChat({ contextSequence: context.getSequence() });
    const history = [
      { type: 'user' as const, text: 'Grüße, Welt' },
      { type: 'model' as const, response: [] },
    ];
    const { response } = await chat.generateResponse(history, { maxTokens: 40, temperature: 0.8, seed: 7 });
    expect(response).toMatch(/^[\x20-\x7e\n]{10,}$/);
    await model.dispose();
  },
);

test('a small embedding model gives vectors that differ by their text', { timeout: LOAD_MS }, async () => {
  const llama = await loadLlama({ log });
  const path = writeTinyModel(join(folder, 'embedding.gguf'), { kind: 'embedding' });
  const model = await llama.loadModel({ modelPath: path });
  const context = await model.createEmbeddingContext({ contextSize: 512, threads: 1 });
  const vectors = [];
  for (const text of ['the ledger', 'the ledgers', 'ZQXJKV 0815']) vectors.push(await context.getEmbeddingFor(text));
  const [ledger, ledgers, other] = vectors;
  if (!ledger || !ledgers || !other) throw new Error('three vectors were asked for');
  expect(ledger.vector).toHaveLength(64);
  const near = ledger.calculateCosineSimilarity(ledgers);
  expect(near).toBeLessThan(0.9999);
  expect(near).toBeGreaterThan(ledger.calculateCosineSimilarity(other));
  await model.dispose();
});

test('what only llama.cpp can see is refused by it, and it says why', { timeout: LOAD_MS }, async () => {
  const llama = await loadLlama({ log });
  const modelPath = brokenModel.corrupt(join(folder, 'corrupt.gguf'));
  await expect(llama.loadModel({ modelPath })).rejects.toThrow('Failed to load model');
  await expect.poll(() => said.join('\n'), { timeout: 90_000 }).toContain('wrong shape');
});
