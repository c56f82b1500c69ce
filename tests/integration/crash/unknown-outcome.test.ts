/**
 * Effects that may not be repeated, cut off in the middle: nobody knows whether they happened, so a person is asked
 * (S6). And the deadlines and cancels that meet a crash.
 */
import { describe, expect, test } from 'vitest';
import { useMesh } from '../../support/mesh.ts';
import type { Fact } from '../../support/task-watch.ts';

const ARRIVAL_LIMIT_MS = 90_000;

describe('an effect that may not be repeated', () => {
  const mesh = useMesh('unknown-outcome');

  /** A task whose post was cut off by a crash of tools: it asks. */
  const cutOff = async (path: string): Promise<{ id: string; question: Fact }> => {
    const { counter, watch } = mesh();
    counter.hold(path);
    const id = await mesh().submit(counter.prompt('http_post_once', path));
    await counter.arrived(path, 1, ARRIVAL_LIMIT_MS);
    await mesh().service('tools').kill();
    const question = await watch.fact(id, 'task.input.required');
    counter.release(path);
    return { id, question };
  };
  const expectAsked = ({ event }: Fact): void => {
    expect(event.data).toMatchObject({ reason: 'outcome_unknown', choices: ['done', 'not done', 'retry', 'abort'] });
  };

  test('S6: cut off, it is not repeated; "done" goes on without it', async () => {
    const { id, question } = await cutOff('/once/done');
    expectAsked(question);
    expect(mesh().counter.deeds('/once/done')).toBe(1);
    await mesh().say('task.input.provided', id, { text: 'done' });
    const { name, result } = await mesh().watch.result(id);
    expect(name).toBe('task.completed');
    expect(result.hops.map(({ step, status }) => `${step} ${status}`)).toEqual(['tools unknown', 'respond completed']);
    expect(mesh().counter.deeds('/once/done')).toBe(1);
  });

  test('S6: "retry" runs it once more, because a person said so', async () => {
    const { id, question } = await cutOff('/once/retry');
    expectAsked(question);
    await mesh().say('task.input.provided', id, { text: 'retry' });
    const { name, result } = await mesh().watch.result(id);
    expect(name).toBe('task.completed');
    expect(result.hops.map(({ step, status }) => `${step} ${status}`)).toEqual([
      'tools unknown',
      'tools completed',
      'respond completed',
    ]);
    expect(mesh().counter.deeds('/once/retry')).toBe(2);
  });

  test('S6: "abort" ends the task as failed', async () => {
    const { id, question } = await cutOff('/once/abort');
    expectAsked(question);
    await mesh().say('task.input.provided', id, { text: 'abort' });
    const { name, result } = await mesh().watch.result(id);
    expect(name).toBe('task.failed');
    expect(result.error?.code).toBe('aborted');
    expect(mesh().counter.deeds('/once/abort')).toBe(1);
  });

  test('S4 S6: the question outlives every process and the server', async () => {
    const { id } = await cutOff('/once/asleep');
    const dead = mesh().services.map((service) => service.kill());
    await Promise.all([...dead, mesh().nats.kill()]);
    await mesh().nats.start();
    await Promise.all(mesh().services.map((service) => service.ready()));
    expect(mesh().watch.terminal(id)).toEqual([]);
    await mesh().say('task.input.provided', id, { text: 'done' });
    expect((await mesh().watch.result(id)).name).toBe('task.completed');
    expect(mesh().counter.deeds('/once/asleep')).toBe(1);
    expect(
      mesh()
        .watch.facts(id)
        .filter(({ name }) => name === 'task.input.required'),
    ).toHaveLength(1);
  });

  test.each([
    ['effect-announced#1', 0],
    ['effect-begun#2', 1],
    ['effect-done#2', 1],
  ] as const)('S6: tools dies at %s; at most one post was made and a person is asked', async (point, posts) => {
    const { counter, watch } = mesh();
    const tools = mesh().service('tools');
    const path = `/once/${point.replace('#', '-')}`;
    tools.crashAt(point);
    await tools.kill();
    await tools.ready();
    const deaths = tools.ended;
    const id = await mesh().submit(counter.prompt('http_post_once', path));
    await tools.deaths(deaths + 1, ARRIVAL_LIMIT_MS);
    expectAsked(await watch.fact(id, 'task.input.required'));
    expect(counter.deeds(path)).toBeLessThanOrEqual(posts);
    await mesh().say('task.input.provided', id, { text: 'done' });
    expect((await watch.result(id)).name).toBe('task.completed');
    expect(watch.terminal(id)).toHaveLength(1);
  });

  test.each(['agents', 'llm', 'nats'] as const)('S6: a crash of %s does not touch it', async (victim) => {
    const { counter, watch } = mesh();
    const path = `/once/beside-${victim}`;
    counter.hold(path);
    const id = await mesh().submit(counter.prompt('http_post_once', path));
    await counter.arrived(path, 1, ARRIVAL_LIMIT_MS);
    if (victim === 'nats') {
      await mesh().nats.kill();
      counter.release(path);
      await mesh().nats.start();
    } else {
      await mesh().service(victim).kill();
      counter.release(path);
    }
    expect((await watch.result(id)).name).toBe('task.completed');
    expect(counter.deeds(path)).toBe(1);
  });
});
