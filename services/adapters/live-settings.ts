/**
 * Settings that may change while a process runs: KV `mesh-config` over the environment. Owns: following them, and
 * refusing values that are not valid. Does not own: what a setting does.
 *
 * A value that is taken back, or refused, leaves what the environment says, or the last valid one.
 */

import type { RuntimeLog } from '../../actors/runtime/ports.ts';
import type { Bus } from '../../bus/port.ts';
import { type LiveName, liveNames, parseLive, type Settings } from '../../config/settings.ts';

/** Between attempts to follow a bucket that cannot be read. */
const RETRY_MS = 1000;

export interface LiveSettings {
  get(name: LiveName): number;
  close(): void;
}

const isLive = (key: string): key is LiveName => liveNames.some((name) => name === key);

export function followLiveSettings(bus: Bus, settings: Settings, log: RuntimeLog): LiveSettings {
  const config = bus.kv('config');
  const values = new Map<LiveName, number>();
  const heard = new Set<string>();
  let unwatch: (() => void) | null = null;
  let retry: NodeJS.Timeout | null = null;
  let closed = false;
  const take = (key: string, value: string | null): void => {
    if (!isLive(key)) return;
    try {
      if (value === null) values.delete(key);
      else values.set(key, parseLive(key, value));
      log.info({ setting: key, value: values.get(key) ?? settings[key] }, 'a live setting changed');
    } catch (error) {
      log.warn({ setting: key, error: String(error) }, 'a live setting is not valid and was left as it was');
    }
  };
  const follow = async (): Promise<void> => {
    const end = await config.watch((key, value) => {
      heard.add(key);
      take(key, value);
    });
    if (closed) return end();
    unwatch = end;
    // What the watch has told meanwhile is newer.
    for (const { key, value } of await config.entries()) if (!heard.has(key)) take(key, value);
  };
  const start = (): void => {
    follow().catch((error: unknown) => {
      if (closed) return;
      log.debug({ error: String(error) }, 'live settings cannot be read yet');
      unwatch?.();
      unwatch = null;
      retry = setTimeout(start, RETRY_MS);
      retry.unref();
    });
  };
  start();
  return {
    get: (name) => values.get(name) ?? settings[name],
    close() {
      closed = true;
      if (retry !== null) clearTimeout(retry);
      unwatch?.();
    },
  };
}
