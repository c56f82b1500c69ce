/**
 * Giving partitions to hosts that have fewer, in order. Owns: choosing them, and the order of the end of each. Does not
 * own: how many (`sharing.ts`), or who takes them (`ownership.ts` of the other host).
 *
 *   rests ──► nothing more is applied ──► what was said is sent ──► "stopped" is told ──► the lease is free
 *
 * Invariants:
 * 1. Only a partition in which no effect is under way is given: nothing is cut off, and no person is asked for it.
 * 2. The lease is let go of after the last record is in both stores, or after a limit: then the rest is dropped as in
 *    any loss, and derived again by whoever opens it (S4).
 */
import type { Effects } from '../effects/effects.ts';
import type { Journal } from '../journal/journal.ts';
import type { RuntimeLimits } from '../limits.ts';
import type { Sender } from '../messages/sender.ts';
import type { Clock, RuntimeLog } from '../ports.ts';
import type { Ownership } from './ownership.ts';
import type { Partition, Partitions } from './partitions.ts';

export interface HandOver {
  /** Others lack so many. Gives what rests; what is being given counts. */
  give(count: number): void;
}

export interface HandOverOptions {
  readonly partitions: Pick<Partitions, 'all' | 'leave' | 'isLeaving' | 'lost'>;
  readonly effects: Pick<Effects, 'isAtWork' | 'drop'>;
  readonly journal: Pick<Journal, 'say' | 'hurry' | 'current' | 'whenTold'>;
  readonly sender: Pick<Sender, 'whenSent'>;
  readonly ownership: Pick<Ownership, 'letGo'>;
  readonly clock: Clock;
  readonly log: RuntimeLog;
  readonly limits: RuntimeLimits;
  readonly onFatal: (error: unknown) => void;
}

export function createHandOver(options: HandOverOptions): HandOver {
  const { partitions, effects, journal, sender, clock, log, limits } = options;
  let giving = 0;

  /** Resolves when it calls back, or after the limit of a stop. */
  const waitFor = (begin: (done: () => void) => void): Promise<void> =>
    new Promise((resolve) => {
      const cancel = clock.after(limits.stopDrainMs, resolve);
      begin(() => {
        cancel();
        resolve();
      });
    });
  const give = async (part: Partition): Promise<void> => {
    const { number: partition } = part;
    partitions.leave(part);
    effects.drop(partition);
    journal.hurry();
    await waitFor((done) => journal.whenTold(partition, journal.current(partition) - 1, done));
    await waitFor((done) => sender.whenSent(partition, done));
    if (!partitions.isLeaving(part)) return;
    const n = journal.say(partition, 'stopped');
    journal.hurry();
    await waitFor((done) => journal.whenTold(partition, n, done));
    if (!partitions.isLeaving(part)) return;
    partitions.lost([partition]);
    await options.ownership.letGo(partition);
    log.info({ partition }, 'a partition was given to another host');
  };

  return {
    give(count) {
      const resting = [...partitions.all()].filter(({ number }) => !effects.isAtWork(number));
      for (const part of resting.slice(0, Math.max(0, count - giving))) {
        giving += 1;
        give(part)
          .catch(options.onFatal)
          .finally(() => {
            giving -= 1;
          });
      }
    },
  };
}
