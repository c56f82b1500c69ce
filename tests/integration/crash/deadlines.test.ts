/**
 * Deadlines and cancels that meet a crash: a deadline is the row's and not the process', and a cancel reaches work that
 * is under way (S1).
 */
import { describe, expect, test } from 'vitest';
import { useMesh } from '../../support/mesh.ts';
import type { Fact } from '../../support/task-watch.ts';

const ARRIVAL_LIMIT_MS = 90_000;
const DEADLINE_MS = 4000;

describe('deadlines and cancels', () => {
  const mesh = useMesh('deadlines');

  const atMs = async ({ seq }: Fact): Promise<number> => {
    const stored = await mesh().bus.get(seq);
    if (!stored) throw new Error(`message ${seq} is gone`);
    return stored.atMs;
  };

  test('S1: a deadline is kept over restarts, and fires once', async () => {
    const { counter, watch } = mesh();
    const agents = mesh().service('agents');
    counter.hold('/deadline');
    const id = await mesh().submit({ prompt: counter.prompt('http_post', '/deadline'), deadlineMs: DEADLINE_MS });
    // A fact's own time is that of the event it follows from: the submission.
    const submittedMs = Date.parse((await watch.fact(id, 'task.accepted')).event.time);
    await counter.arrived('/deadline', 1, ARRIVAL_LIMIT_MS);
    for (const _ of [1, 2, 3]) {
      await agents.kill();
      await agents.ready();
    }
    const readyMs = Date.now();
    const { name, result } = await watch.result(id);
    const [end] = watch.terminal(id);
    if (!end) throw new Error('no terminal fact');
    const endedMs = await atMs(end);
    expect(name).toBe('task.failed');
    expect(result.error?.code).toBe('deadline_exceeded');
    // The log's time and the host's are both cut to whole milliseconds.
    expect(endedMs - submittedMs).toBeGreaterThan(DEADLINE_MS - 5);
    // A deadline counted from the last start would be later than this.
    expect(endedMs).toBeLessThan(readyMs + DEADLINE_MS);
    expect(watch.terminal(id)).toHaveLength(1);
    await counter.aborted('/deadline', ARRIVAL_LIMIT_MS);
  });

  test.each(['timer-due#1', 'before-publish', 'after-publish', 'before-commit', 'after-commit'])(
    'S1 S3: the process of the deadline dies at %s when it fires',
    async (point) => {
      const { counter, watch } = mesh();
      const agents = mesh().service('agents');
      const path = `/fires/${point.replace('#', '-')}`;
      counter.hold(path);
      const id = await mesh().submit({ prompt: counter.prompt('http_post', path), deadlineMs: 1500 });
      await counter.arrived(path, 1, ARRIVAL_LIMIT_MS);
      if (point.startsWith('timer-due')) agents.crashAt(point);
      else agents.crashAt(`${point}#2`, `${point}#3`);
      const deaths = agents.ended;
      await agents.kill();
      await agents.deaths(deaths + 2, ARRIVAL_LIMIT_MS);
      expect((await watch.result(id)).result.error?.code).toBe('deadline_exceeded');
      expect(watch.terminal(id)).toHaveLength(1);
      await counter.aborted(path, ARRIVAL_LIMIT_MS);
    },
  );

  test('S1: a cancel aborts the effect that runs, and the task ends as cancelled', async () => {
    const { counter, watch } = mesh();
    counter.hold('/cancelled');
    const id = await mesh().submit(counter.prompt('http_post', '/cancelled'));
    await counter.arrived('/cancelled', 1, ARRIVAL_LIMIT_MS);
    await mesh().say('task.cancel.requested', id, { reason: 'not wanted any more' });
    await counter.aborted('/cancelled', ARRIVAL_LIMIT_MS);
    const { name, result } = await watch.result(id);
    expect(name).toBe('task.cancelled');
    expect(result.error).toMatchObject({
      code: 'cancelled',
      message: expect.stringMatching(/^not wanted any more\b.*http_post had begun/),
    });
    expect(result.hops.map(({ status }) => status)).toEqual(['unknown']);
    expect(watch.terminal(id)).toHaveLength(1);
  });

  test('S4: a cancel sent while everything is down is followed when it is up', async () => {
    const { counter, watch } = mesh();
    counter.hold('/cancelled-asleep');
    const id = await mesh().submit(counter.prompt('http_post', '/cancelled-asleep'));
    await counter.arrived('/cancelled-asleep', 1, ARRIVAL_LIMIT_MS);
    await Promise.all(mesh().services.map((service) => service.down()));
    await mesh().say('task.cancel.requested', id, {});
    await Promise.all(mesh().services.map((service) => service.start()));
    expect((await watch.result(id)).name).toBe('task.cancelled');
    // Those that tools began again at its start, too.
    await expect.poll(() => counter.requests('/cancelled-asleep').every(({ aborted }) => aborted)).toBe(true);
    expect(watch.terminal(id)).toHaveLength(1);
  });
});
