/**
 * A host that was busy for longer than its lease lives, with nobody there to take it: it claims its partitions again,
 * under a larger fence, in the very moment in which its effects ask whether they may begin (S6, S7).
 */
import { describe, expect, test } from 'vitest';
import { useMesh } from '../../support/mesh.ts';

describe('a lease that is claimed again', () => {
  const mesh = useMesh('lease-renewed', { leaseTtlMs: 500 });

  test.each([1, 2, 3])('S6: the effect that asks meanwhile runs, once (%i)', async (round) => {
    const { counter, watch } = mesh();
    const path = `/renewed/${round}`;
    const tools = mesh().service('tools');
    const llm = mesh().service('llm');
    await watch.result(await mesh().submit(counter.prompt('http_post_once', `${path}/first`)));
    await tools.kill('SIGSTOP');
    const ids = await Promise.all(
      Array.from({ length: 4 }, () => mesh().submit(counter.prompt('http_post_once', path))),
    );
    // Two starts of another service take longer than the lease lives.
    for (const _ of [1, 2]) await llm.kill().then(() => llm.ready());
    await tools.kill('SIGCONT');
    const ends = await Promise.all(ids.map((id) => watch.result(id, 20_000)));
    expect(ends.map(({ name }) => name)).toEqual(ids.map(() => 'task.completed'));
    expect(counter.deeds(path)).toBe(ids.length);
  });
});
