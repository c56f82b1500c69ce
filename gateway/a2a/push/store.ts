/**
 * Push notification configs where they survive: KV `mesh-push`. Owns: their form and keys. Does not own: what is sent.
 *
 * Each entry carries the cursor of the last fact that was told, so that a gateway that starts tells what is due from
 * there. The entry lives as long as the log keeps the task.
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
});

export type PushEntry = z.output<typeof entryForm>;

export class PushStore {
  readonly #bucket: KeyValue;

  constructor(bus: Bus) {
    this.#bucket = bus.kv('push');
  }

  async get(taskId: string, id: string): Promise<PushEntry | null> {
    const found = await this.#bucket.get(keyOf(taskId, id));
    return found === null ? null : parse(found.value);
  }

  async put(entry: PushEntry): Promise<void> {
    await this.#bucket.put(keyOf(entry.config.taskId, entry.config.id), JSON.stringify(entry));
  }

  async delete(taskId: string, id: string): Promise<void> {
    await this.#bucket.delete(keyOf(taskId, id));
  }

  async all(): Promise<PushEntry[]> {
    const entries = await this.#bucket.entries();
    return entries.map(({ value }) => parse(value)).filter((entry) => entry !== null);
  }
}

/** The config as A2A has it: absent is undefined there. */
export function configOf({ config }: PushEntry): TaskPushNotificationConfig {
  return { ...config, authentication: config.authentication };
}

/** Ids of configs are free text; keys are not. */
export function keyOf(taskId: string, id: string): string {
  return `${taskId}.${contentHash(id)}`;
}

/** Null for what another release wrote. */
function parse(text: string): PushEntry | null {
  try {
    const parsed = entryForm.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
