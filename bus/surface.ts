/**
 * What becomes of an error that nobody waits for. Owns: letting it end the process. Does not own: errors with a receiver.
 */

/**
 * An error that nobody waits for ends the process instead of being lost. Not thrown in place: an exception inside the
 * client's read loop would leave its connection deaf.
 */
export function surface(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
