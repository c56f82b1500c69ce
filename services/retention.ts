/**
 * Removes what ended long ago, when somebody has said how long it is kept. Owns: looking once an hour, and cleaning up
 * again what a lost log brought back. Does not own: what removing means (`task-client/removal.ts`), or the time, which is
 * a live setting (`mesh retention`).
 */
import type { Bus } from '../bus/port.ts';
import { BusError } from '../bus/port.ts';
import { KEEP_TASKS, parseAge } from '../config/retention.ts';
import { lastFacts, removeTask } from '../task-client/removal.ts';
import type { Log } from '../telemetry/log.ts';

const LOOK_EVERY_MS = 60 * 60_000;

export interface Retention {
  /** Whether somebody has removed the trail of a task. */
  isRemoved(taskId: string): boolean;
  /** Looks from now on. */
  start(): void;
  /** Ends it, after a look that is under way. */
  stop(): Promise<void>;
}

export async function createRetention({ bus, log }: { bus: Bus; log: Log }): Promise<Retention> {
  const notes = bus.kv('removed');
  const removed = new Set<string>();
  const unwatch = await notes.watch((taskId, value) => {
    if (value !== null) removed.add(taskId);
  });
  for (const { key } of await notes.entries()) removed.add(key);
  let stopped = false;
  let under: Promise<void> = Promise.resolve();
  const look = async (): Promise<void> => {
    try {
      const count = await removeWhatIsDue(bus, removed, () => stopped);
      if (count > 0) log.info({ removed: count }, 'ended tasks were removed from the log');
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
      log.warn({ error: error.message }, 'ended tasks could not be removed; tried again later');
    }
  };
  const begin = (): void => {
    under = under.then(() => (stopped ? undefined : look()));
  };
  let timer: NodeJS.Timeout | undefined;
  return {
    isRemoved: (taskId) => removed.has(taskId),
    start() {
      begin();
      timer = setInterval(begin, LOOK_EVERY_MS);
    },
    async stop() {
      stopped = true;
      clearInterval(timer);
      unwatch();
      await under;
    },
  };
}

/** One look at the last facts of all tasks; only those that are due are read. */
async function removeWhatIsDue(bus: Bus, removed: ReadonlySet<string>, isStopped: () => boolean): Promise<number> {
  const kept = await bus.kv('config').get(KEEP_TASKS);
  const keptMs = kept === null ? null : parseAge(kept.value);
  // A log that was lost is filled again from the ledgers, and these know nothing of removals.
  if (keptMs === null && removed.size === 0) return 0;
  let count = 0;
  for (const { taskId, atMs } of await lastFacts(bus)) {
    if (isStopped()) break;
    const isOld = keptMs !== null && Date.now() - atMs > keptMs;
    if (!isOld && !removed.has(taskId)) continue;
    // One that goes on is not removed, however old its last fact is.
    if ((await removeTask(bus, taskId)).kind === 'removed') count++;
  }
  return count;
}
