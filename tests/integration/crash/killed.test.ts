/**
 * Processes killed from outside, one at a time and all at once, in every stage of a task. Whoever is killed, the task
 * ends once (S4), and what it did outside was done once (S6).
 */
import { describe, expect, test } from 'vitest';
import { type Mesh, useMesh } from '../../support/mesh.ts';
import { answerPrompt, buildTask } from '../../support/prompts.ts';

const ARRIVAL_LIMIT_MS = 90_000;
const victims = ['agents', 'llm', 'tools', 'nats'] as const;
type Victim = (typeof victims)[number];

/** Dies by SIGKILL and is started again at once; resolves when it works. */
async function killAndWait(mesh: Mesh, victim: Victim): Promise<void> {
  if (victim === 'nats') {
    await mesh.nats.kill();
    await mesh.nats.start();
    return;
  }
  await mesh.service(victim).kill();
  await mesh.service(victim).ready();
}

async function down(mesh: Mesh, victim: Victim): Promise<() => Promise<unknown>> {
  if (victim === 'nats') {
    await mesh.nats.kill();
    return () => mesh.nats.start();
  }
  const service = mesh.service(victim);
  await service.down();
  return () => service.start();
}

describe('killed from outside', () => {
  const mesh = useMesh('killed');

  const expectOneEnd = (...ids: string[]): void => {
    for (const id of ids) expect(mesh().watch.terminal(id)).toHaveLength(1);
    expect(mesh().watch.doubles()).toEqual([]);
    expect(mesh().watch.quarantined()).toEqual([]);
  };

  test.each(victims)('S4: %s before the task is accepted and in each of its hops', async (victim) => {
    const { watch } = mesh();
    const up = await down(mesh(), victim);
    const submitted = mesh().submit(buildTask);
    await up();
    const id = await submitted;
    for (let hop = 1; hop <= 5; hop += 1) {
      await watch.fact(id, 'hop.started', ARRIVAL_LIMIT_MS, hop);
      await killAndWait(mesh(), victim);
    }
    const { result } = await watch.result(id);
    expect(result.outcome).toBe('accepted');
    expect(result.loops).toEqual({ used: 1, max: 2 });
    expect(result.hops.map(({ step }) => step)).toEqual(['retrieve', 'code', 'review', 'code', 'review']);
    expectOneEnd(id);
  });

  test.each(victims)('S4: %s as soon as the task is accepted, routed, sent back by the review', async (victim) => {
    const { watch } = mesh();
    const id = await mesh().submit(buildTask);
    await watch.fact(id, 'task.accepted');
    await killAndWait(mesh(), victim);
    await watch.fact(id, 'task.routed');
    await killAndWait(mesh(), victim);
    await watch.fact(id, 'loop.advanced');
    await killAndWait(mesh(), victim);
    expect((await watch.result(id)).result.outcome).toBe('accepted');
    expectOneEnd(id);
  });

  test.each(victims)('S6: %s in the middle of an effect that knows its key', async (victim) => {
    const { watch, counter } = mesh();
    const path = `/held/${victim}`;
    counter.hold(path);
    const id = await mesh().submit(counter.prompt('http_post', path));
    await counter.arrived(path, 1, ARRIVAL_LIMIT_MS);
    await killAndWait(mesh(), victim);
    counter.release(path);
    expect((await watch.result(id)).name).toBe('task.completed');
    expect(counter.deeds(path)).toBe(1);
    expectOneEnd(id);
  });

  test.each(victims)('S6: %s while a failed attempt waits for the next', async (victim) => {
    const { watch, counter } = mesh();
    const path = `/back-off/${victim}`;
    counter.refuse(path, 2);
    const id = await mesh().submit(counter.prompt('http_post', path));
    for (const attempt of [1, 2]) {
      await counter.arrived(path, attempt, ARRIVAL_LIMIT_MS);
      await killAndWait(mesh(), victim);
    }
    const { name, result } = await watch.result(id);
    expect(name).toBe('task.completed');
    expect(result.hops.map(({ step }) => step)).toEqual(['tools', 'respond']);
    expect(counter.deeds(path)).toBe(1);
    expectOneEnd(id);
  });

  test('S4 S6: every process and the server at once, with a task in every stage', async () => {
    const { watch, counter } = mesh();
    const path = '/all-at-once';
    counter.hold(path);
    const held = await mesh().submit(counter.prompt('http_post', path));
    await counter.arrived(path, 1, ARRIVAL_LIMIT_MS);
    const builds = await Promise.all(Array.from({ length: 6 }, () => mesh().submit(buildTask)));
    const [first = ''] = builds;
    await watch.fact(first, 'hop.started');
    const killedAtMs = performance.now();
    const dead = mesh().services.map((service) => service.kill());
    await Promise.all([...dead, mesh().nats.kill()]);
    const late = mesh().submit(answerPrompt);
    await mesh().nats.start();
    await Promise.all(mesh().services.map((service) => service.ready()));
    console.info(`all at once: ready ${Math.round(performance.now() - killedAtMs)} ms after the kill`);
    counter.release(path);
    const ids = [held, await late, ...builds];
    const results = await Promise.all(ids.map((id) => watch.result(id)));
    expect(results.map(({ name }) => name)).toEqual(ids.map(() => 'task.completed'));
    expect(counter.deeds(path)).toBe(1);
    expectOneEnd(...ids);
  });

  test('S3 S4 S6: thirty tasks at once while the processes are killed in turn', { timeout: 180_000 }, async () => {
    const { watch, counter } = mesh();
    const tasks = await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const path = `/rolling/${index}`;
        const kinds = [counter.prompt('http_post', path), buildTask, answerPrompt];
        return { id: await mesh().submit(kinds[index % 3] ?? answerPrompt), path, posts: index % 3 === 0 };
      }),
    );
    for (const victim of [...victims, ...victims]) await killAndWait(mesh(), victim);
    const results = await Promise.all(tasks.map(({ id }) => watch.result(id)));
    expect(results.map(({ name }) => name)).toEqual(tasks.map(() => 'task.completed'));
    for (const { path } of tasks.filter(({ posts }) => posts)) expect(counter.deeds(path)).toBe(1);
    expectOneEnd(...tasks.map(({ id }) => id));
  });
});
