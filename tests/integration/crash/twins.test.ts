/**
 * Two processes with one identity, as cloned machines or a copied `.env` make them: one is the accepted writer, the other
 * one ends and says what to do; nothing happens twice (J4).
 */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { useMesh } from '../../support/mesh.ts';
import type { ServiceProcess } from '../../support/service-process.ts';

const TASKS = 24;
const END_LIMIT_MS = 90_000;

describe('two processes with one identity', () => {
  const mesh = useMesh('twins', { env: { MESH_HOST_ID: 'desk-1' } });

  const twinOf = (name: string): { twin: ServiceProcess; ledger: string } => {
    const ledger = join(mesh().home, name, 'tools.db');
    mkdirSync(dirname(ledger), { recursive: true });
    const twin = mesh().add('tools', name, { CHECKPOINT_DB_PATH: join(dirname(ledger), 'agents.db') });
    return { twin, ledger };
  };
  /** Posts, of which half may not be repeated, while both run; one of the two has to end. */
  const work = async (path: string, both: readonly ServiceProcess[]): Promise<ServiceProcess> => {
    const { counter, watch } = mesh();
    const tasks = await Promise.all(
      Array.from({ length: TASKS }, async (_, nth) => {
        const tool = nth % 2 === 0 ? 'http_post' : 'http_post_once';
        return { id: await mesh().submit(counter.prompt(tool, `${path}/${nth}`)), path: `${path}/${nth}` };
      }),
    );
    for (const { id } of tasks)
      watch.fact(id, 'task.input.required', END_LIMIT_MS).then(
        () => mesh().say('task.input.provided', id, { text: 'done' }),
        () => undefined,
      );
    const ended = await Promise.race(both.map((one) => one.gone(END_LIMIT_MS).then(() => one)));
    const ends = await Promise.all(tasks.map(({ id }) => watch.result(id)));
    expect(ends.map(({ name }) => name)).toEqual(tasks.map(() => 'task.completed'));
    for (const [nth, one] of tasks.entries()) {
      const deeds = counter.deeds(one.path);
      if (nth % 2 === 0) expect(deeds).toBe(1);
      else expect(deeds).toBeLessThanOrEqual(1);
      expect(watch.terminal(one.id)).toHaveLength(1);
    }
    expect(both.filter(({ life }) => life.ended === null)).toHaveLength(1);
    return ended;
  };
  const lastError = ({ life }: ServiceProcess): string =>
    String(life.lines.filter(({ level }) => level === 'error').at(-1)?.error);

  test('J4: of one name: one ends with code 2, and says to give each a name', async () => {
    const tools = mesh().service('tools');
    await tools.down('SIGTERM');
    await tools.startOnce();
    const { twin } = twinOf('tools-namesake');
    await twin.startOnce();
    const ended = await work('/namesake', [tools, twin]);
    expect(ended.life.ended).toEqual({ code: 2, signal: null });
    expect(lastError(ended)).toMatch(
      /another process .* has the name of this one, desk-1-tools: give each process a name of its own with MESH_HOST_ID/,
    );
    for (const one of [tools, twin]) await one.down('SIGTERM');
  });

  test('J4: with a copy of one ledger, as a cloned machine has it: one ends with code 2, and says to delete the copy', async () => {
    const tools = mesh().service('tools');
    await tools.start();
    await tools.down('SIGTERM');
    const { twin, ledger } = twinOf('tools-clone');
    for (const suffix of ['', '-wal', '-shm']) {
      const file = mesh().ledger('tools') + suffix;
      if (existsSync(file)) copyFileSync(file, ledger + suffix);
    }
    await tools.startOnce();
    await twin.startOnce();
    const ended = await work('/clone', [tools, twin]);
    expect(ended.life.ended).toEqual({ code: 2, signal: null });
    expect(lastError(ended)).toMatch(/another process .* has the ledger of this one, or a copy of it: delete the copy/);
    for (const one of [tools, twin]) await one.down('SIGTERM');
  });
});
