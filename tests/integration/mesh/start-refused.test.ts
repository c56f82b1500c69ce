/**
 * What a service must refuse to start with, or go on with: one line that says what to do, and the right exit code
 * (2: settings and disk, 3: something it needs cannot be reached).
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { fillUp } from '../../chaos/full-disk.ts';
import { useMesh } from '../../support/mesh.ts';
import { freePort } from '../../support/nats-server.ts';
import type { Environment, ServiceProcess } from '../../support/service-process.ts';

const LIMIT_MS = 90_000;

/** A disk of a few MiB; null where this user may not mount one. */
function mountSmallDisk(): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]);
  if (mounted.status === 0) return folder;
  rmSync(folder, { recursive: true });
  return null;
}

const disk = mountSmallDisk();

describe('a start that must be refused', () => {
  afterAll(() => {
    if (disk === null) return;
    spawnSync('umount', [disk]);
    rmSync(disk, { recursive: true });
  });
  // Hooks run from the last to the first: the disk goes when the mesh has ended.
  const mesh = useMesh('start-refused');
  let number = 0;

  const started = async (env: Environment): Promise<ServiceProcess> => {
    number += 1;
    const process = mesh().add('tools', `refused-${number}`, { MESH_SUPERVISED: '', ...env });
    await process.startToEnd();
    return process;
  };
  const expectOneLine = ({ life }: ServiceProcess, exitCode: number, text: RegExp): void => {
    expect(life.lines).toHaveLength(1);
    expect(life.lines[0]).toMatchObject({ level: 'error' });
    expect(life.lines[0]?.msg).toMatch(text);
    expect(life.lines[0]?.msg).not.toContain('\n');
    expect(life.ended).toEqual({ code: exitCode, signal: null });
  };

  test.each([
    [{ MESH_LEASE_TTL_MS: 'abc' }, /MESH_LEASE_TTL_MS=abc/],
    [{ MESH_LEASE_TTL_MS: '1' }, /MESH_LEASE_TTL_MS=1: .*500/],
    [{ NATS_URL: 'http://127.0.0.1:4222' }, /NATS_URL=.*must be nats:\/\//],
    [{ MESH_COMMIT: 'never' }, /MESH_COMMIT=never: .*group.*hop/],
    [{ ROUTER_CONFIDENCE_THRESHOLD: '2' }, /ROUTER_CONFIDENCE_THRESHOLD=2/],
  ])('a wrong setting: %o', async (env, text) => {
    expectOneLine(await started(env), 2, text);
  });

  test('nobody answers at NATS_URL', async () => {
    const url = `nats://127.0.0.1:${await freePort()}`;
    expectOneLine(await started({ NATS_URL: url }), 3, new RegExp(`no NATS server answers at ${url}`));
  });

  test('the folder of the ledger cannot be made', async () => {
    const file = join(mesh().home, 'a-file');
    writeFileSync(file, '');
    expectOneLine(
      await started({ CHECKPOINT_DB_PATH: join(file, 'agents.db') }),
      2,
      /cannot write the ledger .*a-file/,
    );
  });

  test('nor on a file system that says of each folder that its parent is missing', async () => {
    const path = '/proc/mesh/agents.db';
    expectOneLine(
      await started({ CHECKPOINT_DB_PATH: path }),
      2,
      /cannot write the ledger \/proc\/mesh\/.*CHECKPOINT_DB_PATH/,
    );
  });

  test('the ledger is a folder', async () => {
    mkdirSync(join(mesh().home, 'folder', 'tools.db'), { recursive: true });
    const path = join(mesh().home, 'folder', 'agents.db');
    expectOneLine(await started({ CHECKPOINT_DB_PATH: path }), 2, /cannot write the ledger .*folder/);
  });

  test('S7: a second process on the same ledger', async () => {
    expectOneLine(await started({}), 2, /tools\.db is in use by another process; .*CHECKPOINT_DB_PATH/);
    expect(mesh().service('tools').lives).toHaveLength(1);
  });

  test.skipIf(disk === null)(
    'S3: a disk that is full stops the service, and the task ends when it has room',
    async () => {
      if (disk === null) return;
      const { counter, watch } = mesh();
      const tools = mesh().service('tools');
      await tools.down('SIGTERM');
      tools.configure({ CHECKPOINT_DB_PATH: join(disk, 'agents.db') });
      await tools.start();
      const filler = join(disk, 'filler');
      fillUp(filler);
      const lives = tools.ended;
      counter.hold('/full');
      const id = await mesh().submit(counter.prompt('http_post', '/full'));
      await tools.deaths(lives + 1, LIMIT_MS);
      const stopped = tools.lives[lives];
      expect(stopped?.ended?.code).toBe(2);
      const said = stopped?.lines.filter(({ level }) => level === 'error') ?? [];
      expect(said).toHaveLength(1);
      expect(String(said[0]?.error)).toMatch(/full/);
      rmSync(filler);
      counter.release('/full');
      await tools.ready();
      expect((await watch.result(id)).name).toBe('task.completed');
      expect(counter.deeds('/full')).toBe(1);
    },
  );
});
