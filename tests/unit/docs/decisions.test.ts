/** The index of decisions names each of them, by its title, with what has overtaken it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const folder = join(import.meta.dirname, '../../../docs/decisions');
const index = readFileSync(join(folder, 'README.md'), 'utf8');
const files = readdirSync(folder).filter((name) => name !== 'README.md');

test.each(files)('%s stands in the index', (file) => {
  const text = readFileSync(join(folder, file), 'utf8');
  const title = /^# (\d{4}) (.*)$/m.exec(text);
  expect(title?.[1]).toBe(file.slice(0, 4));
  const line = index.split('\n').find((one) => one.startsWith(`| [${file.slice(0, 4)}](${file}) |`));
  expect(line).toContain(`| ${title?.[2]} |`);
  const later = /^\*Superseded by \[(\d{4})\]\(([^)]+)\)/m.exec(text);
  expect(line).toContain(later ? `superseded by [${later[1]}](${later[2]})` : 'in force');
});

test('no number is used twice', () => {
  const numbers = files.map((file) => file.slice(0, 4));
  expect(numbers).toEqual([...new Set(numbers)]);
});
