/**
 * Copies the ledger while it is in use, on a schedule, and prunes what the log has forgotten too. Owns: the schedule.
 * Does not own: copying, or `mesh backup` (cli/backup/), which takes all of them and the log. A copy may replace a lost
 * ledger, once the `-wal` and `-shm` of that are gone: the host then takes from the log what is newer.
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
