/** Code without a model: the user's own code, shipped snippets, an honest skeleton, and revisions that answer a review. */
import { afterAll, describe, expect, test, vi } from 'vitest';
import { closeRepairs } from '../../../actors/roles/coder/repairs/repair-code.ts';
import { allSnippets } from '../../../actors/roles/coder/snippet-catalog.ts';
import { createExtractiveEngine } from '../../../actors/roles/llm/engines/index.ts';
import { closeChecks, reviewCode } from '../../../code-checks/index.ts';
import type { CodeArtifact, HopInput, Review } from '../../../schemas/events/generated.ts';
import { asking } from './asking.ts';
import { passage } from './fixtures.ts';

// A compiler that is started beside other work takes its time.
vi.setConfig({ testTimeout: 120_000 });

afterAll(async () => {
  await closeChecks();
  await closeRepairs();
});

const engine = createExtractiveEngine();

async function code(input: HopInput): Promise<CodeArtifact> {
  const output = await engine.generate(asking('code', input), { signal: new AbortController().signal });
  if (output.code === undefined) throw new Error('The skill for code returns code.');
  return output.code;
}

/** Coder and reviewer in turn, as the build workflow runs them: at most two review loops. */
async function build(input: HopInput, loopsMax = 2): Promise<{ attempts: CodeArtifact[]; review: Review }> {
  const attempts = [await code(input)];
  for (;;) {
    const last = attempts.at(-1);
    if (last === undefined) throw new Error('There is always an attempt.');
    const review = await reviewCode(last);
    if (review.verdict === 'approved' || attempts.length > loopsMax) return { attempts, review };
    attempts.push(await code({ ...input, code: last, review }));
  }
}

describe('a first attempt', () => {
  test.each([
    ['Write a debounce function', 'typescript', /export function debounce</],
    ['write a python function that computes the nth fibonacci number', 'python', /def fibonacci\(/],
    ['Write an LRU cache class in JavaScript', 'javascript', /class LruCache/],
    ['retry a promise with exponential backoff', 'typescript', /function retry</],
    ['Implement binary search over a sorted array', 'typescript', /function binarySearch</],
    ['Write a function to deep clone an object', 'typescript', /function deepClone</],
    ['create a promise pool with a concurrency limit', 'typescript', /function promisePool</],
    ['Write a typed event emitter', 'typescript', /class Emitter</],
    ['slugify a title', 'typescript', /function slugify/],
    ['Write a function that groups an array of objects by a key', 'typescript', /function groupBy</],
  ])('%s: a shipped snippet in %s', async (prompt, language, pattern) => {
    const offered = await code({ prompt });
    expect(offered).toMatchObject({ language, attempt: 1, citations: [] });
    expect(offered.text).toMatch(pattern);
    expect(offered.explanation).toContain('shipped with Agent Mesh');
  });

  test('what is only a comment is no code, however much it says', async () => {
    const text = '"""Retry with exponential backoff and full jitter."""';
    const head = passage({ path: 'retry.py', heading: 'retry', kind: 'code', language: 'python', text });
    const offered = await code({
      prompt: 'Write a Python function that retries with exponential backoff',
      passages: [head],
    });
    expect(offered.text).toContain('def retry');
  });

  test('what the request asks for and the code does not speak of is said', async () => {
    const { faults } = await code({ prompt: 'Write an LRU cache with a TTL in TypeScript' });
    expect(faults).toMatchObject([
      { severity: 'warning', rule: 'asked-for', message: expect.stringContaining('“ttl”') },
    ]);
    expect((await code({ prompt: 'Write a debounce function' })).faults).toBeUndefined();
  });

  test("prefers the user's own code and cites it", async () => {
    const own = passage({
      path: 'src/timing.ts',
      heading: 'debounce',
      kind: 'code',
      language: 'typescript',
      startLine: 40,
      text: '  export function debounce(run: () => void, ms: number): void {\n    setTimeout(run, ms);\n  }',
    });
    const offered = await code({ prompt: 'Write a debounce function', passages: [own] });
    expect(offered.text).toBe(
      'export function debounce(run: () => void, ms: number): void {\n  setTimeout(run, ms);\n}\n',
    );
    expect(offered.citations).toEqual([
      { marker: 1, path: 'src/timing.ts', heading: 'debounce', startLine: 40, endLine: 42 },
    ]);
  });

  test('finds code in the fenced blocks of documents, with its lines', async () => {
    const text =
      '# Invoices\n\nTotals:\n\n```ts\nexport const invoiceTotal = (lines: number[]) => lines.length;\n```\n';
    const offered = await code({
      prompt: 'Write an invoice total function',
      passages: [passage({ text, startLine: 5 })],
    });
    expect(offered.text).toContain('invoiceTotal');
    expect(offered.citations).toMatchObject([{ startLine: 10, endLine: 10 }]);
  });

  test.each([
    [
      'code in another language than asked for',
      'Write a debounce function in TypeScript',
      'python',
      'def debounce(f):\n    return f',
    ],
    [
      'code that only mentions the word',
      'Write a debounce function',
      'typescript',
      'export const x = 1; // debounce elsewhere',
    ],
  ])('passes over %s', async (_what, prompt, language, text) => {
    const offered = await code({ prompt, passages: [passage({ path: 'src/a', kind: 'code', language, text })] });
    expect(offered.text).toMatch(/export function debounce</);
  });

  test.each([
    ['Write a function that parses EDIFACT invoices', 'typescript', /export function parsesEdifactInvoices/],
    ['Write an express server with JWT login, Postgres and an LRU cache', 'typescript', /throw new Error/],
    ['Write a haiku generator in python', 'python', /def haiku/],
    ['Write code', 'typescript', /export function askedFor/],
    ['Write a websocket server in rust', 'rust', /no language model is configured/],
  ])('%s: an honest skeleton that no review approves', async (prompt, language, pattern) => {
    const offered = await code({ prompt });
    expect(offered.language).toBe(language);
    expect(offered.text).toMatch(pattern);
    expect(offered.explanation).toMatch(/skeleton/);
    const review = await reviewCode(offered);
    expect(review.verdict).toBe('changes_requested');
    // Of Python both the words and the empty function are said.
    const errors = review.findings.filter(({ severity }) => severity === 'error');
    expect([...new Set(errors.map(({ rule }) => rule))]).toEqual(['placeholder']);
  });
});

describe('the review loop', () => {
  test("the user's own code fails the checks, is repaired, and the second attempt passes", async () => {
    const own = passage({
      path: 'lib/config.ts',
      heading: 'loadConfig',
      kind: 'code',
      language: 'typescript',
      text: "import { join } from 'node:path';\nexport function loadConfig(file) {\n  try {\n    return JSON.parse(readFileSync(file, 'utf8'));\n  } catch (error) {\n    throw new Error(error.message);\n  }\n}",
    });
    const { attempts, review } = await build({ prompt: 'Write a loadConfig function', passages: [own] });
    expect(attempts.map((attempt) => attempt.attempt)).toEqual([1, 2]);
    expect(review).toMatchObject({ verdict: 'approved', findings: [] });
    const second = attempts[1];
    expect(second?.text).toMatch(/import \{ readFileSync \} from 'node:fs'/);
    expect(second?.text).not.toContain('join');
    expect(second?.explanation).toMatch(/ts2304 .*readFileSync.*: repaired/);
    expect(second?.explanation).toMatch(/ts7006 .*: gave it the type its use asks for/);
    expect(second?.citations).toEqual(attempts[0]?.citations);
  });

  test('JavaScript offered for TypeScript gets its types', async () => {
    const own = passage({
      path: 'lib/debounce.js',
      heading: 'debounce',
      kind: 'code',
      language: 'javascript',
      text: 'export function debounce(fn, wait) {\n  let timer;\n  return function (...args) {\n    clearTimeout(timer);\n    timer = setTimeout(() => fn.apply(this, args), wait);\n  };\n}',
    });
    const { attempts, review } = await build({ prompt: 'Write a debounce function in TypeScript', passages: [own] });
    expect(attempts).toHaveLength(2);
    expect(attempts[1]).toMatchObject({ language: 'typescript', attempt: 2 });
    expect(review.verdict).toBe('approved');
  });

  test('code that cannot be repaired gives way to the next candidate', async () => {
    const own = passage({
      path: 'lib/debounce.ts',
      heading: 'debounce',
      kind: 'code',
      language: 'typescript',
      text: 'export function debounce(run: Runner): Handle {\n  return registry.schedule(run) satisfies Handle;\n}',
    });
    const { attempts, review } = await build({ prompt: 'Write a debounce function', passages: [own] });
    expect(attempts.map(({ text }) => /shippedNothing|debounce<Args/.test(text))).toEqual([false, true]);
    expect(attempts[1]?.explanation).toMatch(/could not be repaired[\s\S]*ts2304/);
    expect(review.verdict).toBe('approved');
  });

  test('a skeleton stays one: the loop ends exhausted, and no attempt repeats the one before', async () => {
    const { attempts, review } = await build({ prompt: 'Write a function that parses EDIFACT invoices' });
    expect(review.verdict).toBe('changes_requested');
    expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(new Set(attempts.map(({ text }) => text)).size).toBe(3);
  });

  test('Python is repaired too', async () => {
    const own = passage({
      path: 'tools/paths.py',
      heading: 'list_files',
      kind: 'code',
      language: 'python',
      text: 'def list_files(folder)\n\tprint "listing", folder\n\treturn os.listdir(folder)',
    });
    const { attempts, review } = await build({ prompt: 'Write a python list files function', passages: [own] });
    expect(attempts).toHaveLength(2);
    expect(attempts[1]?.text).toMatch(/^import os\n/);
    expect(review.verdict).toBe('approved');
  });
});

test.each(allSnippets().map((snippet) => [snippet.language, snippet.name, snippet] as const))(
  'the shipped %s snippet %s passes the checks without a word',
  async (_language, _name, snippet) => {
    expect((await reviewCode(snippet)).findings).toEqual([]);
  },
);
