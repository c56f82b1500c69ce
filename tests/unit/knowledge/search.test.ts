/** Search puts the passage that answers first, whatever is typed. */
import { describe, expect, it } from 'vitest';
import { LINE_CHARS_MAX } from '../../../knowledge/chunk-long-lines.ts';
import { workspace } from './workspace.ts';

const CORPUS = {
  'package.json': '{ "name": "sample" }',
  'docs/durability.md': [
    '# Durability',
    '',
    'How state is kept.',
    '',
    '## Crash recovery',
    '',
    'When a process crashes, its tasks survive: each step is written to the ledger before its effects leave, and the',
    'next process reads the ledger and goes on at the step that was open.',
    '',
    '## Backups',
    '',
    'Copy the ledger. A crash during a copy does no harm. Crash, crash, crash: the copy is begun again.',
  ].join('\n'),
  'docs/tasks.md': '# Tasks\n\nA task is a request and its steps. Tasks are listed by `mesh ps`.',
  'docs/dead-letters.md': '# Dead letters\n\nA message that fails five times is moved to the quarantine stream.',
  'src/debounce.ts': [
    '/** Calls once, after the calls have stopped for a while. */',
    'export function debounceFn(call: () => void, waitMs: number): () => void {',
    '  let timer: NodeJS.Timeout;',
    '  return () => {',
    '    clearTimeout(timer);',
    '    timer = setTimeout(call, waitMs);',
    '  };',
    '}',
  ].join('\n'),
  'src/crash.ts': 'export function crash(): never {\n  // A task that crashes.\n  process.exit(1);\n}\n',
  'src/retry_policy.py': 'def next_delay(attempt):\n    base = 2\n    return base ** attempt\n',
  'docs/typing.md': '# Typing\n\nTo debounce is to wait until typing has stopped; a function does it.',
};

async function corpus() {
  const space = workspace(CORPUS);
  const store = space.open();
  await store.index([space.project]);
  return store;
}

describe('ranking', () => {
  it.each([
    ['How does a task survive a crash?', 'docs/durability.md:5'],
    ['what happens to a failing message?', 'docs/dead-letters.md:1'],
    ['write a debounce function', 'src/debounce.ts:1'],
    ['debounceFn', 'src/debounce.ts:1'],
    ['debounce_fn', 'src/debounce.ts:1'],
    ['debounc', 'src/debounce.ts:1'],
    ['nextDelay', 'src/retry_policy.py:1'],
    ['retry policy python', 'src/retry_policy.py:1'],
    ['what does it mean to debounce?', 'docs/typing.md:1'],
    ['surviving crashes', 'docs/durability.md:5'],
  ])('answers %j with %s', async (query, id) => {
    const store = await corpus();
    expect((await store.search(query))[0]?.id).toBe(id);
  });

  it('finds an identifier by the words inside it', async () => {
    const store = await corpus();
    expect((await store.search('debounce function')).map((p) => p.path)).toContain('src/debounce.ts');
  });

  it('gives whole passages, best first, no more than wanted', async () => {
    const store = await corpus();
    const found = await store.search('crash task', { limit: 2 });
    expect(found).toHaveLength(2);
    expect(found[0]?.score).toBeGreaterThanOrEqual(found[1]?.score ?? Number.POSITIVE_INFINITY);
    expect(await store.search('task', { limit: 0 })).toEqual([]);
    expect((await store.search('debounceFn'))[0]).toEqual({
      id: 'src/debounce.ts:1',
      path: 'src/debounce.ts',
      heading: 'debounceFn',
      startLine: 1,
      endLine: 8,
      text: CORPUS['src/debounce.ts'],
      kind: 'code',
      language: 'typescript',
      score: expect.any(Number),
    });
  });

  it('orders equals by id', async () => {
    const { project, open } = workspace({ 'c.md': 'Zebra.', 'a.md': 'Zebra.', 'b.md': 'Zebra.' });
    const store = open();
    await store.index([project]);
    expect((await store.search('zebra')).map((p) => p.id)).toEqual([
      'project/a.md:1',
      'project/b.md:1',
      'project/c.md:1',
    ]);
  });

  it('shows at most two of the chunks that follow each other', async () => {
    const section = (index: number) => `# Zebra ${index}\n\nThe zebra again.\n\n`;
    const { project, open } = workspace({ 'long.md': [1, 2, 3, 4, 5].map(section).join(''), 'other.md': 'One zebra.' });
    const store = open();
    await store.index([project]);
    const ids = (await store.search('zebra')).map((p) => p.id);
    expect(ids).toContain('project/other.md:1');
    const lines = ids.filter((id) => id.includes('long')).map((id) => Number(id.split(':')[1]));
    for (const line of lines) expect([line, line + 4, line + 8].every((next) => lines.includes(next))).toBe(false);
  });

  it('cuts one very long line into passages of a bounded size, each with an id of its own', async () => {
    const { project, open } = workspace({ 'long.md': `# Long\n\n${'word. '.repeat(10_000)}zebra\n\nThe end.` });
    const store = open();
    await store.index([project]);
    const [found] = await store.search('zebra');
    expect(found?.text).toMatch(/^word\. .*word\. zebra$/);
    expect(found?.id).toMatch(/^project\/long\.md:3\.\d+$/);
    const all = await store.search('word', { limit: 100 });
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    expect(Math.max(...all.map(({ text }) => text.length))).toBeLessThan(LINE_CHARS_MAX);
    expect(found).toMatchObject({ startLine: 3, endLine: 3, heading: 'Long' });
  });

  it('puts a page that is about the question before one that has its words in passing', async () => {
    const { project, open } = workspace({
      'backup.md': '---\ndescription: Restore a lost database\n---\n# Copies\n\n## Nightly\n\nWe keep it in the vault.',
      'other.md': '# Trains\n\n## Nightly\n\nWe keep it in the vault. It runs late.',
    });
    const store = open();
    await store.index([project]);
    expect((await store.search('vault of the lost database'))[0]?.path).toBe('project/backup.md');
    expect((await store.search('vault of the late train'))[0]?.path).toBe('project/other.md');
  });
});

describe('any text', () => {
  it.each([
    '"task',
    'task" OR "x',
    'task*',
    '*task',
    'NEAR(task crash, 5)',
    'heading:task',
    '{heading text}: task',
    '- task',
    'task AND NOT',
    '^task + crash',
    "task'; DROP TABLE chunks; --",
    'task\0crash',
    'task \uD800',
  ])('finds tasks by %j without being an expression', async (query) => {
    const store = await corpus();
    expect((await store.search(query)).length).toBeGreaterThan(0);
  });

  it.each(['', '  ', '"', '*', '()', '🙂🙂', '\0'])('finds nothing by %j', async (query) => {
    const store = await corpus();
    expect(await store.search(query)).toEqual([]);
  });

  it('takes ten thousand characters', async () => {
    const store = await corpus();
    expect(await store.search('x'.repeat(10_000))).toEqual([]);
    expect((await store.search(`task ${'filler words '.repeat(1_000)}`)).length).toBeGreaterThan(0);
    expect(await store.search('"'.repeat(10_000))).toEqual([]);
  });
});
