/**
 * Making a backup of a mesh that runs, or of one that does not, however it ended. Owns: the order, and that each part is
 * sound by itself. Does not own: the schedule on which a service copies its own ledger (`services/backups.ts`).
 *
 * Ledgers first, then the log: so the log of a backup is at least as new as its ledgers, which is what a host expects
 * that starts on them; it reads on from there. Everything that was told before the backup began is in it.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import type { Settings } from '../../config/settings.ts';
import { makeFolder } from '../../guards/make-folder.ts';
import manifest from '../../package.json' with { type: 'json' };
import { CliError, codeOf, fileProblem } from '../errors.ts';
import { withBus } from '../mesh-client.ts';
import { provideNatsServer } from '../nats-server.ts';
import { liveness, readRunState } from '../supervisor/run-state.ts';
import { isArchive, pack } from './archive.ts';
import { syncFolder, syncTree } from './files.ts';
import { BACKUP_VERSION, ledgerIn, ledgersOf, type Manifest, manifestPath, storeIn, storeOf } from './form.ts';
import { copyStore } from './log-store.ts';

/** A host that commits or moves its write-ahead log makes nobody wait longer than this, milliseconds. */
const BUSY_TIMEOUT_MS = 10_000;

/** @param path a new or empty folder, or a file named `.tar`, `.tar.gz` or `.tgz`. @throws CliError */
export async function makeBackup(settings: Settings, path: string, say: (text: string) => void): Promise<Manifest> {
  assertFree(path);
  makeFolder(dirname(path));
  const parts = mkdtempSync(`${path}.part-`);
  try {
    const made = await fill(settings, parts, say);
    if (isArchive(path)) await packTo(parts, path);
    else {
      syncTree(parts);
      rmSync(path, { recursive: true, force: true });
      renameSync(parts, path);
    }
    syncFolder(dirname(path));
    return made;
  } finally {
    rmSync(parts, { recursive: true, force: true });
  }
}

/** A file that is there is whole. */
async function packTo(parts: string, path: string): Promise<void> {
  const file = `${parts}${basename(path).replace(/^.*?(\.tar|\.tar\.gz|\.tgz)$/, '$1')}`;
  try {
    await pack(parts, file);
    syncTree(file);
    renameSync(file, path);
  } finally {
    rmSync(file, { force: true });
  }
}

function assertFree(path: string): void {
  if (!existsSync(path)) return;
  if (!isArchive(path) && isEmptyFolder(path)) return;
  throw new CliError(2, `${path} is there already; name a new folder or file`);
}

function isEmptyFolder(path: string): boolean {
  try {
    return readdirSync(path).length === 0;
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return false;
    throw error;
  }
}

async function fill(settings: Settings, folder: string, say: (text: string) => void): Promise<Manifest> {
  const at = new Date().toISOString();
  mkdirSync(join(folder, 'ledger'));
  const ledgers: string[] = [];
  for (const { service, path } of ledgersOf(settings)) {
    if (!existsSync(path)) continue;
    if (copyLedger(path, ledgerIn(folder, service), say)) ledgers.push(service);
  }
  const log = settings.NATS_URL === undefined ? await copyLog(settings, folder, say) : null;
  if (ledgers.length === 0 && log === null)
    throw new CliError(2, `there is nothing to back up in ${settings.MESH_HOME}: no ledger and no log`);
  const made: Manifest = { version: BACKUP_VERSION, at, release: manifest.version, ledgers, log };
  writeFileSync(manifestPath(folder), `${JSON.stringify(made, null, 2)}\n`);
  return made;
}

/** As of one moment, whoever writes meanwhile. False when the file is damaged: the log has what it had. */
function copyLedger(path: string, to: string, say: (text: string) => void): boolean {
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    const sound = db.pragma('quick_check(1)', { simple: true });
    if (sound !== 'ok') throw new DamagedLedger(String(sound));
    db.prepare('VACUUM INTO ?').run(to);
    return true;
  } catch (error) {
    const damaged = error instanceof DamagedLedger || /^SQLITE_(CORRUPT|NOTADB)/.test(codeOf(error));
    if (!damaged) {
      const problem = fileProblem(error) ?? (error instanceof Error ? error.message : String(error));
      throw new CliError(3, `the ledger ${path} cannot be copied: ${problem}`, { cause: error });
    }
    rmSync(to, { force: true });
    say(`The ledger ${path} is damaged and is left out; its service makes it anew from the log.`);
    return false;
  } finally {
    db?.close();
  }
}

class DamagedLedger extends Error {}

async function copyLog(settings: Settings, folder: string, say: (text: string) => void): Promise<Manifest['log']> {
  const from = storeOf(settings);
  if (!existsSync(from)) return null;
  const runs = liveness(readRunState(settings)).kind === 'up';
  const lastSeq = runs ? await withBus(settings, async (bus) => (await bus.streamInfo()).lastSeq) : 0;
  const { path, version } = await provideNatsServer(settings, say);
  return { natsVersion: version, lastSeq: await copyStore(from, storeIn(folder), path, lastSeq) };
}
