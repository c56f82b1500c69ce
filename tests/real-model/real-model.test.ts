/**
 * A real model, small and real: what it writes is not judged, but that it writes, streams, is cancelled and killed in the
 * middle, by llama.cpp in this process, in the llm service, and behind llama.cpp's own HTTP server.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createLlamaEngine, type LlamaEngine } from '../../actors/roles/llm/engines/llama/index.ts';
import { createOpenAiEngine } from '../../actors/roles/llm/engines/openai.ts';
import type { EngineRequest, LlmEngine } from '../../actors/roles/llm/engines/port.ts';
import { ggufEmbedder } from '../../knowledge/gguf-embedder.ts';
import { useMesh } from '../support/mesh.ts';
import { TokenWatch } from '../support/token-watch.ts';
import { asking } from '../unit/engines/asking.ts';
import { passage } from '../unit/engines/fixtures.ts';
import { type LlamaServer, minilm, smollm, startLlamaServer } from './models.ts';

const MIB = 1_048_576;
const TASK_MS = 300_000;
const signal = new AbortController().signal;
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined };
const ask = (prompt: string): EngineRequest => asking('answer', { prompt });
const ADD = { language: 'typescript', text: 'export const add = (a: number, b: number): number => a - b;', attempt: 1 };
const review = asking('review', { prompt: 'Write add(a, b)', code: { ...ADD, explanation: '', citations: [] } });

interface Timed {
  readonly text: string;
  readonly pieces: number;
  readonly firstMs: number;
  readonly allMs: number;
}

/** One generation with its times, which the run prints for docs/models.md. */
async function timed(what: string, engine: LlmEngine, request: EngineRequest): Promise<Timed> {
  const begunMs = performance.now();
  let firstMs = 0;
  let pieces = 0;
  const output = await engine.generate(request, {
    signal,
    onText: () => {
      pieces += 1;
      firstMs ||= performance.now() - begunMs;
    },
  });
  const allMs = performance.now() - begunMs;
  process.stdout.write(
    `measured: ${engine.name.split('/').at(-1)}, ${what}: ${Math.round(firstMs)} ms, ${Math.round(allMs)} ms\n`,
  );
  const text = output.answer?.text ?? output.code?.text ?? output.review?.summary ?? output.tool?.name ?? '';
  return { text, pieces, firstMs, allMs };
}

/** Cancelled after its first piece. */
async function cancelled(engine: LlmEngine): Promise<number> {
  const stop = new AbortController();
  const begun = Promise.withResolvers<void>();
  const work = engine.generate(ask('Tell a long story about the sea.'), {
    signal: stop.signal,
    onText: () => begun.resolve(),
  });
  await Promise.race([begun.promise, work]);
  const stoppedMs = performance.now();
  const reason = new Error('enough');
  stop.abort(reason);
  await expect(work).rejects.toBe(reason);
  return performance.now() - stoppedMs;
}

describe('llama.cpp in this process', () => {
  const engines: LlamaEngine[] = [];
  const engine = (): LlamaEngine => {
    const made = createLlamaEngine({
      ...{ modelPath: smollm(), contextSize: 2048, batchSize: 256, parallel: 1, threads: 1, queueMax: 4 },
      ...{ memoryBytesMax: 2048 * MIB, maxTokens: 96, temperature: 0, seed: 1, timeoutMs: 240_000, log },
    });
    engines.push(made);
    return made;
  };
  afterEach(async () => {
    for (const one of engines.splice(0)) await one.close();
  });

  test('writes and streams', async () => {
    const { text, pieces } = await timed('a question of a line', engine(), ask('What is the capital of France?'));
    expect(text).toMatch(/Paris/);
    expect(pieces).toBeGreaterThan(3);
  });

  test('reads passages as far as they fit, and says what was left out', async () => {
    const passages = Array.from({ length: 6 }, (_, at) =>
      passage({ path: `p${at}.md`, text: 'The tide comes twice a day, and the moon draws it. '.repeat(24), score: at }),
    );
    const request = asking('answer', { prompt: 'What draws the tide?', passages });
    const { summary } = await engine().generate(request, { signal });
    expect(summary).toMatch(/of the passages did not fit/);
  });

  test('its review has the form of one', async () => {
    const output = await engine().generate(review, { signal });
    expect(['approved', 'changes_requested']).toContain(output.review?.verdict);
  });

  test('is cancelled within a token', async () => {
    expect(await cancelled(engine())).toBeLessThan(10_000);
  });
});

describe('llama.cpp’s own server', () => {
  let server: LlamaServer | null = null;
  beforeAll(async () => {
    server = await startLlamaServer(2048);
  });
  afterAll(async () => server?.kill());
  const engine = (): LlmEngine =>
    createOpenAiEngine({ baseUrl: server?.baseUrl ?? '', maxTokens: 96, temperature: 0, timeoutMs: 240_000 });

  test('its model is found, writes and streams', async () => {
    const { text, pieces } = await timed('a question of a line', engine(), ask('What is the capital of France?'));
    expect(text).toMatch(/Paris/);
    expect(pieces).toBeGreaterThan(3);
  });

  test('a prompt is fitted to the context that the server tells', async () => {
    const passages = Array.from({ length: 8 }, (_, at) =>
      passage({ path: `p${at}.md`, text: 'The tide comes twice a day, and the moon draws it. '.repeat(24), score: at }),
    );
    const request = asking('answer', { prompt: 'What draws the tide?', passages });
    const notes: string[] = [];
    const output = await engine().generate(request, { signal, heartbeat: (note) => notes.push(note) });
    expect(output.summary).toMatch(/of the passages did not fit/);
    expect(notes.filter((note) => note.startsWith('asking anew'))).toEqual([]);
  });

  test('a verdict is held to its schema by the server', async () => {
    const output = await engine().generate(review, { signal });
    expect(output.review?.findings.some(({ rule }) => rule === 'model-remark')).toBe(false);
    expect(['approved', 'changes_requested']).toContain(output.review?.verdict);
  });

  test('is cancelled', async () => {
    expect(await cancelled(engine())).toBeLessThan(10_000);
  });

  test('killed in the middle, it is told as that', async () => {
    const mortal = await startLlamaServer(2048);
    const doomed = createOpenAiEngine({ baseUrl: mortal.baseUrl, maxTokens: 400, temperature: 0 });
    const begun = Promise.withResolvers<void>();
    const work = doomed.generate(ask('Tell a long story about the sea.'), { signal, onText: () => begun.resolve() });
    const ended = work.catch((error: unknown) => error);
    await Promise.race([begun.promise, ended]);
    await mortal.kill();
    expect(await ended).toMatchObject({ code: 'engine_stream_cut' });
  });
});

describe('a mesh with it', () => {
  const running = useMesh('real-model', {
    env: { LLM_MODEL_PATH: smollm(), LLM_THREADS: '1', LLM_CONTEXT_SIZE: '2048', LLM_MAX_TOKENS: '64', LLM_SEED: '1' },
  });

  test('a task whose llm service is killed in the middle of a generation is answered by the model all the same', async () => {
    const mesh = running();
    const prompt = 'Tell a long story about the sea.';
    const id = await mesh.submit({ prompt, workflow: 'direct' });
    const tokens = new TokenWatch(mesh.bus, id);
    await expect.poll(() => tokens.runs().length, { timeout: TASK_MS }).toBeGreaterThan(0);
    await mesh.service('llm').kill('SIGKILL');
    const { name, result } = await mesh.watch.result(id, TASK_MS);
    expect(name).toBe('task.completed');
    expect(result.hops.at(-1)?.engine).toMatch(/^llama:/);
  });
});

describe('the model that embeds', () => {
  test('knows what is meant, without a word in common', async () => {
    const embedder = ggufEmbedder(minilm, log);
    try {
      const [question, near, far] = await embedder.embed(
        ['How do I reset my password?', 'Steps to change a forgotten login secret', 'Bananas are yellow'],
        'passage',
      );
      const like = (other: Float32Array | undefined): number =>
        (question ?? new Float32Array()).reduce((sum, value, at) => sum + value * (other?.[at] ?? 0), 0);
      expect(like(near)).toBeGreaterThan(like(far) + 0.3);
    } finally {
      await embedder.close();
    }
  });
});
