/**
 * Signatures of what is in the log. Owns: the bytes that are signed, the form of the signature, and whether one holds. Does
 * not own: where keys come from (`services/adapters/signing.ts`), or what becomes of a message without one (`signed-bus.ts`).
 *
 * What is signed, in UTF-8: a line that names the form; the subject; the headers, one a line as `name: value`, by name, all
 * but the signature and what the server reads or adds (`Nats-…`, save the message's id); an empty line; the body. So a
 * message that is moved, renamed, or given another header is another message. Ed25519 (RFC 8032), which needs no digest and
 * no random numbers: the same message has the same signature, whoever sends it again.
 */
import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';

export const SIGNATURE_HEADER = 'mesh-signature';
const FORM = 'agentmesh-signature-v1';
const MSG_ID_HEADER = 'nats-msg-id';
const RAW_KEY_BYTES = 32;
/** Before the 32 bytes of a private key in its PKCS#8 form (RFC 8410, section 7). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');
const KEY_ID_CHARACTERS = 16;
const SIGNATURE = /^([0-9a-f]{16})\.([A-Za-z0-9_-]{86})$/;

export interface Signing {
  /** Signs what is sent; null: this process only reads. */
  readonly own: SigningKey | null;
  /** Public keys by their ids, the own one among them. */
  readonly trusted: ReadonlyMap<string, KeyObject>;
  /** Messages without a signature are taken when the server stored them before this time, milliseconds since the epoch. */
  readonly unsignedBeforeMs: number;
}

export interface SigningKey {
  readonly id: string;
  readonly key: KeyObject;
}

/** What a signature is about. */
export interface Signed {
  readonly subject: string;
  readonly headers: Iterable<readonly [name: string, value: string]>;
  readonly body: Uint8Array;
}

/** The 32 bytes of a public key (RFC 8032), base64url. */
export function publicText(key: KeyObject): string {
  const { x = '' } = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' });
  return x;
}

/** @param text 32 bytes, base64 or base64url. @throws Error when it is no key */
export function publicKeyOf(text: string): KeyObject {
  const raw = Buffer.from(text, 'base64url');
  if (raw.length !== RAW_KEY_BYTES)
    throw new RangeError(`an Ed25519 public key has 32 bytes, and this has ${raw.length}`);
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' });
}

/** @param secret 32 bytes */
export function privateKeyOf(secret: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, secret]), format: 'der', type: 'pkcs8' });
}

/** Names a public key: the beginning of its digest. */
export function keyId(key: KeyObject): string {
  return hash('sha256', Buffer.from(publicText(key), 'base64url'), 'hex').slice(0, KEY_ID_CHARACTERS);
}

/** Value of the header `mesh-signature`: `<id of the key>.<signature, base64url>`. */
export function signatureOf(message: Signed, { id, key }: SigningKey): string {
  return `${id}.${sign(null, contentOf(message), key).toString('base64url')}`;
}

/** Why a message is not trusted, as a sentence; null when it is. */
export function distrust(
  message: Signed & { readonly atMs: number },
  signature: string,
  { trusted, unsignedBeforeMs }: Signing,
): string | null {
  if (signature === '')
    return message.atMs < unsignedBeforeMs ? null : 'it is not signed, and this mesh takes signed messages only';
  const [, id = '', encoded = ''] = SIGNATURE.exec(signature) ?? [];
  if (id === '') return 'its signature has not the form <key>.<signature>';
  const key = trusted.get(id);
  if (key === undefined) return `it is signed with the key ${id}, which is not trusted here`;
  if (verify(null, contentOf(message), key, Buffer.from(encoded, 'base64url'))) return null;
  return `its signature by the key ${id} does not hold: it was altered, or signed for another subject`;
}

function contentOf({ subject, headers, body }: Signed): Uint8Array {
  const lines: string[] = [];
  for (const [given, value] of headers) {
    const name = given.toLowerCase();
    if (isSigned(name)) lines.push(`${name}: ${value}`);
  }
  return Buffer.concat([Buffer.from(`${[FORM, subject, ...lines.sort()].join('\n')}\n\n`), body]);
}

function isSigned(name: string): boolean {
  return name === MSG_ID_HEADER || (name !== SIGNATURE_HEADER && !name.startsWith('nats-'));
}
