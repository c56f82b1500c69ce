/**
 * The keys of the mesh's own NATS server. Owns: making one for each identity, once, in files that nobody else can read.
 * Does not own: who may do what (bus/identities.ts), or where the files are (config/nats-access.ts).
 *
 * 1. A key that is there stays: a running process, and the `nats` command of a person, go on with it.
 * 2. A file is whole or not there, and is never readable by anybody else, not even while it is made.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Identity, identities } from '../bus/identities.ts';
import { natsKey, newSeed } from '../bus/nkeys.ts';
import { makeFolder } from '../guards/make-folder.ts';
import { CliError, codeOf } from './errors.ts';

/** Where the seed of an identity lies. */
type PathOf = (identity: Identity) => string;

/** Makes the keys that are missing. Returns the public ones. @throws CliError for a file that holds no key */
export function ensureNatsKeys(pathOf: PathOf): Record<Identity, string> {
  const made = identities.map((identity) => [identity, publicKeyOf(ensureSeed(pathOf(identity)), pathOf(identity))]);
  return Object.fromEntries(made) as Record<Identity, string>;
}

function ensureSeed(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  const seed = newSeed();
  makeFolder(dirname(path), 0o700);
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, `${seed}\n`, { mode: 0o600 });
  renameSync(temporary, path);
  return seed;
}

function publicKeyOf(seed: string, path: string): string {
  try {
    return natsKey(seed).publicKey;
  } catch {
    throw new CliError(2, `${path} holds no key of NATS; remove it, and \`mesh up\` makes a new one`);
  }
}
