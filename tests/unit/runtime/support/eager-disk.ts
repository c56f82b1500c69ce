/**
 * The simulated disk for tests with a fake clock: a commit takes some turns of the event loop, and no time. Owns: a disk
 * that a test can hold, and tasks put into it.
 */
import { Disk, type DiskSpeed } from '../../../../simulation/disk.ts';
import { Scheduler } from '../../../../simulation/scheduler.ts';

/** Runs what comes later in the next turn. */
class EagerScheduler extends Scheduler {
  override after(_delayMs: number, task: () => void): () => void {
    const turn = setImmediate(task);
    return () => clearImmediate(turn);
  }
}

/** One for all disks: their ids are drawn from it. */
const scheduler = new EagerScheduler((error) => {
  throw error;
});

export function eagerDisk(speed: Partial<DiskSpeed> = {}): Disk {
  return new Disk(scheduler, { writeMs: () => 0, syncMs: () => 0, refuses: () => false, ...speed });
}
