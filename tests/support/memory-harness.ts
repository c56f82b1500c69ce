/** The bus in memory as the contract's tests need it. Owns: its faults. Does not own: any test. */
import { createMemoryBus, createMemoryLog, type MemoryLog } from '../../bus/memory-bus.ts';
import type { Bus } from '../../bus/port.ts';
import type { BusHarness } from '../integration/bus/contract-support.ts';

/** @param around what every connection is given through, such as signatures */
export async function memoryHarness(
  duplicateBeforeConflict: boolean,
  around: (bus: Bus) => Bus = (bus) => bus,
): Promise<BusHarness> {
  const log: MemoryLog = createMemoryLog({ duplicateBeforeConflict });
  return {
    repeated: duplicateBeforeConflict ? 'duplicate' : 'conflict',
    connect: async (_, options) => around(createMemoryBus(log, options)),
    kill: async () => log.goDown(),
    start: async () => log.comeUp(),
    wipe: async () => log.wipe(),
    stop: async () => undefined,
    powerLossAfter: async (action) => {
      const witness = createMemoryBus(log);
      const { lastSeq } = await witness.streamInfo();
      await action();
      log.goDown();
      log.truncate('log', lastSeq);
      log.comeUp();
      await witness.close();
    },
  };
}
