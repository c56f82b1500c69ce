/**
 * Push notification configs where they survive: KV `mesh-push`. Owns: their form and keys. Does not own: what is sent.
 *
 * Beside each config lies how far its receiver was told, so that a gateway that starts tells what is due from there.
 * Whoever takes a caller's order writes the config, and the one gateway that tells writes the progress: two keys, so that
 * neither overwrites the other. Both live as long as the log keeps the task.
 */
import type { TaskPushNotificationConfig } from '@a2a-js/sdk';
import { z } from 'zod';
import type { Bus, KeyValue } from '../../../bus/port.ts';
import { contentHash } from '../../../schemas/events/ids.ts';

const entryForm = z.object({
  config: z.object({
    tenant: z.string(),
    id: z.string(),
    taskId: z.string(),
    url: z.string(),
    token: z.string(),
    authentication: z.object({ scheme: z.string(), credentials: z.string() }).optional(),
  }),
  caller: z.object({ name: z.string(), role: z.enum(['user', 'observer', 'admin']) }),
  /** Of the last fact that was told; empty before the first. */
  cursor: z.string(),
  /** Nothing more is told: the task has ended, or the receiver is given up. */
  done: z.boolean(),
  /** Another one for every order: the progress of the config before does not count for the next. */
  nonce: z.string().default(''),
  /** When it was ordered, milliseconds since the epoch; absent in what earlier releases wrote. */
  at: z.number().optional(),
});

const progressForm = entryForm.pick({ cursor: true, done: true, nonce: true });
type Progress = z.output<typeof progressForm>;

const PROGRESS = '.at';

export type PushEntry = z.output<typeof entryForm>;

export class PushStore {
  readonly #bucket: KeyValue;

  constructor(bus: Bus) {
    this.#bucket = bus.kv('push');
  }

  get(taskId: string, id: string): Promise<PushEntry | null> {
    return this.find(keyOf(taskId, id));
  }

  /** Stores an order. */
  async put(entry: PushEntry): Promise<void> {
    await this.#bucket.put(keyOf(entry.config.taskId, entry.config.id), JSON.stringify(entry));
  }

  /** Stores how far the receiver was told. */
  async advance({ config, cursor, done, nonce }: PushEntry): Promise<void> {
    const progress: Progress = { cursor, done, nonce };
    await this.#bucket.put(keyOf(config.taskId, config.id) + PROGRESS, JSON.stringify(progress));
  }

  async delete(taskId: string, id: string): Promise<void> {
    const key = keyOf(taskId, id);
    await this.#bucket.delete(key);
    await this.#bucket.delete(key + PROGRESS);
  }

  async all(): Promise<PushEntry[]> {
    const values = new Map((await this.#bucket.entries()).map(({ key, value }) => [key, value]));
    return [...values]
      .filter(([key]) => !key.endsWith(PROGRESS))
      .map(([key, value]) => merged(value, values.get(key + PROGRESS)))
      .filter((entry) => entry !== null);
  }

  /** Calls back with the key of every config that is put or deleted from now on, by whichever gateway. */
  watch(onChange: (key: string) => void): Promise<() => void> {
    return this.#bucket.watch((key) => {
      if (!key.endsWith(PROGRESS)) onChange(key);
    });
  }

  /** Calls back with every config as it is after each change of it, null for one that is gone. */
  watchAll(onEntry: (key: string, entry: PushEntry | null) => void): Promise<() => void> {
    const orders = new Map<string, string>();
    const told = new Map<string, string>();
    return this.#bucket.watch((changed, value) => {
      const key = changed.endsWith(PROGRESS) ? changed.slice(0, -PROGRESS.length) : changed;
      const values = key === changed ? orders : told;
      if (value === null) values.delete(key);
      else values.set(key, value);
      const order = orders.get(key);
      if (order !== undefined) return onEntry(key, merged(order, told.get(key)));
      if (key === changed) return onEntry(key, null);
      // Progress of a config from before the watch: only its end matters.
      if (value !== null && parse(progressForm, value)?.done === true) onEntry(key, null);
    });
  }

  /** By the key of `watch`. */
  async find(key: string): Promise<PushEntry | null> {
    const stored = await this.#bucket.get(key);
    if (stored === null) return null;
    return merged(stored.value, (await this.#bucket.get(key + PROGRESS))?.value);
  }
}

/** The config as A2A has it: absent is undefined there. */
export function configOf({ config }: PushEntry): TaskPushNotificationConfig {
  return { ...config, authentication: config.authentication };
}

/** As it was ordered, however far its receiver was told since. */
export function bytesOf({ config, caller, nonce, at }: PushEntry): number {
  return Buffer.byteLength(JSON.stringify({ config, caller, cursor: '', done: false, nonce, at }));
}

/** Ids of configs are free text; keys are not. */
export function keyOf(taskId: string, id: string): string {
  return `${taskId}.${contentHash(id)}`;
}

/** Null for what another release wrote. */
function merged(order: string, progress: string | undefined): PushEntry | null {
  const entry = parse(entryForm, order);
  const told = progress === undefined ? null : parse(progressForm, progress);
  return entry !== null && told?.nonce === entry.nonce ? { ...entry, ...told } : entry;
}

function parse<T>(form: z.ZodType<T>, text: string): T | null {
  try {
    return form.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
