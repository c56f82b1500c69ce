/**
 * Signatures of push notifications, as Standard Webhooks 1.0 has them (https://www.standardwebhooks.com): three headers by
 * which a receiver tells who sent a notification, when, and whether it has had it before. Owns: the headers and the keys.
 * Does not own: sending (`post.ts`), or where the key lies (services/gateway.ts).
 *
 * Invariants:
 * 1. `webhook-id` is the same whenever the same event is told to the same config, also by another gateway after a crash.
 * 2. What is signed is `id.timestamp.body`, the bytes as they are sent; the time is that of the attempt.
 * 3. No key is ever sent: the secret of a config leaves the gateway in no header.
 */
import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { contentHash } from '../../../schemas/events/ids.ts';
import type { PushEntry } from './store.ts';

/** The scheme of a config's authentication whose credentials are secrets to sign with, each `whsec_` and base64. */
const SECRET_SCHEME = 'webhook-signature';
const SECRET_PREFIX = 'whsec_';
const PUBLIC_PREFIX = 'whpk_';
/** The specification wants 24 to 64. */
const SECRET_BYTES_MIN = 24;
const SECRET_BYTES_MAX = 64;
/** The old one and the new one, while a receiver changes it. */
const SECRETS_MAX = 2;

/** Ed25519, of the gateway. */
export type SigningKey = KeyObject;

export function newSigningKey(): SigningKey {
  return generateKeyPairSync('ed25519').privateKey;
}

/** What receivers check by: `whpk_` and the 32 bytes in base64. */
export function publicKeyOf(key: SigningKey): string {
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  return PUBLIC_PREFIX + Buffer.from(x, 'base64url').toString('base64');
}

/** Null when the text is no secret of the form. */
function secretOf(text: string): Buffer | null {
  if (!text.startsWith(SECRET_PREFIX)) return null;
  const encoded = text.slice(SECRET_PREFIX.length);
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.toString('base64').replace(/=+$/, '') !== encoded.replace(/=+$/, '')) return null;
  return bytes.length >= SECRET_BYTES_MIN && bytes.length <= SECRET_BYTES_MAX ? bytes : null;
}

/** None when one of them is no secret, or they are too many. */
function secretsOf(credentials: string): readonly Buffer[] {
  const secrets = credentials.split(' ').map(secretOf);
  const known = secrets.filter((secret) => secret !== null);
  return known.length === secrets.length && known.length <= SECRETS_MAX ? known : [];
}

type Authentication = PushEntry['config']['authentication'];

export function signsBySecret(authentication: Authentication): boolean {
  return authentication?.scheme.toLowerCase() === SECRET_SCHEME;
}

/** What is wrong with the secret of a config; null when nothing is, or it has none. */
export function secretProblem(authentication: Authentication): string | null {
  if (authentication === undefined || !signsBySecret(authentication)) return null;
  if (secretsOf(authentication.credentials).length > 0) return null;
  const form = `${SECRET_PREFIX} and ${SECRET_BYTES_MIN} to ${SECRET_BYTES_MAX} bytes in base64`;
  return `must be ${form}, or ${SECRETS_MAX} of these with a space between`;
}

/** Of an event for a config. @param place where in the log it stands, and which of its events it is */
export function webhookId({ config, nonce }: PushEntry, place: string): string {
  return `msg_${contentHash(JSON.stringify([config.taskId, config.id, nonce, place])).slice(0, 32)}`;
}

export function signatureHeaders(
  message: { readonly id: string; readonly body: string; readonly atMs: number },
  key: SigningKey,
  authentication: Authentication,
): Record<string, string> {
  const timestamp = String(Math.floor(message.atMs / 1000));
  const signed = `${message.id}.${timestamp}.${message.body}`;
  const own = `v1a,${sign(null, Buffer.from(signed), key).toString('base64')}`;
  const secrets = signsBySecret(authentication) ? secretsOf(authentication?.credentials ?? '') : [];
  const shared = secrets.map((secret) => `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`);
  return {
    'webhook-id': message.id,
    'webhook-timestamp': timestamp,
    'webhook-signature': [...shared, own].join(' '),
  };
}
