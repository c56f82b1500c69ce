/**
 * Another user of the same machine, against what `mesh up` makes: its folder and its log server. Owns: reading, submitting,
 * forging and stopping as somebody else, and a home that an earlier release left open. Does not own: the doors of a mesh
 * that runs (tests/e2e/wrong-turns.test.ts).
 */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectBus } from '../../../bus/nats-bus.ts';
import { writeNatsConfig } from '../../../cli/nats-config.ts';
import { ensureNatsKeys } from '../../../cli/nats-keys.ts';
import { prepareHome } from '../../../cli/supervisor/home.ts';
import { natsAccess, seedPath } from '../../../config/nats-access.ts';
import { projectRoot, readSettings } from '../../../config/settings.ts';
import { freePort, type NatsServer, startNatsServer } from '../../support/nats-server.ts';
import { asNobody, canBeNobody } from '../../support/nobody.ts';

const run = promisify(execFile);

/** The whole conversation of somebody who knows the protocol, and what the server says. */
const TALK = `
const socket = require('node:net').connect(Number(process.argv[1]), '127.0.0.1');
let heard = '';
socket.on('data', (chunk) => { heard += chunk; });
socket.on('close', () => process.stdout.write(heard));
socket.on('error', () => {});
socket.write('CONNECT {"verbose":false}\\r\\nSUB > 1\\r\\nPUB mesh.tasks 2\\r\\nhi\\r\\nPUB mesh.events.x 2\\r\\nhi\\r\\nPUB $JS.API.STREAM.DELETE.MESH 0\\r\\n\\r\\nPING\\r\\n');
`;

describe('another user', () => {
  let folder: string;
  let server: NatsServer;
  const homeOf = (name: string): string => join(folder, name);
  const settingsOf = (home: string, port: number) => readSettings({ MESH_HOME: home, MESH_NATS_PORT: String(port) });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mesh-another-'));
    chmodSync(folder, 0o755);
    const port = await freePort();
    const settings = settingsOf(homeOf('home'), port);
    prepareHome(settings);
    const keys = ensureNatsKeys((identity) => seedPath(settings.MESH_HOME, identity));
    const config = readFileSync(writeNatsConfig(settings, '2.9.10', keys), 'utf8');
    const block = config.slice(config.indexOf('authorization {'));
    server = await startNatsServer({ extraConfig: block });
  });
  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('keys stay, and let their owner in', async () => {
    const settings = settingsOf(homeOf('home'), server.port);
    const path = seedPath(settings.MESH_HOME, 'owner');
    const before = readFileSync(path, 'utf8');
    ensureNatsKeys((identity) => seedPath(settings.MESH_HOME, identity));
    expect(readFileSync(path, 'utf8')).toBe(before);
    const bus = await connectBus({ ...natsAccess(settings, 'owner'), name: 'tests' });
    await bus.ensureTopology();
    expect((await bus.publish({ subject: 'mesh.tasks', body: 'hi' })).seq).toBe(1);
    await bus.close();
  });

  test.runIf(canBeNobody)('reads no file, and is told nothing by the log server', async () => {
    const home = homeOf('home');
    for (const path of [home, join(home, 'nats', 'server.conf'), seedPath(home, 'owner'), seedPath(home, 'public')]) {
      const tried = await asNobody('ls', '-l', join(path, path === home ? '.' : ''));
      expect([path, tried.ok]).toEqual([path, false]);
      expect(tried.text).toMatch(/Permission denied/);
    }
    const talked = await asNobody(process.execPath, '-e', TALK, String(server.port));
    expect(talked.text).toContain("-ERR 'Authorization Violation'");
    expect(talked.text).not.toMatch(/^(MSG|HMSG|PONG)/m);
    const bus = await connectBus({ ...natsAccess(settingsOf(home, server.port), 'owner'), name: 'tests' });
    expect((await bus.streamInfo()).lastSeq).toBe(1);
    await bus.close();
  });

  test('a home that was left open is closed', () => {
    const home = homeOf('old');
    for (const one of ['ledger', 'logs', 'node']) mkdirSync(join(home, one), { recursive: true });
    for (const one of ['run.json', 'ledger/agents.db', 'logs/nats.log', 'node/fetched']) {
      writeFileSync(join(home, one), 'x');
      chmodSync(join(home, one), 0o644);
    }
    chmodSync(home, 0o755);
    prepareHome(settingsOf(home, 1));
    const modeOf = (path: string): string => (statSync(join(home, path)).mode & 0o777).toString(8);
    expect(['', 'run.json', 'ledger', 'ledger/agents.db', 'logs/nats.log'].map(modeOf)).toEqual([
      ...['700', '600', '700', '600', '600'],
    ]);
    expect(modeOf('node/fetched')).toBe('644');
  });

  test('the mask of whoever starts it changes nothing, and `nats-context` holds no key', async () => {
    const home = homeOf('masked');
    const settings = settingsOf(home, 47_999);
    ensureNatsKeys((identity) => seedPath(settings.MESH_HOME, identity));
    const env = { ...process.env, MESH_HOME: home, MESH_NATS_PORT: '47999', NATS_URL: '', XDG_CONFIG_HOME: folder };
    const command = `umask 000; exec ${process.execPath} cli/main.ts nats-context`;
    const { stdout } = await run('sh', ['-c', command], { cwd: projectRoot, env });
    expect(stdout).toContain('nats pub mesh.tasks');
    const path = join(folder, 'nats', 'context', 'mesh.json');
    const context: unknown = JSON.parse(readFileSync(path, 'utf8'));
    expect(context).toMatchObject({
      url: 'nats://127.0.0.1:47999',
      nkey: seedPath(home, 'public'),
      inbox_prefix: '_INBOX.public',
    });
    expect(readFileSync(path, 'utf8')).not.toContain(readFileSync(seedPath(home, 'public'), 'utf8').trim());
    expect(readFileSync(join(folder, 'nats', 'context.txt'), 'utf8')).toBe('mesh');
    expect(statSync(path).mode & 0o077).toBe(0);
    for (const name of readdirSync(join(home, 'nats', 'keys')))
      expect(statSync(join(home, 'nats', 'keys', name)).mode & 0o077).toBe(0);
  });
});
