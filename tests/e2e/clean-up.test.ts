/**
 * What ended is cleaned up, and output is whole. Owns: removing, keeping, exporting and importing trails with the command;
 * long output into a pipe whose reader is slow.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { killProcess } from '../support/kill.ts';
import { createMeshCommand, eventually, type MeshCommand } from './command.ts';

let mesh: MeshCommand;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-clean-up-'));
  mesh = await createMeshCommand();
  expect(await mesh.run(['up', '--detach'])).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await mesh.end();
  rmSync(folder, { recursive: true, force: true });
});

const calculator = 'tool:calculator {"expression": "6*7"}';

async function task(prompt = calculator, ...more: string[]): Promise<string> {
  const { stdout, stderr } = await mesh.run(['run', prompt, '--json', ...more]);
  expect(stdout, stderr).not.toBe('');
  return (JSON.parse(stdout) as { taskId: string }).taskId;
}

const listed = async (): Promise<string[]> =>
  (JSON.parse((await mesh.run(['tasks', '--json'])).stdout) as { taskId: string }[]).map(({ taskId }) => taskId);

describe('mesh tasks rm', () => {
  it('S5: the trail is gone, the id stays taken, also after the agents were killed', async () => {
    const id = await task();
    const other = await task();
    expect(await mesh.run(['tasks', 'rm', id])).toMatchObject({ code: 0, stdout: '1 task removed.\n' });
    expect(await listed()).toEqual([other]);
    expect(await mesh.run(['show', id])).toMatchObject({ code: 2, stderr: expect.stringMatching(/was removed on/) });
    expect(await mesh.run(['tasks', 'rm', id])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('removed before'),
    });
    const again = await mesh.run(['run', calculator, '--id', id]);
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('is not run again') });
    // Past the command's own look: as any client of the log would send it.
    const { processes } = JSON.parse((await mesh.run(['status', '--json'])).stdout) as {
      processes: { name: string; pid: number }[];
    };
    killProcess(processes.find(({ name }) => name === 'agents')?.pid);
    await eventually(async () => ((await mesh.run(['status'])).code === 0 ? true : null));
    const submission = {
      ...{ specversion: '1.0', id: 'once-more', source: '/test', type: 'dev.agentmesh.task.submitted.v1' },
      ...{ correlationid: id, time: new Date().toISOString(), datacontenttype: 'application/json' },
      data: { prompt: calculator, caller: 'mesh run' },
    };
    await mesh.publish('mesh.tasks', JSON.stringify(submission));
    // A later task is through: so would this one be.
    const later = await task();
    expect((await listed()).sort()).toEqual([other, later].sort());
  });

  it('refuses a task that goes on, and says what to do', async () => {
    const id = await task('Write a haiku about rivers', '--workflow', 'answer');
    const asking = await mesh.run(['tasks', 'rm', 'ffffffff-ffff-4fff-8fff-ffffffffffff']);
    expect(asking).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no such task in the log') });
    const nobodys = ['tasks', 'rm', '--dry-run', 'ffffffff-ffff-4fff-8fff-ffffffffffff'];
    expect(await mesh.run(nobodys)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no such task'),
    });
    expect(await mesh.run(['tasks', 'rm', id, '--older', '7d'])).toMatchObject({ code: 2 });
    expect(await mesh.run(['tasks', 'rm'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--older') });
    expect(await mesh.run(['tasks', 'rm', '--older', '7 days'])).toMatchObject({ code: 2 });
    expect(await mesh.run(['tasks', 'rm', '--older', '7d', '--state', 'completed'])).toMatchObject({
      stdout: '0 tasks removed.\n',
    });
  });
});

describe('mesh retention', () => {
  it('shows, sets, and keeps what was set over a restart', async () => {
    const shown = async () => JSON.parse((await mesh.run(['retention', '--json'])).stdout) as object;
    expect(await shown()).toEqual({ tasks: null, log: '7d', quarantine: '30d' });
    expect(await mesh.run(['retention', 'set', 'log', '14d'])).toMatchObject({ code: 0 });
    expect(await mesh.run(['retention', 'set', 'tasks', '3d'])).toMatchObject({ code: 0 });
    expect(await mesh.run(['retention', 'set', 'log', 'long'])).toMatchObject({ code: 2 });
    expect(await mesh.run(['retention', 'set', 'log', '5m'])).toMatchObject({ code: 2 });
    expect(await mesh.run(['retention', 'set', 'shoes', '5d'])).toMatchObject({ code: 2 });
    await mesh.run(['down']);
    await mesh.run(['up', '--detach']);
    expect(await shown()).toEqual({ tasks: '3d', log: '14d', quarantine: '30d' });
    await mesh.run(['retention', 'unset', 'tasks']);
    expect(await shown()).toEqual({ tasks: null, log: '14d', quarantine: '30d' });
  });
});

describe('mesh export and import', () => {
  it('show a trail in another mesh, marked, and run nothing of it', async () => {
    const id = await task();
    const file = join(folder, 'trail.json');
    expect(await mesh.run(['export', id, file])).toMatchObject({ code: 0 });
    const elsewhere = { MESH_HOME: join(folder, 'elsewhere'), MESH_NATS_PORT: '1' };
    expect(await mesh.run(['import', file], elsewhere)).toMatchObject({ code: 0 });
    const there = await mesh.run(['show', id, '--imported'], elsewhere);
    const here = await mesh.run(['show', id]);
    expect(there.stdout).toMatch(/^IMPORTED: it ran elsewhere/);
    expect(there.stdout.endsWith(here.stdout)).toBe(true);
    const json = JSON.parse((await mesh.run(['show', id, '--json'], elsewhere)).stdout) as object;
    expect(json).toMatchObject({ taskId: id, status: 'completed', imported: { secretsLeftOut: false } });
    const before = await listed();
    await mesh.run(['import', file]);
    expect(await listed()).toEqual(before);
  });
});

describe('output into a pipe whose reader is slow', () => {
  it.each([
    ['show', (id: string) => ['show', id, '--json']],
    ['tasks', () => ['tasks', '--json', '-n', '50']],
    ['export', (id: string) => ['export', id, '-']],
    ['run', (id: string, prompt: string) => ['run', prompt, '--id', id, '--json']],
  ])('%s arrives whole', async (_name, args) => {
    const prompt = `tool:hash ${JSON.stringify({ text: 'x'.repeat(100_000) })}`;
    const id = await task(prompt);
    const child = mesh.start(args(id, prompt));
    if (child.stdout === null) throw new Error('there is no pipe');
    const pipe = child.stdout;
    const chunks: Buffer[] = [];
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    // Nothing more is read before the command has had all the time to end without its reader.
    pipe.on('data', (chunk: Buffer) => chunks.push(chunk));
    pipe.once('data', () => pipe.pause());
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 4000))]);
    pipe.resume();
    await closed;
    const output = Buffer.concat(chunks).toString();
    expect(output.length).toBeGreaterThan(90_000);
    expect(() => JSON.parse(output)).not.toThrow();
  });
});
