/**
 * How much of the mesh one caller may take: tasks that have not ended, and bytes that are stored in a day. Owns: counting,
 * and refusing with the time after which to come again. Does not own: calls at a time (`admission.ts`), push notification
 * configs (`a2a/push/room.ts`), or whose turn it is where work waits (the runtime's fair queues).
 *
 * Invariants:
 * 1. Nothing is refused after it was written: what is over a share never reaches the log.
 * 2. A task that is submitted again under its id takes nothing: it is known already.
 * 3. The count of tasks is what the log says, and what this gateway has written since; with several gateways a caller may
 *    be over by what is on its way at the others. Bytes are counted by each gateway from its start.
 */
import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Caller } from '../../task-client/caller.ts';
import { MeshError } from '../../task-client/errors.ts';
import type { Shares } from '../../task-client/ports.ts';

export interface ShareLimits {
  /** Tasks of a caller that have not ended, those that wait for a person among them. */
  readonly tasksMax: number;
  /** Bytes of what a caller writes, with what that makes the mesh store. */
  readonly bytesPerDay: number;
}

const DAY_S = 86_400;
/** A task takes about a second, or minutes with a model. */
const RETRY_AFTER_MS = 5000;
/** What the log and the ledgers hold for a byte of a prompt, at most: docs/security.md has the measurement. */
const STORED_PER_BYTE = 7;
/** And for a task whose prompt is a line. */
const STORED_PER_TASK_BYTES = 48 * 1024;

interface Count {
  /** Tasks that have not ended: as the log said, and those begun since. Null: it was not asked yet. */
  known: number | null;
  /** Written, and not heard of in the log yet. */
  underWay: number;
}

export class CallerShares implements Shares {
  readonly #limits: ShareLimits;
  readonly #bytes: RateLimiterMemory;
  readonly #tasks = new Map<string, Count>();

  constructor(limits: ShareLimits) {
    this.#limits = limits;
    this.#bytes = new RateLimiterMemory({ points: limits.bytesPerDay, duration: DAY_S });
  }

  async begin(caller: Caller, bytes: number, unfinished: () => Promise<number>): Promise<() => void> {
    const { tasksMax } = this.#limits;
    const count = this.#countOf(caller.name);
    // The log is asked when the caller may be at the limit, not for every task.
    if (count.known === null || count.known >= tasksMax) {
      const now = await unfinished();
      count.known = now + count.underWay;
    }
    if (count.known >= tasksMax) {
      const what = `${caller.name} has ${count.known} tasks that have not ended, and may have ${tasksMax}`;
      throw exhausted('TASKS_LIMIT', what, RETRY_AFTER_MS);
    }
    count.known += 1;
    count.underWay += 1;
    let isOver = false;
    const over = (): void => {
      if (!isOver) count.underWay -= 1;
      isOver = true;
    };
    try {
      await this.#spend(caller, STORED_PER_TASK_BYTES + bytes * STORED_PER_BYTE);
    } catch (error) {
      over();
      count.known -= 1;
      throw error;
    }
    return over;
  }

  write(caller: Caller, bytes: number): Promise<void> {
    return this.#spend(caller, bytes * STORED_PER_BYTE);
  }

  async #spend({ name }: Caller, bytes: number): Promise<void> {
    const { bytesPerDay } = this.#limits;
    const spent = await this.#bytes.get(name);
    if ((spent?.consumedPoints ?? 0) + bytes > bytesPerDay) {
      const what = `${name} may have ${bytesPerDay} bytes stored in a day, and this would be more`;
      throw exhausted('BYTES_LIMIT', what, Math.max(1000, spent?.msBeforeNext ?? DAY_S * 1000));
    }
    await this.#bytes.consume(name, bytes);
  }

  #countOf(name: string): Count {
    const count = this.#tasks.get(name) ?? { known: null, underWay: 0 };
    this.#tasks.set(name, count);
    return count;
  }
}

function exhausted(reason: string, what: string, retryAfterMs: number): MeshError {
  const message = `${what}; try again in ${Math.ceil(retryAfterMs / 1000)} s`;
  return new MeshError('resource_exhausted', reason, message, { retryAfterMs });
}
