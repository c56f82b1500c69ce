/** What a process says of itself: several parts added up, bounded, and never thrown off by a part. */
import { describe, expect, it } from 'vitest';
import type { EffectStats } from '../../../actors/runtime/effects/effect-queues.ts';
import { parseHeartbeat } from '../../../registry/registry.ts';
import type { PartStatus } from '../../../services/adapters/part.ts';
import { HEARTBEAT_MAX_BYTES, type HeartbeatFacts, heartbeatText } from '../../../services/heartbeat-form.ts';

const stats = {
  ...{ instances: 3, timers: 0, effectsRunning: 2, effectsQueued: 4, unacknowledged: 0, applied: 9, duplicates: 0 },
  ...{ quarantined: 0, partitions: { tools: 8 }, cursorLag: 17, effects: [] as EffectStats[] },
};
const facts: HeartbeatFacts = {
  ...{ service: 'tools', host: 'desk-1', pid: 7, version: '0.1.0', state: 'ready' },
  ...{ startedAt: '2026-11-25T15:00:00.000Z', stats, parts: [], breakers: [] },
  roles: [{ name: 'tools', effects: { choose: { concurrencyMax: 8 }, run: { concurrencyMax: 8 } } }],
  ...{ threads: 5, memoryMb: 150, memoryLimitMb: 512, clockSkewMs: 0, admission: null },
};
const part = (status: PartStatus) => ({ status: () => status });
const beat = (more: Partial<HeartbeatFacts> = {}) => {
  const parsed = parseHeartbeat(heartbeatText({ ...facts, ...more }));
  if (parsed === null) throw new Error('not understood');
  return parsed;
};

describe('a heartbeat', () => {
  it('is understood by the registry, and says all of the process', () => {
    expect(beat()).toMatchObject({
      ...{ service: 'tools', host: 'desk-1', pid: 7, version: '0.1.0', state: 'ready', roles: ['tools'] },
      ...{ cursorLag: 17, pendingEffects: 6, instances: 3, memoryMb: 150, saturated: null },
      capacity: { threads: 5, memoryMb: 150, memoryLimitMb: 512, queueDepth: 4, freeSlots: 14 },
    });
  });

  it('adds up what parts say: threads, queues and tokens add, of free slots the scarcest counts', () => {
    const parts = [
      part({ capabilities: ['a', 'b'], capacity: { threads: 4, queueDepth: 1, freeSlots: 3, tokensPerSecond: 10.26 } }),
      part({ capabilities: ['b', 'c'], capacity: { threads: 2, queueDepth: 2, freeSlots: 1, tokensPerSecond: 5 } }),
      part({}),
    ];
    expect(beat({ parts })).toMatchObject({
      capabilities: ['a', 'b', 'c'],
      capacity: { threads: 11, queueDepth: 7, freeSlots: 1, tokensPerSecond: 15.3 },
    });
  });

  it('shows the memory of the process, whatever a part says of its own', () => {
    const parts = [part({ capacity: { memoryMb: 5, memoryLimitMb: 6 } })];
    expect(beat({ parts }).capacity).toMatchObject({ memoryMb: 150, memoryLimitMb: 512 });
  });

  it('S8: says that it is saturated by its own cap first, then by a queue, then by a part', () => {
    const full = { role: 'tools', effect: 'run', waiting: 80, queueMax: 100 };
    const effects = [
      { ...full, running: 8, concurrencyMax: 8, attempts: 0, failures: 0, refusals: 0, busyMs: 0, lastError: '' },
    ];
    const parts = [part({ saturated: 'the model is busy' })];
    const crowded = { ...stats, effects };
    expect(beat({ parts }).saturated).toBe('the model is busy');
    expect(beat({ parts, stats: crowded }).saturated).toBe('queue of tools/run: 80 of 100');
    expect(beat({ parts, stats: crowded, admission: 'memory 500 of 512 MiB' }).saturated).toBe('memory 500 of 512 MiB');
  });

  it('is sent although a part cannot describe itself', () => {
    const broken = {
      status: (): PartStatus => {
        throw new Error('the disk is gone');
      },
    };
    expect(beat({ parts: [broken] }).problems).toEqual(['a part cannot describe itself: the disk is gone']);
  });

  it.each([
    ['many words', 'word '.repeat(1000)],
    ['letters of many bytes', '𝄞'.repeat(400)],
    ['what JSON writes long', '\u0001'.repeat(400)],
  ])('S8: stays within its limit: %s', (_name, text) => {
    const many = Array.from({ length: 5000 }, (_, index) => `${index} ${text}`);
    const reason = text;
    const breakers = many.map((name, index) => ({
      ...{ name, failures: 5, openedAt: null, reason },
      state: index % 2 === 0 ? ('closed' as const) : ('open' as const),
    }));
    const parts = [part({ capabilities: many, problems: many, saturated: text })];
    const sent = heartbeatText({ ...facts, parts, breakers });
    expect(Buffer.byteLength(sent)).toBeLessThanOrEqual(HEARTBEAT_MAX_BYTES);
    expect(parseHeartbeat(sent)).toMatchObject({ service: 'tools', breakers: expect.arrayContaining([]) });
    expect(parseHeartbeat(sent)?.breakers?.every(({ state }) => state === 'open')).toBe(true);
  });
});
