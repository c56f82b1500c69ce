import { describe, expect, it, vi } from 'vitest';
import { createMemoryBus, createMemoryLog } from '../../../bus/memory-bus.ts';
import { createObservability } from '../../../services/observability.ts';
import { createLog } from '../../../telemetry/log.ts';

describe('what a restart finds', () => {
  it('is one crash, told once, however much was cut off by it', async () => {
    const bus = createMemoryBus(createMemoryLog());
    await bus.ensureTopology();
    const log = createLog('agents', 'error');
    const told = vi.spyOn(log, 'info');
    const observability = createObservability({
      mode: 'shipping',
      windowMs: 1000,
      log,
      service: 'agents',
      onChange: () => undefined,
    });
    observability.follow(bus);
    try {
      for (let cut = 0; cut < 100; cut += 1) observability.crash(`hop ${cut} was cut off`);
      await vi.waitFor(() => expect(told).toHaveBeenCalled(), 60_000);
      for (let cut = 100; cut < 200; cut += 1) observability.crash(`hop ${cut} was cut off`);
      await bus.kv('config').get('any');
      expect(told.mock.calls.map(([fields]) => fields)).toEqual([
        { cause: 'hop 0 was cut off', because: 'the mode is shipping' },
      ]);
    } finally {
      observability.close();
    }
  });
});
