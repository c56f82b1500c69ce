/**
 * Calling again. Owns: which failures pass, and how long to wait. Does not own: the call.
 *
 * Calling again is safe for every call of this client: each carries an id that makes the second one the first one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type BackOff, backOffMs, spreadMs } from '../../resilience/back-off.ts';
import type { MeshCallError } from './errors.ts';

const WAITS: BackOff = { firstMs: 50, maxMs: 2000 };

/** A gateway that is being started again, a log that is, or a limit that says when to come back. */
export function mayPass(error: MeshCallError): boolean {
  if (error.code === 'UNAVAILABLE') return true;
  if (error.code === 'RESOURCE_EXHAUSTED') return error.retryAfterMs !== null;
  // A stream that a killed process or a proxy has torn; the gateway itself gives a reason for an error of its own.
  return (error.code === 'INTERNAL' || error.code === 'UNKNOWN') && error.reason === '';
}

/**
 * Waits before the next attempt.
 * @param attempt counted from 0
 * @returns false when the deadline comes first
 */
export async function waitBefore(
  error: MeshCallError,
  attempt: number,
  { deadlineMs, signal }: { readonly deadlineMs: number; readonly signal: AbortSignal | undefined },
): Promise<boolean> {
  const waitMs = Math.max(error.retryAfterMs ?? 0, spreadMs(backOffMs(WAITS, attempt + 1), 0.5, 1));
  if (Date.now() + waitMs >= deadlineMs) return false;
  await sleep(waitMs, undefined, signal === undefined ? {} : { signal });
  return true;
}
