/**
 * Finds or provides a nats-server. Owns: the order of places and the check of its version. Does not own: fetching
 * (nats-download.ts) or running it (supervisor/).
 *
 * The order: the binary named by MESH_NATS_SERVER, PATH, MESH_HOME/bin, the official archive, the distribution's
 * package. A server of the user's (NATS_URL) never comes here.
 */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { assertSupportedServer } from '../bus/server-version.ts';
import { meshFolder, type Settings } from '../config/settings.ts';
import { CliError } from './errors.ts';
import { fetchArchive, fetchPackage } from './nats-download.ts';

export interface NatsBinary {
  readonly path: string;
  /** Such as 2.9.10. */
  readonly version: string;
  readonly from: 'MESH_NATS_SERVER' | 'PATH' | 'MESH_HOME' | 'archive' | 'package';
}

/** Where packages put it without it being on everybody's PATH. */
const USUAL_FOLDERS = ['/usr/sbin', '/usr/local/bin', '/usr/local/sbin', '/opt/homebrew/bin'];
/** `nats-server --version` answers at once; a binary that hangs is none of ours. */
const VERSION_TIMEOUT_MS = 5000;

const binaryName = 'nats-server';

function homeBinary(settings: Settings): string {
  return join(settings.MESH_HOME, 'bin', binaryName);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The version a binary tells, checked against what the mesh works with. @throws Error saying what is wrong with it */
function versionOf(path: string): string {
  const text = execFileSync(path, ['--version'], { encoding: 'utf8', timeout: VERSION_TIMEOUT_MS, stdio: 'pipe' });
  const version = /v?(\d+\.\d+\.\d+\S*)/.exec(text)?.[1];
  if (version === undefined) throw new Error(`${path} does not say its version`);
  assertSupportedServer(version);
  return version;
}

/** The version, or why the binary cannot be used. */
function tryBinary(path: string): { ok: true; version: string } | { ok: false; reason: string } {
  try {
    return { ok: true, version: versionOf(path) };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) };
  }
}

/** What is on this machine already, or null. `say` hears about binaries that were passed over. */
export function findNatsServer(settings: Settings, say: (text: string) => void): NatsBinary | null {
  const named = settings.MESH_NATS_SERVER;
  if (named !== undefined) {
    const path = resolve(meshFolder(), named);
    if (!existsSync(path)) throw new CliError(2, `MESH_NATS_SERVER=${named}: there is no such file`);
    const tried = tryBinary(path);
    if (!tried.ok) throw new CliError(2, `MESH_NATS_SERVER=${named}: ${tried.reason}`);
    return { path, version: tried.version, from: 'MESH_NATS_SERVER' };
  }
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const folder of [...folders, ...USUAL_FOLDERS, join(settings.MESH_HOME, 'bin')]) {
    const path = resolve(folder, binaryName);
    if (!isExecutable(path)) continue;
    const tried = tryBinary(path);
    if (tried.ok) return { path, version: tried.version, from: path === homeBinary(settings) ? 'MESH_HOME' : 'PATH' };
    say(`${path} is passed over: ${tried.reason}`);
  }
  return null;
}

/** A nats-server that works, fetched when there is none. @throws CliError with exit code 3 when none can be had */
export async function provideNatsServer(settings: Settings, say: (text: string) => void): Promise<NatsBinary> {
  const found = findNatsServer(settings, say);
  if (found !== null) return found;
  const target = homeBinary(settings);
  const problems: string[] = [];
  for (const [from, fetchIt] of [['archive', fetchArchive] as const, ['package', fetchPackage] as const]) {
    try {
      await fetchIt(target, say);
      return { path: target, version: versionOf(target), from };
    } catch (error) {
      problems.push(`${from}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new CliError(
    3,
    'nats-server was not found and could not be fetched; install it (Debian: apt-get install nats-server, macOS: brew install nats-server), or set MESH_NATS_SERVER to a binary or NATS_URL to a server',
    { cause: new Error(problems.join('; ')) },
  );
}
