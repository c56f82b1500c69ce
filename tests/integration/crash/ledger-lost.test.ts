/**
 * A service's ledger is lost or damaged while the service is down (S10): it is set aside and folded again from the log.
 * Every actor stands where it stood, what is under way ends, and nothing that was said is said again.
 */
import { describe, expect, test } from 'vitest';
import { loadMachines, tasksHash } from '../../support/folded-ledger.ts';
import { changeSnapshot, damages, setAside } from '../../support/ledger-file.ts';
import { useMesh } from '../../support/mesh.ts';
import { answerPrompt, buildTask } from '../../support/prompts.ts';

const ARRIVAL_LIMIT_MS = 90_000;
const services = ['agents', 'llm', 'tools'] as const;
const machines = await loadMachines();

describe('a lost ledger', () => {
  const mesh = useMesh('ledger-lost');
  const ledgers = () => services.map((service) => mesh().ledger(service));
  const start = () => Promise.all(mesh().services.map((service) => service.start()));
  const stop = () => Promise.all(mesh().services.map((service) => service.down('SIGTERM')));
  const underWay = { held: '', asking: '' };
  let finished: string[] = [];
  let before = '';

  test('S10: given finished tasks, one in the middle of an effect, and one that asks', async () => {
    const { counter, watch } = mesh();
    const tasks = [buildTask, answerPrompt, counter.prompt('http_post', '/finished')];
    // Enough history that folding it again takes several commits.
    const answers = Array.from({ length: 40 }, () => answerPrompt);
    finished = await Promise.all([...tasks, ...tasks, ...answers].map((task) => mesh().submit(task)));
    await Promise.all(finished.map((id) => watch.result(id)));
    counter.hold('/asking');
    underWay.asking = await mesh().submit(counter.prompt('http_post_once', '/asking'));
    await counter.arrived('/asking', 1, ARRIVAL_LIMIT_MS);
    await mesh().service('tools').kill();
    await watch.fact(underWay.asking, 'task.input.required');
    counter.hold('/held');
    underWay.held = await mesh().submit(counter.prompt('http_post', '/held'));
    await counter.arrived('/held', 1, ARRIVAL_LIMIT_MS);
    await stop();
    before = tasksHash(ledgers(), machines);
  });

  test.each(['deleted', 'garbage', 'truncated', 'walOnly'] as const)('S10: %s, all ledgers at once', async (kind) => {
    const { watch } = mesh();
    const sendings = watch.sendings();
    const asideBefore = ledgers().flatMap(setAside).length;
    await Promise.all(ledgers().map(damages[kind]));
    await start();
    if (kind !== 'deleted') {
      expect(ledgers().flatMap(setAside).length).toBeGreaterThanOrEqual(asideBefore + services.length);
      expect(
        mesh()
          .service('agents')
          .life.lines.some(({ level, movedTo }) => level === 'warn' && movedTo),
      ).toBe(true);
    }
    await stop();
    expect(tasksHash(ledgers(), machines)).toBe(before);
    expect(watch.sendings()).toBe(sendings);
    expect(watch.doubles()).toEqual([]);
  });

  test.each(services)('S10: the ledger of %s alone', async (service) => {
    const { watch } = mesh();
    const sendings = watch.sendings();
    await damages.garbage(mesh().ledger(service));
    await start();
    await stop();
    expect(tasksHash(ledgers(), machines)).toBe(before);
    expect(watch.sendings()).toBe(sendings);
  });

  test('S10: a crash in the middle of folding a ledger again', async () => {
    const { watch } = mesh();
    const sendings = watch.sendings();
    for (const service of services) {
      await damages.deleted(mesh().ledger(service));
      mesh().service(service).crashAt('before-commit#1', 'in-ledger#1', 'in-log#2', 'after-commit#3');
    }
    const deaths = mesh().services.map(({ ended }) => ended);
    await start();
    for (const [at, service] of mesh().services.entries()) expect(service.ended).toBe((deaths[at] ?? 0) + 4);
    await stop();
    expect(tasksHash(ledgers(), machines)).toBe(before);
    expect(watch.sendings()).toBe(sendings);
  });

  test('S10: then what was under way ends, once', async () => {
    const { counter, watch } = mesh();
    await Promise.all(ledgers().map(damages.deleted));
    await start();
    counter.release('/held');
    await mesh().say('task.input.provided', underWay.asking, { text: 'done' });
    const ends = await Promise.all([underWay.held, underWay.asking].map((id) => watch.result(id)));
    expect(ends.map(({ name }) => name)).toEqual(['task.completed', 'task.completed']);
    expect(counter.deeds('/held')).toBe(1);
    expect(counter.deeds('/asking')).toBe(1);
    expect(counter.deeds('/finished')).toBe(2);
    for (const id of [...finished, underWay.held, underWay.asking]) expect(watch.terminal(id)).toHaveLength(1);
    expect(watch.doubles()).toEqual([]);
    expect(watch.quarantined()).toEqual([]);
  });

  test('S10: killed, not stopped, and every ledger damaged in another way', async () => {
    const { counter, watch } = mesh();
    counter.hold('/killed');
    const id = await mesh().submit(counter.prompt('http_post', '/killed'));
    const build = await mesh().submit(buildTask);
    await watch.fact(build, 'hop.started');
    await Promise.all(mesh().services.map((service) => service.down('SIGKILL')));
    await damages.deleted(mesh().ledger('agents'));
    await damages.garbage(mesh().ledger('llm'));
    await damages.truncated(mesh().ledger('tools'));
    await start();
    counter.release('/killed');
    expect((await watch.result(id)).name).toBe('task.completed');
    expect((await watch.result(build)).result.outcome).toBe('accepted');
    expect(counter.deeds('/killed')).toBe(1);
    expect(watch.doubles()).toEqual([]);
  });

  test('S11: a task in a state that no machine knows stops the start, and is named', async () => {
    const { counter } = mesh();
    counter.hold('/pinned');
    const id = await mesh().submit(counter.prompt('http_post', '/pinned'));
    await counter.arrived('/pinned', 1, ARRIVAL_LIMIT_MS);
    const agents = mesh().service('agents');
    await agents.down('SIGTERM');
    changeSnapshot(mesh().ledger('agents'), id, /"value":\{"working":"hop"\}/, '"value":"nowhere"');
    const life = await agents.startToEnd();
    expect(life.ended?.code).toBe(2);
    expect(life.lines.at(-1)?.msg).toContain(id);
    expect(life.lines.at(-1)?.msg).toContain('cannot go on with this release');
  });
});
