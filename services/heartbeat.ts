/**
 * Says every two seconds that a service lives, and how it is. Owns: when, and what a beat tells of the clocks: the next
 * one says it. Does not own: the form of a heartbeat (`heartbeat-form.ts`), or who reads it.
 */

import type { RuntimeLog } from '../actors/runtime/ports.ts';
import { writeAndMeasure } from '../bus/broker-clock.ts';
import type { Bus } from '../bus/port.ts';
import { HEARTBEAT_MS, heartbeatKey } from '../registry/registry.ts';
import { type HeartbeatFacts, heartbeatText } from './heartbeat-form.ts';

export interface HeartbeatOptions {
  readonly bus: Bus;
  readonly log: RuntimeLog;
  /** Asked at every beat. */
  readonly facts: () => Omit<HeartbeatFacts, 'clockSkewMs'>;
}

export interface HeartbeatSender {
  /** One more, at once: something changed that others should know. Resolves when it was written, or could not be. */
  beat(): Promise<void>;
  /** Ends it and takes the entry back. */
  stop(): Promise<void>;
}

export function startHeartbeat({ bus, log, facts }: HeartbeatOptions): HeartbeatSender {
  const registry = bus.kv('registry');
  const { service, host } = facts();
  const key = heartbeatKey(service, host);
  let stopped = false;
  let clockSkewMs = 0;
  const beat = async (): Promise<void> => {
    if (stopped) return;
    await writeAndMeasure(registry, key, heartbeatText({ ...facts(), clockSkewMs }))
      .then((ms) => {
        clockSkewMs = ms;
      })
      .catch((error: unknown) => log.debug({ error: String(error) }, 'no heartbeat'));
  };
  const timer = setInterval(beat, HEARTBEAT_MS);
  void beat();
  return {
    beat,
    async stop() {
      stopped = true;
      clearInterval(timer);
      await registry
        .delete(key)
        .catch((error: unknown) => log.debug({ error: String(error) }, 'the heartbeat stays until it is stale'));
    },
  };
}
