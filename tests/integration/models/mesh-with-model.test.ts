/** A mesh of real processes whose llm service runs a real model in llama.cpp. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { livingServices } from '../../../registry/registry.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { type Mesh, useMesh } from '../../support/mesh.ts';
import { brokenModel, writeTinyModel } from '../../support/tiny-gguf.ts';
import { TokenWatch } from '../../support/token-watch.ts';

const folder = mkdtempSync(join(tmpdir(), 'mesh-models-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const model = writeTinyModel(join(folder, 'tiny.gguf'), { name: 'tiny-one' });
/** Never ends by itself: what stops it is the test. */
const endless = writeTinyModel(join(folder, 'endless.gguf'), { name: 'endless', endBias: -60 });
const TASK_MS = 90_000;
const build = { prompt: 'Write a debounce function in TypeScript', workflow: 'build' };

const settings = {
  LLM_MODEL_PATH: model,
  LLM_THREADS: '1',
  LLM_CONTEXT_SIZE: '8192',
  LLM_MAX_TOKENS: '120',
  LLM_SEED: '3',
};

async function llmBeat(mesh: Mesh) {
  return (await livingServices(mesh.bus)).find(({ service }) => service === 'llm');
}

/** Starts the llm service anew with other settings; resolves when it is ready. */
async function restart(mesh: Mesh, env: Record<string, string>): Promise<void> {
  const llm = mesh.service('llm');
  llm.configure(env);
  await llm.kill('SIGTERM');
  await llm.ready();
}

describe('a mesh with a model', () => {
  const running = useMesh('model', { env: settings });

  test('a build task is written and reviewed by it, and its text is seen as it appears', async () => {
    const mesh = running();
    const id = newCorrelationId();
    const tokens = new TokenWatch(mesh.bus, id);
    await mesh.submit(build, id);
    const { name, result } = await mesh.watch.result(id, TASK_MS);
    expect(name).toBe('task.completed');
    expect(['accepted', 'exhausted']).toContain(result.outcome);
    const hops = (role: string) => result.hops.filter((hop) => hop.role === role);
    expect(new Set(hops('coder').map(({ engine }) => engine))).toEqual(new Set(['llama:tiny-one']));
    // A verdict that was cut is none, and then the model is not among those who checked.
    for (const { engine, summary } of hops('reviewer'))
      expect(`${engine} ${summary}`).toMatch(/llama:tiny-one|static checks only/);
    const runs = tokens.runs();
    expect(runs).toHaveLength(hops('coder').length + hops('reviewer').length);
    for (const run of runs) expect(run[0]?.number).toBe(1);
  });

  test('what the service runs is in the registry, and at its start in one line of its log', async () => {
    const mesh = running();
    const capacity = async () => (await llmBeat(mesh))?.capacity;
    const idle = { freeSlots: 2, queueDepth: 0, tokensPerSecond: expect.any(Number) };
    await expect.poll(capacity, { timeout: 90_000 }).toMatchObject(idle);
    const beat = await llmBeat(mesh);
    expect(beat?.capabilities).toEqual(expect.arrayContaining(['engine:llama', 'model:tiny-one']));
    expect(beat?.capacity?.memoryMb).toBeLessThan(beat?.capacity?.memoryLimitMb ?? 0);
    const line = await mesh.service('llm').line(({ msg }) => msg === 'model loaded', 1000, 'its model');
    expect(line).toMatchObject({ model: 'tiny-one', contextSize: 8192, seed: 3, threads: 1, parallel: 2 });
  });

  test('S6: killed in the middle of a generation, the task finishes, once', async () => {
    const mesh = running();
    const id = newCorrelationId();
    const tokens = new TokenWatch(mesh.bus, id);
    await mesh.submit(build, id);
    await tokens.atLeast(5);
    await mesh.service('llm').kill('SIGKILL');
    const { name, result } = await mesh.watch.result(id, TASK_MS);
    expect(name).toBe('task.completed');
    expect(mesh.watch.terminal(id)).toHaveLength(1);
    expect(result.hops.every(({ status }) => status === 'completed')).toBe(true);
    // The text of the second attempt is numbered anew and says that it is one.
    expect(tokens.pieces.some(({ attempt, number }) => attempt === 2 && number === 1)).toBe(true);
  });

  test('a cancel stops the generation, and the next task has its place', async () => {
    const mesh = running();
    await restart(mesh, { LLM_MODEL_PATH: endless, LLM_MAX_TOKENS: '2000', LLM_PARALLEL: '1' });
    const id = newCorrelationId();
    const tokens = new TokenWatch(mesh.bus, id);
    await mesh.submit(build, id);
    await tokens.atLeast(5);
    await mesh.say('task.cancel.requested', id, { reason: 'enough' });
    expect((await mesh.watch.result(id, TASK_MS)).name).toBe('task.cancelled');
    await expect.poll(async () => (await llmBeat(mesh))?.capacity?.freeSlots, { timeout: 90_000 }).toBe(1);
    const seen = tokens.pieces.length;
    const next = newCorrelationId();
    const others = new TokenWatch(mesh.bus, next);
    await mesh.submit({ prompt: 'Hello', workflow: 'direct' }, next);
    await others.atLeast(3);
    expect(tokens.pieces.length).toBe(seen);
    await mesh.say('task.cancel.requested', next, { reason: 'seen' });
    expect((await mesh.watch.result(next, TASK_MS)).name).toBe('task.cancelled');
  });

  test.each([
    ['missing', () => join(folder, 'nowhere.gguf'), 'mesh models pull'],
    ['truncated', () => brokenModel.truncated(join(folder, 'truncated.gguf')), 'fetch the model again'],
    ['corrupt', () => brokenModel.corrupt(join(folder, 'corrupt.gguf')), 'llama.cpp refuses'],
  ])('a %s model: the embedded engine does the work, and task and registry say why', async (_what, make, why) => {
    const mesh = running();
    await restart(mesh, { LLM_MODEL_PATH: make(), LLM_MAX_TOKENS: '120' });
    const id = await mesh.submit({ prompt: 'How does a task survive a crash?', workflow: 'answer' });
    const { name, result } = await mesh.watch.result(id, TASK_MS);
    expect(name).toBe('task.completed');
    const written = result.hops.find(({ role }) => role === 'responder');
    expect(written?.engine).toBe('extractive (fallback)');
    expect(written?.summary).toContain(why);
    await expect.poll(async () => (await llmBeat(mesh))?.problems?.join() ?? '', { timeout: 90_000 }).toContain(why);
  });
});
