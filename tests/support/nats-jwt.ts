/**
 * A NATS server in operator mode for tests, and a `.creds` file for a user of it. Owns: making operator, accounts and user
 * as signed JWTs (version 2 of the claims of nats-server), of which `nsc` would make the same. Does not own: the server.
 */
import { hash } from 'node:crypto';
import { nkeys } from 'nats';

type KeyPair = ReturnType<typeof nkeys.createUser>;

export interface OperatorMode {
  /** For `extraConfig` of a test server. */
  readonly config: string;
  /** Text of a `.creds` file. */
  readonly creds: string;
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function signed(name: string, subject: KeyPair, issuer: KeyPair, nats: object): string {
  const claims = { iat: Math.floor(Date.now() / 1000), iss: issuer.getPublicKey(), name, sub: subject.getPublicKey() };
  const jti = hash('sha256', JSON.stringify({ ...claims, nats }), 'hex').toUpperCase();
  const content = `${encoded({ typ: 'JWT', alg: 'ed25519-nkey' })}.${encoded({ jti, ...claims, nats: { ...nats, version: 2 } })}`;
  return `${content}.${Buffer.from(issuer.sign(new TextEncoder().encode(content))).toString('base64url')}`;
}

const UNLIMITED = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
const STORES = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

export function operatorMode(): OperatorMode {
  const [operator, system, mesh] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createAccount()];
  const user = nkeys.createUser();
  const account = (name: string, key: KeyPair, limits: object): string =>
    signed(name, key, operator, { type: 'account', limits });
  const operatorJwt = signed('tests', operator, operator, { type: 'operator', system_account: system.getPublicKey() });
  const accounts = [
    [system.getPublicKey(), account('SYS', system, UNLIMITED)],
    [mesh.getPublicKey(), account('MESH', mesh, { ...UNLIMITED, ...STORES })],
  ];
  const userJwt = signed('mesh', user, mesh, { type: 'user', pub: {}, sub: {}, subs: -1, data: -1, payload: -1 });
  return {
    config: [
      `operator: ${operatorJwt}`,
      `system_account: ${system.getPublicKey()}`,
      'resolver: MEMORY',
      `resolver_preload: {\n${accounts.map(([key, jwt]) => `  ${key}: ${jwt}`).join('\n')}\n}`,
    ].join('\n'),
    creds: [
      '-----BEGIN NATS USER JWT-----',
      userJwt,
      '------END NATS USER JWT------',
      '',
      '-----BEGIN USER NKEY SEED-----',
      text(user.getSeed()),
      '------END USER NKEY SEED------',
      '',
    ].join('\n'),
  };
}
