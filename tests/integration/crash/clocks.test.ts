/**
 * Clocks of hosts that are off: by a little, by hours, to both sides, and while they run. Limits of time are measured on
 * one steady clock, so no task fails by it (J6); what is shown says that it is off.
 */
import { describe, expect, test } from 'vitest';
import { livingServices } from '../../../registry/registry.ts';
import { HostClock } from '../../support/host-clock.ts';
import { type Mesh, useMesh } from '../../support/mesh.ts';
import { answerPrompt, buildTask } from '../../support/prompts.ts';
import type { ServiceName } from '../../support/service-process.ts';

const HOUR_MS = 3_600_000;
const services: readonly ServiceName[] = ['agents', 'llm', 'tools'];
const LIMIT_MS = 30_000;

describe('clocks that are off', () => {
  const mesh = useMesh('clocks', { services: [] });
  const clocks = new Map<ServiceName, HostClock>();

  const setAll = (offsetMs: number): void => {
    for (const clock of clocks.values()) clock.set(offsetMs);
  };
  const startAll = async (on: Mesh): Promise<void> => {
    for (const service of services) {
      const clock = new HostClock(on.home, service);
      clocks.set(service, clock);
      on.add(service, service, clock.env);
    }
    await Promise.all(on.services.map((service) => service.start()));
  };
  /** One task of each kind. */
  const works = async (name: string): Promise<void> => {
    const { counter, watch } = mesh();
    const path = `/clocks/${name}`;
    const ids = await Promise.all([
      mesh().submit({ prompt: answerPrompt, deadlineMs: 60_000 }),
      mesh().submit(buildTask),
      mesh().submit(counter.prompt('http_post', path)),
    ]);
    const ends = await Promise.all(ids.map((id) => watch.result(id)));
    expect(ends.map((end) => end.name)).toEqual(ids.map(() => 'task.completed'));
    expect(counter.deeds(path)).toBe(1);
    for (const id of ids) expect(watch.terminal(id)).toHaveLength(1);
  };

  test('given a mesh whose clocks a test can set', async () => {
    await startAll(mesh());
    await works('true');
  });

  test.each([
    ['35 s ahead of the log', 35_000],
    ['four hours ahead', 4 * HOUR_MS],
    ['eleven minutes behind', -11 * 60_000],
    ['nine days ahead', 9 * 24 * HOUR_MS],
    ['a day behind', -24 * HOUR_MS],
  ])('J6: all hosts %s, set while they run, and after a restart', { timeout: 120_000 }, async (_name, offsetMs) => {
    setAll(offsetMs);
    await works(`${offsetMs}/running`);
    await mesh().nats.kill();
    await mesh().nats.start();
    await works(`${offsetMs}/connected`);
    await Promise.all(mesh().services.map((service) => service.kill('SIGKILL')));
    await Promise.all(mesh().services.map((service) => service.ready()));
    await works(`${offsetMs}/restarted`);
    await expect
      .poll(async () => (await livingServices(mesh().bus)).map(({ clockSkewMs }) => clockSkewMs ?? 0), {
        timeout: LIMIT_MS,
      })
      .toEqual(services.map(() => expect.toSatisfy((ms: number) => Math.abs(ms - offsetMs) < 1000)));
  });

  test('J6: each host another way, with a deadline that is under way', async () => {
    const { counter, watch } = mesh();
    setAll(0);
    counter.hold('/clocks/deadline');
    const id = await mesh().submit({ prompt: counter.prompt('http_post', '/clocks/deadline'), deadlineMs: 6000 });
    await counter.arrived('/clocks/deadline', 1, LIMIT_MS);
    const beganMs = performance.now();
    clocks.get('agents')?.set(HOUR_MS);
    clocks.get('tools')?.set(-HOUR_MS);
    await works('apart');
    expect(watch.terminal(id)).toEqual([]);
    expect((await watch.result(id)).result.error?.code).toBe('deadline_exceeded');
    expect(performance.now() - beganMs).toBeLessThan(LIMIT_MS);
    setAll(0);
  });
});
