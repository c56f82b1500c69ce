/** Every setting of the table is read by something: one that nobody reads promises what does not happen. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';

const FOLDERS = [
  ...[
    'actors',
    'bus',
    'cli',
    'gateway',
    'gguf-models',
    'knowledge',
    'mcp',
    'registry',
    'router',
    'services',
    'telemetry',
  ],
];

function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile() && /\.(ts|mjs)$/.test(entry.name))
      yield readFileSync(join(entry.parentPath, entry.name), 'utf8');
  }
}

const settings = readFileSync(join(projectRoot, 'config/settings.ts'), 'utf8');
const access = readFileSync(join(projectRoot, 'config/nats-access.ts'), 'utf8');
/** Past the table and what checks it: functions that read a setting for others, such as the folder of workflows. */
const accessors = settings.split('export function parseLive')[1] ?? '';
/** A setting that only a comment names is read by nobody. */
const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
const code = [...FOLDERS.flatMap((folder) => [...sources(join(projectRoot, folder))]), accessors, access]
  .map(withoutComments)
  .join('\n');
const names = [...readFileSync(join(projectRoot, '.env.example'), 'utf8').matchAll(/^#?([A-Z][A-Z0-9_]+)=/gm)].map(
  ([, name = '']) => name,
);

test('there are some', () => {
  expect(names.length).toBeGreaterThan(30);
  expect(accessors).not.toBe('');
});

test.each(names)('%s has a reader', (name) => {
  expect(code).toMatch(new RegExp(`(?:settings|env|given)\\??\\.${name}\\b|[{,]\\s*${name}\\s*[,:}=]|'${name}'`));
});
