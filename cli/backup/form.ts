/**
 * What a backup looks like on disk. Owns: its manifest and the places of its parts. Does not own: making or restoring one.
 *
 *   manifest.json    what it holds; written last, so a folder without one is no backup
 *   ledger/*.db      a whole copy of each service's ledger, with nothing beside it
 *   jetstream/       the store of the mesh's own log server, when it has one
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ledgerPath, type Settings } from '../../config/settings.ts';
import { services } from '../../services/table.ts';
import { CliError, codeOf } from '../errors.ts';

/** Raised when an older release could not restore it. */
export const BACKUP_VERSION = 1;

const manifest = z.object({
  version: z.number().int(),
  /** RFC 3339: what was told until then is in it. */
  at: z.string(),
  release: z.string(),
  ledgers: z.array(z.string()),
  /** Null when the log is on a server of the user's. */
  log: z.object({ natsVersion: z.string(), lastSeq: z.number().int() }).nullable(),
});

export type Manifest = Readonly<z.infer<typeof manifest>>;

export const manifestPath = (folder: string): string => join(folder, 'manifest.json');
export const ledgerIn = (folder: string, service: string): string => join(folder, 'ledger', `${service}.db`);
export const storeIn = (folder: string): string => join(folder, 'jetstream');

/** Where the mesh's own log server keeps its store. */
export const storeOf = (settings: Settings): string => join(settings.MESH_HOME, 'nats', 'jetstream');

/** Services that keep a ledger, with its place. */
export function ledgersOf(settings: Settings): { readonly service: string; readonly path: string }[] {
  return services
    .filter(({ hasLedger }) => hasLedger)
    .map(({ name }) => ({ service: name, path: ledgerPath(settings, name) }));
}

/** @throws CliError exit code 2 when it is no backup, or one of a newer release */
export function readManifest(folder: string, named: string): Manifest {
  let text: string;
  try {
    text = readFileSync(manifestPath(folder), 'utf8');
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error;
    throw new CliError(2, `${named} is no backup: it has no manifest.json; name what \`mesh backup\` has made`);
  }
  const parsed = parse(text);
  if (parsed === null) throw new CliError(2, `${named} is no backup: its manifest.json cannot be read`);
  if (parsed.version > BACKUP_VERSION)
    throw new CliError(2, `${named} was made by a newer release (${parsed.release}); restore it with that one`);
  return parsed;
}

function parse(text: string): Manifest | null {
  try {
    const parsed = manifest.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
