/**
 * When a process that died is started again. Owns: the delays. Does not own: timers or processes.
 */
import { backOffMs } from '../../resilience/back-off.ts';

/** The first restart is immediate: a single crash must not be felt. */
const FIRST_MS = 100;
/** A process that keeps dying takes no more than a start every five seconds from the machine. */
const MAX_MS = 5000;
/** Alive this long, a process counts as healthy again and its next restart is immediate. */
const HEALTHY_AFTER_MS = 10_000;

/** @param restarts how many restarts in a row came before this one */
export function restartDelayMs(restarts: number): number {
  if (restarts <= 0) return 0;
  return backOffMs({ firstMs: FIRST_MS, maxMs: MAX_MS }, restarts);
}

/** Restarts in a row, counted again from zero after a healthy life. */
export function restartsAfterLife(restarts: number, aliveMs: number): number {
  return aliveMs >= HEALTHY_AFTER_MS ? 0 : restarts;
}

/** What is done about an exit nobody asked for. Codes are those of the `mesh` command: 2 configuration, 3 dependency. */
type ExitVerdict = 'restart' | 'restart-slowly' | 'give-up';

/** @param wasReady a configuration that worked can only have been broken by what passes, a full disk say */
export function exitVerdict(code: number | null, wasReady: boolean): ExitVerdict {
  if (code === 2) return wasReady ? 'restart-slowly' : 'give-up';
  return code === 3 ? 'restart-slowly' : 'restart';
}
