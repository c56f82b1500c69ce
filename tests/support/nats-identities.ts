/**
 * Keys for every identity of the mesh, for one test server. Owns: making them, and what the server's configuration says of
 * them. Does not own: the identities (bus/identities.ts), or the server (`nats-server.ts`).
 */
import { nkeys } from 'nats';
import { type Identity, identities } from '../../bus/identities.ts';
import { authorizationText } from '../../bus/server-users.ts';

export interface TestIdentities {
  /** For `extraConfig` of a test server. */
  readonly config: string;
  seed(identity: Identity): string;
}

export function makeIdentities(): TestIdentities {
  const pairs = new Map(identities.map((identity) => [identity, nkeys.createUser()]));
  const pairOf = (identity: Identity) => {
    const pair = pairs.get(identity);
    if (pair === undefined) throw new Error(`no key of ${identity}`);
    return pair;
  };
  const publicKeys = Object.fromEntries(identities.map((identity) => [identity, pairOf(identity).getPublicKey()]));
  return {
    config: authorizationText(publicKeys as Record<Identity, string>),
    seed: (identity) => new TextDecoder().decode(pairOf(identity).getSeed()),
  };
}
