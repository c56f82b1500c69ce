/** Found code that speaks of what is asked for and does none of it is no candidate. */
import { expect, test } from 'vitest';
import { doesSomething, isTestFile } from '../../../actors/roles/coder/does-something.ts';
import { allSnippets } from '../../../actors/roles/coder/snippet-catalog.ts';

const asked = 'Write a function that retries with exponential backoff';

test.each([
  ['python', '"""Retry with exponential backoff and full jitter."""'],
  ['python', '"""Retry."""\nfrom retry import (\n    retry_exponential_backoff,\n)'],
  ['python', '__all__ = ["retry_exponential_backoff"]'],
  ['python', 'logger = logging.getLogger(__name__)'],
  ['python', 'def retry(work):\n    """Retries with exponential backoff."""\n    pass'],
  ['python', 'def retry(\n    work,\n    attempts=3,\n):\n    ...'],
  ['python', 'class Retry:\n    """Retries with exponential backoff."""'],
  ['typescript', '/** Options of retry. */\nexport type RetryOptions = { attempts: number; backoffMs: number };'],
  ['typescript', 'export interface Retry { run(): void; again: () => void }'],
  ['typescript', 'export declare function retry<T>(work: () => Promise<T>): Promise<T>;'],
  ['typescript', '// Retry.\nexport * from "./retry.ts";'],
  ['typescript', 'export { retry } from "./retry.ts";'],
  ['typescript', 'import {\n  retry,\n  backoff,\n} from "./retry.ts";'],
  ['typescript', 'export const RETRY_BACKOFF_MS = 500;'],
  ['typescript', '"use strict";\n// retry'],
  ['typescript', 'export function retry(): void {}'],
  ['javascript', 'module.exports = require("./retry");'],
  ['go', '// Package retry retries.\npackage retry\n\nimport (\n\t"time"\n)'],
  ['java', 'package retry;\nimport java.time.Duration;\npublic interface Retry { void run(); }'],
  ['shell', 'npm install exponential-backoff'],
])('%s does nothing: %s', (language, text) => {
  expect(doesSomething(text, language, asked)).toBe(false);
});

test.each([
  ['python', 'def retry(work):\n    return work()'],
  ['python', 'retry = lambda work: work()'],
  [
    'python',
    'def retry(\n    work: Callable[[], T],\n) -> T:\n    """Retries."""\n    for _ in range(3):\n        work()',
  ],
  ['typescript', 'export const retry = (work: () => void) => work();'],
  ['typescript', 'export async function retry<T>(work: () => Promise<T>): Promise<T> {\n  return work();\n}'],
  ['typescript', 'import { a } from "a";\nexport class Retry {\n  run(): void {\n    a();\n  }\n}'],
  ['go', 'package retry\n\nfunc Retry(work func() error) error {\n\treturn work()\n}'],
  ['rust', 'pub fn retry() -> u8 {\n    1\n}'],
  ['java', 'class Retry {\n  int run() {\n    return 1;\n  }\n}'],
  ['c', 'int retry(void)\n{\n  return 1;\n}'],
  ['ruby', 'def retry\n  yield\nend'],
  ['shell', 'retry() { "$@" || retry "$@"; }'],
  ['sql', 'SELECT 1'],
])('%s does something: %s', (language, text) => {
  expect(doesSomething(text, language, asked)).toBe(true);
});

test('a type is what is wanted where a type is asked for', () => {
  const text = 'export type RetryOptions = { attempts: number };';
  expect(doesSomething(text, 'typescript', 'Write a TypeScript type for the options of a retry')).toBe(true);
});

test('every snippet that ships does something', () => {
  const idle = allSnippets().filter(({ text, language }) => !doesSomething(text, language, asked));
  expect(idle.map(({ name }) => name)).toEqual([]);
});

test.each([
  ['src/retry.test.ts', true],
  ['test_retry.py', true],
  ['retry_test.go', true],
  ['retry.spec.js', true],
  ['tests/support/retry.ts', false],
  ['src/latest.ts', false],
  ['contest.py', false],
])('%s is a test: %s', (path, expected) => {
  expect(isTestFile(path)).toBe(expected);
});
