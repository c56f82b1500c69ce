/**
 * Settings with which the gateway must not start: it ends with exit code 2, or 3 when the log is missing, and one line
 * that says what to do.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { useMesh } from '../../support/mesh.ts';
import { freePort } from '../../support/nats-server.ts';
import type { Environment } from '../../support/service-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'mesh-gateway-start-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode });
  return path;
}

const certificate = join(import.meta.dirname, '..', '..', 'fixtures', 'tls', 'gateway.pem');
const authority = join(import.meta.dirname, '..', '..', 'fixtures', 'tls', 'ca.pem');
const shared = file('shared.json', '{"callers": []}');

const refused: readonly (readonly [what: string, env: Environment, says: RegExp])[] = [
  [
    'an address beyond loopback without callers',
    { MESH_GATEWAY_HOST: '0.0.0.0' },
    /MESH_GATEWAY_CALLERS.*127\.0\.0\.1/,
  ],
  ['all addresses of IPv6 without callers', { MESH_GATEWAY_HOST: '::' }, /MESH_GATEWAY_CALLERS/],
  ['a name without callers', { MESH_GATEWAY_HOST: 'mesh.example.org' }, /MESH_GATEWAY_CALLERS/],
  ['a callers file that is missing', { MESH_GATEWAY_CALLERS: join(folder, 'none.json') }, /none\.json.*no such file/],
  ['a callers file that is no JSON', { MESH_GATEWAY_CALLERS: file('text.json', 'alice') }, /text\.json: is not JSON/],
  ['a callers file without callers', { MESH_GATEWAY_CALLERS: shared }, /shared\.json: callers/],
  [
    'a token instead of its hash',
    { MESH_GATEWAY_CALLERS: file('plain.json', '{"callers": [{"name": "alice", "tokenSha256": "secret"}]}') },
    /plain\.json: callers\.0\.tokenSha256: .*64 hexadecimal/,
  ],
  ['a certificate without its key', { MESH_GATEWAY_TLS_CERT: certificate }, /MESH_GATEWAY_TLS_KEY go together/],
  ['client certificates without TLS', { MESH_GATEWAY_TLS_CLIENT_CA: authority }, /MESH_GATEWAY_TLS_CERT/],
  [
    'a key that is missing',
    { MESH_GATEWAY_TLS_CERT: certificate, MESH_GATEWAY_TLS_KEY: '/no/key' },
    /MESH_GATEWAY_TLS_KEY=.*no such file/,
  ],
];

describe('the gateway does not start', () => {
  const mesh = useMesh('gateway-start', async () => ({
    services: [],
    env: { MESH_GRPC_PORT: String(await freePort()), MESH_HTTP_PORT: String(await freePort()) },
  }));
  let starts = 0;
  const startToEnd = async (env: Environment) => {
    starts += 1;
    const process = mesh().add('gateway', `gateway-${starts}`, { MESH_SUPERVISED: '', ...env });
    const { ended, lines } = await process.startToEnd();
    return { code: ended?.code, lines: lines.map(({ msg }) => msg) };
  };

  test.each(refused)('with %s', async (_what, env, says) => {
    const { code, lines } = await startToEnd(env);
    expect(code).toBe(2);
    expect(lines).toEqual([expect.stringMatching(says)]);
  });

  test('with a callers file that others may write', async () => {
    const path = file('open.json', '{"callers": []}');
    const { chmodSync } = await import('node:fs');
    chmodSync(path, 0o666);
    const { code, lines } = await startToEnd({ MESH_GATEWAY_CALLERS: path });
    expect(code).toBe(2);
    expect(lines).toEqual([expect.stringMatching(/open\.json.*chmod go-w/)]);
  });

  test('on a port that is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const { code, lines } = await startToEnd({ MESH_GRPC_PORT: String(address.port) });
    other.close();
    expect(code).toBe(2);
    expect(lines.at(-1)).toMatch(/is taken by another program.*MESH_GRPC_PORT/);
  });

  test('without a log', async () => {
    const { code, lines } = await startToEnd({ NATS_URL: `nats://127.0.0.1:${await freePort()}` });
    expect(code).toBe(3);
    expect(lines).toEqual([expect.stringMatching(/no NATS server answers/)]);
  });
});
