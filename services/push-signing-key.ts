/**
 * The key by which push notifications are signed. Owns: where it lies, and making it once. Does not own: signing
 * (gateway/a2a/push/signature.ts).
 */
import { createPrivateKey } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { meshFolder, type Settings, SettingsError } from '../config/settings.ts';
import { newSigningKey, type SigningKey } from '../gateway/a2a/push/signature.ts';
import { makeFolder } from '../guards/make-folder.ts';
import { readNamed } from '../guards/named-file.ts';

const FILE = 'push-signing-key.pem';

/** @throws SettingsError when the file that is named holds no such key */
export function pushSigningKey(settings: Pick<Settings, 'MESH_HOME' | 'MESH_PUSH_SIGNING_KEY'>): SigningKey {
  const { MESH_HOME: home, MESH_PUSH_SIGNING_KEY: named } = settings;
  if (named !== undefined) return read(resolve(meshFolder(), named), 'MESH_PUSH_SIGNING_KEY');
  const path = join(home, FILE);
  make(home, path);
  return read(path, path);
}

/** @param what in the words of a message; a setting without its value, which may be the key itself */
function read(path: string, what: string): SigningKey {
  try {
    const key = createPrivateKey(readNamed(path));
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch (error) {
    // What the system says of it names the path.
    const why = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new SettingsError(`${what}: names no file with a private key in PEM${why}`);
  }
  throw new SettingsError(`${what}: is a key of another kind; openssl genpkey -algorithm ed25519 makes one`);
}

/** Whole or not at all, and only where there is none: two gateways of one machine begin with the same. */
function make(home: string, path: string): void {
  makeFolder(home);
  const draft = `${path}.${process.pid}`;
  try {
    readFileSync(path);
    return;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  writeFileSync(draft, newSigningKey().export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  try {
    linkSync(draft, path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    rmSync(draft);
  }
}
