/**
 * Stops in order under load: nobody is asked about work that never began, and nothing is used up by them (S6, J5).
 */
import { describe, expect, test } from 'vitest';
import { useMesh } from '../../support/mesh.ts';

const ARRIVAL_LIMIT_MS = 90_000;

describe('a stop in order', () => {
  const mesh = useMesh('stopped-in-order');

  test('J5: leaves no effect of unknown outcome, however often it comes', { timeout: 120_000 }, async () => {
    const { counter, watch } = mesh();
    const tasks: { id: string; path: string }[] = [];
    for (let round = 0; round < 6; round += 1) {
      const paths = Array.from({ length: 5 }, (_, nth) => `/stopped/${round}/${nth}`);
      const ids = await Promise.all(paths.map((path) => mesh().submit(counter.prompt('http_post_once', path))));
      for (const [nth, id] of ids.entries()) tasks.push({ id, path: paths[nth] ?? '' });
      // Another moment in each round: from before the hop begins to the middle of the posts.
      const [first = ''] = ids;
      if (round % 3 === 1) await watch.fact(first, 'task.routed');
      if (round % 3 === 2) await counter.arrived(paths[0] ?? '', 1, ARRIVAL_LIMIT_MS);
      await Promise.all(mesh().services.map((service) => service.kill('SIGTERM')));
      for (const service of mesh().services) {
        expect(service.lives.at(-2)?.ended).toEqual({ code: 0, signal: null });
        await service.ready();
      }
    }
    const ends = await Promise.all(tasks.map(({ id }) => watch.result(id)));
    expect(ends.map(({ name }) => name)).toEqual(tasks.map(() => 'task.completed'));
    expect(watch.facts().filter(({ name }) => name === 'task.input.required')).toEqual([]);
    expect(tasks.map(({ path }) => counter.deeds(path))).toEqual(tasks.map(() => 1));
  });

  test('S9: uses up no attempt of what it cuts off', { timeout: 120_000 }, async () => {
    const { counter, watch } = mesh();
    const tools = mesh().service('tools');
    counter.hold('/cut-off');
    const id = await mesh().submit(counter.prompt('http_post', '/cut-off'));
    for (let round = 1; round <= 7; round += 1) {
      await counter.arrived('/cut-off', round, ARRIVAL_LIMIT_MS);
      await tools.kill('SIGTERM');
      await tools.ready();
    }
    counter.release('/cut-off');
    const { name, result } = await watch.result(id);
    expect(name).toBe('task.completed');
    expect(result.hops.map(({ step, status }) => `${step} ${status}`)).toEqual([
      'tools completed',
      'respond completed',
    ]);
    expect(counter.deeds('/cut-off')).toBe(1);
  });
});
