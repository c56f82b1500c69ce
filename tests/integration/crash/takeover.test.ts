/**
 * A host that is stopped for longer than its lease and comes back, while a standby with a ledger of its own has taken
 * its partitions (S7). Both believe for a moment that they own them; what they do must still be done once (S6).
 */
import { join } from 'node:path';
import { jetstream } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import { connect, type NatsConnection } from 'nats';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { LEASE_BUCKET } from '../../../bus/layout.ts';
import { keyToken } from '../../../bus/leases.ts';
import { partitionOf } from '../../../schemas/events/subjects.ts';
import type { FinishedSpan } from '../../../telemetry/span.ts';
import { readBatches } from '../../../telemetry/trace-reader.ts';
import { useMesh } from '../../support/mesh.ts';
import { buildTask } from '../../support/prompts.ts';
import type { ServiceName, ServiceProcess } from '../../support/service-process.ts';

/** Longer than a busy machine keeps a living host from beating. */
const LEASE_TTL_MS = 2000;
const LIMIT_MS = 90_000;
/** By its leases, or sooner by a record that the log refuses. */
const LOST: readonly unknown[] = [
  'another host has taken these partitions',
  'another host writes this partition now; what was not told is dropped',
];

describe('a standby takes over', () => {
  const mesh = useMesh('takeover', { leaseTtlMs: LEASE_TTL_MS });
  let nc: NatsConnection;
  let leases: KV;
  let history = '';

  const standby = (service: ServiceName) =>
    mesh().add(service, `${service}-b`, {
      MESH_HOST_ID: 'b',
      CHECKPOINT_DB_PATH: join(mesh().home, 'standby', 'agents.db'),
    });
  /** The process of a service that has a task now. */
  const ownerOf = async (service: ServiceName, id: string): Promise<ServiceProcess> => {
    const entry = await leases.get(`lease.${keyToken(`${service}.${partitionOf(id)}`)}`);
    const holder = entry?.json<{ holder: string }>().holder;
    if (holder === undefined) throw new Error(`nobody holds the lease of ${service} for ${id}`);
    return mesh().service(holder.startsWith('b-') ? `${service}-b` : service);
  };
  const spansOf = async (id: string): Promise<FinishedSpan[]> =>
    (await readBatches(mesh().bus, id.replaceAll('-', ''))).batches.flatMap(({ spans }) => spans);
  /** Goes on after its lease has run out; resolves when it knows. */
  const wake = async (host: ServiceProcess): Promise<void> => {
    const told = () => host.life.lines.filter(({ msg }) => LOST.includes(msg)).length;
    const before = told();
    await host.kill('SIGCONT');
    await host.line(({ msg }) => LOST.includes(msg) && told() > before, LIMIT_MS, 'that it lost what it had');
  };

  beforeAll(async () => {
    nc = await connect({ servers: mesh().nats.url });
    leases = await new Kvm(jetstream(nc)).open(LEASE_BUCKET);
    history = await mesh().submit(mesh().counter.prompt('http_post_once', '/before'));
    await mesh().watch.result(history);
    await Promise.all([standby('tools').start(), standby('agents').start()]);
  });
  afterAll(() => nc.close());

  test('S6 S7: an effect that may not be repeated is not run by the new owner, which asks', async () => {
    const { counter, watch } = mesh();
    counter.hold('/once');
    const id = await mesh().submit(counter.prompt('http_post_once', '/once'));
    await counter.arrived('/once', 1, LIMIT_MS);
    const owner = await ownerOf('tools', id);
    await owner.kill('SIGSTOP');
    const question = await watch.fact(id, 'task.input.required');
    expect(question.event.data).toMatchObject({ reason: 'outcome_unknown' });
    // The old owner wakes up with the answer in its hand: it comes second.
    counter.release('/once');
    await wake(owner);
    await mesh().say('task.input.provided', id, { text: 'done' });
    expect((await watch.result(id)).name).toBe('task.completed');
    expect(counter.deeds('/once')).toBe(1);
    expect(counter.deeds('/before')).toBe(1);
    expect(watch.terminal(id)).toHaveLength(1);
  });

  test('S6 S7: an effect that knows its key is done once, and the task ends once', async () => {
    const { counter, watch } = mesh();
    counter.hold('/keyed');
    const id = await mesh().submit(counter.prompt('http_post', '/keyed'));
    await counter.arrived('/keyed', 1, LIMIT_MS);
    const owner = await ownerOf('tools', id);
    await owner.kill('SIGSTOP');
    await counter.arrived('/keyed', counter.requests('/keyed').length + 1, LIMIT_MS);
    counter.release('/keyed');
    expect((await watch.result(id)).name).toBe('task.completed');
    // The trace says so: the attempt that nobody knows the end of ended with the last sign of its host, and the next one
    // follows it.
    const cutOff = await vi.waitUntil(async () => {
      const spans = await spansOf(id);
      const next = spans.find(({ links }) => links?.some(({ cause }) => cause === 'takeover'));
      return spans.find(({ spanId }) => spanId === next?.links?.[0]?.spanId);
    }, LIMIT_MS);
    expect(cutOff).toMatchObject({ name: 'agent.tool_call', failure: 'cut_off' });
    expect(cutOff.attributes['mesh.cut_off.reason']).toMatch(/^host .+ was last heard of /);
    await wake(owner);
    expect(counter.deeds('/keyed')).toBe(1);
    expect(watch.terminal(id)).toHaveLength(1);
    const later = await mesh().submit(counter.prompt('http_post_once', '/later'));
    expect((await watch.result(later)).name).toBe('task.completed');
    expect(['/later', '/before', '/once'].map((path) => counter.deeds(path))).toEqual([1, 1, 1]);
  });

  test('S7: the whole agents service moves in the middle of a task, and back', async () => {
    const { watch } = mesh();
    for (const _ of ['there', 'back']) {
      const before = await mesh().submit(buildTask);
      await watch.fact(before, 'task.routed');
      const owner = await ownerOf('agents', before);
      await owner.kill('SIGSTOP');
      const during = await mesh().submit(buildTask);
      const results = await Promise.all([watch.result(before), watch.result(during)]);
      expect(results.map(({ result }) => result.outcome)).toEqual(['accepted', 'accepted']);
      await wake(owner);
      const after = await mesh().submit(buildTask);
      expect((await watch.result(after)).result.outcome).toBe('accepted');
      for (const id of [before, during, after]) expect(watch.terminal(id)).toHaveLength(1);
    }
    // What ended before the standby began is folded again there, and not said again.
    expect(watch.sendings(history)).toBe(watch.facts(history).length);
    expect(watch.doubles()).toEqual([]);
    expect(watch.quarantined()).toEqual([]);
  });
});
