/**
 * Copies the ledger while it is in use, on a schedule, and prunes what the log has forgotten too. Owns: the schedule.
 * Does not own: copying. A backup may replace a lost ledger (`cp agents.db.backup agents.db`): the host then reads on
 * from the backup's cursor instead of folding the whole log.
 */

import type { Ledger } from '../actors/runtime/ledger/port.ts';
import type { RuntimeLog } from '../actors/runtime/ports.ts';
import type { Bus } from '../bus/port.ts';

export interface BackupOptions {
  ledger: Ledger;
  path: string;
  bus: Bus;
  log: RuntimeLog;
  everyMs: number;
}

/** Returns the function that ends it, after a copy that is under way. */
export function startBackups({ ledger, path, bus, log, everyMs }: BackupOptions): () => Promise<void> {
  let under: Promise<void> = Promise.resolve();
  const copy = async (): Promise<void> => {
    const { firstSeq } = await bus.streamInfo();
    const pruned = await ledger.prune(firstSeq);
    await ledger.backup(`${path}.backup`);
    log.debug({ pruned }, 'ledger backed up');
  };
  const timer = setInterval(() => {
    under = copy().catch((error: unknown) => log.warn({ error: String(error) }, 'the ledger could not be backed up'));
  }, everyMs);
  return async () => {
    clearInterval(timer);
    await under;
  };
}
