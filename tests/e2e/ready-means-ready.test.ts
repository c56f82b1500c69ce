/**
 * What `mesh status` says is so, and what was asked for last happens: processes are stopped and killed for real, records
 * removed, disks filled. Owns: words, exit codes and what is left running.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { isAlive, type ProcessIdentity } from '../../cli/supervisor/process-mark.ts';
import { fillUp } from '../chaos/full-disk.ts';
import { freezeProcess } from '../support/kill.ts';
import { createMeshCommand, eventually, type MeshCommand } from './command.ts';

interface Status {
  readonly up: boolean;
  readonly ready: boolean;
  readonly supervisor: { readonly pid: number } | null;
  readonly processes: readonly { readonly name: string; readonly pid: number | null; readonly restarts: number }[];
  readonly trouble: readonly { readonly kind: string; readonly text: string }[];
}

let mesh: MeshCommand | undefined;
let unmount: () => void = () => undefined;
afterEach(async () => {
  await mesh?.end();
  mesh = undefined;
  unmount();
  unmount = () => undefined;
});

async function up(env: Record<string, string> = {}): Promise<MeshCommand> {
  const own = await createMeshCommand(env);
  mesh = own;
  const started = await own.run(['up', '--detach']);
  expect(started, started.stderr).toMatchObject({ code: 0 });
  return own;
}

async function status(own: MeshCommand): Promise<Status & { readonly code: number | null }> {
  const { stdout, code } = await own.run(['status', '--json']);
  return { ...(JSON.parse(stdout) as Status), code };
}

const well = (own: MeshCommand) =>
  eventually(async () => {
    const now = await status(own);
    return now.ready && now.code === 0 ? now : null;
  });

function pidOf({ processes }: Status, name: string): number {
  const pid = processes.find((one) => one.name === name)?.pid;
  if (pid == null) throw new Error(`${name} does not run`);
  return pid;
}

/** The record as it is on the disk. */
function record(own: MeshCommand): { supervisor: ProcessIdentity; services: { process: ProcessIdentity | null }[] } {
  return JSON.parse(readFileSync(join(own.home, 'run.json'), 'utf8'));
}

describe('a service that does not answer', () => {
  it('is stopped and started when it is silent, and status says so until then', async () => {
    const own = await up({ MESH_SILENT_MAX_MS: '5000' });
    const before = await well(own);
    const pid = pidOf(before, 'agents');
    await freezeProcess(pid);
    const stopped = await status(own);
    expect(stopped).toMatchObject({ code: 3, ready: false });
    expect(stopped.trouble.map(({ text }) => text).join()).toMatch(/agents \(process \d+\) is stopped.*kill -CONT/);
    const after = await eventually(async () => {
      const now = await status(own);
      return now.ready && pidOf(now, 'agents') !== pid ? now : null;
    });
    expect(after.processes.find(({ name }) => name === 'agents')?.restarts).toBe(1);
    expect(await own.run(['run', 'tool:calculator {"expression": "6*7"}', '--json'])).toMatchObject({ code: 0 });
  });
});

describe('a supervisor that does nothing', () => {
  it('stopped, with a dead service: said in words, run does not wait for it, down ends everything', async () => {
    const own = await up();
    const before = await well(own);
    const identities = record(own).services.map((one) => one.process);
    const supervisor = before.supervisor?.pid ?? 0;
    await freezeProcess(supervisor);
    // Its parent cannot ask for the exit code: it stays as a zombie.
    process.kill(pidOf(before, 'agents'), 'SIGKILL');
    const now = await status(own);
    expect(now.code).toBe(3);
    expect(now.trouble.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^the supervisor \(process \d+\) is stopped.*`kill -CONT \d+`.*`mesh down`/),
      expect.stringMatching(/^agents \(process \d+\) has ended, and nobody starts it again$/),
    ]);
    const doctor = await own.run(['doctor']);
    expect(doctor.code).toBe(3);
    expect(doctor.stdout).toContain('nobody starts it again');
    const run = await own.run(['run', 'tool:clock {}', '--json']);
    expect(run).toMatchObject({ code: 3, stdout: '' });
    expect(run.stderr).toMatch(/the supervisor \(process \d+\) is stopped/);
    expect(await own.run(['down'])).toMatchObject({ code: 0 });
    for (const one of identities) expect(one !== null && isAlive(one)).toBe(false);
  });
});

describe('what was removed under a living mesh', () => {
  it('lock and record are made again, and down, status and up find the mesh', async () => {
    const own = await up();
    const { supervisor } = record(own);
    for (const name of ['run.json', 'supervisor.lock']) rmSync(join(own.home, name));
    expect(await status(own)).toMatchObject({ up: true, supervisor: { pid: supervisor.pid } });
    for (const name of ['run.json', 'supervisor.lock']) rmSync(join(own.home, name));
    const again = await own.run(['up', '--detach']);
    expect(again.stdout, again.stderr).toContain(`already up (process ${supervisor.pid})`);
    writeFileSync(join(own.home, 'run.json'), '{"version": 1, "sta');
    expect(await status(own)).toMatchObject({ up: true, supervisor: { pid: supervisor.pid } });
    rmSync(join(own.home, 'nats', 'keys'), { recursive: true });
    const run = await own.run(['run', 'tool:clock {}']);
    expect([run.code, run.stderr]).toEqual([
      3,
      expect.stringMatching(/keys .* were removed .*`.\/mesh down` and `.\/mesh up`/),
    ]);
    for (const name of ['run.json', 'supervisor.lock']) rmSync(join(own.home, name));
    expect((await own.run(['down'])).stdout).toContain('The mesh is down.');
    expect(isAlive(supervisor)).toBe(false);
  });

  it('the whole folder: the processes are found and can be stopped', async () => {
    const own = await up();
    const { supervisor } = record(own);
    // Those that run write into it meanwhile.
    rmSync(own.home, { recursive: true, maxRetries: 10, retryDelay: 20 });
    await eventually(() => Promise.resolve(existsSync(join(own.home, 'run.json')) ? true : null));
    expect(await status(own)).toMatchObject({ up: true, ready: false, code: 3 });
    expect((await own.run(['down'])).stdout).toContain('The mesh is down.');
    expect(isAlive(supervisor)).toBe(false);
  });
});

describe('what was asked for last', () => {
  it('up while down is stopping: it is up', async () => {
    const own = await up();
    const before = record(own).supervisor;
    const down = own.run(['down']);
    await eventually(() =>
      Promise.resolve(readFileSync(join(own.home, 'run.json'), 'utf8').includes('"stopping"') || null),
    );
    const started = await own.run(['up', '--detach']);
    expect(started, started.stderr).toMatchObject({ code: 0 });
    expect((await down).code).toBe(0);
    expect(isAlive(before)).toBe(false);
    await well(own);
  });

  it('a run while down is stopping is answered', async () => {
    const own = await up();
    const down = own.run(['down']);
    await eventually(() =>
      Promise.resolve(readFileSync(join(own.home, 'run.json'), 'utf8').includes('"stopping"') || null),
    );
    const run = await own.run(['run', 'tool:calculator {"expression": "6*7"}']);
    expect(run.stdout, run.stderr).toContain('42');
    expect((await down).code).toBe(0);
  });

  it('down in the middle of a first start: nothing is left, not even the indexing', async () => {
    const own = await createMeshCommand();
    mesh = own;
    const started = own.run(['up', '--detach']);
    await eventually(() => Promise.resolve(existsSync(join(own.home, 'run.json')) || null));
    const { supervisor } = record(own);
    expect((await own.run(['down'])).code).toBe(0);
    const outcome = await started;
    expect(outcome.code).toBe(3);
    expect(outcome.stderr).toContain('a `./mesh down` that came later has stopped the mesh');
    expect(isAlive(supervisor)).toBe(false);
    expect(childrenWith(own.home)).toEqual([]);
  });

  it('at the same moment, many times: whoever wrote last has its way', async () => {
    const own = await up();
    for (let round = 0; round < 3; round++) {
      const both = [own.run(['down']), own.run(['up', '--detach'])];
      for (const one of await Promise.all(both)) expect([0, 3], one.stderr).toContain(one.code);
      const { wanted } = JSON.parse(readFileSync(join(own.home, 'wish.json'), 'utf8')) as { wanted: string };
      const now = await status(own);
      expect(now.up).toBe(wanted === 'up');
      if (now.up) await well(own);
    }
  });

  it('two ups at once: one mesh', async () => {
    const own = await createMeshCommand();
    mesh = own;
    const both = await Promise.all([own.run(['up', '--detach']), own.run(['up', '--detach'])]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(both.filter(({ stdout }) => stdout.includes('already up'))).toHaveLength(1);
  });
});

/** Processes of this mesh, by its home in their environment. */
function childrenWith(home: string): string[] {
  const list = execFileSync('sh', [
    '-c',
    'grep -l -z -- "$0" /proc/[0-9]*/environ 2>/dev/null || true',
    `MESH_HOME=${home}`,
  ]);
  return list
    .toString()
    .split('\n')
    .filter((path) => path !== '' && !path.includes(`/${process.pid}/`));
}

/** A small disk; only root may mount one. */
function mountSmall(megabytes: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-small-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
  unmount = () => {
    execFileSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  };
  return folder;
}

/** Whether this machine lets us do that: root may, unless a container keeps it from mounting. */
function can(command: string): boolean {
  return process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'sh', '-c', command]).status === 0;
}
const canMount = can('mount -t tmpfs tmpfs /mnt');
const canMountImage = can('losetup -f && test -d /sys/fs/ext4 && command -v mkfs.ext4');

describe('a disk that takes nothing', () => {
  it.runIf(canMount)(
    'full: status, doctor and run say so and what to do, never how to start a server; with room it is well again',
    async () => {
      const disk = mountSmall(300);
      const own = await up({ MESH_HOME: join(disk, 'home') });
      await well(own);
      const filler = join(disk, 'filler');
      fillUp(filler);
      for (const [args, code] of [
        [['status'], 3],
        [['doctor'], 3],
      ] as const) {
        const outcome = await own.run(args);
        expect(outcome.code).toBe(code);
        expect(outcome.stdout).toMatch(/disk.*full|has only .* free/);
      }
      const run = await own.run(['run', 'tool:clock {}']);
      expect(run.code).toBe(3);
      expect(run.stderr).toMatch(/disk of .* is full .*Make room/);
      expect(run.stderr).not.toContain('-js');
      rmSync(filler);
      await well(own);
      expect(await own.run(['run', 'tool:calculator {"expression": "6*7"}', '--json'])).toMatchObject({ code: 0 });
    },
  );

  it.runIf(canMount && canMountImage)(
    'read-only after an error, as a kernel makes it: status and run say so, and what to do',
    async () => {
      const { folder, fail } = mountExt4(300);
      const own = await up({ MESH_HOME: join(folder, 'home') });
      await well(own);
      fail();
      const now = await own.run(['status']);
      expect(now.code, now.stdout).toBe(3);
      expect(now.stdout).toContain('up, but does not work');
      expect(now.stdout).toMatch(/is read-only: nothing new can be stored.*dmesg/);
      const run = await own.run(['run', 'tool:clock {}']);
      expect(run.code, run.stderr).toBe(3);
      expect(run.stderr).toContain('is read-only: nothing new can be stored');
      // What was asked for cannot be written down, and is done all the same.
      expect(await own.run(['down'])).toMatchObject({ code: 0 });
      expect((await own.run(['status'])).stdout).toContain('The mesh is down');
    },
  );
});

/** A file system that turns read-only at its first error. */
function mountExt4(megabytes: number): { folder: string; fail: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-ext4-'));
  const image = `${folder}.img`;
  execFileSync('truncate', ['-s', `${megabytes}M`, image]);
  execFileSync('mkfs.ext4', ['-q', '-F', image]);
  execFileSync('mount', ['-o', 'loop,errors=remount-ro', image, folder]);
  const device = execFileSync('findmnt', ['-n', '-o', 'SOURCE', folder]).toString().trim();
  unmount = () => {
    execFileSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
    rmSync(image, { force: true });
  };
  return { folder, fail: () => writeFileSync(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, '1') };
}
