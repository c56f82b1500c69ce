/**
 * `mesh backup` and `mesh restore` on a mesh of real processes: while it works, after everything was killed, and beside
 * the write-ahead logs that a crash leaves behind (S10).
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseRunState } from '../../../cli/supervisor/run-state.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { createMeshCommand, eventually, everyTool, type MeshCommand } from '../../e2e/command.ts';
import { Counter } from '../../support/counter.ts';

const ledgers = ['agents', 'llm', 'tools'];

describe('backups', () => {
  let mesh: MeshCommand;
  let counter: Counter;
  let kept = '';

  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await mesh.run(args);
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  };
  const submit = async (prompt: string): Promise<string> => {
    const id = newCorrelationId();
    await mesh.publish('mesh.tasks', JSON.stringify({ id, prompt }));
    return id;
  };
  const post = (path: string): Promise<string> => submit(counter.prompt('http_post', path));
  const statuses = async (): Promise<Map<string, string>> => {
    const tasks = JSON.parse(await ok('tasks', '--json', '--limit', '1000')) as { taskId: string; status: string }[];
    return new Map(tasks.map(({ taskId, status }) => [taskId, status]));
  };
  const completed = (ids: readonly string[]) =>
    eventually(async () => {
      const now = await statuses();
      return ids.every((id) => now.get(id) === 'completed') ? true : null;
    }, 120_000);
  const ledger = (service: string): string => join(mesh.home, 'ledger', `${service}.db`);
  /** SIGKILL to everything that `mesh up` has started, and to itself. */
  const killAll = (): void => {
    const state = parseRunState(readFileSync(join(mesh.home, 'run.json'), 'utf8'));
    if (state === null) throw new Error('the mesh does not say what runs');
    const pids = [state.supervisor.pid, ...state.services.map(({ process }) => process?.pid ?? 0)];
    for (const pid of pids) if (pid > 0) process.kill(pid, 'SIGKILL');
  };
  const down = (): Promise<string> => ok('down');
  /** What the supervisor was just starting when it was killed ends by itself, a moment later: until then it is in use. */
  const restore = (...args: string[]): Promise<string> =>
    eventually(async () => {
      const { code, stdout, stderr } = await mesh.run(['restore', ...args]);
      if (code !== 0) expect(stderr).toContain(' is in use: ');
      return code === 0 ? stdout : null;
    }, 120_000);

  beforeAll(async () => {
    counter = await Counter.open();
    kept = mkdtempSync(join(tmpdir(), 'mesh-backup-'));
    mesh = await createMeshCommand({ TOOLS_ALLOW_HOSTS: counter.host, TOOLS_POLICY: everyTool });
    await ok('up', '--detach');
  });
  afterAll(async () => {
    await mesh.end();
    await counter.close();
    rmSync(kept, { recursive: true });
  });

  test('S10: of a mesh that works: all stores lost after it, what was told before it is there, and goes on', async () => {
    const told = await Promise.all([0, 1, 2].map((nth) => post(`/told/${nth}`)));
    await completed(told);
    counter.hold('/held');
    const held = await post('/held');
    await counter.arrived('/held', 1, 120_000);
    const beside = await Promise.all(
      Array.from({ length: 40 }, (_, nth) => submit(`tool:calculator {"expression":"${nth} + 1"}`)),
    );
    const file = join(kept, 'running.tar.gz');
    const said = await ok('backup', file);
    expect(said).toMatch(/^3 ledgers and the log up to event \d+, as of /);
    await completed(beside);
    killAll();
    await down();
    for (const folder of ['ledger', 'nats']) rmSync(join(mesh.home, folder), { recursive: true });
    await restore(file);
    await ok('up', '--detach');
    counter.release('/held');
    await completed([...told, held]);
    expect([0, 1, 2].map((nth) => counter.deeds(`/told/${nth}`))).toEqual([1, 1, 1]);
    expect(counter.deeds('/held')).toBe(1);
  });

  test('S10: ledgers alone, beside the write-ahead logs of a crash: the log gives what is newer', async () => {
    const folder = join(kept, 'earlier');
    await ok('backup', folder);
    const after = await Promise.all([0, 1, 2, 3].map((nth) => post(`/after/${nth}`)));
    await completed(after);
    killAll();
    await down();
    expect(ledgers.some((service) => existsSync(`${ledger(service)}-wal`))).toBe(true);
    const said = await restore(folder, '--ledgers-only');
    expect(said).toMatch(/What is newer comes from the log/);
    expect(said.match(/Kept aside: .*\.db\.aside-/g)).toHaveLength(3);
    for (const service of ledgers) {
      expect(['-wal', '-shm'].filter((suffix) => existsSync(ledger(service) + suffix))).toEqual([]);
      const db = new Database(ledger(service), { readonly: true });
      expect(db.pragma('integrity_check(1)', { simple: true })).toBe('ok');
      db.close();
    }
    await ok('up', '--detach');
    await completed(after);
    const more = await post('/more');
    await completed([more]);
    expect([0, 1, 2, 3].map((nth) => counter.deeds(`/after/${nth}`))).toEqual([1, 1, 1, 1]);
    const logs = ledgers.map((service) => readFileSync(join(mesh.home, 'logs', `${service}.log`), 'utf8'));
    expect(logs.filter((text) => text.includes('was unreadable and was set aside'))).toEqual([]);
  });

  test('of a mesh that was killed is whole, and goes back as it was', async () => {
    const ids = [await post('/killed/1'), await post('/killed/2')];
    await completed(ids);
    killAll();
    await down();
    const folder = join(kept, 'killed');
    await ok('backup', folder);
    await restore(folder);
    await ok('up', '--detach');
    await completed(ids);
    expect([counter.deeds('/killed/1'), counter.deeds('/killed/2')]).toEqual([1, 1]);
  });

  test('what cannot be done is refused with what to do, and changes nothing', async () => {
    const folder = join(kept, 'killed');
    const refused = async (code: number, text: RegExp, args: readonly string[], env?: Record<string, string>) => {
      const ended = await mesh.run(args, env);
      expect(ended.stderr).toMatch(text);
      expect(ended.stderr.trim().split('\n')).toHaveLength(1);
      expect(ended.code).toBe(code);
    };
    await refused(2, /is there already; name a new folder or file/, ['backup', folder]);
    await refused(2, /the mesh runs; stop it with `.\/mesh down`, then restore/, ['restore', folder]);
    await down();
    const before = readdirSync(join(mesh.home, 'ledger')).sort();
    await refused(2, /there is no such file or folder/, ['restore', join(kept, 'nothing')]);
    await refused(2, /is no backup: it has no manifest\.json/, ['restore', mesh.home]);
    await refused(2, /NATS_URL names a server of yours.*--ledgers-only/, ['restore', folder], {
      NATS_URL: 'nats://127.0.0.1:1',
    });
    truncateSync(join(folder, 'ledger', 'tools.db'), 3000);
    await refused(3, /is damaged: .*tools\.db cannot be read; nothing was changed/, ['restore', folder]);
    expect(readdirSync(join(mesh.home, 'ledger')).sort()).toEqual(before);
  });
});
