/** What stands in a model's place says why, and never that no model is set up when one is. */
import { describe, expect, test } from 'vitest';
import { createExtractiveEngine } from '../../../actors/roles/llm/engines/index.ts';
import { clause, lackOf, sentence } from '../../../prompting/without-model.ts';
import type { ErrorInfo, HopInput, HopOutput, Review } from '../../../schemas/events/generated.ts';
import { asking, type SkillName } from './asking.ts';
import { passage } from './fixtures.ts';

const engine = createExtractiveEngine();
const skillNames = ['answer', 'code', 'review', 'tool'] as const;
const failure: ErrorInfo = {
  ...{ code: 'engine_rejected', retryable: false },
  message: 'The model endpoint answered 404: model "qwen9" not found, try pulling it first.',
};
const made = (skill: SkillName, input: HopInput, failed?: ErrorInfo): Promise<HopOutput> =>
  engine.generate(asking(skill, input, failed === undefined ? {} : { failure: failed }), {
    signal: new AbortController().signal,
  });

const leases = passage({ text: 'A lease expires after ten seconds without renewal.' });
const code = { language: 'zig', text: 'fn a() {', attempt: 1, explanation: '', citations: [] };
const review: Review = { verdict: 'changes_requested', findings: [], summary: 'no', checkedBy: [] };
const inputs: readonly [string, HopInput][] = [
  ['a question with nothing looked up', { prompt: 'What is the capital of France?' }],
  ['a question to which nothing was found', { prompt: 'What is the capital of France?', passages: [] }],
  ['a question with passages', { prompt: 'When does a lease expire?', passages: [leases] }],
  ['small talk', { prompt: 'hello' }],
  ['the result of a tool', { prompt: '6*7', tool: { name: 'calculator', arguments: {}, result: '42' } }],
  ['something to write', { prompt: 'Write a Zig function that parses ISO durations' }],
  ['something to write again', { prompt: 'Write a Zig function', code, review }],
];

describe('with a configured model that failed', () => {
  test.each(skillNames.flatMap((skill) => inputs.map(([name, input]) => [skill, name, input] as const)))(
    '%s, %s: the reason is told and the mark is set',
    async (skill, _name, input) => {
      const output = await made(skill, input, failure);
      const said = JSON.stringify({ ...output, degraded: undefined });
      expect(said).not.toMatch(/none is set up|no (?:language )?model is (?:set up|configured)|OPENAI_BASE_URL/i);
      expect(output.degraded).toMatchObject({ reason: 'model_failed' });
      expect(output.degraded?.message).toContain('model "qwen9" not found');
      if (skill === 'answer') expect(output.answer?.text).toContain('model "qwen9" not found, try pulling it first.');
      if (skill === 'code') expect(output.code?.explanation).toContain('model "qwen9" not found');
    },
  );

  test.each([
    ['engine_timeout', 'model_slow'],
    ['engine_slow', 'model_slow'],
    ['timeout', 'model_slow'],
    ['engine_refused', 'model_refused'],
    ['engine_unauthorised', 'model_failed'],
    ['breaker_open', 'model_failed'],
  ])('%s is told as %s', (errorCode, reason) => {
    expect(lackOf({ ...failure, code: errorCode }).reason).toBe(reason);
  });
});

describe('without a model', () => {
  test('a question that nothing answers is marked so', async () => {
    const output = await made('answer', { prompt: 'What is the capital of France?' });
    expect(output.degraded).toMatchObject({ reason: 'no_model', instead: 'nothing' });
  });

  test('quotes are marked as what they are', async () => {
    const output = await made('answer', { prompt: 'When does a lease expire?', passages: [leases] });
    expect(output.degraded).toMatchObject({ reason: 'no_model', instead: 'quotes' });
  });

  test('what needs no model is whole', async () => {
    expect((await made('answer', { prompt: 'hello' })).degraded).toBeUndefined();
    const tool = { name: 'calculator', arguments: {}, result: '42' };
    expect((await made('answer', { prompt: '6*7', tool })).degraded).toBeUndefined();
  });
});

test('sentences end once', () => {
  expect([sentence('a'), sentence('a.'), sentence('a..'), sentence('a?'), sentence('a…'), clause('a..')]).toEqual([
    'a.',
    'a.',
    'a.',
    'a?',
    'a…',
    'a',
  ]);
});
