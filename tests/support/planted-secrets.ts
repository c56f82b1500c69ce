/**
 * A secret in every setting that holds one. Owns: what is planted, made from the list of such settings, so that a new one is
 * planted by itself; and finding any of it again in a text, in any of its forms. Does not own: where is looked.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SecretName, secretNames } from '../../config/settings.ts';

export interface PlantedSecrets {
  readonly env: Readonly<Record<SecretName, string>>;
  /** Names of the settings whose secret stands in a text. */
  foundIn(text: string): SecretName[];
  remove(): void;
}

interface Plant {
  readonly value: string;
  /** What must be nowhere; the value itself when absent. */
  readonly secret?: string;
}

export function plantSecrets(): PlantedSecrets {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-planted-'));
  const special: Partial<Record<SecretName, () => Plant>> = {
    MESH_SIGNING_KEY: () => ({ value: newKey().seed }),
    MESH_PUSH_SIGNING_KEY: () => {
      const { pem, seed } = newKey();
      const value = join(folder, 'push.pem');
      writeFileSync(value, pem, { mode: 0o600 });
      return { value, secret: seed };
    },
  };
  const plants = secretNames.map((name): readonly [SecretName, Plant] => {
    const usual = { value: `planted-${name.toLowerCase().replaceAll('_', '-')}/with+signs` };
    return [name, special[name]?.() ?? usual];
  });
  const forms = plants.map(([name, { value, secret = value }]) => [name, formsOf(secret)] as const);
  return {
    env: Object.fromEntries(plants.map(([name, { value }]) => [name, value])) as Record<SecretName, string>,
    foundIn: (text) => forms.flatMap(([name, all]) => (all.some((form) => text.includes(form)) ? [name] : [])),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

function newKey(): { readonly pem: string; readonly seed: string } {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { d = '' } = privateKey.export({ format: 'jwk' });
  return { pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), seed: d };
}

/** As itself, in an address, in JSON and encoded; of a key the bytes that it stands for as well. */
function formsOf(secret: string): string[] {
  const raw = [Buffer.from(secret), ...(/^[\w-]{43}$/.test(secret) ? [Buffer.from(secret, 'base64url')] : [])];
  const encoded = raw.flatMap((bytes) => [bytes.toString('hex'), bytes.toString('latin1'), ...base64Of(bytes)]);
  return [...new Set([secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), ...encoded])];
}

/** What stands in base64 of anything that these bytes are a part of: by where they begin in a group of three. */
function base64Of(bytes: Buffer): string[] {
  const whole = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    // The first and the last signs are those of their neighbours as well.
    return text.slice(before === 0 ? 0 : before + 1, -1);
  });
  return [...whole, ...whole.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))];
}
