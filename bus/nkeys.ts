/**
 * Keys of NATS (nkeys): Ed25519 by Node itself. Owns: the text of a key, making one, and the answer to a server that asks
 * who connects. Does not own: where keys lie (`config/nats-access.ts`), who has which (`cli/nats-keys.ts`), or Ed25519 itself
 * (`signatures.ts`).
 *
 * The client's own library reckons in JavaScript: 30 ms of every process' start, and 50 ms of the supervisor's.
 *
 * The text is base32 (RFC 4648, without padding) of a prefix, 32 bytes and a CRC-16/XMODEM, low byte first. Only keys of
 * users connect.
 */
import { randomBytes, sign } from 'node:crypto';
import { privateKeyOf, publicText } from './signatures.ts';

const KEY_BYTES = 32;
/** Five bits for each letter that a text begins with: `U`, and `SU`. */
const PUBLIC_PREFIX = Buffer.from([20 << 3]);
const SEED_PREFIX = Buffer.from([(18 << 3) | (20 >> 2), (20 << 6) & 0xff]);
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export interface NatsKey {
  /** As a server's configuration names it. */
  readonly publicKey: string;
  /** Of the server's challenge, as `CONNECT` has it. */
  sign(challenge: string): string;
}

/** A new key of a user, as text to be kept. */
export function newSeed(): string {
  return encoded(SEED_PREFIX, randomBytes(KEY_BYTES));
}

/** @throws RangeError for a text that is no seed of a user; it does not quote it */
export function natsKey(seed: string): NatsKey {
  const key = privateKeyOf(decoded(seed.trim()));
  return {
    publicKey: encoded(PUBLIC_PREFIX, Buffer.from(publicText(key), 'base64url')),
    sign: (challenge) => sign(null, Buffer.from(challenge), key).toString('base64url'),
  };
}

function decoded(seed: string): Buffer {
  const bytes = fromBase32(seed);
  const body = bytes.subarray(0, -2);
  const secret = body.subarray(SEED_PREFIX.length);
  const isSeed =
    secret.length === KEY_BYTES &&
    toBase32(bytes) === seed &&
    body.subarray(0, SEED_PREFIX.length).equals(SEED_PREFIX) &&
    bytes.readUInt16LE(body.length) === checksum(body);
  if (!isSeed) throw new RangeError('not the seed of a user of NATS');
  return secret;
}

function encoded(prefix: Buffer, bytes: Buffer): string {
  const body = Buffer.concat([prefix, bytes]);
  const end = Buffer.alloc(2);
  end.writeUInt16LE(checksum(body));
  return toBase32(Buffer.concat([body, end]));
}

/** CRC-16/XMODEM. */
function checksum(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ ((crc & 0x8000) === 0 ? 0 : 0x1021)) & 0xffff;
  }
  return crc;
}

function toBase32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{1,5}/g) ?? []).map((five) => ALPHABET[Number.parseInt(five.padEnd(5, '0'), 2)]).join('');
}

/** Empty for a text with another letter in it. */
function fromBase32(text: string): Buffer {
  const places = [...text].map((letter) => ALPHABET.indexOf(letter));
  if (places.includes(-1)) return Buffer.alloc(0);
  const bits = places.map((place) => place.toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((eight) => Number.parseInt(eight, 2)));
}
