/** A long reply is read by a worker: whatever a model writes, its host goes on (S8, S9). */
import { afterAll, describe, expect, test } from 'vitest';
import { closeReplyReaders, createThinkingFilter } from '../../../actors/roles/llm/engines/index.ts';
import { readCompletion } from '../../../actors/roles/llm/engines/reply-lane.ts';
import { EngineError } from '../../../prompting/engine-error.ts';
import { cpuMs } from '../../support/cpu-time.ts';
import { asking, type SkillName } from './asking.ts';

afterAll(closeReplyReaders);

const { signal } = new AbortController();
const LONG = 262_000;
const filled = (piece: string): string => piece.repeat(Math.ceil(LONG / piece.length)).slice(0, LONG);
const read = (skill: SkillName, text: string) => {
  const input = { prompt: 'Write a function.', passages: [] };
  const prompt = { passages: [], leftOut: 0 };
  return readCompletion(
    { request: asking(skill, input, { tools: [] }), prompt, completion: { text, cut: false }, engine: 'test' },
    { signal, task: 'one' },
  );
};

test('a long reply says the same as a short one', async () => {
  const code = (lines: number) => `<think>hm</think>\`\`\`ts\n${'export {};\n'.repeat(lines)}\`\`\`\nDone.`;
  const [short, long] = [await read('code', code(3)), await read('code', code(9000))];
  expect(long).toMatchObject({ engine: 'test', code: { language: 'typescript', explanation: 'Done.' } });
  expect({ ...long, code: { ...long.code, text: '' } }).toEqual({ ...short, code: { ...short.code, text: '' } });
});

test('what is wrong with a long reply is said as of a short one', async () => {
  const refused = await read('code', `${'<think>so</think>'.repeat(1000)} `).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(EngineError);
  expect(refused).toMatchObject({ code: 'engine_no_answer', retryable: false });
});

describe('replies that nobody means', () => {
  test.each<[string, SkillName, string]>([
    ['braces that nothing closes', 'review', filled('{')],
    ['objects that nothing closes', 'review', filled('{"a":')],
    ['backticks', 'answer', filled('`')],
    ['fences that nothing closes', 'answer', filled('``` a\n')],
    ['many blocks', 'code', filled('```\n<think>\n```\n')],
    ['many thoughts', 'answer', filled('<think>a</think>')],
    ['calls that nothing closes', 'tool', filled('<function=a>{')],
    ['calls without an end', 'tool', filled('[TOOL_CALLS] a {')],
    ['words', 'answer', filled('and so on ')],
  ])(
    '%s keep nobody else waiting',
    async (_what, skill, text) => {
      const before = cpuMs();
      const ended = await read(skill, text).catch((error: unknown) => error);
      if (ended instanceof Error) expect(ended).toMatchObject({ code: 'engine_no_answer' });
      // Of this thread alone: the work is done by another.
      expect(cpuMs() - before).toBeLessThan(500);
    },
    240_000,
  );
});

test.each(['<think>a</think>', '<|assistant|>', '<|im_'])('a whole reply of %s at once holds nobody up', (token) => {
  const before = cpuMs();
  const filter = createThinkingFilter(() => undefined);
  filter.push(filled(token));
  filter.end();
  expect(cpuMs() - before).toBeLessThan(10_000);
});
