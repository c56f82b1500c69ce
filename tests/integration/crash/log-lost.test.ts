/**
 * The log is lost, or its end or its beginning is, while the ledgers are there (S10): the journals are
 * published again, and what follows from them, and what cannot be had back is said aloud.
 */
import { cp, rm } from 'node:fs/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from 'nats';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { STREAM } from '../../../schemas/events/subjects.ts';
import { loadMachines, tasksHash } from '../../support/folded-ledger.ts';
import { damages } from '../../support/ledger-file.ts';
import { Mesh } from '../../support/mesh.ts';
import { answerPrompt, buildTask } from '../../support/prompts.ts';

const ARRIVAL_LIMIT_MS = 90_000;
const services = ['agents', 'llm', 'tools'] as const;
const machines = await loadMachines();

describe('a lost log', () => {
  let mesh: Mesh;
  const ledgers = () => services.map((service) => mesh.ledger(service));
  const start = () => Promise.all(mesh.services.map((service) => service.start()));

  beforeEach(async ({ task }) => {
    mesh = await Mesh.open(task.name.slice(0, 60));
  });
  afterEach(async ({ task }) => {
    await mesh.close({ keepLogs: task.result?.state === 'fail' });
  });

  /** Three tasks that have ended, and one in the middle of an effect. */
  const work = async (name: string): Promise<{ ended: string[]; held: string }> => {
    const { counter, watch } = mesh;
    const tasks = [buildTask, answerPrompt, counter.prompt('http_post', `/${name}/ended`)];
    const ended = await Promise.all(tasks.map((task) => mesh.submit(task)));
    await Promise.all(ended.map((id) => watch.result(id)));
    counter.hold(`/${name}/held`);
    const held = await mesh.submit(counter.prompt('http_post', `/${name}/held`));
    await counter.arrived(`/${name}/held`, 1, ARRIVAL_LIMIT_MS);
    return { ended, held };
  };
  const results = async (ids: readonly string[]) =>
    Promise.all(ids.map(async (id) => (await mesh.watch.result(id)).result));

  const expectWhole = async (
    name: string,
    { ended, held }: { ended: string[]; held: string },
    known: unknown,
  ): Promise<void> => {
    const { counter, watch } = mesh;
    expect(await results(ended)).toEqual(known);
    counter.release(`/${name}/held`);
    expect((await watch.result(held)).name).toBe('task.completed');
    expect(counter.deeds(`/${name}/held`)).toBe(1);
    expect(counter.deeds(`/${name}/ended`)).toBe(1);
    for (const id of [...ended, held]) expect(watch.terminal(id)).toHaveLength(1);
    expect(watch.doubles()).toEqual([]);
    expect(watch.quarantined()).toEqual([]);
    const later = await mesh.submit(buildTask);
    expect((await watch.result(later)).result.outcome).toBe('accepted');
  };

  test('S10: the store of the server is gone while all is down', async () => {
    const tasks = await work('wiped');
    const known = await results(tasks.ended);
    await Promise.all(mesh.services.map((service) => service.down('SIGTERM')));
    const before = tasksHash(ledgers(), machines);
    await mesh.nats.kill();
    await mesh.nats.wipeStore();
    await mesh.nats.start();
    await mesh.followAnew();
    await start();
    for (const { life } of mesh.services) {
      expect(life.lines.some(({ msg }) => msg?.startsWith('the log is a new one'))).toBe(true);
    }
    expect(tasksHash(ledgers(), machines)).toBe(before);
    await expectWhole('wiped', tasks, known);
  });

  test('S10: the store of the server is gone under running services', async () => {
    const tasks = await work('pulled');
    const known = await results(tasks.ended);
    await mesh.nats.kill();
    await mesh.nats.wipeStore();
    await mesh.nats.start();
    await mesh.followAnew();
    await Promise.all(mesh.services.map((service) => service.deaths(1, ARRIVAL_LIMIT_MS)));
    await Promise.all(mesh.services.map((service) => service.ready()));
    await expectWhole('pulled', tasks, known);
  });

  test.each([
    ['agents', 'llm', 'tools'],
    ['tools', 'llm', 'agents'],
  ] as const)('S10: the end of the log is gone; %s starts first', async (...order) => {
    const early = await mesh.submit(buildTask);
    await mesh.watch.result(early);
    const kept = `${mesh.nats.storeDir}-kept`;
    await mesh.nats.kill();
    await cp(mesh.nats.storeDir, kept, { recursive: true });
    await mesh.nats.start();
    const tasks = await work('cut');
    const known = await results(tasks.ended);
    await Promise.all(mesh.services.map((service) => service.down('SIGTERM')));
    await mesh.nats.kill();
    await rm(mesh.nats.storeDir, { recursive: true });
    await cp(kept, mesh.nats.storeDir, { recursive: true });
    await mesh.nats.start();
    await mesh.followAnew();
    const [first, ...others] = order;
    await mesh.service(first).start();
    // The log grows beyond its old end before the other services see it.
    const meanwhile = await Promise.all(Array.from({ length: 40 }, () => mesh.submit(answerPrompt)));
    if (first === 'agents') await Promise.all(meanwhile.map((id) => mesh.watch.fact(id, 'hop.started')));
    for (const name of others) await mesh.service(name).start();
    await Promise.all(meanwhile.map((id) => mesh.watch.result(id)));
    await expectWhole('cut', tasks, known);
  });

  test('S10: crashes while the log is published again', async () => {
    const tasks = await work('cut-off');
    const known = await results(tasks.ended);
    await Promise.all(mesh.services.map((service) => service.down('SIGTERM')));
    await mesh.nats.kill();
    await mesh.nats.wipeStore();
    await mesh.nats.start();
    await mesh.followAnew();
    for (const service of mesh.services) {
      service.crashAt('before-commit#1', 'in-ledger#1', 'in-log#2', 'after-commit#3', 'before-publish#1');
    }
    await start();
    await expectWhole('cut-off', tasks, known);
    for (const { lives } of mesh.services) expect(lives.filter(({ ended }) => ended?.signal).length).toBeGreaterThan(2);
  });

  test('S6: after the log and then a ledger were lost, no unrepeatable deed is done again', async () => {
    const { counter, watch } = mesh;
    await start();
    const tools = mesh.service('tools');
    const loseLedger = async (): Promise<void> => {
      await tools.down();
      await damages.deleted(mesh.ledger('tools'));
      await tools.start();
    };
    const once = await mesh.submit(counter.prompt('http_post_once', '/once'));
    const keyed = await mesh.submit(counter.prompt('http_post', '/keyed'));
    const known = await results([once, keyed]);
    // What tools said of its effects is in the log alone now, and has to be taken over from there.
    await loseLedger();
    await Promise.all(mesh.services.map((service) => service.down()));
    await mesh.nats.kill();
    await mesh.nats.wipeStore();
    await mesh.nats.start();
    await mesh.followAnew();
    await start();
    await loseLedger();
    const later = await mesh.submit(counter.prompt('http_post_once', '/later'));
    expect((await watch.result(later)).name).toBe('task.completed');
    expect([counter.deeds('/once'), counter.deeds('/keyed'), counter.deeds('/later')]).toEqual([1, 1, 1]);
    expect(await results([once, keyed])).toEqual(known);
    expect([once, keyed].map((id) => watch.terminal(id).length)).toEqual([1, 1]);
  });

  test('S10: ledger and beginning of the log are both gone: said aloud, and new tasks run', async () => {
    await mesh.watch.result(await mesh.submit(buildTask));
    await Promise.all(mesh.services.map((service) => service.down('SIGTERM')));
    const nc = await connect({ servers: mesh.nats.url });
    const jsm = await jetstreamManager(nc);
    await jsm.streams.update(STREAM, { max_msgs: 3 });
    await jsm.streams.update(STREAM, { max_msgs: -1 });
    await nc.close();
    await Promise.all(ledgers().map(damages.deleted));
    await start();
    for (const { life } of mesh.services) {
      expect(life.lines.some(({ level, msg }) => level === 'error' && msg?.startsWith('LOSS'))).toBe(true);
    }
    const later = await mesh.submit(buildTask);
    expect((await mesh.watch.result(later)).result.outcome).toBe('accepted');
  });
});
