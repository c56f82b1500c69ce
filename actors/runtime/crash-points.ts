/**
 * Named places where a process may die, each beside the bug that dying there would show. Owns: the names. Does not own:
 * dying; tests and the simulation bring a function that does, in production there is none.
 */
export type CrashPoint =
  /** Event in hand, nothing done: it must be read again. */
  | 'event-read'
  /** Applied in memory, nothing recorded: nobody may have been told. */
  | 'event-applied'
  /** The record is made, and in neither store: nothing of it may be half there. */
  | 'before-commit'
  /** The ledger has the record, the log may not: it is copied, or set aside when the log has another one. */
  | 'in-ledger'
  /** The log has the record, the ledger may not: it is copied. */
  | 'in-log'
  /** Both have it, what rests on it is not sent: it must leave at the next start. */
  | 'after-commit'
  /** Not sent: it must be sent, once. */
  | 'before-publish'
  /** In the log, the acknowledgement not recorded: sending again must not count twice. */
  | 'after-publish'
  /** An effect runs: a keyed one must happen once, an unrepeatable one must not be repeated. */
  | 'effect-begun'
  /** Its result is known here and nowhere else. */
  | 'effect-done'
  /** Recorded as begun, not yet run: nobody may know, so nobody may repeat it. */
  | 'effect-announced'
  /** Due, but the log does not know: it must fire at its original deadline's passing, once. */
  | 'timer-due';

export type AtCrashPoint = (point: CrashPoint) => void;

/** Kills the process at the n-th passing of a point: `MESH_CRASH_AT=after-commit#3`. For tests only. */
export function crashPointFromEnv(value: string | undefined): AtCrashPoint | undefined {
  if (value === undefined || value === '') return undefined;
  const [point, nth = '1'] = value.split('#');
  let left = Number(nth);
  return (passed) => {
    if (passed !== point) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
}
