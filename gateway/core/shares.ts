/**
 * How much of the mesh one caller may take: tasks that have not ended, and bytes that are stored in a day. Owns: counting,
 * and refusing with the time after which to come again. Does not own: calls at a time (`admission.ts`), push notification
 * configs (`a2a/push/room.ts`), or whose turn it is where work waits (the runtime's fair queues).
 *
 * Invariants:
 * 1. Nothing is refused after it was written: what is over a share never reaches the log.
 * 2. A task that is submitted again under its id takes nothing: it is known already.
 * 3. Tasks and bytes are what the log says, and what this gateway has let in since: a restart forgets nothing, and of
 *    several gateways each knows within a minute what went by the others.
 */

import type { Caller } from '../../task-client/caller.ts';
import { MeshError } from '../../task-client/errors.ts';
import type { WrittenInHour } from '../../task-client/index-store.ts';
import type { CallerRecord, Shares } from '../../task-client/ports.ts';

export interface ShareLimits {
  /** Tasks of a caller that have not ended, those that wait for a person among them. */
  readonly tasksMax: number;
  /** Bytes of what a caller writes, with what that makes the mesh store. */
  readonly bytesPerDay: number;
}

const HOUR_MS = 3_600_000;
/** An hour counts as a whole, the one at the moment among them. */
const DAY_MS = 24 * HOUR_MS;
/** What went by other gateways is looked for so often. */
const LOOK_AGAIN_MS = 60_000;
/** A task takes about a second, or minutes with a model. */
const RETRY_AFTER_MS = 5000;
/** What the log and the ledgers hold for a byte of a prompt that nothing compresses: docs/security.md has the measurement. */
export const STORED_PER_BYTE = 9;
/** And for a task whose prompt is a line. */
export const STORED_PER_TASK_BYTES = 48 * 1024;

interface Count {
  /** Tasks that have not ended: as the log said, and those begun since. Null: it was not asked yet. */
  known: number | null;
  /** Written, and not heard of in the log yet. */
  underWay: number;
}

/** Bytes by the beginning of their hour. */
type ByHour = Map<number, number>;

interface Spent {
  /** Let in by this gateway, and the part of it that the log was not asked about yet. */
  readonly here: ByHour;
  since: ByHour;
  /** As the log said it last. */
  told: ByHour;
  /** Resolves when the log has told it, of whoever asks first. */
  asked: { readonly atMs: number; readonly done: Promise<void> } | null;
}

export class CallerShares implements Shares {
  readonly #limits: ShareLimits;
  readonly #now: () => number;
  readonly #spent = new Map<string, Spent>();
  readonly #tasks = new Map<string, Count>();

  /** @param now milliseconds since the epoch */
  constructor(limits: ShareLimits, now: () => number = Date.now) {
    this.#limits = limits;
    this.#now = now;
  }

  async begin(caller: Caller, bytes: number, record: CallerRecord): Promise<() => void> {
    const { tasksMax } = this.#limits;
    const count = this.#countOf(caller.name);
    // The log is asked when the caller may be at the limit, not for every task.
    if (count.known === null || count.known >= tasksMax) {
      const now = await record.unfinished();
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
      await this.#spend(caller, STORED_PER_TASK_BYTES + bytes * STORED_PER_BYTE, record);
    } catch (error) {
      over();
      count.known -= 1;
      throw error;
    }
    return over;
  }

  write(caller: Caller, bytes: number, record: CallerRecord): Promise<void> {
    return this.#spend(caller, bytes * STORED_PER_BYTE, record);
  }

  async #spend({ name }: Caller, bytes: number, record: CallerRecord): Promise<void> {
    const { bytesPerDay } = this.#limits;
    if (bytes > bytesPerDay) {
      const what = `this would be ${bytes} bytes stored, and ${name} may have ${bytesPerDay} in a day`;
      throw new MeshError('resource_exhausted', 'BYTES_LIMIT', `${what}: send less at a time`);
    }
    const spent = this.#spentOf(name);
    await this.#told(spent, record);
    const nowMs = this.#now();
    const hours = within(spent, nowMs - DAY_MS);
    let over = bytes - bytesPerDay;
    for (const [, inHour] of hours) over += inHour;
    if (over > 0) {
      const what = `${name} may have ${bytesPerDay} bytes stored in a day, and this would be more`;
      throw exhausted('BYTES_LIMIT', what, Math.max(1000, leavesAtMs(hours, over) - nowMs));
    }
    const hour = hourOf(nowMs);
    for (const counted of [spent.here, spent.since]) counted.set(hour, (counted.get(hour) ?? 0) + bytes);
  }

  /** Asks the log, when it was not asked for a while; whoever comes meanwhile waits for that answer. */
  async #told(spent: Spent, record: CallerRecord): Promise<void> {
    const nowMs = this.#now();
    if (spent.asked === null || nowMs - spent.asked.atMs >= LOOK_AGAIN_MS) {
      const ask = async (): Promise<void> => {
        spent.told = reckoned(await record.written(nowMs - DAY_MS));
      };
      spent.since = new Map();
      spent.asked = { atMs: nowMs, done: ask() };
    }
    const { asked } = spent;
    try {
      await asked.done;
    } catch (error) {
      if (spent.asked === asked) spent.asked = null;
      throw error;
    }
  }

  #spentOf(name: string): Spent {
    const spent = this.#spent.get(name) ?? { here: new Map(), since: new Map(), told: new Map(), asked: null };
    this.#spent.set(name, spent);
    return spent;
  }

  #countOf(name: string): Count {
    const count = this.#tasks.get(name) ?? { known: null, underWay: 0 };
    this.#tasks.set(name, count);
    return count;
  }
}

function hourOf(ms: number): number {
  return Math.floor(ms / HOUR_MS) * HOUR_MS;
}

function reckoned(hours: readonly WrittenInHour[]): ByHour {
  const byHour: ByHour = new Map();
  for (const { fromMs, tasks, bytes } of hours)
    byHour.set(fromMs, (byHour.get(fromMs) ?? 0) + tasks * STORED_PER_TASK_BYTES + bytes * STORED_PER_BYTE);
  return byHour;
}

/**
 * What counts of each hour, the oldest first: what the log told and what came since, and never less than what this gateway
 * knows, since the log is behind by what is on its way. What is older is forgotten.
 */
function within({ here, since, told }: Spent, sinceMs: number): [fromMs: number, bytes: number][] {
  for (const hour of here.keys()) if (hour <= sinceMs) here.delete(hour);
  const hours = [...new Set([...here.keys(), ...told.keys()])].filter((hour) => hour > sinceMs);
  return hours
    .sort((one, other) => one - other)
    .map((hour) => [hour, Math.max(here.get(hour) ?? 0, (told.get(hour) ?? 0) + (since.get(hour) ?? 0))]);
}

/** When so many bytes do not count any more. */
function leavesAtMs(hours: readonly (readonly [fromMs: number, bytes: number])[], bytes: number): number {
  let left = bytes;
  let atMs = 0;
  for (const [fromMs, inHour] of hours) {
    if (left <= 0) break;
    left -= inHour;
    atMs = fromMs + DAY_MS;
  }
  return atMs;
}

function exhausted(reason: string, what: string, retryAfterMs: number): MeshError {
  const message = `${what}; try again in ${Math.ceil(retryAfterMs / 1000)} s`;
  return new MeshError('resource_exhausted', reason, message, { retryAfterMs });
}
