/** Settings: what holds when nobody says, and a line that names what is wrong. */
import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  configurationPage,
  envExample,
  ledgerPath,
  natsUrl,
  projectRoot,
  readSettings,
  SettingsError,
} from '../../../config/settings.ts';

describe('defaults', () => {
  test('without an environment everything has a value or is absent', () => {
    expect(readSettings({})).toMatchObject({
      ...{ MESH_HOME: join(projectRoot, '.mesh'), MESH_NATS_PORT: 4222, MESH_LOG_LEVEL: 'info', MESH_COMMIT: 'group' },
      ...{ CHECKPOINT_DB_PATH: join(projectRoot, '.mesh/ledger/agents.db'), MESH_LEASE_TTL_MS: 5000 },
      ...{ MESH_KNOWLEDGE_PATH: join(projectRoot, '.mesh/knowledge.db'), OBS_MODE: 'shipping' },
      ...{ ROUTER_CONFIDENCE_THRESHOLD: 0.94, LLM_TIMEOUT_MS: 600_000, LLM_MAX_TOKENS: 2048 },
      ...{ NATS_URL: undefined, OPENAI_BASE_URL: undefined, TOOLS_ALLOW_HOSTS: undefined },
    });
  });

  test('an empty value is an unset one', () => {
    const names = envExample().matchAll(/^#([A-Z\d_]+)=/gm);
    const empty = Object.fromEntries([...names].map(([, name]) => [name ?? '', '']));
    expect(Object.keys(empty).length).toBeGreaterThan(20);
    expect(readSettings(empty)).toEqual(readSettings({}));
  });

  test('what it does not know it leaves alone', () => {
    expect(readSettings({ PATH: '/bin', HOME: '/root' })).toEqual(readSettings({}));
  });
});

describe('values', () => {
  test('are read in their type', () => {
    const settings = readSettings({ MESH_NATS_PORT: '14222', ROUTER_CONFIDENCE_THRESHOLD: '0.75', MESH_COMMIT: 'hop' });
    expect(settings).toMatchObject({ MESH_NATS_PORT: 14_222, ROUTER_CONFIDENCE_THRESHOLD: 0.75, MESH_COMMIT: 'hop' });
  });

  test.each([
    ['relative/home', join(projectRoot, 'relative/home')],
    ['/var/lib/mesh', '/var/lib/mesh'],
  ])('MESH_HOME=%s takes ledger and knowledge along', (given, home) => {
    const settings = readSettings({ MESH_HOME: given });
    expect(settings.MESH_HOME).toBe(home);
    expect(settings.CHECKPOINT_DB_PATH).toBe(join(home, 'ledger/agents.db'));
    expect(settings.MESH_KNOWLEDGE_PATH).toBe(join(home, 'knowledge.db'));
  });

  test('paths of their own win, and are absolute', () => {
    const settings = readSettings({ MESH_HOME: '/m', CHECKPOINT_DB_PATH: 'a.db', MESH_KNOWLEDGE_PATH: '/k.db' });
    expect(settings.CHECKPOINT_DB_PATH).toBe(join(projectRoot, 'a.db'));
    expect(settings.MESH_KNOWLEDGE_PATH).toBe('/k.db');
    expect(isAbsolute(ledgerPath(settings, 'llm'))).toBe(true);
  });

  test('services keep their ledgers beside the agents’', () => {
    const settings = readSettings({ CHECKPOINT_DB_PATH: '/d/agents.db' });
    expect(['agents', 'llm', 'tools'].map((service) => ledgerPath(settings, service))).toEqual([
      ...['/d/agents.db', '/d/llm.db', '/d/tools.db'],
    ]);
  });

  test.each([
    [{}, 'nats://127.0.0.1:4222'],
    [{ MESH_NATS_PORT: '5000' }, 'nats://127.0.0.1:5000'],
    [{ NATS_URL: 'tls://nats.example.org:4443', MESH_NATS_PORT: '5000' }, 'tls://nats.example.org:4443'],
    [{ NATS_URL: 'nats://a:1, nats://b:2' }, 'nats://a:1, nats://b:2'],
  ])('%j is the server %s', (env, url) => {
    expect(natsUrl(readSettings(env))).toBe(url);
  });
});

describe('a wrong value', () => {
  test.each([
    ['MESH_NATS_PORT', 'abc'],
    ['MESH_NATS_PORT', '0'],
    ['MESH_NATS_PORT', '65536'],
    ['MESH_NATS_PORT', '4222.5'],
    ['MESH_NATS_PORT', ' '],
    ['MESH_LEASE_TTL_MS', '499'],
    ['MESH_TASK_DEADLINE_MS', '-1'],
    ['MESH_BACKUP_INTERVAL_MS', '86400001'],
    ['LLM_TIMEOUT_MS', '2 minutes'],
    ['LLM_MAX_TOKENS', '15'],
    ['AGENTS_MEMORY_MB', 'Infinity'],
    ['LLM_MEMORY_MB', '63'],
    ['TOOLS_MEMORY_MB', 'NaN'],
    ['MESH_LOG_LEVEL', 'loud'],
    ['MESH_LOG_LEVEL', 'INFO'],
    ['MESH_COMMIT', 'never'],
    ['OBS_MODE', 'prod'],
    ['ROUTER_CONFIDENCE_THRESHOLD', '1.5'],
    ['ROUTER_CONFIDENCE_THRESHOLD', 'high'],
    ['NATS_URL', 'http://127.0.0.1:4222'],
    ['NATS_URL', '127.0.0.1:4222'],
    ['NATS_URL', 'nats://a:1,ftp://b:2'],
    ['OPENAI_BASE_URL', 'localhost:11434'],
    ['OPENAI_BASE_URL', 'ws://localhost'],
    ['CHROMA_URL', 'http://localhost:8000/api'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'grpc://x'],
    ['CHROMA_URL', 'not a url'],
    ['OPENAI_MODEL', '   '],
  ])('%s=%j is refused in one line that names it', (name, value) => {
    const read = () => readSettings({ [name]: value });
    expect(read).toThrow(SettingsError);
    expect(read).toThrow(new RegExp(`^${name}=.*: .{5,}`));
    try {
      read();
    } catch (error) {
      expect(String(error)).not.toContain('\n');
    }
  });

  test('says what is allowed', () => {
    expect(() => readSettings({ MESH_COMMIT: 'x' })).toThrow(/group.*hop/);
    expect(() => readSettings({ NATS_URL: 'x' })).toThrow(/nats:\/\/host:port/);
    expect(() => readSettings({ MESH_NATS_PORT: '70000' })).toThrow(/65535/);
  });
});

describe('.env.example', () => {
  test('is what the settings say', () => {
    expect(readFileSync(join(projectRoot, '.env.example'), 'utf8')).toBe(envExample());
    expect(readFileSync(join(projectRoot, 'docs', 'configuration.md'), 'utf8')).toBe(configurationPage());
  });

  test('every example value is accepted', () => {
    for (const [, name = '', value = ''] of envExample().matchAll(/^#([A-Z\d_]+)=(.*)$/gm)) {
      expect(() => readSettings({ [name]: value }), name).not.toThrow();
    }
  });

  test('every setting is described', () => {
    for (const block of envExample().split('\n\n').slice(1)) {
      expect(block.trim()).toMatch(/^(?:# .{10,}\.\n#[A-Z\d_]+=.+)?$/);
    }
  });
});
