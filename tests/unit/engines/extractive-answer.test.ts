/** Answers without a model: quotes with true citations, and plain words about what is missing. */
import { describe, expect, test } from 'vitest';
import { createExtractiveEngine } from '../../../actors/roles/llm/engines/index.ts';
import type { HopInput, HopOutput } from '../../../schemas/events/generated.ts';
import { asking } from './asking.ts';
import { passage } from './fixtures.ts';

const engine = createExtractiveEngine();
const answer = async (input: HopInput): Promise<HopOutput> =>
  engine.generate(asking('answer', input), { signal: new AbortController().signal });

const leases = passage({
  path: 'docs/leases.md',
  heading: 'Leases › Expiry',
  startLine: 10,
  text: '## Expiry\n\nA lease expires after ten seconds without renewal. Bananas are yellow.\n\n- The standby then takes the partition over.',
});
const colours = passage({
  path: 'docs/colours.md',
  heading: 'Colours',
  text: 'The sky is blue on most days.',
  score: 0.1,
});

describe('an answer from passages', () => {
  test('quotes the sentences that bear on the question and cites their lines', async () => {
    const output = await answer({ prompt: 'When does a lease expire?', passages: [colours, leases] });
    expect(output.engine).toBe('extractive');
    expect(output.answer?.text).toContain('A lease expires after ten seconds without renewal. [1]');
    expect(output.answer?.text).not.toContain('sky');
    expect(output.answer?.text).not.toContain('Bananas');
    expect(output.answer?.citations).toEqual([
      { marker: 1, path: 'docs/leases.md', heading: 'Leases › Expiry', startLine: 12, endLine: 12 },
    ]);
  });

  test('says that no model is set up and what to do about it', async () => {
    const output = await answer({ prompt: 'When does a lease expire?', passages: [leases] });
    expect(output.answer?.text).toMatch(/No language model is set up: these are quotes.*OPENAI_BASE_URL/);
  });

  test('every marker in the text has a citation and every citation a marker', async () => {
    const passages = [leases, passage({ path: 'docs/b.md', text: 'The lease is kept in a KV bucket.' }), colours];
    const output = await answer({ prompt: 'Where is the lease kept and when does it expire?', passages });
    const markers = [...(output.answer?.text ?? '').matchAll(/\[(\d+)\]/g)].map((match) => Number(match[1]));
    expect(markers.toSorted()).toEqual(output.answer?.citations.map((citation) => citation.marker));
    expect(markers.length).toBeGreaterThan(1);
  });

  test('brings the code that a sentence announces', async () => {
    const text = 'Start the mesh with this command:\n\n```bash\n./mesh up --detach\n```\n';
    const output = await answer({ prompt: 'How do I start the mesh?', passages: [passage({ text })] });
    expect(output.answer?.text).toContain('```shell\n  ./mesh up --detach\n  ```');
  });

  test('says when nothing fits in so many words', async () => {
    const output = await answer({ prompt: 'Quantum chromodynamics?', passages: [colours] });
    expect(output.answer?.text).toMatch(/^Nothing in the knowledge base says this in so many words/);
    expect(output.answer?.text).toContain('The sky is blue');
  });

  test('the same input gives the same output (S2)', async () => {
    const input = { prompt: 'lease partition', passages: [leases, colours] };
    expect(await answer(input)).toEqual(await answer(structuredClone(input)));
  });

  test.each(['', '\n\n', '# only a heading', '```', '| a | b |\n|---|---|', '- ', '<!-- x -->'])(
    'a passage of %j does no harm',
    async (text) => {
      const output = await answer({ prompt: 'anything', passages: [passage({ text })] });
      expect(output.answer?.text.length).toBeGreaterThan(20);
    },
  );
});

describe('an answer without passages', () => {
  test('after a search says that nothing was found and how to index', async () => {
    const output = await answer({ prompt: 'What is a lease?', passages: [] });
    expect(output.answer).toEqual({
      text: expect.stringMatching(/Nothing was found.*\.\/mesh index PATH/),
      citations: [],
    });
  });

  test('without a search says that a model is needed', async () => {
    const output = await answer({ prompt: 'Write me a poem' });
    expect(output.answer?.text).toMatch(/needs a language model/);
  });

  test.each(['Hi!', 'hello there', 'Thanks a lot!', 'What can you do?', 'cześć', 'How are you? 😀'])(
    'small talk gets a short line: %s',
    async (prompt) => {
      const output = await answer({ prompt, passages: [leases] });
      expect(output.summary).toBe('Small talk.');
      expect(output.answer?.text.length).toBeLessThan(400);
    },
  );

  test('a tool result is said plainly', async () => {
    const tool = { name: 'calculator', arguments: { expression: '6*7' }, result: '42' };
    expect((await answer({ prompt: '6*7', tool })).answer?.text).toBe('The tool calculator answered: 42');
    const long = { ...tool, result: 'a\nb' };
    expect((await answer({ prompt: '6*7', tool: long })).answer?.text).toContain('```\na\nb\n```');
  });
});

test('text is shown as it is returned, and an aborted request is refused', async () => {
  const shown: string[] = [];
  const input = { prompt: 'hello' };
  const signal = new AbortController().signal;
  const output = await engine.generate(asking('answer', input), { signal, onText: (piece) => shown.push(piece) });
  expect(shown.join('')).toBe(output.answer?.text);
  const aborted = AbortSignal.abort(new Error('gone'));
  await expect(engine.generate(asking('answer', input), { signal: aborted })).rejects.toThrow('gone');
});

test('a review without a model is no opinion', async () => {
  const output = await engine.generate(asking('review', { prompt: 'x' }), { signal: new AbortController().signal });
  expect(output.review).toEqual({
    verdict: 'approved',
    findings: [],
    summary: expect.stringContaining('only the static checks apply'),
    checkedBy: [],
  });
});
