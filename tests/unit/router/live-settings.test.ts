/** Settings that change while a process runs, over the bucket in memory. */
import { expect, test } from 'vitest';
import { createMemoryBus, createMemoryLog } from '../../../bus/memory-bus.ts';
import { readSettings } from '../../../config/settings.ts';
import { followLiveSettings } from '../../../services/adapters/live-settings.ts';

const LIMIT_MS = 60_000;

async function followed() {
  const bus = createMemoryBus(createMemoryLog());
  await bus.ensureTopology();
  const warned: string[] = [];
  const log = {
    ...{ debug: () => undefined, info: () => undefined, error: () => undefined },
    warn: (_fields: object, message: string) => void warned.push(message),
  };
  const config = bus.kv('config');
  await config.put('ROUTER_TIMEOUT_MS', '400');
  const live = followLiveSettings(bus, readSettings({ ROUTER_CONFIDENCE_THRESHOLD: '0.4' }), log);
  const until = (name: 'ROUTER_CONFIDENCE_THRESHOLD' | 'ROUTER_TIMEOUT_MS', value: number) =>
    expect.poll(() => live.get(name), { timeout: LIMIT_MS, interval: 5 }).toBe(value);
  return { config, live, warned, until };
}

test('what was there before is taken, and what is not there is the environment’s', async () => {
  const { live, until } = await followed();
  await until('ROUTER_TIMEOUT_MS', 400);
  expect(live.get('ROUTER_CONFIDENCE_THRESHOLD')).toBe(0.4);
  live.close();
});

test('a change is in force, and taken back it is as before', async () => {
  const { config, live, until } = await followed();
  await until('ROUTER_TIMEOUT_MS', 400);
  await config.put('ROUTER_CONFIDENCE_THRESHOLD', '0.75');
  await until('ROUTER_CONFIDENCE_THRESHOLD', 0.75);
  await config.delete('ROUTER_CONFIDENCE_THRESHOLD');
  await until('ROUTER_CONFIDENCE_THRESHOLD', 0.4);
  live.close();
});

test.each(['high', '', '1.5', '-1', 'NaN'])(
  '%j is refused, with a line in the log; the last valid one stays',
  async (text) => {
    const { config, live, until, warned } = await followed();
    await config.put('ROUTER_CONFIDENCE_THRESHOLD', '0.75');
    await until('ROUTER_CONFIDENCE_THRESHOLD', 0.75);
    await config.put('ROUTER_CONFIDENCE_THRESHOLD', text);
    await expect.poll(() => warned, { timeout: LIMIT_MS, interval: 5 }).toHaveLength(1);
    expect(warned[0]).toBe('a live setting is not valid and was left as it was');
    expect(live.get('ROUTER_CONFIDENCE_THRESHOLD')).toBe(0.75);
    live.close();
  },
);
