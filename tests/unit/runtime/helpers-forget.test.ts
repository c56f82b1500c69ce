/**
 * Hosts that only help, on a real ledger: what they keep of tasks that are over is bounded (J7), and tells a repetition (S5).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openSqliteLedger } from '../../../actors/runtime/ledger/sqlite-ledger.ts';
import { readCheckpoint } from '../../../actors/runtime/recovery/checkpoint-log.ts';
import { inboxSubject, PARTITIONS } from '../../../schemas/events/subjects.ts';
import { courier } from './support/courier.ts';
import { dispatcher } from './support/dispatcher.ts';
import { type Life, Mesh, tasks } from './support/mesh-bench.ts';

const limits = { checkpointRecords: 10, checkpointTasks: 10 };
const numbers = Array.from({ length: PARTITIONS }, (_, partition) => partition);
const DEADLINE = { timeout: 60_000, interval: 5 };

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-helpers-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** The disk is real, the clock is not: both have to go on. */
async function until(mesh: Mesh, check: () => Promise<void> | void): Promise<void> {
  await vi.waitFor(async () => {
    await mesh.pass(20);
    await check();
  }, DEADLINE);
}

async function stopped(mesh: Mesh, life: Life): Promise<void> {
  let over = false;
  const stopping = life.host.stop().finally(() => {
    over = true;
  });
  await until(mesh, () => expect(over).toBe(true));
  await stopping;
}

test('J7: a host keeps no snapshot of what is over, neither in its ledger nor in the log', async () => {
  const mesh = await Mesh.open();
  const path = join(folder, 'ledger.db');
  await mesh.start('one', { roles: [dispatcher], limits });
  const helper = await mesh.start('helper', {
    ...{ service: 'carriers', roles: [courier], limits, waits: false },
    ledger: await openSqliteLedger(path),
  });
  const all = tasks(150);
  for (let from = 0; from < all.length; from += 50) {
    await mesh.submit(...all.slice(from, from + 50));
    await until(mesh, async () => expect(await mesh.ended()).toHaveLength(from + 50));
  }
  await until(mesh, () => expect(helper.host.stats().instances).toBe(0));
  await stopped(mesh, helper);
  expect(helper.fatal).toEqual([]);

  const ledger = await openSqliteLedger(path);
  try {
    expect(numbers.flatMap((partition) => [...ledger.tasks(partition)])).toEqual([]);
    expect(all.filter((task) => numbers.some((partition) => ledger.ended(partition, task) !== null))).toEqual(all);
  } finally {
    await ledger.close();
  }
  const inLog = await Promise.all(numbers.map((partition) => readCheckpoint(mesh.bus, 'carriers', partition)));
  expect(inLog.flatMap((checkpoint) => checkpoint?.tasks ?? [])).toEqual([]);
  expect(inLog.flatMap((checkpoint) => checkpoint?.ended ?? [])).toHaveLength(all.length);
});

test('S5: what comes again for a task that is over is a repetition, also for a host that has lost its ledger', async () => {
  const mesh = await Mesh.open();
  const [task = ''] = tasks(1);
  await mesh.start('one', { roles: [dispatcher], limits });
  const helper = await mesh.start('helper', { service: 'carriers', roles: [courier], limits });
  await mesh.submit(task);
  await mesh.pass();
  const [request] = await mesh.stored(inboxSubject('courier', task));
  if (!request) throw new Error('the courier was asked nothing');
  await mesh.stop(helper);
  const again = await mesh.start('helper', { service: 'carriers', roles: [courier], limits });
  const done = mesh.deeds.length;
  await mesh.bus.publish({ subject: request.subject, body: request.data });
  await mesh.pass();
  expect([again.host.stats().duplicates, again.host.stats().quarantined, mesh.deeds.length]).toEqual([1, 0, done]);
});
