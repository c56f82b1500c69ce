/**
 * What a newcomer does with the README in hand. Owns: the promises of its first page.
 */
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { secretNames } from '../../config/settings.ts';
import { createMeshCommand, eventually, type MeshCommand } from './command.ts';

let mesh: MeshCommand;

const keys = mkdtempSync(join(tmpdir(), 'mesh-keys-'));
const keyFile = join(keys, 'push.pem');
const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
/** One in each secret setting but the key that signs the log, which would refuse what any NATS client sends. */
const secrets = {
  OPENAI_API_KEY: 'planted-key-of-the-endpoint',
  MESH_MCP_TOKEN: 'planted-token-of-the-mcp-door',
  MESH_DASHBOARD_TOKEN: 'planted-token-of-the-dashboard',
  MESH_DASHBOARD_CALLER_TOKEN: 'planted-token-of-its-caller',
} as const satisfies Partial<Record<(typeof secretNames)[number], string>>;

interface TaskLine {
  readonly taskId: string;
  readonly prompt: string;
  readonly status: string;
}

const tasks = async (): Promise<TaskLine[]> => JSON.parse((await mesh.run(['tasks', '--json'])).stdout) as TaskLine[];
const finished = (prompt: string) => async (): Promise<TaskLine | null> =>
  (await tasks()).find((task) => task.prompt === prompt && task.status === 'completed') ?? null;

beforeAll(async () => {
  writeFileSync(keyFile, pem, { mode: 0o600 });
  mesh = await createMeshCommand({ ...secrets, MESH_PUSH_SIGNING_KEY: keyFile });
  const up = await mesh.run(['up', '--detach']);
  expect(up.stderr + up.stdout).toContain('up');
  expect(up.code).toBe(0);
});
afterAll(async () => {
  await mesh.end();
  rmSync(keys, { recursive: true });
});

describe('the first question', () => {
  it('is answered from the docs, hop by hop, with citations', async () => {
    const { code, stdout, stderr } = await mesh.run(['run', 'How does a task survive a crash?']);
    expect(code).toBe(0);
    expect(stderr).toMatch(/1 retriever/);
    expect(stderr).toMatch(/2 responder/);
    expect(stderr).toContain('no language model');
    expect(stdout).toContain('survives a crash because');
    expect(stdout).toMatch(/\[1\] docs\/architecture\.md:\d+-\d+/);
  });

  it('has the promised form with --json', async () => {
    const { code, stdout } = await mesh.run(['run', '--json', 'What is a ledger?']);
    expect(code).toBe(0);
    const result = JSON.parse(stdout) as Record<string, unknown>;
    expect(result).toMatchObject({
      status: 'completed',
      outcome: 'answered',
      route: { decision: 'answer', fallback: false },
      loops: { used: 0, max: 0 },
      messages: [],
    });
    for (const field of ['taskId', 'correlationId', 'answer', 'citations', 'hops'])
      expect(result).toHaveProperty(field);
    expect(result.hops).toMatchObject([
      { index: 1, role: 'retriever', status: 'completed' },
      { index: 2, role: 'responder', status: 'completed' },
    ]);
  });
});

describe('code', () => {
  it('goes through coder and reviewer, and says which engine answered', async () => {
    const { code, stdout, stderr } = await mesh.run([
      'run',
      'Write a TypeScript function that debounces another function',
    ]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/retriever → coder → reviewer/);
    expect(stderr).toMatch(/reviewer → coder/);
    expect(stderr).toContain('extractive');
    expect(stdout).toContain('```typescript');
    expect(stdout).toContain('Checked by typescript@');
  });
});

describe('other doors', () => {
  it('takes plain text from any NATS client', async () => {
    await mesh.publish('mesh.tasks', 'What is the outbox?');
    await expect(eventually(finished('What is the outbox?'))).resolves.toMatchObject({ status: 'completed' });
  });

  it('takes the same from the nats CLI, where there is one', async () => {
    const cli = process.env.MESH_NATS_CLI ?? 'nats';
    const key = join(mesh.home, 'nats', 'keys', 'public.nk');
    const server = ['--server', `nats://127.0.0.1:${mesh.port}`, '--nkey', key];
    const sent = spawnSync(cli, [...server, 'pub', 'mesh.tasks', 'What is a cursor?']);
    // Without the CLI a client sends the same: what is tested is the mesh, not the tool.
    if (sent.error) await mesh.publish('mesh.tasks', 'What is a cursor?');
    await expect(eventually(finished('What is a cursor?'))).resolves.toMatchObject({ status: 'completed' });
  });

  it('quarantines what it cannot understand, and says why', async () => {
    await mesh.publish('mesh.tasks', '{"prompt": 42}');
    const entry = await eventually(async () => {
      const { stdout } = await mesh.run(['quarantine', 'ls']);
      return stdout.includes('prompt') ? stdout : null;
    });
    expect(entry).toMatch(/must be string/);
  });
});

describe('the same id twice', () => {
  it('is one task with one result (S5)', async () => {
    const id = '7d0f8d1e-52b5-4f0e-8b6e-3f0a6f1c2d3e';
    const [first, second] = await Promise.all(
      [1, 2].map(() => mesh.run(['run', '--json', '--id', id, 'What is a fence?'])),
    );
    expect(first?.code).toBe(0);
    expect(JSON.parse(second?.stdout ?? '')).toEqual(JSON.parse(first?.stdout ?? 'null'));
    expect((await tasks()).filter((task) => task.taskId === id)).toHaveLength(1);
  });
});

describe('everyday commands', () => {
  it('shows the trail of a task by a short id', async () => {
    const [task] = await tasks();
    const { code, stdout } = await mesh.run(['show', (task?.taskId ?? '').slice(0, 8)]);
    expect(code).toBe(0);
    expect(stdout).toContain(task?.prompt);
  });

  it.each([['status'], ['doctor'], ['search', 'ledger'], ['tasks']])('%s works', async (...args) => {
    const { code, stdout } = await mesh.run(args);
    expect(code).toBe(0);
    expect(stdout.length).toBeGreaterThan(0);
  });

  it('up again says that it is up', async () => {
    const { code, stdout, stderr } = await mesh.run(['up', '--detach']);
    expect(code).toBe(0);
    expect(stdout + stderr).toMatch(/already/);
  });
});

describe('a secret that is set', () => {
  const filesUnder = (folder: string): string[] =>
    readdirSync(folder).flatMap((name) => {
      const path = join(folder, name);
      return statSync(path).isDirectory() ? filesUnder(path) : [path];
    });
  /** Arguments of every process that has this home in its environment. */
  const argumentsOfProcesses = (): string[] =>
    readdirSync('/proc').flatMap((pid) => {
      if (!/^\d+$/.test(pid)) return [];
      try {
        const isOurs = readFileSync(`/proc/${pid}/environ`, 'utf8').includes(mesh.home);
        return isOurs ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8')] : [];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });

  it('is in nothing that the mesh says, writes or is started with', async () => {
    const [task] = await tasks();
    const trail = join(mesh.home, 'trail.json');
    const commands = [['status'], ['status', '--json'], ['doctor'], ['logs'], ['export', task?.taskId ?? '', trail]];
    const said = await Promise.all(commands.map((args) => mesh.run(args)));
    const refused = await mesh.run(['status'], {
      MESH_NATS_PORT: 'x',
      MESH_MCP_TOKEN: secrets.MESH_MCP_TOKEN.slice(0, 9),
    });
    expect(refused.code).toBe(2);
    const processes = argumentsOfProcesses();
    expect(processes.length).toBeGreaterThan(4);
    const places: [string, string][] = [
      ...said.map(({ stdout, stderr }, at): [string, string] => [commands[at]?.join(' ') ?? '', stdout + stderr]),
      ['a refused setting', refused.stdout + refused.stderr],
      ['arguments', processes.join('\n')],
      ...filesUnder(mesh.home).map((path): [string, string] => [path, readFileSync(path, 'latin1')]),
    ];
    expect(places.map(([place]) => place)).toEqual(expect.arrayContaining([expect.stringMatching(/run\.json$/)]));
    const planted = [...Object.values(secrets), 'planted-t', pem.split('\n')[1] ?? ''];
    for (const [place, text] of places)
      for (const secret of planted) expect([place, secret, text.includes(secret)]).toEqual([place, secret, false]);
  });
});
