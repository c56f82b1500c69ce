/**
 * What only a ledger in a file can do: refuse the files of other releases, set aside what cannot be read (S10), keep a
 * second process out, hear of its thread's end, and be copied while it is in use. What every ledger does is in
 * `tests/unit/simulation/ledger-contract.test.ts`.
 */
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { constants, zstdCompressSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Ledger } from '../../../actors/runtime/ledger/port.ts';
import { openSqliteLedger } from '../../../actors/runtime/ledger/sqlite-ledger.ts';
import { batch, endedTask, record, taskId, text } from '../../support/ledger-batch.ts';
import {
  damages,
  endedTasks,
  journal,
  setAside,
  snapshots,
  stateHash,
  storedBodies,
} from '../../support/ledger-file.ts';

let folder = '';
let path = '';
let opened: Ledger[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-ledger-file-'));
  path = join(folder, 'agents.db');
});
afterEach(async () => {
  await Promise.all(opened.map((ledger) => ledger.close()));
  opened = [];
  rmSync(folder, { recursive: true });
});

async function open(at = path): Promise<Ledger> {
  const ledger = await openSqliteLedger(at);
  opened.push(ledger);
  return ledger;
}

/** A file as a release leaves it that has these tables. */
function database(version: number, tables: string): void {
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec(tables);
  db.pragma(`user_version = ${version}`);
  db.close();
}

const content = batch({
  records: Array.from({ length: 200 }, (_, at) => record(1, at + 1, JSON.stringify([{ at, said: 'x'.repeat(300) }]))),
  logged: [{ partition: 1, n: 1, seq: 12 }],
  checkpoints: [
    {
      partition: 1,
      n: 2,
      tasks: [{ task: taskId(1), body: '{"open":true}' }],
      ended: [endedTask(2, 1, 2)],
      unsent: '[]',
    },
  ],
});

describe('a file of another release', () => {
  test('S11: of the first core is refused, with what to do, and stays as it is', async () => {
    database(1, 'CREATE TABLE instances (id INTEGER PRIMARY KEY); INSERT INTO instances VALUES (1)');
    const before = readFileSync(path);
    await expect(openSqliteLedger(path)).rejects.toMatchObject({
      name: 'FatalError',
      exitCode: 2,
      message: expect.stringMatching(/older release .* no migration; move the file away .* or run the older release/),
    });
    expect(readFileSync(path)).toEqual(before);
    expect(setAside(path)).toEqual([]);
  });

  test('S11: of a newer release is refused', async () => {
    database(3, 'CREATE TABLE other (id INTEGER PRIMARY KEY)');
    await expect(openSqliteLedger(path)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/newer release \(version 3, .*; upgrade Agent Mesh/),
    });
    expect(setAside(path)).toEqual([]);
  });

  test('that is the database of another program is refused', async () => {
    database(0, 'CREATE TABLE other (id INTEGER PRIMARY KEY)');
    await expect(openSqliteLedger(path)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/another program.*CHECKPOINT_DB_PATH/),
    });
  });

  test('can be moved away, and the place is free again', async () => {
    database(1, 'CREATE TABLE instances (id INTEGER PRIMARY KEY)');
    await expect(openSqliteLedger(path)).rejects.toThrow(/older release/);
    await damages.deleted(path);
    expect((await open()).condition.kind).toBe('new');
  });
});

describe('a file that cannot be read', () => {
  test.each(['garbage', 'truncated', 'walOnly'] as const)('S10: %s, is set aside, and a new one made', async (kind) => {
    const first = await openSqliteLedger(path);
    await first.commit(content);
    await first.close();
    await damages[kind](path);
    const second = await open();
    expect(second.condition).toMatchObject({ kind: 'set_aside', reason: expect.any(String) });
    expect(second.id).not.toBe(first.id);
    expect(second.lastRecord(1)).toBeNull();
    expect(setAside(path).length).toBeGreaterThan(0);
    await second.commit(content);
    expect(second.lastRecord(1)?.n).toBe(200);
  });

  test('S10: an empty file is a new ledger', async () => {
    writeFileSync(path, '');
    expect((await open()).condition.kind).toBe('new');
  });

  test('a place that cannot be written says so', async () => {
    writeFileSync(join(folder, 'file'), '');
    await expect(openSqliteLedger(join(folder, 'file', 'agents.db'))).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/cannot write the ledger .*check the disk's space and permissions/),
    });
  });
});

describe('a ledger that is open', () => {
  test('keeps a second one out until it is closed', async () => {
    const first = await openSqliteLedger(path);
    await expect(openSqliteLedger(path)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/in use by another process; stop it or set CHECKPOINT_DB_PATH/),
    });
    await first.close();
    expect((await open()).id).toBe(first.id);
  });

  test('is free again after it was refused', async () => {
    database(1, 'CREATE TABLE instances (id INTEGER PRIMARY KEY)');
    await expect(openSqliteLedger(path)).rejects.toThrow(/older release/);
    await expect(openSqliteLedger(path)).rejects.toThrow(/older release/);
  });

  test('refuses everything that is waiting or comes later when its thread ends', async () => {
    let thread: Worker | undefined;
    process.once('worker', (worker) => {
      thread = worker;
    });
    const ledger = await open();
    await ledger.commit(batch({ records: [record(1, 1)] }));
    const asked = Array.from({ length: 50 }, (_, at) => ledger.commit(batch({ records: [record(1, at + 2)] })));
    // So large that the thread is still at work on it when it is ended.
    const large = { partition: 1, n: 52, body: new Uint8Array(randomBytes(32 * 1024 * 1024)) };
    asked.push(ledger.commit(batch({ records: [large] })));
    void thread?.terminate();
    const outcomes = await Promise.allSettled(asked);
    expect(outcomes.at(-1)).toMatchObject({ status: 'rejected', reason: { name: 'FatalError' } });
    await expect(ledger.commit(batch({}))).rejects.toThrow(/thread has ended.*agents\.db is closed/);
    await expect(ledger.prune(1)).rejects.toThrow(/thread has ended/);
    await ledger.close();
    const again = await open();
    const stored = outcomes.filter(({ status }) => status === 'fulfilled').length + 1;
    // What was not told may be there all the same, but never with a gap.
    expect(again.lastRecord(1)?.n).toBeGreaterThanOrEqual(stored);
    expect([...again.records(1, 1)].map(({ n }) => n)).toEqual(
      Array.from({ length: again.lastRecord(1)?.n ?? 0 }, (_, at) => at + 1),
    );
  });

  test('can be read from while it is iterated over, and then as it is now', async () => {
    const ledger = await open();
    await ledger.commit(content);
    const seen: number[] = [];
    for (const { n } of ledger.records(1, 199)) {
      seen.push(n);
      if (n < 205) await ledger.commit(batch({ records: [record(1, (ledger.lastRecord(1)?.n ?? 0) + 1)] }));
      expect(ledger.record(1, n)?.n).toBe(n);
    }
    expect(seen.at(-1)).toBe(ledger.lastRecord(1)?.n);
  });
});

describe('a record that was made smaller before', () => {
  test('is stored as it came, and read as what it was', async () => {
    const ledger = await open();
    const whole = record(1, 1, JSON.stringify([{ said: 'so it is; '.repeat(100) }]));
    // At another level than the ledger's own: these bytes are nobody else's.
    const zstd = zstdCompressSync(whole.body, { params: { [constants.ZSTD_c_compressionLevel]: 19 } });
    await ledger.commit(batch({ records: [{ ...whole, zstd }, record(1, 2)] }));
    expect([text(ledger.record(1, 1)?.body), text(ledger.record(1, 2)?.body)]).toEqual([text(whole.body), '[{"n":2}]']);
    expect(storedBodies(path)).toEqual([zstd, Buffer.from('[{"n":2}]')]);
  });
});

describe('a copy', () => {
  test('S10: made in use, replaces the file, and has its id', async () => {
    const ledger = await openSqliteLedger(path);
    await ledger.commit(content);
    const copy = join(folder, 'agents.db.backup');
    writeFileSync(`${copy}.part`, 'what an earlier copy left when it was cut off');
    const [, after] = await Promise.all([ledger.backup(copy), ledger.commit(batch({ records: [record(2, 1)] }))]);
    expect(after).toBeUndefined();
    expect(existsSync(`${copy}.part`)).toBe(false);
    await ledger.commit(batch({ records: [record(1, 201)] }));
    await ledger.close();
    await damages.deleted(path);
    copyFileSync(copy, path);
    const older = await open();
    expect(older.condition).toEqual({ kind: 'intact' });
    expect(older.id).toBe(ledger.id);
    expect(older.lastRecord(1)?.n).toBe(200);
    expect(older.record(1, 1)?.seq).toBe(12);
    expect(older.ended(1, taskId(2))).toEqual(endedTask(2, 1, 2));
    await older.commit(batch({ records: [record(1, 201, '["again"]')] }));
    expect(text(older.lastRecord(1)?.body)).toBe('["again"]');
  });

  test('that cannot be made leaves the ledger as it is', async () => {
    const ledger = await open();
    await ledger.commit(content);
    await expect(ledger.backup(join(folder, 'nowhere', 'copy'))).rejects.toThrow(/refused a backup|does not exist/);
    mkdirSync(join(folder, 'nowhere'));
    await ledger.backup(join(folder, 'nowhere', 'copy'));
    await ledger.commit(batch({ records: [record(1, 201)] }));
    expect(ledger.lastRecord(1)?.n).toBe(201);
  });
});

describe('a file seen from outside', () => {
  test('shows its journal, its open tasks and those that have ended', async () => {
    const ledger = await open();
    await ledger.commit(content);
    expect(journal(path, 1)).toHaveLength(200);
    expect(journal(path)[0]).toEqual({ partition: 1, n: 1, seq: 12, events: [{ at: 0, said: 'x'.repeat(300) }] });
    expect(journal(path, 2)).toEqual([]);
    expect(snapshots(path)).toEqual([{ partition: 1, task: taskId(1), state: { open: true } }]);
    expect(endedTasks(path)).toEqual([{ partition: 1, ...endedTask(2, 1, 2) }]);
    const before = stateHash([path]);
    await ledger.commit(batch({ logged: [{ partition: 1, n: 2, seq: 13 }] }));
    expect(stateHash([path])).toBe(before);
    await ledger.setAside(1, 200);
    expect(stateHash([path])).not.toBe(before);
  });

  test('keeps what was set aside, with its time', async () => {
    const ledger = await open();
    await ledger.commit(content);
    const before = Date.now();
    expect(await ledger.setAside(1, 199)).toBe(2);
    const db = new Database(path, { readonly: true });
    const rows = db
      .prepare<[], { partition: number; n: number; at_ms: number }>('SELECT * FROM set_aside ORDER BY id')
      .all();
    db.close();
    expect(rows.map(({ partition, n }) => [partition, n])).toEqual([
      [1, 199],
      [1, 200],
    ]);
    for (const { at_ms } of rows) expect(at_ms).toBeGreaterThanOrEqual(before);
  });
});
