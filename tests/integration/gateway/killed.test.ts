/**
 * The gateway killed under its callers. Nothing it knew mattered: whoever calls again with the same id gets the one
 * result (S5), and a watch goes on where it was, with no fact missed and none told twice.
 */
import { describe, expect, test } from 'vitest';
import { type MeshClient, TaskState, type WatchResponse } from '../../../gateway/client/index.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { within } from '../../support/changes.ts';
import { type Gateway, useGateway } from '../../support/gateway.ts';
import { answerPrompt, buildTask } from '../../support/prompts.ts';

const LIMIT_MS = 90_000;
const CALLERS = 50;

interface Heard {
  readonly ids: string[];
  readonly done: Promise<void>;
}

/** Follows a task and keeps the ids of the facts it is told. */
function follow(client: MeshClient, correlationId: string): Heard {
  const ids: string[] = [];
  const listen = async (): Promise<void> => {
    for await (const { item } of client.watch(correlationId, { timeoutMs: LIMIT_MS })) {
      if (item.case === 'fact') ids.push(item.value.id);
    }
  };
  return { ids, done: listen() };
}

describe('the gateway killed under its callers', () => {
  const gateway = useGateway('gateway-killed', { env: { MESH_GATEWAY_CALLS_PER_SECOND: '2000' } });

  const killAndWait = async ({ mesh }: Gateway): Promise<void> => {
    await mesh.service('gateway').kill();
    await mesh.service('gateway').ready();
  };

  /** Every task ended once, and was told whole: what a watcher heard is what the log holds. */
  const expectWhole = ({ mesh }: Gateway, watches: ReadonlyMap<string, Heard>): void => {
    for (const [id, { ids }] of watches) {
      const stored = [...new Set(mesh.watch.facts(id).map(({ event }) => event.id))];
      expect(ids).toEqual(stored);
      expect(mesh.watch.terminal(id)).toHaveLength(1);
    }
    expect(mesh.watch.quarantined()).toEqual([]);
  };

  test('S5: 50 runs and 50 watches in the middle of their tasks, killed three times', async () => {
    const { mesh, client } = gateway();
    const path = '/held/by/fifty';
    mesh.counter.hold(path);
    const ids = Array.from({ length: CALLERS }, newCorrelationId);
    const prompt = mesh.counter.prompt('http_post', path);
    const runs = ids.map((correlationId) => client.run({ prompt, correlationId }, { timeoutMs: LIMIT_MS }));
    await Promise.all(ids.map((id) => mesh.watch.fact(id, 'hop.started')));
    const watches = new Map(ids.map((id) => [id, follow(client, id)]));
    await killAndWait(gateway());
    await mesh.counter.arrived(path, 1, LIMIT_MS);
    await killAndWait(gateway());
    mesh.counter.release(path);
    await mesh.watch.result(ids[0] ?? '', LIMIT_MS);
    await killAndWait(gateway());
    const answers = await within(LIMIT_MS, Promise.all(runs), 'not every run was answered');
    await within(LIMIT_MS, Promise.all([...watches.values()].map(({ done }) => done)), 'not every watch ended');
    expect(answers.map(({ task }) => task.correlationId)).toEqual(ids);
    for (const { task } of answers) expect(task.state).toBe(TaskState.COMPLETED);
    expect(mesh.counter.deeds(path)).toBe(CALLERS);
    expectWhole(gateway(), watches);
  });

  test('S5: 50 runs killed while they are being submitted, once and again', async () => {
    const { mesh, client } = gateway();
    const ids = Array.from({ length: CALLERS }, newCorrelationId);
    const runs = ids.map((correlationId, at) =>
      client.run({ ...(at % 5 === 0 ? buildTask : { prompt: answerPrompt }), correlationId }, { timeoutMs: LIMIT_MS }),
    );
    await mesh.service('gateway').kill();
    await Promise.race(ids.map((id) => mesh.watch.fact(id, 'task.accepted')));
    await mesh.service('gateway').kill();
    const answers = await within(LIMIT_MS, Promise.all(runs), 'not every run was answered');
    for (const { task } of answers) expect(task.state).toBe(TaskState.COMPLETED);
    for (const id of ids) {
      expect(mesh.watch.terminal(id)).toHaveLength(1);
      expect(mesh.watch.facts(id).filter(({ name }) => name === 'task.accepted')).toHaveLength(1);
    }
    expect(mesh.watch.quarantined()).toEqual([]);
  });

  test('S5: the same call after the task has ended, and after a restart, gets the same answer', async () => {
    const { mesh, client } = gateway();
    const correlationId = newCorrelationId();
    const first = await client.run({ prompt: answerPrompt, correlationId });
    await killAndWait(gateway());
    const again = await client.run({ prompt: answerPrompt, correlationId });
    expect(again.task).toEqual(first.task);
    expect(mesh.watch.facts(correlationId).filter(({ name }) => name === 'task.accepted')).toHaveLength(1);
  });

  test('a raw cursor resumes on another life of the gateway, after exactly what was heard', async () => {
    const { mesh, client } = gateway();
    const { task } = await client.run(buildTask);
    const whole: WatchResponse[] = [];
    for await (const item of client.watch(task.correlationId)) whole.push(item);
    await killAndWait(gateway());
    const half = Math.floor(whole.length / 2);
    const rest: WatchResponse[] = [];
    const cursor = whole[half - 1]?.cursor ?? '';
    for await (const item of client.watch(task.correlationId, { cursor })) rest.push(item);
    expect(rest).toEqual(whole.slice(half));
    expect(mesh.watch.quarantined()).toEqual([]);
  });

  test('the log server killed under a watch and a run: both go on', async () => {
    const { mesh, client } = gateway();
    const path = '/held/over/a/restart';
    mesh.counter.hold(path);
    const correlationId = newCorrelationId();
    const run = client.run({ prompt: mesh.counter.prompt('http_post', path), correlationId }, { timeoutMs: LIMIT_MS });
    await mesh.counter.arrived(path, 1, LIMIT_MS);
    const heard = follow(client, correlationId);
    await mesh.nats.kill();
    await mesh.nats.start();
    mesh.counter.release(path);
    expect((await within(LIMIT_MS, run, 'the run was not answered')).task.state).toBe(TaskState.COMPLETED);
    await within(LIMIT_MS, heard.done, 'the watch did not end');
    expectWhole(gateway(), new Map([[correlationId, heard]]));
  });
});
