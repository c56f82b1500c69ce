/**
 * How this process reaches NATS: the address, and the files that say who it is. Owns: which files those are, and one clear
 * line when one cannot be read. Does not own: the keys of the mesh's own server (`cli/nats-keys.ts`), or connecting.
 *
 * The mesh's own server has a key for each identity in MESH_HOME. A server of the user's is reached with what the settings
 * name: `NATS_CREDS`, `NATS_NKEY`, or a password in `NATS_URL`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { meshFolder, natsUrl, type Settings, SettingsError } from './settings.ts';

export interface NatsAccess {
  readonly url: string;
  readonly seed?: string;
  readonly creds?: string;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

type AccessSettings = Pick<
  Settings,
  'MESH_HOME' | 'MESH_NATS_PORT' | 'NATS_URL' | 'NATS_CREDS' | 'NATS_NKEY' | 'NATS_CA' | 'NATS_CERT' | 'NATS_KEY'
>;

/** Seed of an identity on the server that `mesh up` starts. */
export function seedPath(home: string, identity: string): string {
  return join(home, 'nats', 'keys', `${identity}.nk`);
}

/** @throws SettingsError when a file that is named cannot be read */
export function natsAccess(settings: AccessSettings, identity: string): NatsAccess {
  const url = natsUrl(settings);
  if (settings.NATS_URL === undefined) {
    const path = seedPath(settings.MESH_HOME, identity);
    // A server that an earlier release started asks nobody who they are.
    return existsSync(path) ? { url, seed: textOf('MESH_HOME', path) } : { url };
  }
  const { NATS_CREDS, NATS_NKEY, NATS_CA, NATS_CERT, NATS_KEY } = settings;
  if (NATS_CREDS !== undefined && NATS_NKEY !== undefined)
    throw new SettingsError('NATS_CREDS and NATS_NKEY are both set: one of them says who the mesh is');
  if ((NATS_CERT === undefined) !== (NATS_KEY === undefined))
    throw new SettingsError('NATS_CERT and NATS_KEY go together: a certificate and its private key');
  const tls = {
    ...(NATS_CA === undefined ? {} : { ca: named('NATS_CA', NATS_CA) }),
    ...(NATS_CERT === undefined ? {} : { cert: named('NATS_CERT', NATS_CERT) }),
    ...(NATS_KEY === undefined ? {} : { key: named('NATS_KEY', NATS_KEY) }),
  };
  return {
    url,
    ...(NATS_CREDS === undefined ? {} : { creds: named('NATS_CREDS', NATS_CREDS) }),
    ...(NATS_NKEY === undefined ? {} : { seed: named('NATS_NKEY', NATS_NKEY) }),
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
  };
}

/** Whether a server of the user's is told who the mesh is; the mesh's own always is. */
export function hasCredentials(settings: AccessSettings): boolean {
  const { NATS_URL, NATS_CREDS, NATS_NKEY, NATS_CERT } = settings;
  if (NATS_URL === undefined) return true;
  return (
    [NATS_CREDS, NATS_NKEY, NATS_CERT].some((one) => one !== undefined) ||
    NATS_URL.split(',').some((one) => new URL(one.trim()).username !== '')
  );
}

function named(setting: string, path: string): string {
  return textOf(setting, resolve(meshFolder(), path));
}

function textOf(setting: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const why = code === 'EACCES' ? 'it belongs to somebody else' : code === 'ENOENT' ? 'there is no such file' : code;
    throw new SettingsError(`${setting}: ${path} cannot be read: ${why}`);
  }
}
