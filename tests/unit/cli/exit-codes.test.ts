/** The command as a person meets it: what it says and with which code it ends, without any mesh running. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import { freePort as findPort } from '../../support/nats-server.ts';

let home: string;
let freePort: number;
let dashboardPort: number;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'mesh-cli-'));
  freePort = await findPort();
  dashboardPort = await findPort();
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function mesh(args: readonly string[], env: Record<string, string> = {}, input = ''): Promise<Ended> {
  const child = spawn(process.execPath, [join(projectRoot, 'cli', 'main.ts'), ...args], {
    // Only what a command needs: the settings of whoever runs the tests stay out.
    env: {
      PATH: process.env.PATH,
      HOME: home,
      MESH_HOME: home,
      MESH_NATS_PORT: String(freePort),
      MESH_GRPC_PORT: String(freePort),
      MESH_HTTP_PORT: String(freePort),
      MESH_DASHBOARD_PORT: String(dashboardPort),
      ...env,
    },
  });
  child.stdin.end(input);
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}

describe('wrong usage ends with 2 and one line that says what to do', () => {
  it.each([
    [['rn', 'x'], /unknown command 'rn' .*run.*See `mesh -h`/],
    [['run'], /missing required argument 'prompt'\. See `mesh run -h`/],
    [['run', ' '], /the prompt is empty/],
    [['run', 'x', '--id', '7'], /--id must be a UUID/],
    [['run', 'x', '--id', '00000000-0000-0000-0000-000000000000'], /--id is the nil UUID, which names nothing/],
    [['run', 'x', '--deadline', '10'], /--deadline is a time from 1s to 24h, such as 90s, 10m or 2h: 10/],
    [['run', 'x', '--deadline', '25h'], /from 1s to 24h/],
    [['run', 'x', '--priority', 'urgent'], /high, normal, low/],
    [['tasks', '--limit', '0'], /a whole number from 1 to 1000/],
    [['up', '--frobnicate'], /unknown option '--frobnicate'\. See `mesh up -h`/],
    [['show', '12345'], /at least 6 characters/],
    [['show', 'not-an-id'], /not a task id/],
    [['fork', '6f1c2d3e', '--hop', '1', '--input', '@/no/such/file'], /\/no\/such\/file: there is no such file/],
    [['bench', '--frobnicate'], /Unknown option '--frobnicate'; there are --quick, --json/],
    [['chaos', '--frobnicate'], /Unknown option '--frobnicate'; there are --kills, --seed/],
    [['watch'], /give the id of a task, or --all/],
    [['watch', '6f1c2d3e', '--all'], /give the id of a task, or --all/],
    [['quarantine', 'show', 'x'], /mesh quarantine ls/],
    [['search', 'x'], /mesh index PATH/],
    [['index', '/no/such/path'], /no such file or folder/],
  ] as const)('mesh %j', async (args, said) => {
    const ended = await mesh(args);
    expect(ended).toMatchObject({ code: 2, out: '' });
    expect(ended.err).toMatch(said);
    expect(ended.err.trim().split('\n')).toHaveLength(1);
  });

  it('an empty standard input is an empty prompt', async () => {
    expect(await mesh(['run', '-'], {}, ' \n')).toMatchObject({ code: 2, err: expect.stringContaining('empty') });
  });

  it('a wrong setting is named', async () => {
    const ended = await mesh(['status'], { MESH_NATS_PORT: 'x' });
    expect(ended).toMatchObject({ code: 2, err: expect.stringContaining('MESH_NATS_PORT=x') });
  });

  it('a MESH_HOME that cannot be used is named', async () => {
    const file = join(home, 'a-file');
    writeFileSync(file, '');
    const ended = await mesh(['up', '--detach'], { MESH_HOME: join(file, 'x') });
    expect(ended).toMatchObject({ code: 2, err: expect.stringContaining('set MESH_HOME') });
  });

  it('a binary that is not there is named', async () => {
    const ended = await mesh(['up', '--detach'], { MESH_NATS_SERVER: '/no/such/binary' });
    expect(ended).toMatchObject({ code: 2, err: expect.stringContaining('MESH_NATS_SERVER=/no/such/binary') });
  });

  it('a port that is taken is named', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(freePort, '127.0.0.1', () => resolve()));
    try {
      const ended = await mesh(['up', '--detach'], { MESH_NATS_SERVER: fakeNats() });
      expect(ended.code).toBe(2);
      expect(ended.err).toContain(`port ${freePort} is taken`);
      expect(ended.err).toContain('MESH_NATS_PORT');
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

/** Says a version and nothing else: enough for a start that ends before the server would. */
function fakeNats(): string {
  const path = join(home, 'fake-nats-server');
  writeFileSync(path, '#!/bin/sh\necho "nats-server: v2.12.7"\n', { mode: 0o755 });
  return path;
}

describe('what is unreachable ends with 3', () => {
  it.each([
    [['tasks']],
    [['show', '6f1c2d3e']],
    [['quarantine', 'ls']],
    [['cancel', '6f1c2d3e']],
    [['watch', '--all']],
  ])('mesh %j without a mesh', async (args) => {
    const ended = await mesh(args);
    expect(ended).toMatchObject({ code: 3, out: '' });
    expect(ended.err).toContain('mesh up');
    expect(ended.err).not.toMatch(/\n\s+at /);
  });

  it('a NATS_URL where nothing answers', async () => {
    const ended = await mesh(['up', '--detach'], { NATS_URL: `nats://name:secret@127.0.0.1:${freePort}` });
    expect(ended.code).toBe(3);
    expect(ended.err).not.toContain('secret');
  });

  it('a server version that could lose data', async () => {
    const path = join(home, 'lossy');
    writeFileSync(path, '#!/bin/sh\necho "nats-server: v2.10.21"\n', { mode: 0o755 });
    const ended = await mesh(['up', '--detach'], { MESH_NATS_SERVER: path });
    expect(ended).toMatchObject({ code: 2, err: expect.stringContaining('2.10.23') });
  });

  it('status of a mesh that is down', async () => {
    expect(await mesh(['status'])).toMatchObject({ code: 3, out: expect.stringContaining('mesh up') });
    const { code, out } = await mesh(['status', '--json']);
    expect([code, JSON.parse(out)]).toMatchObject([3, { up: false, state: 'down', processes: [], services: [] }]);
  });
});

describe('what works without a mesh', () => {
  it('help, of all and of each command, ends with 0', async () => {
    const all = await mesh(['-h']);
    expect(all.code).toBe(0);
    const names = [...all.out.matchAll(/^ {2}([a-z]+)(?= )/gm)].map((match) => match[1] ?? '');
    const commands = names.filter((name) => name !== 'mesh' && name !== 'help');
    expect(commands.length).toBeGreaterThanOrEqual(15);
    const helps = await Promise.all(commands.map((name) => mesh([name, '-h'])));
    for (const [i, help] of helps.entries()) {
      expect(help, commands[i]).toMatchObject({ code: 0, out: expect.stringContaining('Examples:') });
    }
    // Two dozen processes.
  }, 240_000);

  it('mesh alone shows the help', async () => {
    expect(await mesh([])).toMatchObject({ code: 0, out: expect.stringContaining('Start here:') });
  });

  it('down when nothing runs', async () => {
    expect(await mesh(['down'])).toMatchObject({ code: 0, out: 'The mesh is not running.\n' });
  });

  it('index and search', async () => {
    writeFileSync(join(home, 'notes.md'), '# Lighthouse\n\nThe lamp turns every twelve seconds.\n');
    const indexed = await mesh(['index', join(home, 'notes.md')]);
    expect(indexed).toMatchObject({ code: 0, out: expect.stringContaining('1 file added') });
    const found = await mesh(['search', 'lamp seconds', '--json']);
    expect(JSON.parse(found.out)[0]).toMatchObject({ heading: 'Lighthouse' });
  });

  it('doctor, for a program', async () => {
    const { code, out } = await mesh(['doctor', '--json'], { MESH_NATS_SERVER: fakeNats() });
    const report = JSON.parse(out);
    expect([code, report.ok]).toEqual([0, true]);
    const texts = new Map(report.checks.map((check: { name: string; text: string }) => [check.name, check.text]));
    expect(texts.get('nats-server')).toContain('2.12.7');
  });

  it('colour only where it is wanted', async () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: its absence is the point
    expect((await mesh(['doctor'], { MESH_NATS_SERVER: fakeNats() })).out).not.toMatch(/\u001b/);
  });
});
