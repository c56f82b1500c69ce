/**
 * The identities of a mesh in containers on its NATS server: `node containers/make-identities.ts FOLDER`. Owns: the files:
 * one folder for each identity with its key, so that each may be given to its process alone, and `server/users.conf` with
 * the public keys and what each may do. Does not own: what that is (`bus/identities.ts`), or the form of keys.
 *
 * 1. Keys that are there stay; what each may do is written anew, as this release wants it.
 * 2. `users.conf` is no secret: the server of an image with another user reads it.
 */
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identities } from '../bus/identities.ts';
import { authorizationText } from '../bus/server-users.ts';
import { ensureNatsKeys } from '../cli/nats-keys.ts';
import { findAddedRoles } from '../services/adapters/added-roles.ts';

const WRONG_USE = 2;
const USERS_MODE = 0o644;

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write('usage: node containers/make-identities.ts FOLDER\n');
  process.exit(WRONG_USE);
}
const server = join(folder, 'server');
try {
  const publicKeys = ensureNatsKeys((identity) => join(folder, identity, 'seed.nk'));
  mkdirSync(server, { recursive: true });
  const users = join(server, 'users.conf');
  writeFileSync(`${users}.tmp`, `${authorizationText(publicKeys, await findAddedRoles())}\n`, { mode: USERS_MODE });
  // The umask of a process that keeps its files to itself would take the others' right away.
  chmodSync(`${users}.tmp`, USERS_MODE);
  renameSync(`${users}.tmp`, users);
  process.stdout.write(
    `${identities.length} identities of NATS, each with its key in ${folder}; who may do what: ${users}\n`,
  );
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  process.exitCode = WRONG_USE;
}
