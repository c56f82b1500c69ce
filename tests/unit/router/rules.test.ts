/** The routing rules: which prompt goes where when no model decides, and what is said when no rule is sure. */
import { describe, expect, test } from 'vitest';
import { createRulesEngine } from '../../../router/engines/rules.ts';
import { cpuMs } from '../../support/cpu-time.ts';
import { decideWith, WORKFLOWS } from './support/deciding.ts';

const engine = createRulesEngine(WORKFLOWS);
const decide = decideWith(engine);

const expected: Record<string, readonly string[]> = {
  build: [
    'Write a debounce function in TypeScript',
    'Write a debounce function',
    'write me a python script that renames files',
    'Implement an LRU cache class in Python',
    'Create a React component for a login form',
    'Generate a regex that matches ISO dates',
    'Add unit tests for the parser module',
    'Refactor this function to be async',
    'Port this helper to Rust',
    'Develop a CLI in Go that lists open ports',
    'Make a TypeScript type for a JSON object',
    'Build an API endpoint that returns the weather',
    'Please write a SQL query that finds duplicate rows',
    'Can you write a function that reverses a string?',
    'Rewrite the loop in idiomatic Python',
    'I need you to create a bash script for nightly backups',
    'fix the class so that it compiles',
    'Convert this class to TypeScript',
  ],
  answer: [
    'How does the ledger survive a power loss?',
    'What is a debounce?',
    'Why are events kept for seven days?',
    'Where is the quarantine stored?',
    'When does a lease expire?',
    'Which roles are there?',
    'Who decides the next hop?',
    'Explain the outbox pattern',
    'Describe how the router works',
    'Tell me about CloudEvents',
    'Compare at-least-once and exactly-once delivery',
    'Is the stream replicated?',
    'Does the mesh need a model?',
    'Show me how to install it',
    'Should I use one partition?',
    'What is the time complexity of quicksort?',
    'What is the time to live of a lease?',
    'The retention is how long?',
    'how many hops may a task have',
  ],
  tool: [
    '6 * 7',
    'what is 12.5 * (3 + 4)?',
    'calculate 15% of 240',
    'compute the square root of 2',
    '(1 + 2) ^ 10',
    'What time is it in Tokyo?',
    "What's the time?",
    'what is the date today',
    'current time in UTC',
    '10 miles in km',
    'convert 100 USD to EUR',
    'sha256 of hello',
    'base64 encode this text',
    'generate a uuid',
    'md5 hash of "abc"',
    'fetch https://example.org/status',
    'GET http://127.0.0.1:8080/health',
    'tool:calculator {"expression":"1+1"}',
    'tool:http_post {"url":"http://127.0.0.1"}',
  ],
  review: [
    'Review this code: function add(a, b) { return a - b }',
    'Please check this function for errors:\n```js\nfoo(\n```',
    'What is wrong with this snippet? ```py\nprint(1\n```',
    'find the bugs in this code',
    'Critique my class design',
    'lint this file',
    'audit the following code',
    '```ts\nconst x: string = 1;\n```',
    'find errors in the function below',
    'check this: ```json\n{"a": 1,}\n```',
  ],
  direct: [
    'hi',
    'Hello!',
    'hey there',
    'thanks',
    'Thank you very much!',
    'good morning',
    'bye',
    'ok',
    'how are you?',
    'Who are you?',
    'great, thanks',
  ],
};

describe.each(Object.entries(expected))('%s', (workflow, prompts) => {
  test.each(prompts)('%s', async (prompt) => {
    const route = await decide(prompt);
    expect([route.decision, route.fallback]).toEqual([workflow, false]);
    expect(route.confidence).toBeGreaterThanOrEqual(0.5);
    expect(route.reason.length).toBeGreaterThan(5);
  });
});

test('there are enough of them', () => {
  expect(Object.values(expected).flat().length).toBeGreaterThanOrEqual(60);
});

describe('the decision', () => {
  test('probabilities are of all workflows and sum to one', async () => {
    // One that names a tool is decided before any engine is asked.
    const weighed = Object.values(expected)
      .flat()
      .filter((prompt) => !prompt.startsWith('tool:'));
    for (const prompt of [...weighed, '', '???', 'lorem ipsum']) {
      const { probabilities, decision, fallback, confidence } = await decide(prompt);
      expect(Object.keys(probabilities).sort()).toEqual([...WORKFLOWS]);
      expect(Object.values(probabilities).reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 2);
      if (!fallback) expect(probabilities[decision]).toBe(confidence);
      expect(Math.max(...Object.values(probabilities))).toBe(confidence);
    }
  });

  test('S2: is the same again but for the time it took', async () => {
    const [one, other] = [await decide('Write a function'), await decide('Write a function')];
    expect({ ...other, ms: 0 }).toEqual({ ...one, ms: 0 });
    expect(one.engine).toBe('rules');
    expect(one.ms).toBeGreaterThanOrEqual(0);
  });

  test('S8: a prompt of a quarter of a million characters is decided by its beginning, at once', async () => {
    const long = await decide(`Write a debounce function. ${'really '.repeat(37_000)}`);
    expect(long.decision).toBe('build');
    const beganMs = cpuMs();
    for (const text of [
      '1+'.repeat(130_000),
      '1 '.repeat(130_000),
      `fetch ${'x'.repeat(260_000)}`,
      'review '.repeat(37_000),
    ]) {
      await decide(text);
    }
    expect(cpuMs() - beganMs).toBeLessThan(5000);
  });
});

describe('when nobody is sure', () => {
  test.each(['', 'lorem ipsum dolor', 'the quick brown fox', '…'])(
    '%j takes the fallback, and says why',
    async (prompt) => {
      const route = await decide(prompt);
      expect(route).toMatchObject({ decision: 'answer', fallback: true });
      expect(route.reason).toMatch(/^no route is sure enough \(\w+ has \d+ %, the threshold is 50 %\)$/);
      expect(route.confidence).toBeLessThan(0.5);
    },
  );
});

describe('fewer workflows', () => {
  test('only those that are there are weighed', async () => {
    const { probabilities } = await createRulesEngine(['answer', 'direct']).weigh(
      'Write a debounce function in TypeScript',
      [],
      new AbortController().signal,
    );
    expect(Object.keys(probabilities)).toEqual(['answer', 'direct']);
  });
});
