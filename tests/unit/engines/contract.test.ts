/** What engines and checks give fits the event schemas, so a hop's reply is never refused for its form. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, expect, test } from 'vitest';
import { closeRepairs } from '../../../actors/roles/coder/repairs/repair-code.ts';
import { createExtractiveEngine } from '../../../actors/roles/llm/engines/index.ts';
import { closeChecks, reviewCode } from '../../../code-checks/index.ts';
import type { HopInput } from '../../../schemas/events/generated.ts';
import { asking } from './asking.ts';
import { passage } from './fixtures.ts';

afterAll(async () => {
  await closeChecks();
  await closeRepairs();
});

const ajv = new Ajv2020({ strict: false });
const common: { $id: string } = JSON.parse(
  readFileSync(new URL('../../../schemas/events/data/common.v1.json', import.meta.url), 'utf8'),
);
ajv.addSchema(common);
const problemsOf = (value: unknown): string => {
  ajv.validate({ $ref: `${common.$id}#/$defs/HopOutput` }, value);
  return ajv.errorsText();
};

const long = 'word '.repeat(4000).trim();
const inputs: [string, HopInput][] = [
  ['nothing found', { prompt: 'What is a lease?', passages: [] }],
  ['nothing looked up', { prompt: 'What is a lease?' }],
  [
    'quotes',
    { prompt: 'word', passages: [passage({ text: long }), passage({ text: 'A word.', path: 'b', heading: long })] },
  ],
  ['a tool', { prompt: '1+1', tool: { name: 'calculator', arguments: {}, result: '2' } }],
  ['blank lines', { prompt: 'word', passages: [passage({ text: '\n'.repeat(19_000) })] }],
  ['spaces', { prompt: 'debounce', passages: [passage({ kind: 'code', text: `debounce${' '.repeat(19_000)}x` })] }],
];

test.each(inputs)('an extractive engine fed with %s', async (_what, input) => {
  const engine = createExtractiveEngine();
  const signal = new AbortController().signal;
  for (const skill of ['answer', 'code', 'review'] as const) {
    expect(problemsOf(await engine.generate(asking(skill, input), { signal }))).toBe('No errors');
  }
});

test('a review of very wrong code', async () => {
  const text = Array.from({ length: 500 }, (_, line) => `const a${line}: ${'B'.repeat(100)} = c${line};`).join('\n');
  const review = await reviewCode({ language: 'typescript', text });
  expect(problemsOf({ engine: 'checks', summary: review.summary, review })).toBe('No errors');
});
