/**
 * Files of a backup and of what it replaces. Owns: copying so that a power loss takes nothing of what was copied, and
 * moving files aside. Does not own: which files.
 */
import { closeSync, cpSync, existsSync, fsyncSync, openSync, readdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What SQLite keeps beside a database. A stale one beside another database spoils it. */
export const SQLITE_SUFFIXES = ['', '-wal', '-shm'] as const;

/** Makes what was written there durable: the file or folder, and all that is in it. */
export function syncTree(path: string): void {
  const entry = openSync(path, 'r');
  try {
    fsyncSync(entry);
  } finally {
    closeSync(entry);
  }
  for (const one of entriesOf(path)) syncTree(join(path, one));
}

function entriesOf(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') return [];
    throw error;
  }
}

export function copyDurably(from: string, to: string): void {
  cpSync(from, to, { recursive: true, preserveTimestamps: true });
  syncTree(to);
}

/** Renames what is there; returns the new name, or null when there was nothing. */
export function moveAside(path: string, suffixes: readonly string[], stamp: string): string | null {
  const aside = `${path}.aside-${stamp}`;
  const there = suffixes.filter((suffix) => existsSync(path + suffix));
  for (const suffix of there) renameSync(path + suffix, aside + suffix);
  if (there.length > 0) syncFolder(dirname(path));
  return there.length > 0 ? aside : null;
}

export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
