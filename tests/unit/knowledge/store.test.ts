/** The store is shared by processes, survives damage, and says what became of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../../knowledge/sqlite-store.ts';
import { openAtOnce } from '../../support/open-at-once.ts';
import { workspace } from './workspace.ts';

const STORE_MODULE = new URL('../../../knowledge/sqlite-store.ts', import.meta.url).href;

/** Another process that opens the store, indexes a folder and ends; resolves with its exit code. */
async function indexElsewhere(database: string, folder: string): Promise<unknown> {
  const program = `
    const { openSqliteStore } = await import(process.argv[1]);
    const store = openSqliteStore(process.argv[2]);
    await store.index([process.argv[3]]);
    store.close();
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, STORE_MODULE, database, folder], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(child, 'exit');
  return code;
}

describe('sharing', () => {
  it('lets two processes index at once, from a file that did not exist, while a third searches', async () => {
    const space = workspace();
    for (let index = 0; index < 60; index += 1) {
      space.write(`one/${index}.md`, `# One ${index}\n\nZebra.`);
      space.write(`two/${index}.md`, `# Two ${index}\n\nYak.`);
    }
    let running = true;
    const others = Promise.all(
      ['one', 'two', 'one'].map((folder) => indexElsewhere(space.database, join(space.project, folder))),
    ).finally(() => {
      running = false;
    });
    const store = space.open();
    while (running) {
      expect((await store.search('zebra yak')).length).toBeLessThanOrEqual(8);
      await new Promise(setImmediate);
    }
    expect(await others).toEqual([0, 0, 0]);
    expect(store.stats()).toMatchObject({ files: 120, chunks: 120 });
    expect(await store.index([space.project])).toMatchObject({ unchanged: 120 });
  });

  it('opens a file that did not exist for all who come at the same moment', async () => {
    const { project } = workspace();
    expect(await openAtOnce(STORE_MODULE, 'opener.openSqliteStore(path)', project, 60)).toEqual([]);
  });

  it('shows one handle what another wrote, and neither blocks the other', async () => {
    const { project, open, write } = workspace({ 'a.md': 'Zebra.' });
    const [writer, reader] = [open(), open()];
    await writer.index([project]);
    expect(await reader.search('zebra')).toHaveLength(1);
    write('a.md', 'Giraffe.');
    await Promise.all([writer.index([project]), reader.index([project])]);
    expect(await writer.search('zebra')).toEqual([]);
    expect(await reader.search('giraffe')).toHaveLength(1);
    expect(reader.stats()).toMatchObject({ files: 1, chunks: 1 });
  });
});

describe('damage', () => {
  it('sets a file that is no database aside and begins anew', async () => {
    const { database, project, open } = workspace({ 'a.md': 'Zebra.' });
    mkdirSync(dirname(database), { recursive: true });
    writeFileSync(database, 'not a database, and long enough to be taken for one '.repeat(50));
    const store = open();
    expect(store.setAside?.reason).toMatch(/not a database/);
    expect(store.setAside?.files).toHaveLength(1);
    expect(readFileSync(store.setAside?.files[0] ?? '', 'utf8')).toMatch(/^not a database/);
    await store.index([project]);
    expect(await store.search('zebra')).toHaveLength(1);
    expect(open().setAside).toBeNull();
  });

  it('finds damaged pages when opening', async () => {
    const { database, project, open, write } = workspace();
    for (let index = 0; index < 50; index += 1) write(`${index}.md`, `# T ${index}\n\n${'Zebra walks. '.repeat(80)}`);
    const before = open();
    await before.index([project]);
    before.close();
    const bytes = readFileSync(database);
    bytes.fill(0xff, 4096 * 3, 4096 * 12);
    writeFileSync(database, bytes);
    const store = open();
    expect(store.setAside?.files.every((file) => existsSync(file))).toBe(true);
    expect(store.setAside).not.toBeNull();
    expect(store.stats().files).toBe(0);
  });

  it('does not touch a database of something else', () => {
    const { database } = workspace();
    mkdirSync(dirname(database), { recursive: true });
    const other = new Database(database);
    other.exec('CREATE TABLE mine (a)');
    other.close();
    expect(() => openSqliteStore(database)).toThrow(expect.objectContaining({ code: 'foreign-database' }));
    const again = new Database(database);
    expect(again.prepare('SELECT count(*) FROM mine').pluck().get()).toBe(0);
    again.close();
  });

  it('reports damage met while open, and the next opening sets it aside', async () => {
    const { database, project, open, write } = workspace();
    for (let index = 0; index < 50; index += 1) write(`${index}.md`, `# T ${index}\n\n${'Zebra walks. '.repeat(80)}`);
    const store = open();
    await store.index([project]);
    const raw = new Database(database);
    raw.unsafeMode(true).exec("PRAGMA writable_schema = ON; UPDATE words_data SET block = x'ff' WHERE id > 10");
    raw.close();
    await expect(store.search('zebra')).rejects.toMatchObject({ code: 'corrupt', retryable: false });
    store.close();
    expect(open().setAside?.reason).toBeTruthy();
  });
});

describe('the life of a store', () => {
  it('empties a file of another version', async () => {
    const { database, project, open } = workspace({ 'a.md': 'Zebra.' });
    const first = open();
    await first.index([project]);
    first.close();
    const raw = new Database(database);
    raw.pragma('user_version = 99');
    raw.close();
    const second = open();
    expect(second.stats()).toEqual({ files: 0, chunks: 0, roots: [], lastIndexedAt: null });
    expect(await second.index([project])).toMatchObject({ added: 1 });
  });

  it('says `storage` where no database can be', () => {
    const { write } = workspace();
    const file = write('a-file', 'x');
    expect(() => openSqliteStore(join(file, 'knowledge.db'))).toThrow(expect.objectContaining({ code: 'storage' }));
    expect(() => openSqliteStore(dirname(file))).toThrow(expect.objectContaining({ code: 'storage' }));
  });

  it('throws `closed` after closing, which may be done twice', async () => {
    const store = workspace().open();
    store.close();
    store.close();
    expect(() => store.stats()).toThrow(expect.objectContaining({ code: 'closed' }));
    await expect(store.search('x')).rejects.toMatchObject({ code: 'closed' });
    await expect(store.index([])).rejects.toMatchObject({ code: 'closed' });
  });

  it('closed in the middle of a run, ends the run with `closed`', async () => {
    const { project, open } = workspace({ 'a.md': 'A.', 'b.md': 'B.' });
    const store = open();
    const run = store.index([project], { onProgress: () => store.close() });
    await expect(run).rejects.toMatchObject({ code: 'closed' });
  });

  it('does not search for a caller who has gone', async () => {
    const store = workspace().open();
    await expect(store.search('x', { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
  });
});
