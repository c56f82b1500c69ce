/**
 * The keys by which messages of the log are signed and judged. Owns: reading them from the settings. Does not own: the form
 * of signatures (`bus/signatures.ts`).
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { resolve } from 'node:path';
import { keyId, privateKeyOf, publicKeyOf, type Signing } from '../../bus/signatures.ts';
import { meshFolder, type Settings, SettingsError } from '../../config/settings.ts';
import { readNamed } from '../../guards/named-file.ts';

type Keys = Pick<Settings, 'MESH_SIGNING_KEY' | 'MESH_SIGNING_TRUSTED' | 'MESH_SIGNED_SINCE'>;

const SEED = /^[A-Za-z0-9+/_-]{43}=?$/;

/** Null when messages of this mesh are not signed. @throws SettingsError, which never shows a key */
export function readSigning(settings: Keys): Signing | null {
  const { MESH_SIGNING_KEY: own, MESH_SIGNING_TRUSTED: others, MESH_SIGNED_SINCE: since } = settings;
  if (own === undefined && others === undefined) return null;
  const key = own === undefined ? null : privateKey(own);
  const trusted = new Map<string, KeyObject>();
  for (const one of [...(key === null ? [] : [createPublicKey(key)]), ...publicKeys(others)])
    trusted.set(keyId(one), one);
  const signer = key === null ? null : { key, id: keyId(key) };
  return { own: signer, trusted, unsignedBeforeMs: since === undefined ? 0 : Date.parse(since) };
}

function privateKey(text: string): KeyObject {
  const key = SEED.test(text) ? privateKeyOf(Buffer.from(text, 'base64url')) : fromFile(resolve(meshFolder(), text));
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw new SettingsError(
    `MESH_SIGNING_KEY is a key of ${key.asymmetricKeyType}; an Ed25519 key is wanted (\`mesh keys new\`)`,
  );
}

function fromFile(path: string): KeyObject {
  try {
    return createPrivateKey(readNamed(path));
  } catch (thrown) {
    const missing = thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT';
    // A key that was mistyped is no path to show.
    const reason = missing
      ? 'it is neither 32 bytes in base64 nor an existing file'
      : 'its file holds no private key in PEM';
    throw new SettingsError(`MESH_SIGNING_KEY cannot be used: ${reason} (\`mesh keys new\` makes one)`);
  }
}

function publicKeys(text: string | undefined): KeyObject[] {
  const all = text?.split(',').map((one) => one.trim()) ?? [];
  return all.map((one) => {
    try {
      return publicKeyOf(one);
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      throw new SettingsError(
        `MESH_SIGNING_TRUSTED has a part that is no public key: ${reason} (base64, as \`mesh keys show\` prints it)`,
      );
    }
  });
}
