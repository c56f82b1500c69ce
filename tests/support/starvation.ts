/**
 * How much slower a process is because others want the same processors. Owns: reading that from the kernel. Does not own:
 * any limit; whoever has one multiplies it, so that a busy machine is not taken for a process that hangs.
 */
import { readFileSync } from 'node:fs';

/**
 * From the two first fields of /proc/<pid>/schedstat (Linux, sched-stats): time on a processor, and time of waiting for one.
 * At least 1; a process that waits for nothing, or hangs, is not slowed down.
 */
export function slowdownIn(schedstat: string): number {
  const [ranNs = 0, waitedNs = 0] = schedstat.trim().split(' ').map(Number);
  return ranNs > 0 && waitedNs >= 0 ? (ranNs + waitedNs) / ranNs : 1;
}

/** Of its main thread since its start; 1 where the kernel does not say. */
export function slowdownOf(pid: number): number {
  try {
    return slowdownIn(readFileSync(`/proc/${pid}/schedstat`, 'utf8'));
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : null;
    if (code !== 'ENOENT' && code !== 'ESRCH') throw thrown;
    return 1;
  }
}
