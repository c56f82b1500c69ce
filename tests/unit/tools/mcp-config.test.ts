/** mcp.json: what is read from it, and errors that name the server and the field. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { blanking } from '../../../mcp/client/blanking.ts';
import { parseMcpConfig, readMcpConfig } from '../../../mcp/client/config.ts';

/** As it stands in the file. */
const variable = (name: string): string => `\${${name}}`;
const env = { TOKEN: 's3cret' };
const parse = (mcpServers: unknown) => parseMcpConfig(JSON.stringify({ mcpServers }), '/mesh/mcp.json', env);

test('both kinds of servers, with defaults, variables and fields for others', () => {
  const { servers, problems } = parse({
    files: {
      command: 'npx',
      args: ['-y', 'x'],
      env: { KEY: variable('TOKEN') },
      cwd: 'sub',
      type: 'stdio',
      alwaysAllow: [],
    },
    web: {
      url: 'https://example.org/mcp',
      headers: { Authorization: `Bearer ${variable('TOKEN')}` },
      timeoutMs: 5000,
      concurrency: 2,
    },
    off: { command: 'x', disabled: true },
    otherwise: { command: variable('NODE:-node') },
  });
  expect(problems).toEqual([]);
  expect(servers).toEqual([
    {
      ...{ name: 'files', kind: 'stdio', command: 'npx', args: ['-y', 'x'], env: { KEY: 's3cret' } },
      ...{ cwd: '/mesh/sub', timeoutMs: 60_000, concurrencyMax: 4 },
    },
    {
      ...{ name: 'web', kind: 'http', url: 'https://example.org/mcp', headers: { Authorization: 'Bearer s3cret' } },
      ...{ timeoutMs: 5000, concurrencyMax: 2 },
    },
    expect.objectContaining({ name: 'otherwise', command: 'node' }),
  ]);
});

describe('a bad entry is named with its field, and the others are used', () => {
  test.each([
    ['x', { comand: 'node' }, 'server "x": command or url is missing'],
    ['x', { command: 'node', url: 'http://a' }, 'server "x": command and url exclude each other'],
    ['x', { command: 7 }, 'server "x": command: '],
    ['x', { command: 'node', args: ['a', 1] }, 'server "x": args.1: must be a text'],
    ['x', { command: 'node', env: { A: 1 } }, 'server "x": env.A: must be a text'],
    ['x', { command: 'node', env: { A: variable('NONE') } }, 'server "x": env.A: the environment has no NONE'],
    ['x', { url: 'ftp://a' }, 'server "x": url: must start with http:// or https://'],
    ['x', { command: 'node', timeoutMs: 5 }, 'server "x": timeoutMs: '],
    ['x', 'node', 'server "x": '],
    ['x.y', { command: 'node' }, 'server "x.y": its name must be 1 to 40 letters, digits, - or _'],
  ])('%s: %j', (name, entry, message) => {
    const { servers, problems } = parse({ [name]: entry, good: { command: 'node' } });
    expect(servers.map((server) => server.name)).toEqual(['good']);
    expect(problems).toEqual([expect.stringContaining(`/mesh/mcp.json: ${message}`)]);
  });
});

test('a file that is no JSON, has no servers, or is not there', () => {
  expect(parseMcpConfig('{', '/mesh/mcp.json', env).problems).toEqual([
    expect.stringMatching(/^\/mesh\/mcp\.json: is not JSON: /),
  ]);
  expect(parseMcpConfig('{"servers": {}}', '/mesh/mcp.json', env).problems).toEqual([
    '/mesh/mcp.json: mcpServers must be an object with one entry for each server',
  ]);
  const twice = '{"mcpServers": {"a": {"command": "node"}, "a": {"command": "deno"}}}';
  expect(parseMcpConfig(twice, '/mesh/mcp.json', env).problems).toEqual([
    expect.stringMatching(/^\/mesh\/mcp\.json: mcpServers\.a: it stands there twice/),
  ]);
  const folder = mkdtempSync(join(tmpdir(), 'mesh-mcp-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'mcp.json');
  expect(readMcpConfig(path, false)).toMatchObject({ servers: [], problems: [] });
  expect(readMcpConfig(path, true).problems).toEqual([`${path} does not exist; MESH_MCP_CONFIG names it`]);
  writeFileSync(path, '{"mcpServers": {}}');
  expect(readMcpConfig(path, true)).toMatchObject({ servers: [], problems: [] });
});

test('at most 32 servers', () => {
  const { servers, problems } = parse(
    Object.fromEntries(Array.from({ length: 34 }, (_, i) => [`s${i}`, { command: 'x' }])),
  );
  expect(servers).toHaveLength(32);
  expect(problems).toHaveLength(2);
});

test.each(['a\nb', 'a\u0000b', '€'])('a header that HTTP does not take is refused without its value: %j', (bad) => {
  const secret = `s3cret${bad}`;
  const file = { mcpServers: { web: { url: 'https://example.org', headers: { 'X-Key': variable('KEY') } } } };
  const { servers, problems } = parseMcpConfig(JSON.stringify(file), '/mesh/mcp.json', { KEY: secret });
  expect(servers).toEqual([]);
  expect(problems).toEqual([expect.stringMatching(/server "web": headers\.X-Key: its value has characters/)]);
  expect(problems.join()).not.toContain('s3cret');
});

test('an address with a password is refused without it, also where a variable brings it', () => {
  for (const url of ['https://user:s3cret@example.org/mcp', `https://${variable('KEY')}@example.org/mcp`]) {
    const text = JSON.stringify({ mcpServers: { web: { url } } });
    const { servers, problems } = parseMcpConfig(text, '/mesh/mcp.json', { KEY: 'user:s3cret' });
    expect(servers).toEqual([]);
    expect(problems.join()).toMatch(/server "web": url: /);
    expect(problems.join()).not.toContain('s3cret');
  }
});

test('what a server or a library quotes of an entry’s secrets is blanked; its other words stay', () => {
  const entries = {
    web: { url: 'https://example.org/mcp?apiKey=qu3ry-s3cret', headers: { Authorization: 'Bearer t0ken-s3cret' } },
    own: { command: 'x', env: { API_KEY: 'env-s3cret+', REGION: 'eu-central-1' } },
  };
  const [web, own] = parse(entries).servers.map(blanking);
  expect(web?.('GET https://example.org/mcp?apiKey=qu3ry-s3cret with Bearer t0ken-s3cret, or t0ken-s3cret')).toBe(
    'GET https://example.org/mcp?apiKey=(not shown) with (not shown), or (not shown)',
  );
  expect(own?.('env-s3cret+ (env-s3cret%2B) is wrong in eu-central-1')).toBe(
    '(not shown) ((not shown)) is wrong in eu-central-1',
  );
});

test('what stands around a header’s value is left to HTTP, and a name is one of HTTP', () => {
  const of = (headers: object) => parse({ web: { url: 'https://example.org', headers } });
  expect(of({ 'X-Key': ' s3cret\n' }).problems).toEqual([]);
  expect(of({ 'X Key': 's3cret' }).problems).toEqual([expect.stringMatching(/headers: a name is none of HTTP/)]);
});
