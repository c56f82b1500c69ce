/**
 * How much room there is for push notification configs. Owns: counting those that are not done, by task and by caller,
 * refusing one more, and what each caller has ordered in bytes. Does not own: the share of a day (`core/shares.ts`), keeping configs (`store.ts`), or following tasks for them (`sender.ts`).
 *
 * The counts follow the store, so that several gateways agree but for what is on its way; a config that this one has just
 * written counts at once.
 */
import type { Caller } from '../../../task-client/caller.ts';
import { MeshError } from '../../../task-client/errors.ts';
import type { WrittenInHour } from '../../../task-client/index-store.ts';
import { bytesOf, keyOf, type PushEntry, type PushStore } from './store.ts';

/** Each is told everything that happens. */
const CONFIGS_OF_A_TASK_MAX = 10;
/** Each is followed by a reader of its own. */
export const RECEIVERS_MAX = 1000;
/** When one ends depends on tasks of others; they take seconds to minutes. */
const RETRY_AFTER_MS = 30_000;
const HOUR_MS = 3_600_000;

interface Known {
  readonly taskId: string;
  readonly caller: string;
}

interface Ordered {
  readonly caller: string;
  readonly atMs: number;
  readonly bytes: number;
}

export class PushRoom {
  readonly #store: PushStore;
  readonly #perCallerMax: number;
  readonly #open = new Map<string, Known>();
  /** By key and nonce: one that was replaced, deleted or is done was stored all the same. */
  readonly #ordered = new Map<string, Ordered>();
  #following: Promise<() => void> | null = null;
  /** Keys that changed while the whole store was read. */
  readonly #changed = new Set<string>();

  constructor(store: PushStore, perCallerMax: number) {
    this.#store = store;
    this.#perCallerMax = perCallerMax;
  }

  /**
   * @param known it is there already, and is replaced
   * @throws MeshError resource_exhausted, with the time after which to try again
   */
  async check(taskId: string, { name }: Caller, known: boolean): Promise<void> {
    await this.#followed();
    if (known) return;
    const all = [...this.#open.values()];
    if (all.filter((one) => one.taskId === taskId).length >= CONFIGS_OF_A_TASK_MAX)
      throw full(`a task has at most ${CONFIGS_OF_A_TASK_MAX} push notification configs; delete one first`, null);
    if (all.filter((one) => one.caller === name).length >= this.#perCallerMax)
      throw full(`${name} has ${this.#perCallerMax} push notification configs of tasks that have not ended`);
    if (all.length >= RECEIVERS_MAX) throw full(`${RECEIVERS_MAX} push notification configs are followed already`);
  }

  /** What a caller has ordered since then, by the hour; what is older is forgotten. */
  async written(caller: string, sinceMs: number): Promise<WrittenInHour[]> {
    await this.#followed();
    const hours = new Map<number, number>();
    for (const [key, one] of this.#ordered) {
      if (one.atMs <= sinceMs) this.#ordered.delete(key);
      else if (one.caller === caller) {
        const fromMs = Math.floor(one.atMs / HOUR_MS) * HOUR_MS;
        hours.set(fromMs, (hours.get(fromMs) ?? 0) + one.bytes);
      }
    }
    return [...hours].map(([fromMs, bytes]) => ({ fromMs, tasks: 0, bytes }));
  }

  /** As it was written; null when it is gone. */
  note(key: string, entry: PushEntry | null): void {
    this.#changed.add(key);
    if (entry?.at !== undefined)
      this.#ordered.set(`${key} ${entry.nonce}`, { caller: entry.caller.name, atMs: entry.at, bytes: bytesOf(entry) });
    if (entry === null || entry.done) this.#open.delete(key);
    else this.#open.set(key, { taskId: entry.config.taskId, caller: entry.caller.name });
  }

  async stop(): Promise<void> {
    (await this.#following?.catch(() => null))?.();
  }

  async #followed(): Promise<void> {
    this.#following ??= this.#follow();
    try {
      await this.#following;
    } catch (error) {
      this.#following = null;
      throw error;
    }
  }

  /** First the changes, then all there are: what changed meanwhile is newer than what was read. */
  async #follow(): Promise<() => void> {
    this.#changed.clear();
    const end = await this.#store.watchAll((key, entry) => this.note(key, entry));
    for (const entry of await this.#store.all()) {
      const key = keyOf(entry.config.taskId, entry.config.id);
      if (!this.#changed.has(key)) this.note(key, entry);
    }
    return end;
  }
}

function full(what: string, retryAfterMs: number | null = RETRY_AFTER_MS): MeshError {
  const more = retryAfterMs === null ? '' : `; try again in ${retryAfterMs / 1000} s`;
  const details = retryAfterMs === null ? {} : { retryAfterMs };
  return new MeshError('resource_exhausted', 'TOO_MANY_CONFIGS', `${what}${more}`, details);
}
