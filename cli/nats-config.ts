/**
 * The configuration of the nats-server that `mesh up` runs. Owns: the text and where it lies. Does not own: starting
 * the server. Every line works on 2.9.10 unless it is gated here.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AddedRole, Identity } from '../bus/identities.ts';
import { authorizationText } from '../bus/server-users.ts';
import type { Settings } from '../config/settings.ts';
import { makeFolder } from '../guards/make-folder.ts';

/** Larger than what the mesh accepts, so that an oversized submission is stored and quarantined with its reason. */
const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;
/**
 * Bound of the log on disk. Named, because left out the server takes three quarters of what is free at its start: a
 * restart on a filled disk would then refuse the streams it had made before.
 */
const STORE_BYTES_MAX = 64 * 1024 ** 3;
/** How much a power loss may take from the log; the ledgers give it back (S10). */
const SYNC_INTERVAL = '1s';

function atLeast(version: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number);
  return a > major || (a === major && b >= minor);
}

/** @param version of the binary that will read it; older ones refuse settings they do not know */
export function natsConfig(options: {
  port: number;
  storeDir: string;
  version: string;
  publicKeys: Readonly<Record<Identity, string>>;
  /** Roles beside those that ship. */
  addedRoles?: readonly AddedRole[];
}): string {
  return [
    '# Written by `mesh up` at every start: changes made here are lost.',
    'server_name: "agent-mesh"',
    `listen: "127.0.0.1:${options.port}"`,
    `max_payload: ${MAX_PAYLOAD_BYTES}`,
    'jetstream {',
    `  store_dir: ${JSON.stringify(options.storeDir)}`,
    `  max_file_store: ${STORE_BYTES_MAX}`,
    ...(atLeast(options.version, 2, 10) ? [`  sync_interval: "${SYNC_INTERVAL}"`] : []),
    '}',
    '# Who may connect, and do what: each process of the mesh has a key of its own, in keys/.',
    authorizationText(options.publicKeys, options.addedRoles),
    '',
  ].join('\n');
}

export const natsConfigPath = (home: string): string => join(home, 'nats', 'server.conf');

/** Writes `<MESH_HOME>/nats/server.conf` and returns its path. */
export function writeNatsConfig(
  settings: Settings,
  version: string,
  publicKeys: Readonly<Record<Identity, string>>,
  addedRoles: readonly AddedRole[] = [],
): string {
  const folder = join(settings.MESH_HOME, 'nats');
  makeFolder(folder);
  const path = natsConfigPath(settings.MESH_HOME);
  const port = settings.MESH_NATS_PORT;
  const text = natsConfig({ port, storeDir: join(folder, 'jetstream'), version, publicKeys, addedRoles });
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}
