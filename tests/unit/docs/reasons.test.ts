/** The table of errors in docs/gateway.md: every reason that a call may be told stands there, beside its status, and no other. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';

const sources = globSync('{task-client,gateway}/**/*.ts', { cwd: projectRoot }).map((path) =>
  readFileSync(join(projectRoot, path), 'utf8'),
);
const thrown = sources.flatMap((text) =>
  [...text.matchAll(/MeshError\(\s*'([a-z_]+)',\s*'([A-Z_]+)'/g)].map(
    ([, code = '', reason = '']) => `${code.toUpperCase()} ${reason}`,
  ),
);

const page = readFileSync(join(projectRoot, 'docs/gateway.md'), 'utf8');
const [, table = ''] = page.split('| status | reasons | |');
const told = (table.split('\n## ')[0] ?? '').split('\n').flatMap((line) => {
  const [, status, reasons = ''] = /^\| `([A-Z_]+)` \| ([^|]*)\|/.exec(line) ?? [];
  return [...reasons.matchAll(/`([A-Z_]+)`/g)].map(([, reason]) => `${status} ${reason}`);
});

/** Between parts of the gateway: a push that another gateway tells; an event that Dapr is told to drop. */
const INSIDE = ['UNAVAILABLE NOT_ON_DUTY', 'INVALID_ARGUMENT NO_TASK'];

test('every reason that is thrown is in the table, with its status', () => {
  expect(thrown.length).toBeGreaterThan(30);
  expect([...new Set(thrown)].filter((one) => !told.includes(one) && !INSIDE.includes(one))).toEqual([]);
});

test('the table names no reason that the code does not know', () => {
  const all = sources.join('\n');
  expect(told.filter((one) => !all.includes(`'${one.split(' ')[1]}'`))).toEqual([]);
});
