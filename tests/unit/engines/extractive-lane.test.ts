/** Large texts are read by a worker: the host goes on meanwhile. */
import { afterAll, expect, test } from 'vitest';
import { closeEmbeddedEngine, createEmbeddedEngine } from '../../../actors/roles/llm/engines/extractive-lane.ts';
import { cpuMs } from '../../support/cpu-time.ts';
import { asking } from './asking.ts';

afterAll(closeEmbeddedEngine);

const { signal } = new AbortController();

test.each([
  ['small', '# a\n'],
  ['large', '# a\n'.repeat(60_000)],
])('a %s prompt gets the same answer', async (_size, prompt) => {
  const told: string[] = [];
  const input = { prompt, passages: [] };
  const output = await createEmbeddedEngine().generate(asking('answer', input), {
    signal,
    onText: (piece) => void told.push(piece),
  });
  expect(output).toMatchObject({ engine: 'extractive', degraded: { reason: 'no_model' } });
  expect(told).toEqual([output.answer?.text]);
});

test('a host is not held up by forty prompts of 240 KB', async () => {
  const engine = createEmbeddedEngine();
  let longestMs = 0;
  let lastMs = cpuMs();
  const pulse = setInterval(() => {
    longestMs = Math.max(longestMs, cpuMs() - lastMs);
    lastMs = cpuMs();
  }, 10);
  const made = await Promise.all(
    Array.from({ length: 40 }, (_, n) =>
      engine.generate(asking('code', { prompt: `${n} ${'# a\n'.repeat(60_000)}` }), { signal, task: `${n}` }),
    ),
  );
  clearInterval(pulse);
  expect(made.every(({ code }) => code !== undefined)).toBe(true);
  expect(longestMs).toBeLessThan(1500);
});
