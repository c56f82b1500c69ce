/**
 * What a newcomer does with the README in hand. Owns: the promises of its first page.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { services } from '../../services/table.ts';
import { freePort } from '../support/nats-server.ts';
import { plantSecrets } from '../support/planted-secrets.ts';
import { createMeshCommand, eventually, type MeshCommand } from './command.ts';

let mesh: MeshCommand;
const planted = plantSecrets();
let metricsPort: number;

interface TaskLine {
  readonly taskId: string;
  readonly prompt: string;
  readonly status: string;
}

const tasks = async (): Promise<TaskLine[]> => JSON.parse((await mesh.run(['tasks', '--json'])).stdout) as TaskLine[];
const finished = (prompt: string) => async (): Promise<TaskLine | null> =>
  (await tasks()).find((task) => task.prompt === prompt && task.status === 'completed') ?? null;

beforeAll(async () => {
  metricsPort = await freePort();
  mesh = await createMeshCommand({
    ...planted.env,
    MESH_METRICS_PORT: String(metricsPort),
    // The log is signed, and takes what any NATS client sends as well.
    MESH_SIGNED_SINCE: '2999-01-01T00:00:00Z',
  });
  const up = await mesh.run(['up', '--detach']);
  expect(up.stderr + up.stdout).toContain('up');
  expect(up.code).toBe(0);
});
afterAll(async () => {
  await mesh.end();
  planted.remove();
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
  const read = (path: string): string => readFileSync(path, 'latin1');

  interface RunJson {
    readonly services: readonly { readonly name: string; readonly process: { readonly pid: number } | null }[];
  }
  const processes = (): (readonly [name: string, pid: number])[] => {
    const { services: all } = JSON.parse(read(join(mesh.home, 'run.json'))) as RunJson;
    return all.flatMap(({ name, process }) => (process === null ? [] : [[name, process.pid] as const]));
  };
  /** Arguments of every process that has this home in its environment. */
  const argumentsOfProcesses = (): string[] =>
    readdirSync('/proc').flatMap((pid) => {
      if (!/^\d+$/.test(pid)) return [];
      try {
        return read(`/proc/${pid}/environ`).includes(mesh.home) ? [read(`/proc/${pid}/cmdline`)] : [];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
  /** Each place where something is told, with all that is told there. */
  const expectNone = (places: readonly (readonly [place: string, text: string])[]): void => {
    for (const [place, text] of places) {
      expect([place, text.length > 0]).toEqual([place, true]);
      expect([place, planted.foundIn(text)]).toEqual([place, []]);
    }
  };

  it('is in nothing that a command says, a backup, a trail and a refused setting included', async () => {
    const [task] = await tasks();
    const commands = [
      ...[['status'], ['status', '--json'], ['doctor'], ['logs'], ['keys', 'show']],
      ...[
        ['show', task?.taskId ?? '', '--json'],
        ['export', task?.taskId ?? '', join(mesh.home, 'trail.json')],
      ],
      ['backup', join(mesh.home, 'backup')],
    ];
    // Nobody is there: the key is shown to whoever would be, and what comes of it is said.
    const env = { OPENAI_BASE_URL: `http://127.0.0.1:${await freePort()}/v1` };
    const said = await Promise.all(commands.map((args) => mesh.run(args, env)));
    expectNone(said.map(({ stdout, stderr }, at) => [`mesh ${commands[at]?.join(' ')}`, stdout + stderr]));
    // Each of them is refused in tests/unit/config/secrets.test.ts.
    const refused = await mesh.run(['tasks'], { MESH_DASHBOARD_TOKEN: `${planted.env.MESH_DASHBOARD_TOKEN} ä` });
    expect([refused.code, refused.stderr.includes('MESH_DASHBOARD_TOKEN')]).toEqual([2, true]);
    expectNone([['a refused setting', refused.stderr]]);
  });

  it('is in no file, no argument, and the environment of those processes only that need it', () => {
    const isCompiled = (path: string): boolean => path.startsWith(join(mesh.home, 'cache'));
    const paths = filesUnder(mesh.home).filter((path) => !isCompiled(path) && statSync(path).size > 0);
    expect(paths).toEqual(
      expect.arrayContaining([
        ...['run.json', 'trail.json', 'logs/gateway.log', 'backup/manifest.json'].map((name) => join(mesh.home, name)),
        expect.stringContaining('/flight/'),
      ]),
    );
    expectNone(paths.map((path) => [path, read(path)]));
    const all = argumentsOfProcesses();
    expect(all.length).toBeGreaterThan(4);
    expectNone(all.map((text) => ['arguments', text]));
    const needed = processes().map(([name, pid]) => [name, planted.foundIn(read(`/proc/${pid}/environ`)).sort()]);
    expect(needed.length).toBeGreaterThan(4);
    const table = new Map(services.map(({ name, secrets }) => [name as string, [...secrets].sort()]));
    // Of the push key the setting is a path.
    const inside = (name: string) => (table.get(name) ?? []).filter((one) => one !== 'MESH_PUSH_SIGNING_KEY');
    expect(needed).toEqual(needed.map(([name]) => [name, inside(String(name))]));
  });

  it('is in no answer of the dashboard, the gateway and the metrics', async () => {
    const url = (await mesh.run(['open', '--print'])).stdout.trim().replace(/\/\?.*/, '');
    const headers = { authorization: `Bearer ${planted.env.MESH_DASHBOARD_TOKEN}` };
    const paths = [
      '',
      'api/surroundings',
      'api/board',
      'api/quarantine',
      'api/knowledge',
      'api/owners',
      'api/search?q=x',
    ];
    const [task] = await tasks();
    const asked = [
      ...[...paths, `api/task/${task?.taskId}`, `api/trace/${task?.taskId}`].map((path) => `${url}/${path}`),
      `http://127.0.0.1:${metricsPort}/metrics`,
      `http://127.0.0.1:${mesh.httpPort}/.well-known/agent-card.json`,
      `http://127.0.0.1:${mesh.httpPort}/a2a/rest/tasks`,
    ];
    const answers = asked.map(async (address): Promise<[string, string]> => {
      const response = await fetch(address, address.startsWith(url) ? { headers } : {});
      return [`${address} (${response.status})`, await response.text()];
    });
    expectNone(await Promise.all(answers));
    for (const path of ['', 'api/board']) expect((await fetch(`${url}/${path}`)).status).toBe(401);
  });

  it('is handed to the browser by a file of its own, and not by an argument that everybody may read', async () => {
    const told = join(mesh.home, 'told-to-the-browser');
    const browser = join(mesh.home, 'browser');
    writeFileSync(
      browser,
      `#!/bin/sh\ncat /proc/$$/environ > "${told}.part"\nprintf '%s\\n' "$@" >> "${told}.part"\nmv "${told}.part" "${told}"\n`,
    );
    chmodSync(browser, 0o700);
    const opened = await mesh.run(['open'], { BROWSER: browser });
    expect(opened.code).toBe(0);
    const text = await eventually(async () => (existsSync(told) ? read(told) : null));
    expectNone([['the browser', text]]);
    const page = /file:\/\/(\S+)/.exec(text)?.[1] ?? '';
    expect([page, statSync(page).mode & 0o777]).toEqual([join(mesh.home, 'open.html'), 0o600]);
    expect(planted.foundIn(read(page))).toEqual(['MESH_DASHBOARD_TOKEN']);
  });
});
