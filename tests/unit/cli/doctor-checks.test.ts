/** What `mesh doctor` says of a database file: damaged is what is damaged, and nobody moves aside what is only out of reach. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { databaseCheck } from '../../../cli/doctor-checks.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-doctor-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const ways: readonly [string, (path: string) => void, string, RegExp][] = [
  ['sound', (path) => void new Database(path).exec('CREATE TABLE t (a)').close(), 'ok', /^sound$/],
  ['no database', (path) => writeFileSync(path, 'x'.repeat(5000)), 'fail', /^damaged .*move it aside, it comes back$/],
  ['out of reach', (path) => mkdirSync(path), 'fail', /^cannot be read .*look at its disk and its rights$/],
];
test.each(ways)('one that is %s', (_what, make, status, text) => {
  const path = join(folder, 'one.db');
  make(path);
  expect(databaseCheck('ledger one', path, 'it comes back')).toMatchObject({
    status,
    text: expect.stringMatching(text),
  });
});
