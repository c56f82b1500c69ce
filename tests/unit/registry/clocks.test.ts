/** Clocks that are apart: how it is measured, and that services are not taken for dead by it. */
import { describe, expect, it } from 'vitest';
import { skewOf, writeAndMeasure } from '../../../bus/broker-clock.ts';
import { createMemoryBus, createMemoryLog, type MemoryBus } from '../../../bus/memory-bus.ts';
import { livingServices } from '../../../registry/registry.ts';

const beat = { service: 'tools', host: 'desk-1', pid: 7, roles: ['tools'], startedAt: '2026-11-25T15:00:00.000Z' };

describe('the skew of an exchange', () => {
  it.each([
    ['between sending and answer', { beforeMs: 1000, storedAtMs: 1400, afterMs: 1500 }, 0],
    ['before it was sent: ahead', { beforeMs: 36_000, storedAtMs: 1000, afterMs: 36_500 }, 35_000],
    ['after the answer: behind', { beforeMs: 1000, storedAtMs: 36_500, afterMs: 1500 }, -35_000],
    ['in a slow exchange that may be it', { beforeMs: 0, storedAtMs: 9000, afterMs: 10_000 }, 0],
  ])('stored %s', (_what, exchange, skewMs) => {
    expect(skewOf(exchange)).toBe(skewMs);
  });
});

describe.each([
  ['ahead of', -4 * 3_600_000],
  ['behind', 4 * 3_600_000],
])('a reader whose clock is %s the log server', (_side, serverAheadMs) => {
  let agoMs = 0;
  const open = async (): Promise<MemoryBus> => {
    const log = createMemoryLog({ now: () => Date.now() + serverAheadMs - agoMs });
    const bus = createMemoryBus(log);
    await bus.ensureTopology();
    return bus;
  };

  it('measures it', async () => {
    agoMs = 0;
    const skewMs = await writeAndMeasure((await open()).kv('registry'), 'tools.desk-1', JSON.stringify(beat));
    expect(Math.abs(skewMs + serverAheadMs)).toBeLessThan(1000);
  });

  it('sees who lives, and not who has been silent', async () => {
    const bus = await open();
    agoMs = 60_000;
    await bus.kv('registry').put('llm.desk-1', JSON.stringify({ ...beat, service: 'llm' }));
    agoMs = 3000;
    await bus.kv('registry').put('tools.desk-1', JSON.stringify(beat));
    agoMs = 0;
    const living = await livingServices(bus);
    expect(living.map(({ service }) => service)).toEqual(['tools']);
    expect(living[0]?.ageMs).toBeGreaterThan(2000);
    expect(living[0]?.ageMs).toBeLessThan(60_000);
  });
});
