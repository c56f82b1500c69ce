/** The llama engine with real models in llama.cpp: what it makes, how it is bounded, and every way it can fail. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  createLlamaEngine,
  type LlamaEngine,
  type LlamaEngineOptions,
} from '../../../actors/roles/llm/engines/llama/index.ts';
import type { EngineRequest } from '../../../actors/roles/llm/engines/port.ts';
import type { HopInput } from '../../../schemas/events/generated.ts';
import { brokenModel, writeTinyModel } from '../../support/tiny-gguf.ts';
import { asking } from '../../unit/engines/asking.ts';
import { passage } from '../../unit/engines/fixtures.ts';

const MIB = 1_048_576;
let folder = '';
let model = '';
const open: LlamaEngine[] = [];
const said: { level: string; message: string; fields: Record<string, unknown> }[] = [];
const note =
  (level: string) =>
  (fields: Record<string, unknown>, message: string): void =>
    void said.push({ level, message, fields });
const log = { debug: () => undefined, info: note('info'), warn: note('warn') };

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-engine-'));
  model = writeTinyModel(join(folder, 'tiny.gguf'), { name: 'Tiny One' });
});
afterEach(async () => {
  for (const engine of open.splice(0)) await engine.close();
  said.length = 0;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function engineOf(options: Partial<LlamaEngineOptions> = {}): LlamaEngine {
  const engine = createLlamaEngine({
    // More threads than free cores wait for each other at every token.
    ...{
      modelPath: model,
      contextSize: 4096,
      batchSize: 512,
      parallel: 2,
      threads: 1,
      queueMax: 4,
      memoryBytesMax: 1024 * MIB,
    },
    ...{ maxTokens: 48, temperature: 0.7, seed: 11, timeoutMs: 60_000, log },
    ...options,
  });
  open.push(engine);
  return engine;
}

const signal = new AbortController().signal;
const ask = (prompt: string, more: Partial<HopInput> = {}): EngineRequest => asking('answer', { prompt, ...more });
const code = { language: 'typescript', text: 'const a = 1;', attempt: 1, explanation: '', citations: [] };
/** Writes until it is stopped: the model never ends by itself. */
const endless = (): Partial<LlamaEngineOptions> => ({
  modelPath: writeTinyModel(join(folder, 'endless.gguf'), { endBias: -60 }),
  maxTokens: 3000,
});

describe('what it makes', () => {
  test('streams the text that the answer has, and names the model', async () => {
    const pieces: string[] = [];
    const engine = engineOf();
    const { answer, engine: name } = await engine.generate(ask('Why?'), { signal, onText: (p) => pieces.push(p) });
    expect(name).toBe('llama:Tiny-One');
    expect(pieces.length).toBeGreaterThan(3);
    // What was written, and then that it was cut, if it was.
    const [written] = (answer?.text ?? '').split('\n\n(The reply was cut');
    expect(pieces.join('').trim()).toBe(written);
    expect(engine.state()).toMatchObject({ kind: 'ready', model: 'Tiny-One', free: 2, waiting: 0 });
  });

  test('says at its load, in one line, with what it runs', async () => {
    await engineOf({ threads: 1 }).load();
    const lines = said.filter(({ message }) => message === 'model loaded');
    expect(lines).toHaveLength(1);
    expect(lines[0]?.fields).toMatchObject({
      ...{ model: 'Tiny-One', threads: 1, contextSize: 4096, batchSize: 512, parallel: 2, seed: 11, temperature: 0.7 },
    });
  });

  test('the same seed writes the same text, another seed another one', async () => {
    const write = async (seed: number) => (await engineOf({ seed }).generate(ask('Why?'), { signal })).answer?.text;
    const first = await write(5);
    expect(await write(5)).toBe(first);
    expect(await write(6)).not.toBe(first);
  });

  test('a review has the form of a verdict, whatever the model would rather write', async () => {
    const engine = engineOf({ maxTokens: 3000, contextSize: 8192 });
    const { review } = await engine.generate(asking('review', { prompt: 'a', code }), { signal });
    expect(['approved', 'changes_requested']).toContain(review?.verdict);
    expect(review?.checkedBy).toEqual(['llama:Tiny-One']);
    expect(review?.findings.some(({ rule }) => rule === 'model-remark')).toBe(false);
  });

  test('what was cut at the token limit before there was code says so', async () => {
    const engine = engineOf({ ...endless(), maxTokens: 20 });
    const made = engine.generate(asking('code', { prompt: 'Write f' }), { signal });
    await expect(made).rejects.toMatchObject({
      ...{ code: 'engine_no_answer', retryable: false },
      message: expect.stringContaining('cut at the token limit'),
    });
  });
});

describe('a tool by schema', () => {
  const clock = {
    ...{ name: 'clock', description: 'Tells the time.' },
    inputSchema: { type: 'object', properties: { zone: { enum: ['UTC', 'CET'] } }, required: ['zone'] },
  };
  const sum = {
    ...{ name: 'sum', description: 'Adds numbers.' },
    inputSchema: {
      type: 'object',
      properties: { numbers: { type: 'array', items: { type: 'integer' } }, note: { type: ['string', 'null'] } },
      required: ['numbers', 'note'],
    },
  };
  const choose = (engine: LlamaEngine, tools: EngineRequest['tools'] = []) =>
    engine.generate(asking('tool', { prompt: 'What time is it?' }, { tools }), { signal });

  test('is one that was offered, with arguments of its form, whatever the seed', async () => {
    const isValid = new Map(
      [clock, sum].map(({ name, inputSchema }) => [name, new Ajv2020({ allowUnionTypes: true }).compile(inputSchema)]),
    );
    const chosen: string[] = [];
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const { tool, summary } = await choose(engineOf({ seed, maxTokens: 400, temperature: 1.5 }), [clock, sum]);
      chosen.push(tool?.name ?? 'none');
      if (tool === undefined) expect(summary).toBe('No tool fits.');
      else expect(isValid.get(tool.name)?.(tool.arguments), JSON.stringify(tool)).toBe(true);
    }
    expect(chosen).toContain('clock');
    expect(chosen).toContain('sum');
  });

  test('of none is none', async () => {
    expect(await choose(engineOf(), [])).toEqual({ engine: 'llama:Tiny-One', summary: 'No tool fits.' });
  });
});

describe('what fits', () => {
  test('passages that do not fit are left out, the lowest first, and the summary says so', async () => {
    const passages = [1, 2, 3].map((score) => passage({ path: `p${score}.md`, text: 'x'.repeat(1500), score }));
    const { summary } = await engineOf().generate(ask('Why?', { passages }), { signal });
    expect(summary).toMatch(/[12] of the passages did not fit/);
  });

  test('what does not fit without any passage is refused, and says by how much', async () => {
    await expect(engineOf().generate(ask('q'.repeat(9000)), { signal })).rejects.toMatchObject({
      ...{ code: 'engine_prompt_too_large', retryable: false, message: expect.stringMatching(/needs \d+ tokens/) },
    });
  });

  test('the context is never larger than the model was trained for', async () => {
    const modelPath = writeTinyModel(join(folder, 'short.gguf'), { contextLength: 2048 });
    await engineOf({ modelPath }).load();
    expect(said.find(({ message }) => message === 'model loaded')?.fields.contextSize).toBe(2048);
  });
});

describe('bounds', () => {
  test('a cancel ends a generation at once, and its place is free again', async () => {
    const engine = engineOf({ ...endless(), parallel: 1 });
    const stop = new AbortController();
    const begun = Promise.withResolvers<void>();
    const generation = engine.generate(ask('Why?'), { signal: stop.signal, onText: () => begun.resolve() });
    await begun.promise;
    const reason = new Error('enough');
    const stoppedMs = performance.now();
    stop.abort(reason);
    await expect(generation).rejects.toBe(reason);
    expect(performance.now() - stoppedMs).toBeLessThan(30_000);
    expect(engine.state()).toMatchObject({ free: 1, waiting: 0 });
  });

  test('one more than may wait is refused as busy; those who wait come to their turn', async () => {
    const engine = engineOf({ ...endless(), parallel: 1, queueMax: 1 });
    const stop = new AbortController();
    const begun = Promise.withResolvers<void>();
    const first = engine.generate(ask('1'), { signal: stop.signal, onText: () => begun.resolve() });
    await begun.promise;
    const short = new AbortController();
    const second = engine.generate(ask('2'), { signal: short.signal, onText: () => short.abort(new Error('seen')) });
    await expect.poll(() => engine.state()).toMatchObject({ free: 0, waiting: 1 });
    await expect(engine.generate(ask('3'), { signal })).rejects.toMatchObject({ code: 'engine_busy', retryable: true });
    stop.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    await expect(second).rejects.toThrow('seen');
  });

  test('a cancel in the line leaves the line', async () => {
    const engine = engineOf({ ...endless(), parallel: 1 });
    const [one, two] = [new AbortController(), new AbortController()];
    const begun = Promise.withResolvers<void>();
    const first = engine.generate(ask('1'), { signal: one.signal, onText: () => begun.resolve() });
    await begun.promise;
    const second = engine.generate(ask('2'), { signal: two.signal });
    await expect.poll(() => engine.state()).toMatchObject({ waiting: 1 });
    two.abort(new Error('no longer'));
    await expect(second).rejects.toThrow('no longer');
    expect(engine.state()).toMatchObject({ free: 0, waiting: 0 });
    one.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
  });

  test('a generation that takes too long ends with the time-out', async () => {
    const engine = engineOf({ ...endless(), timeoutMs: 300 });
    await expect(engine.generate(ask('Why?'), { signal })).rejects.toMatchObject({
      ...{ code: 'engine_timeout', retryable: true, message: expect.stringContaining('0.3 s') },
    });
  });

  test('a model that needs more memory than it may is not loaded, and the advice works', async () => {
    const options = { contextSize: 8192, parallel: 2, memoryBytesMax: 104 * MIB } as const;
    const refused: unknown = await engineOf(options)
      .generate(ask('Why?'), { signal })
      .catch((e: unknown) => e);
    const contextSize = Number(/LLM_CONTEXT_SIZE=(\d+)/.exec(String(refused))?.[1]);
    expect(String(refused)).toContain('104 MiB are allowed');
    expect(contextSize).toBeGreaterThanOrEqual(512);
    const fitting = engineOf({ ...options, contextSize });
    await fitting.load();
    expect(fitting.state().kind).toBe('ready');
  });
});

describe('a model that cannot be used is one line that says what to do', () => {
  test.each([
    ['missing', () => join(folder, 'nowhere.gguf'), 'mesh models pull'],
    ['empty', () => brokenModel.empty(join(folder, 'empty.gguf')), 'is empty'],
    ['foreign', () => brokenModel.foreign(join(folder, 'foreign.gguf')), 'not a GGUF model'],
    ['truncated', () => brokenModel.truncated(join(folder, 'truncated.gguf')), 'fetch the model again'],
    ['corrupt', () => brokenModel.corrupt(join(folder, 'corrupt.gguf')), 'llama.cpp refuses'],
    [
      'an embedding model',
      () => writeTinyModel(join(folder, 'embed.gguf'), { kind: 'embedding' }),
      'EMBEDDING_MODEL_PATH',
    ],
  ])('%s', async (_what, make, advice) => {
    const engine = engineOf({ modelPath: make() });
    const error: unknown = await engine.generate(ask('Why?'), { signal }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'engine_no_model', retryable: false });
    expect(String(error)).toContain(advice);
    expect(String(error)).not.toContain('\n');
    expect(engine.state()).toEqual({ kind: 'failed', reason: expect.stringContaining('LLM_MODEL_PATH') });
  });

  test('whoever fetches the model meanwhile need not restart anything', async () => {
    const modelPath = join(folder, 'later.gguf');
    const engine = engineOf({ modelPath, reloadAfterMs: 0 });
    await expect(engine.generate(ask('Why?'), { signal })).rejects.toMatchObject({ code: 'engine_no_model' });
    writeTinyModel(modelPath);
    expect((await engine.generate(ask('Why?'), { signal })).answer?.text).not.toBe('');
  });
});
