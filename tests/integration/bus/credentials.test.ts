/**
 * A NATS server of the user's: TLS, client certificates, user and password, and `.creds`, as settings name them, on real
 * servers. Owns: who gets in, who does not, and that no message of a refusal holds a secret.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectBus } from '../../../bus/nats-bus.ts';
import { natsAccess } from '../../../config/nats-access.ts';
import { readSettings } from '../../../config/settings.ts';
import { Authority, type Certificate } from '../../support/certificates.ts';
import { operatorMode } from '../../support/nats-jwt.ts';
import { type NatsServer, startNatsServer } from '../../support/nats-server.ts';
import { failure } from './contract-support.ts';

const PASSWORD = 'hunter2-of-the-mesh';
const NAMES = ['DNS:localhost', 'IP:127.0.0.1'];

let folder: string;
let authority: Authority;
let stranger: Authority;
let own: Certificate;
const servers: NatsServer[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-credentials-'));
  [authority, stranger] = [new Authority(folder, 'authority'), new Authority(folder, 'stranger')];
  own = authority.sign('mesh');
});
afterAll(async () => {
  for (const server of servers) await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function started(extraConfig: string): Promise<NatsServer> {
  const server = await startNatsServer({ extraConfig });
  servers.push(server);
  return server;
}

/** As a process of the mesh connects that has these settings. */
const connected = (settings: Readonly<Record<string, string>>) =>
  connectBus({ ...natsAccess(readSettings({ MESH_HOME: folder, ...settings }), 'agents'), name: 'tests' });

/** Streams are made, something is stored, and it is read back. */
async function works(settings: Readonly<Record<string, string>>): Promise<void> {
  const bus = await connected(settings);
  await bus.ensureTopology();
  const { seq } = await bus.publish({ subject: 'mesh.tasks', body: 'hello' });
  expect(Buffer.from((await bus.get(seq))?.data ?? []).toString()).toBe('hello');
  await bus.close();
}

async function refused(settings: Readonly<Record<string, string>>): Promise<string> {
  const { message } = await failure(connected(settings));
  expect(message).not.toContain(PASSWORD);
  return message;
}

describe('TLS', () => {
  const served = () => authority.sign('server', NAMES);
  const tls = (server: Certificate, more = ''): string =>
    `tls {\n cert_file: ${JSON.stringify(server.path)}\n key_file: ${JSON.stringify(server.keyPath)}\n ca_file: ${JSON.stringify(authority.path)}\n ${more}\n}`;

  test('with the authority of the server’s certificate it works, with another or none it does not', async () => {
    const { url, port } = await started(tls(served()));
    await works({ NATS_URL: url, NATS_CA: authority.path });
    await works({ NATS_URL: `tls://localhost:${port}`, NATS_CA: authority.path });
    const untrusted = /^the certificate of the NATS server at (?:nats|tls):\S+ is not trusted: .*NATS_CA/;
    expect(await refused({ NATS_URL: url, NATS_CA: stranger.path })).toMatch(untrusted);
    expect(await refused({ NATS_URL: `tls://localhost:${port}` })).toMatch(untrusted);
    // A server that wants TLS is never spoken to without.
    expect(await refused({ NATS_URL: url })).toMatch(untrusted);
  });

  test('a server that has no TLS is not spoken to in the clear by who asks for it', async () => {
    const plain = await started('');
    expect(await refused({ NATS_URL: plain.url, NATS_CA: authority.path })).toMatch(/no NATS server answers/);
    expect(await refused({ NATS_URL: `tls://mesh:${PASSWORD}@127.0.0.1:${plain.port}` })).toMatch(
      /no NATS server answers/,
    );
  });

  test('a server whose certificate has another name is refused', async () => {
    const other = await started(tls(authority.sign('elsewhere', ['DNS:elsewhere.example'])));
    expect(await refused({ NATS_URL: other.url, NATS_CA: authority.path })).toMatch(
      /is not trusted: .*(?:altnames|does not match)/i,
    );
  });

  test('a certificate of one’s own lets in where the server wants one, and none or a stranger’s does not', async () => {
    const { url } = await started(tls(served(), 'verify: true'));
    const wanted = { NATS_URL: url, NATS_CA: authority.path };
    await works({ ...wanted, NATS_CERT: own.path, NATS_KEY: own.keyPath });
    await refused(wanted);
    const forged = stranger.sign('mesh');
    await refused({ ...wanted, NATS_CERT: forged.path, NATS_KEY: forged.keyPath });
  });
});

test('user and password, over TLS too, let in; another password does not, and no refusal tells one', async () => {
  const users = `authorization { user: mesh, password: ${JSON.stringify(PASSWORD)} }`;
  const { port } = await started(users);
  await works({ NATS_URL: `nats://mesh:${PASSWORD}@127.0.0.1:${port}` });
  expect(await refused({ NATS_URL: `nats://mesh:${PASSWORD}x@127.0.0.1:${port}` })).toContain(
    'refuses these credentials',
  );
  expect(await refused({ NATS_URL: `nats://127.0.0.1:${port}` })).toContain('refuses these credentials');
});

describe('a .creds file', () => {
  test('lets its user in, and nobody else', async () => {
    const [mode, others] = [operatorMode(), operatorMode()];
    const { url } = await started(mode.config);
    const path = join(folder, 'mesh.creds');
    const write = (text: string): Readonly<Record<string, string>> => {
      writeFileSync(path, text, { mode: 0o600 });
      return { NATS_URL: url, NATS_CREDS: path };
    };
    await works(write(mode.creds));
    expect(await refused(write(others.creds))).toContain('refuses these credentials');
    expect(await refused(write('no creds'))).toBe('the credentials for NATS cannot be read');
    expect(await refused({ NATS_URL: url })).toContain('refuses these credentials');
  });
});
