/**
 * How far a clock here is from the log server's. Owns: the measure, and from when on it is worth a word. Does not own:
 * correcting anything: limits of time are measured on one steady clock and need no correction.
 */
import type { KeyValue } from './port.ts';

/** Below this, times that are shown side by side still make sense. */
export const SKEW_TOLD_MS = 1000;

/** Own clock before a message was sent and after it was acknowledged, and the server's when it was stored. */
export interface Exchange {
  readonly beforeMs: number;
  readonly storedAtMs: number;
  readonly afterMs: number;
}

/**
 * By how much the own clock is at least ahead of the server's, negative when it is behind, milliseconds; 0 when the
 * difference may be the time that the exchange took.
 */
export function skewOf({ beforeMs, storedAtMs, afterMs }: Exchange): number {
  if (beforeMs > storedAtMs) return beforeMs - storedAtMs;
  return Math.min(0, afterMs - storedAtMs);
}

/** Writes an entry, and tells the skew by it. @throws BusError */
export async function writeAndMeasure(bucket: KeyValue, key: string, value: string): Promise<number> {
  const beforeMs = Date.now();
  const revision = await bucket.put(key, value);
  const afterMs = Date.now();
  const stored = await bucket.get(key);
  // Somebody else may have written meanwhile: the next time tells.
  if (stored?.revision !== revision) return 0;
  return skewOf({ beforeMs, storedAtMs: stored.atMs, afterMs });
}
