/** The twin of the log in memory, opened as a process opens it. */
import { createMemoryBus, createMemoryLog } from '../../../../bus/memory-bus.ts';
import type { Bus } from '../../../../bus/port.ts';

export async function openMemoryBus(): Promise<Bus> {
  const bus = createMemoryBus(createMemoryLog());
  await bus.ensureTopology();
  return bus;
}
