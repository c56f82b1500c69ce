/** A document that says which test guards something names one that is there. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const tests = globSync('tests/**/*.test.ts', { cwd: root });
const documents = globSync('docs/*.md', { cwd: root }).map((path) => ({
  path,
  named: [...readFileSync(join(root, path), 'utf8').matchAll(/`([\w/.-]+\.test\.ts)`/g)].map(([, name = '']) => name),
}));

test('there are some', () => {
  expect(documents.flatMap(({ named }) => named).length).toBeGreaterThan(100);
});

test.each(documents.filter(({ named }) => named.length > 0))('$path', ({ named }) => {
  expect(named.filter((name) => !tests.some((path) => path === name || path.endsWith(`/${name}`)))).toEqual([]);
});
