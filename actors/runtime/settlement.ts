/**
 * The events by which a host tells an actor what became of its effects and timers. Owns: their envelopes. Does not own:
 * sending them. They go through the log like any other event (S1), and their ids come from the row they settle, so a
 * second host or a second run says the same thing under the same id (S5).
 */
import { type MeshEvent, typeOf } from '../../schemas/events/envelope.ts';
import type { DataByName, ErrorInfo } from '../../schemas/events/generated.ts';
import { settlementEventId } from '../../schemas/events/ids.ts';
import { childOf, type EffectRow, type Instance, keyOf, type TimerRow } from './step.ts';

/** Result of an effect as an event's data may be, bytes of JSON: leaves room for the events that carry it on. */
export const EFFECT_RESULT_MAX_BYTES = 786_432;

function settlement<N extends 'effect.started' | 'effect.finished' | 'timer.fired' | 'hop.progress'>(
  instance: Instance,
  name: N,
  what: string,
  data: DataByName[N],
  nowMs: number,
): MeshEvent {
  const { correlationId, role } = instance;
  const id = settlementEventId(correlationId, role, what);
  return {
    specversion: '1.0',
    id,
    source: `/mesh/${role}`,
    type: typeOf(name),
    subject: correlationId,
    time: new Date(nowMs).toISOString(),
    datacontenttype: 'application/json',
    correlationid: correlationId,
    causationid: id,
    hopindex: instance.hop,
    remainingloops: instance.loops,
    senderrole: role,
    recipientrole: name === 'hop.progress' ? 'watchers' : role,
    release: instance.release,
    traceparent: childOf(instance.traceparent, id),
    data,
  } as MeshEvent;
}

export function effectStarted(instance: Instance, row: EffectRow, attempt: number, nowMs: number): MeshEvent {
  const key = keyOf(instance, row);
  return settlement(instance, 'effect.started', `started/${key}`, { key, effect: row.effect, attempt }, nowMs);
}

export type Outcome =
  | { readonly status: 'done'; readonly output: unknown }
  | { readonly status: 'failed' | 'unknown'; readonly error: ErrorInfo };

export function effectFinished(instance: Instance, row: EffectRow, outcome: Outcome, nowMs: number): MeshEvent {
  const key = keyOf(instance, row);
  const data = { key, effect: row.effect, armedVersion: row.armedVersion, ...outcome };
  return settlement(instance, 'effect.finished', `finished/${key}`, data, nowMs);
}

export function timerFired(instance: Instance, row: TimerRow, nowMs: number): MeshEvent {
  const { timer, armedVersion } = row;
  return settlement(instance, 'timer.fired', `timer/${timer}/${armedVersion}`, { timer, armedVersion }, nowMs);
}

/** A fact for watchers; it changes no state, so it may be lost. */
export function progress(instance: Instance, row: EffectRow, note: string, nowMs: number): MeshEvent {
  const data = { role: instance.role, effect: row.effect, note: note.slice(0, 500) };
  return settlement(instance, 'hop.progress', `progress/${keyOf(instance, row)}/${nowMs}`, data, nowMs);
}
