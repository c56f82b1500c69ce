/** docs/architecture.md shows the house: its picture names every folder and no other, and its answers are folders. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';

const page = readFileSync(join(projectRoot, 'docs/architecture.md'), 'utf8');

function sectionOf(title: string): string {
  const [, after = ''] = page.split(`\n## ${title}\n`);
  return after.split('\n## ')[0] ?? '';
}

/** Made by tools, and in no checkout. */
const MADE = ['node_modules', 'artifacts', 'coverage'];

const folders = readdirSync(projectRoot, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !MADE.includes(entry.name))
  .map(({ name }) => name)
  .sort();

const namedIn = (text: string): string[] =>
  [...text.matchAll(/(?<![\w/.-])([\w.-]+(?:\/[\w.-]+)*)\//g)].map(([, name = '']) => name);

test('the picture names exactly the folders that there are', () => {
  const [, picture = ''] = sectionOf('The house').split('```');
  const parts = ['runtime', 'roles', 'workflows'];
  const named = new Set(namedIn(picture).filter((name) => !parts.includes(name)));
  expect([...named].sort()).toEqual(folders);
  expect(readdirSync(join(projectRoot, 'actors')).sort()).toEqual(parts.sort());
});

test('every answer to a newcomer is a folder', () => {
  const rows = sectionOf('Ten questions of a newcomer')
    .split('\n')
    .filter((line) => line.startsWith('| ') && line.includes('?'));
  expect(rows).toHaveLength(30);
  for (const row of rows) {
    const answers = namedIn(row.split('|')[2] ?? '');
    expect(answers).not.toEqual([]);
    for (const answer of answers) expect(existsSync(join(projectRoot, answer)), answer).toBe(true);
  }
});

test('the import rules know every folder', () => {
  const rules: unknown = createRequire(import.meta.url)(join(projectRoot, '.dependency-cruiser.cjs'));
  const text = JSON.stringify(rules);
  const isKnown = (name: string): boolean => new RegExp(`[(|]${name}[|)]`).test(text);
  expect(folders.filter((name) => !['dapr', 'docs'].includes(name)).filter((name) => !isKnown(name))).toEqual([]);
});
