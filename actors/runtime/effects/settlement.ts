/**
 * The events by which a host tells an actor what became of its effects and timers: inputs like any other (J5); and what
 * it says in an actor's name. Owns: what they say. Does not own: recording them. Their ids come from the row they settle, so
 * the same thing is said under the same id wherever it is read.
 */
import type { MeshEvent } from '../../../schemas/events/envelope.ts';
import type { DataByName, ErrorInfo } from '../../../schemas/events/generated.ts';
import { settlementEventId } from '../../../schemas/events/ids.ts';
import { makeEvent } from '../../../schemas/events/make-event.ts';
import { childOf } from '../../../schemas/events/trace-context.ts';
import { WATCHERS } from '../role.ts';
import { type Actor, type EffectRow, keyOf, type TimerRow } from '../tasks/actor.ts';
import type { SettlementName } from '../tasks/step.ts';

/** Result of an effect as an event's data may be, bytes of JSON: leaves room for the events that carry it on. */
export const EFFECT_RESULT_MAX_BYTES = 786_432;

function settlement<N extends SettlementName | 'hop.progress' | 'task.over'>(
  actor: Actor,
  name: N,
  what: string,
  data: DataByName[N],
  nowMs: number,
  to = actor.role,
): MeshEvent<N> {
  const { correlationId, role } = actor;
  const id = settlementEventId(correlationId, role, what);
  const { hop, loops, release } = actor;
  const traceparent = childOf(actor.traceparent, id);
  const attributes = {
    id,
    maker: role,
    correlationId,
    cause: id,
    atMs: nowMs,
    hop,
    loops,
    from: role,
    to,
    release,
    traceparent,
  };
  return makeEvent(name, attributes, data);
}

/** What an event about an effect names it by. */
function named(actor: Actor, { effect, armedVersion }: EffectRow) {
  return { key: keyOf(actor, { effect, armedVersion }), effect, armedVersion };
}

export function effectStarted(actor: Actor, row: EffectRow, nowMs: number): MeshEvent {
  const { key, effect } = named(actor, row);
  return settlement(actor, 'effect.started', `started/${key}`, { key, effect, attempt: row.failures + 1 }, nowMs);
}

/** Said each time that it changes; what is said at one point of an actor's life has one id. */
export function effectWaiting(actor: Actor, row: EffectRow, ahead: number | null, nowMs: number): MeshEvent {
  const { key, effect } = named(actor, row);
  const data = { key, effect, waiting: ahead !== null, ahead: ahead ?? 0 };
  return settlement(actor, 'effect.waiting', `waiting/${key}/${actor.transitionIndex}`, data, nowMs);
}

export function effectWithdrawn(actor: Actor, row: EffectRow, nowMs: number): MeshEvent {
  const data = named(actor, row);
  return settlement(actor, 'effect.withdrawn', `withdrawn/${data.key}`, data, nowMs);
}

export function effectRetried(actor: Actor, row: EffectRow, error: ErrorInfo, nowMs: number): MeshEvent {
  const data = { ...named(actor, row), attempt: row.failures + 1, error };
  return settlement(actor, 'effect.retried', `retried/${data.key}/${data.attempt}`, data, nowMs);
}

export type Outcome =
  | { readonly status: 'done'; readonly output: unknown }
  | { readonly status: 'failed' | 'unknown'; readonly error: ErrorInfo };

export function effectFinished(actor: Actor, row: EffectRow, outcome: Outcome, nowMs: number): MeshEvent {
  const data = { ...named(actor, row), ...outcome };
  return settlement(actor, 'effect.finished', `finished/${data.key}`, data, nowMs);
}

export function timerFired(actor: Actor, row: TimerRow, nowMs: number): MeshEvent {
  const { timer, armedVersion } = row;
  return settlement(actor, 'timer.fired', `timer/${timer}/${armedVersion}`, { timer, armedVersion }, nowMs);
}

/** A fact for watchers; it changes no state, so it may be lost. */
export function progress(actor: Actor, row: EffectRow, note: string, nowMs: number): MeshEvent {
  const data = { role: actor.role, effect: row.effect, note: note.slice(0, 500) };
  return settlement(actor, 'hop.progress', `progress/${keyOf(actor, row)}/${nowMs}`, data, nowMs, WATCHERS);
}

/** The task is over: to a role elsewhere that the actor had asked. */
export function taskOver(actor: Actor, to: string, nowMs: number): MeshEvent {
  return settlement(actor, 'task.over', `over/${to}`, {}, nowMs, to);
}
