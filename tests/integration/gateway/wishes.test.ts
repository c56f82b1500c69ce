/**
 * What a caller may wish of a task beside its prompt, by gRPC and by the command, on a real mesh without a model: what
 * stands in the log, and what it does.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import { Priority, TaskState } from '../../../gateway/client/index.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { DOORS_SUBJECT } from '../../../schemas/events/subjects.ts';
import { failure, useGateway } from '../../support/gateway.ts';
import { answerPrompt } from '../../support/prompts.ts';

describe('wishes of a task', () => {
  const gateway = useGateway('gateway-wishes');

  /** The data of the submission of a task, as it stands in the log. */
  async function submitted(id: string): Promise<unknown> {
    const found: { correlationid?: string; data?: unknown }[] = [];
    const reader = await gateway().mesh.bus.read({
      filter: DOORS_SUBJECT,
      fromSeq: 1,
      onMessage: ({ data }) => found.push(JSON.parse(Buffer.from(data).toString('utf8'))),
    });
    await reader.caughtUp;
    await reader.stop();
    return found.find(({ correlationid }) => correlationid === id)?.data;
  }

  async function command(args: readonly string[]): Promise<{ code: number; report: Record<string, unknown> }> {
    const { mesh } = gateway();
    const child = spawn(process.execPath, [join(projectRoot, 'cli/main.ts'), 'run', '--json', ...args], {
      env: { ...process.env, NATS_URL: mesh.nats.url, MESH_HOME: mesh.home },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
    return { code, report: JSON.parse(out) };
  }

  test.each([
    [Priority.HIGH, 'high'],
    [Priority.LOW, 'low'],
    [Priority.UNSPECIFIED, undefined],
  ])('gRPC: priority %s stands in the log as %s', async (priority, said) => {
    const correlationId = newCorrelationId();
    const order = { prompt: answerPrompt, workflow: 'answer', correlationId, priority };
    const { task } = await gateway().client.run({ ...order, timeLimit: { seconds: 90n, nanos: 0 } });
    expect(task.state).toBe(TaskState.COMPLETED);
    const data = await submitted(correlationId);
    expect(data).toMatchObject({ prompt: answerPrompt, deadlineMs: 90_000 });
    expect(data).toHaveProperty('caller', 'local');
    expect(data).toEqual(expect.objectContaining(said === undefined ? {} : { priority: said }));
    expect(Object.keys(data ?? {}).includes('priority')).toBe(said !== undefined);
  });

  test('gRPC: waiting for a model where none is set up ends the task with what to do', async () => {
    const order = { prompt: answerPrompt, workflow: 'answer', waitForModel: true };
    const { task } = await gateway().client.run(order);
    expect(task).toMatchObject({ state: TaskState.FAILED, error: { code: 'no_model' } });
    expect(await submitted(task.correlationId)).toMatchObject({ waitForModel: true });
  });

  test('the command starts no second mesh while the agents of one elsewhere are away; its task waits for them', async () => {
    const { mesh } = gateway();
    const id = newCorrelationId();
    await mesh.service('agents').down('SIGTERM');
    const ran = command(['tool:clock {}', '--id', id]);
    await expect.poll(() => submitted(id), { timeout: 90_000 }).toBeDefined();
    await mesh.service('agents').start();
    expect((await ran).code).toBe(0);
    expect(existsSync(join(mesh.home, 'run.json'))).toBe(false);
  });

  test('a fork carries the wishes of its task, and neither its key nor who asked', async () => {
    const { mesh, client } = gateway();
    const key = 'a name of the command’s own';
    const wishes = ['--deadline', '90s', '--priority', 'high', '--key', key];
    const { code, report } = await command(['tool:clock {}', ...wishes]);
    expect(code).toBe(0);
    const { task } = await client.fork({ correlationId: String(report.taskId ?? report.id), hop: 1 });
    await mesh.watch.result(task.correlationId);
    const data = await submitted(task.correlationId);
    expect(data).toMatchObject({ deadlineMs: 90_000, priority: 'high', caller: 'local', door: 'grpc' });
    expect(data).not.toHaveProperty('key');
  });

  test('command: --deadline ends the task after its time of work', async () => {
    const { mesh } = gateway();
    const path = '/beyond/the/deadline';
    mesh.counter.hold(path);
    const id = newCorrelationId();
    const { code, report } = await command([
      mesh.counter.prompt('http_post', path),
      ...['--id', id, '--deadline', '2s', '--priority', 'low'],
    ]);
    mesh.counter.release(path);
    expect(code).toBe(1);
    expect(report).toMatchObject({ status: 'failed', error: { code: 'deadline_exceeded' } });
    expect(await submitted(id)).toMatchObject({ deadlineMs: 2000, priority: 'low', caller: 'mesh run' });
  });

  test('S5: the same id with a wish that its task does not have is refused; without wishes it is the task', async () => {
    const { client } = gateway();
    const order = { prompt: 'tool:clock {}', correlationId: newCorrelationId() };
    const first = await client.run({ ...order, priority: Priority.LOW });
    expect((await client.run(order)).task).toEqual(first.task);
    expect((await client.run({ ...order, priority: Priority.LOW })).task).toEqual(first.task);
    expect(await failure(client.run({ ...order, priority: Priority.HIGH }))).toMatchObject({
      ...{ reason: 'ID_TAKEN', message: expect.stringContaining('another priority (low)') },
    });
    expect(await failure(client.submit({ ...order, timeLimit: { seconds: 90n, nanos: 0 } }))).toMatchObject({
      ...{ reason: 'ID_TAKEN', message: expect.stringContaining('another time limit') },
    });
    expect(await failure(client.submit({ ...order, waitForModel: true }))).toMatchObject({ reason: 'ID_TAKEN' });
  });

  test('command: --wait-for-model is told that there is none', async () => {
    const { code, report } = await command([answerPrompt, '--workflow', 'answer', '--wait-for-model']);
    expect(code).toBe(1);
    expect(report).toMatchObject({ status: 'failed', error: { code: 'no_model' } });
  });
});
