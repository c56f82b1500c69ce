/**
 * Putting a backup back. Owns: refusing while anything may write, checking the backup before anything is touched, and
 * keeping aside what is replaced. Does not own: what a host makes of it at its next start (`actors/runtime/recovery/recovery.ts`).
 *
 * Ledgers alone: the log is newer than they are, and each service copies what they lack from it; nothing is lost. With
 * the log: the mesh is what it was when the backup was made.
 */
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import type { Settings } from '../../config/settings.ts';
import { makeFolder } from '../../guards/make-folder.ts';
import { CliError, codeOf } from '../errors.ts';
import { prepareHome } from '../supervisor/home.ts';
import { takeLock } from '../supervisor/lock.ts';
import { liveness, readRunState } from '../supervisor/run-state.ts';
import { isArchive, unpack } from './archive.ts';
import { copyDurably, moveAside, SQLITE_SUFFIXES, syncFolder } from './files.ts';
import { ledgerIn, ledgersOf, type Manifest, readManifest, storeIn, storeOf } from './form.ts';

export interface Restored {
  readonly manifest: Manifest;
  /** Whether the log was put back too. */
  readonly withLog: boolean;
  /** New names of what was replaced. */
  readonly aside: readonly string[];
}

/** @throws CliError */
export async function restoreBackup(settings: Settings, path: string, ledgersOnly: boolean): Promise<Restored> {
  if (!existsSync(path)) throw new CliError(2, `${path}: there is no such file or folder`);
  prepareHome(settings);
  const release = claimHome(settings);
  const unpacked = isArchive(path) ? mkdtempSync(join(settings.MESH_HOME, 'restore-')) : null;
  try {
    if (unpacked !== null) await unpack(path, unpacked);
    return putBack(settings, unpacked ?? path, path, ledgersOnly);
  } finally {
    if (unpacked !== null) rmSync(unpacked, { recursive: true, force: true });
    release();
  }
}

/** Nothing may run, nor begin to, until it is released. */
function claimHome(settings: Settings): () => void {
  const running = new CliError(2, 'the mesh runs; stop it with `mesh down`, then restore');
  if (liveness(readRunState(settings)).kind !== 'down') throw running;
  const lock = takeLock(join(settings.MESH_HOME, 'supervisor.lock'));
  if (lock === null) throw running;
  const locks = [lock];
  const release = (): void => {
    for (const one of locks) one.release();
  };
  for (const { service, path } of ledgersOf(settings)) {
    makeFolder(dirname(path));
    // The lock that a service holds while it has its ledger open.
    const mine = takeLock(`${path}.lock`);
    if (mine === null) {
      release();
      throw new CliError(
        2,
        `the ledger ${path} is in use: a service \`${service}\` runs that was started by hand; stop it`,
      );
    }
    locks.push(mine);
  }
  return release;
}

function putBack(settings: Settings, folder: string, named: string, ledgersOnly: boolean): Restored {
  const manifest = readManifest(folder, named);
  const withLog = manifest.log !== null && !ledgersOnly;
  if (withLog && settings.NATS_URL !== undefined)
    throw new CliError(
      2,
      'this backup holds a log, and NATS_URL names a server of yours, whose store is not touched; restore with --ledgers-only',
    );
  const parts = ledgersOf(settings)
    .filter(({ service }) => manifest.ledgers.includes(service))
    .map(({ service, path }) => ({ from: ledgerIn(folder, service), to: path, suffixes: SQLITE_SUFFIXES }));
  for (const { from } of parts) assertSound(from, named);
  if (withLog && !existsSync(storeIn(folder))) throw new CliError(2, `${named} is damaged: its log is missing`);
  const store = { from: storeIn(folder), to: storeOf(settings), suffixes: [''] };
  const stamp = new Date().toISOString().replaceAll(':', '-');
  return { manifest, withLog, aside: replace(withLog ? [...parts, store] : parts, stamp) };
}

function assertSound(file: string, named: string): void {
  try {
    const db = new Database(file, { readonly: true, fileMustExist: true });
    const result = db.pragma('quick_check(1)', { simple: true });
    db.close();
    if (result === 'ok') return;
  } catch (error) {
    if (!codeOf(error).startsWith('SQLITE_')) throw error;
  }
  throw new CliError(3, `${named} is damaged: ${file} cannot be read; nothing was changed`);
}

interface Part {
  readonly from: string;
  readonly to: string;
  readonly suffixes: readonly string[];
}

/** All copies are there before the first file is replaced: a full disk changes nothing. */
function replace(parts: readonly Part[], stamp: string): string[] {
  const staged = parts.map((part) => ({ ...part, copy: `${part.to}.restored-${stamp}` }));
  try {
    for (const { from, to, copy } of staged) {
      makeFolder(dirname(to));
      copyDurably(from, copy);
    }
    return staged.flatMap(({ to, copy, suffixes }) => {
      const aside = moveAside(to, suffixes, stamp);
      renameSync(copy, to);
      syncFolder(dirname(to));
      return aside ?? [];
    });
  } finally {
    for (const { copy } of staged) rmSync(copy, { recursive: true, force: true });
  }
}
