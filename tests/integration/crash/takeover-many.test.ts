/**
 * A takeover of a partition with hundreds of ended tasks, by hosts with small limits: it comes to an end (J7, S8), a stop
 * in the middle of it is one in order, and a restart after that says nothing again (J6).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CrashPoint } from '../../../actors/runtime/crash-points.ts';
import { connectBus } from '../../../bus/nats-bus.ts';
import type { Bus } from '../../../bus/port.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { INGRESS_SUBJECT } from '../../../schemas/events/subjects.ts';
import { type EchoHost, type EchoHostOptions, startEchoHost } from '../../support/echo-host.ts';
import { type NatsServer, startNatsServer } from '../../support/nats-server.ts';
import { TaskWatch } from '../../support/task-watch.ts';

const TASKS = 600;
const LEASE_TTL_MS = 1500;
const TAKEOVER_LIMIT_MS = 90_000;
const limits = {
  ...{ sendingMax: 10, recordsAheadMax: 4, recordInputsMax: 8, checkpointRecords: 1000, checkpointTasks: 1000 },
  ...{ idleTasksMax: 5 },
};

describe('a standby with small limits', () => {
  const watch = new TaskWatch();
  let nats: NatsServer;
  let folder = '';
  let bus: Bus;
  let first: EchoHost;

  const host = (name: string, more: Partial<EchoHostOptions> = {}): Promise<EchoHost> =>
    startEchoHost({
      ...{ url: nats.url, name, ledger: join(folder, name, 'agents.db'), leaseTtlMs: LEASE_TTL_MS, limits },
      ...more,
    });
  /** Resolves when a host that starts now has passed the point so often, and has stopped. */
  const cutOff = async (name: string, point: CrashPoint, times: number): Promise<EchoHost> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let left = times;
    const at = (passed: CrashPoint): void => {
      if (passed === point) left -= 1;
      if (left === 0) resolve();
    };
    const cut = await host(name, { at, waits: false });
    await promise;
    await cut.stop();
    return cut;
  };
  const submit = async (): Promise<string> => {
    const id = newCorrelationId();
    await bus.publish({ subject: INGRESS_SUBJECT, body: JSON.stringify({ id, prompt: `echo ${id}` }) });
    return id;
  };
  /** Everything that is told of all tasks, sendings that the log knew already included. */
  const told = () => ({ sendings: watch.sendings(), stored: watch.facts().length });

  beforeAll(async () => {
    nats = await startNatsServer();
    folder = await mkdtemp(join(tmpdir(), 'mesh-takeover-'));
    bus = await connectBus({ url: nats.url, name: 'tests' });
    await bus.ensureTopology();
    await watch.follow(bus);
    first = await host('first');
    const ids = await Promise.all(Array.from({ length: TASKS }, submit));
    await Promise.all(ids.map((id) => watch.result(id, 120_000)));
  }, 180_000);
  afterAll(async () => {
    await bus.close();
    await nats.stop();
    await rm(folder, { recursive: true });
  });

  test('S8 J7: takes over what did hundreds of tasks, and does a new one', async () => {
    const standby = await host('standby', { standby: true });
    expect(standby.stats().partitions.orchestrator).toBe(0);
    await first.stop();
    const beganMs = performance.now();
    const id = await submit();
    expect((await watch.result(id, TAKEOVER_LIMIT_MS)).name).toBe('task.completed');
    console.info(`a new task is done ${Math.round(performance.now() - beganMs)} ms after the other host stopped`);
    expect(standby.stats()).toMatchObject({ partitions: { orchestrator: 8 }, quarantined: 0 });
    expect([first.fatal, standby.fatal, watch.doubles()]).toEqual([[], [], []]);
    await standby.stop();
    expect(standby.fatal).toEqual([]);
  });

  test('S7 J6: stopped in the middle of takeovers and started again, it says nothing again', async () => {
    const before = told();
    // Its ledger has nothing at first: it copies and folds all.
    for (const [point, times] of [
      ['before-commit', 1],
      ['in-ledger', 1],
      ['in-log', 4],
      ['after-commit', 8],
    ] as const) {
      expect((await cutOff('third', point, times)).fatal).toEqual([]);
    }
    const whole = await host('third');
    await expect.poll(() => whole.stats().partitions.orchestrator, { timeout: TAKEOVER_LIMIT_MS }).toBe(8);
    const id = await submit();
    expect((await watch.result(id, TAKEOVER_LIMIT_MS)).name).toBe('task.completed');
    const ofIt = watch.facts(id).length;
    expect(told()).toEqual({ sendings: before.sendings + ofIt, stored: before.stored + ofIt });
    await whole.stop();
    expect([whole.fatal, watch.doubles(), watch.quarantined()]).toEqual([[], [], []]);
  });
});
