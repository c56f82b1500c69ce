/** The core is read in the order of docs/architecture.md: every file of it stands there, and no other. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';

const page = readFileSync(join(projectRoot, 'docs/architecture.md'), 'utf8');
const [, order = ''] = page.split(
  'The runtime (`actors/runtime/`), a folder a part and one file an idea, in reading order:',
);
const named = [...(order.split('\n## ')[0] ?? '').matchAll(/`([a-z-]+\.ts)`/g)].map(([, name]) => name);

const filesOf = (folder: string): string[] =>
  readdirSync(join(projectRoot, folder)).filter((name) => name.endsWith('.ts'));

/** What stands in for effects in the simulation is no part of the story. */
const BESIDE = ['simulation.ts'];

const parts = readdirSync(join(projectRoot, 'actors/runtime'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => `actors/runtime/${name}`);
const folders = ['actors/runtime', ...parts, 'actors/roles/orchestrator'];

test.each(folders)('the reading order names every file of %s', (folder) => {
  expect(filesOf(folder).filter((name) => !named.includes(name) && !BESIDE.includes(name))).toEqual([]);
});

test('the reading order names no file that is not there', () => {
  const there = folders.flatMap(filesOf);
  expect(named.filter((name) => name !== undefined && !there.includes(name))).toEqual([]);
});
