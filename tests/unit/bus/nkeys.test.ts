import { nkeys } from 'nats';
import { describe, expect, test } from 'vitest';
import { natsKey, newSeed } from '../../../bus/nkeys.ts';

const library = (seed: string) => nkeys.fromSeed(Buffer.from(seed));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe('keys of NATS, beside the library of NATS', () => {
  test('a seed of the library has the same public key here, and one of ours has it there', () => {
    const seeds = [...Array.from({ length: 20 }, newSeed), text(nkeys.createUser().getSeed())];
    for (const seed of seeds) expect(natsKey(seed).publicKey).toBe(library(seed).getPublicKey());
    expect(new Set(seeds).size).toBe(seeds.length);
  });

  test('what is signed here is what the library signs, and it says so of no other challenge', () => {
    const seed = newSeed();
    const { publicKey, sign } = natsKey(` ${seed}\n`);
    const signature = Buffer.from(sign('challenge'), 'base64url');
    expect(signature).toEqual(Buffer.from(library(seed).sign(Buffer.from('challenge'))));
    expect(nkeys.fromPublic(publicKey).verify(Buffer.from('challenge'), signature)).toBe(true);
    expect(nkeys.fromPublic(publicKey).verify(Buffer.from('another'), signature)).toBe(false);
  });

  test('what is no seed of a user is refused, and not quoted', () => {
    const seed = newSeed();
    const at = seed.length - 5;
    const others = {
      'one letter is another': seed.slice(0, at) + (seed[at] === 'A' ? 'B' : 'A') + seed.slice(at + 1),
      'cut short': seed.slice(0, -1),
      'one letter more': `${seed}A`,
      'a letter that is none': seed.replace(/^SU/, 'S1'),
      'in small letters': seed.toLowerCase(),
      'a public key': natsKey(seed).publicKey,
      'of an account': text(nkeys.createAccount().getSeed()),
      'of a curve': text(nkeys.createCurve().getSeed()),
      nothing: '',
      hello: 'hello',
    };
    for (const [what, other] of Object.entries(others))
      expect(() => natsKey(other), what).toThrow(/^not the seed of a user of NATS$/);
  });
});
