/**
 * Events as other actors would send them, for tests of one actor. Owns: envelopes with sensible defaults. Does not own:
 * what happens with them.
 */
import { hash } from 'node:crypto';
import type { LoggedEvent } from '../../../../actors/runtime/tasks/actor.ts';
import { isSettlement } from '../../../../actors/runtime/tasks/step.ts';
import { contentDigest, type EventName, type MeshEvent, nameOf, typeOf } from '../../../../schemas/events/envelope.ts';
import type { DataByName } from '../../../../schemas/events/generated.ts';

export const TASK = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
export const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
/** When the first event of a test is stored. */
export const START_MS = Date.parse('2026-03-02T09:00:00.000Z');

export interface EventOptions {
  readonly id?: string;
  readonly from?: string;
  readonly to?: string;
  readonly hop?: number;
  readonly loops?: number;
  readonly release?: number;
  readonly correlationId?: string;
}

/** A UUIDv8 out of any text, so that a test names its events in words. */
export function idOf(text: string): string {
  const hex = hash('sha256', text, 'hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** An event; its id comes from its content unless the test names one. */
export function eventOf<N extends EventName>(name: N, data: DataByName[N], options: EventOptions = {}): MeshEvent {
  const { from = 'orchestrator', to = 'courier', hop = 1, loops = 0, release = 1, correlationId = TASK } = options;
  return {
    specversion: '1.0',
    id: options.id ?? idOf(`${name}/${from}/${to}/${hop}/${loops}/${JSON.stringify(data)}`),
    source: `/mesh/${from}`,
    type: typeOf(name),
    subject: correlationId,
    time: new Date(START_MS).toISOString(),
    datacontenttype: 'application/json',
    correlationid: correlationId,
    causationid: 'a test',
    hopindex: hop,
    remainingloops: loops,
    senderrole: from,
    recipientrole: to,
    release,
    traceparent: TRACE,
    data,
  } as MeshEvent;
}

/** An event at its place in time, as a host that has been up since the beginning of the test applies it. */
export function loggedAt(event: MeshEvent, atMs = START_MS): LoggedEvent {
  const name = nameOf(event.type);
  const digest = name !== null && isSettlement(name) ? null : contentDigest(event);
  return { event, atMs, upMs: atMs - START_MS, digest };
}
