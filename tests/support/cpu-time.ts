/**
 * How much work something was. Owns: reading the processor time of this thread, which neither a busy machine nor one that
 * stands still makes longer. Does not own: any bound. No test asks the clock how long something took.
 */

/** Milliseconds of processor time that this thread has used so far. */
export function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
