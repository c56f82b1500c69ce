/**
 * How far the effects of other hosts are. Owns: the way from a host that may not write facts to the one that may. Does not
 * own: what is told (`actors/runtime/effects/effects.ts`). Nobody waits for it: what is lost on the way is told by the next one.
 */
import type { RuntimeLog } from '../actors/runtime/ports.ts';
import type { Bus } from '../bus/port.ts';
import { EVENT_CONTENT_TYPE, type MeshEvent, nameOf, parseEvent } from '../schemas/events/envelope.ts';
import { factSubject, PROGRESS_FILTER, progressSubject } from '../schemas/events/subjects.ts';

export function tellProgress(bus: Bus, event: MeshEvent): void {
  bus.publishVolatile(progressSubject(event.correlationid), JSON.stringify(event));
}

/** Makes facts of what other hosts tell, and of nothing else that comes that way. Returns the function that ends it. */
export function relayProgress(bus: Bus, log: RuntimeLog): () => void {
  return bus.subscribeVolatile(PROGRESS_FILTER, (subject, data) => {
    const parsed = parseEvent(data);
    if (!parsed.ok) return;
    const event = parsed.value;
    if (nameOf(event.type) !== 'hop.progress' || subject !== progressSubject(event.correlationid)) return;
    const headers = { 'content-type': EVENT_CONTENT_TYPE, traceparent: event.traceparent };
    bus
      .publish({ subject: factSubject(event.correlationid), body: JSON.stringify(event), msgId: event.id, headers })
      .catch((error: unknown) => log.debug({ error: String(error) }, 'progress was not published'));
  });
}
