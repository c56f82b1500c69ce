/** The supervisor's record under a living mesh: what becomes of it is undone within a second. */
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { takeLock } from '../../../cli/supervisor/lock.ts';
import { keepRecord, lockPath } from '../../../cli/supervisor/record-keeper.ts';
import { runStatePath } from '../../../cli/supervisor/run-state.ts';

let home = '';
beforeEach(() => {
  vi.useFakeTimers();
  home = mkdtempSync(join(tmpdir(), 'mesh-record-'));
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(home, { recursive: true, force: true });
});

function keeping(fail?: () => void) {
  const lock = takeLock(lockPath(home));
  if (lock === null) throw new Error('the lock is free');
  const path = runStatePath(home);
  const record = { text: 'six services\n' };
  const notes: string[] = [];
  writeFileSync(path, record.text);
  const save = () => {
    fail?.();
    writeFileSync(path, record.text);
  };
  const keeper = keepRecord({ home, lock, save, text: () => record.text, note: (text) => void notes.push(text) });
  return { path, record, notes, keeper };
}

test.each([
  ['was removed', (path: string) => rmSync(path)],
  ['was emptied', (path: string) => writeFileSync(path, '')],
  ['was cut off', (path: string) => writeFileSync(path, 'six ser')],
  ['is of another mesh', (path: string) => writeFileSync(path, 'two services\n')],
])('one that %s is written again, and that is said once', (_what, harm) => {
  const { path, notes, keeper } = keeping();
  harm(path);
  vi.advanceTimersByTime(3000);
  expect(readFileSync(path, 'utf8')).toBe('six services\n');
  expect(notes).toEqual([expect.stringMatching(/^run\.json .*; it is written again$/)]);
  keeper.end();
});

test('one that is right is only touched: its time is the sign of life', () => {
  const { path, notes, keeper } = keeping();
  utimesSync(path, new Date(0), new Date(0));
  vi.advanceTimersByTime(1000);
  expect(statSync(path).mtimeMs).toBeGreaterThan(0);
  expect(notes).toEqual([]);
  keeper.end();
});

test('one that a full disk keeps from saying what is new is touched all the same', () => {
  const { path, record, keeper } = keeping(() => {
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC', syscall: 'write' });
  });
  record.text = 'five services\n';
  utimesSync(path, new Date(0), new Date(0));
  vi.advanceTimersByTime(1000);
  expect([statSync(path).mtimeMs > 0, readFileSync(path, 'utf8')]).toEqual([true, 'six services\n']);
  keeper.end();
});

test('a lock that was removed is taken again', () => {
  const { notes, keeper } = keeping();
  rmSync(lockPath(home));
  vi.advanceTimersByTime(1000);
  expect(takeLock(lockPath(home))).toBeNull();
  expect(notes).toEqual([expect.stringContaining('supervisor.lock was removed')]);
  keeper.end();
  const lock = takeLock(lockPath(home));
  expect(lock).not.toBeNull();
  lock?.release();
});
