/**
 * Random histories of one actor, for property tests. Owns: turning random choices into events that fit the actor at
 * that moment, or deliberately do not. Does not own: any property.
 */
import fc from 'fast-check';
import {
  effectFinished,
  effectRetried,
  effectStarted,
  effectWithdrawn,
  type Outcome,
  timerFired,
} from '../../../../actors/runtime/effects/settlement.ts';
import { defaultLimits } from '../../../../actors/runtime/limits.ts';
import type { RoleDefinition } from '../../../../actors/runtime/role.ts';
import type { Actor, EffectRow, LoggedEvent } from '../../../../actors/runtime/tasks/actor.ts';
import { step } from '../../../../actors/runtime/tasks/step.ts';
import type { MeshEvent } from '../../../../schemas/events/envelope.ts';
import { loggedAt, START_MS } from './events.ts';

/** One random choice: what kind of thing happens, and numbers to make it of. */
export interface Choice {
  readonly kind: number;
  readonly pick: number;
  readonly detail: number;
  readonly pauseMs: number;
}

export const choices = (maxLength: number): fc.Arbitrary<Choice[]> =>
  fc.array(fc.record({ kind: fc.nat(999), pick: fc.nat(999), detail: fc.nat(999), pauseMs: fc.nat(2000) }), {
    minLength: 1,
    maxLength,
    size: 'max',
  });

/** What other actors may say to this one, by the random choice. */
export type Speech = (actor: Actor | null, choice: Choice, nth: number) => MeshEvent;
/** What an effect may come to. */
export type Outcomes = (src: string, choice: Choice) => Outcome;

function nth<T>(items: Iterable<T>, pick: number): T | undefined {
  const all = [...items];
  return all[pick % Math.max(1, all.length)];
}

/** A log that the actor lives through: speech, settlements of what is open, and late settlements of what is not. */
export function historyOf(
  role: RoleDefinition,
  made: readonly Choice[],
  speech: Speech,
  outcomes: Outcomes,
): LoggedEvent[] {
  const log: LoggedEvent[] = [];
  const past: Actor[] = [];
  let actor: Actor | null = null;
  let atMs = START_MS;
  for (const [index, choice] of made.entries()) {
    atMs += choice.pauseMs;
    const event = settlementOf(actor, past, choice, outcomes, atMs) ?? speech(actor, choice, index);
    const logged = loggedAt(event, atMs);
    log.push(logged);
    const result = step(role, actor, logged, defaultLimits);
    if (result.kind !== 'applied') continue;
    actor = result.actor;
    past.push(actor);
  }
  return log;
}

function settlementOf(
  actor: Actor | null,
  past: readonly Actor[],
  { kind, pick, detail, pauseMs }: Choice,
  outcomes: Outcomes,
  atMs: number,
): MeshEvent | null {
  const weight = kind % 10;
  if (!actor || weight < 4) return null;
  // One in ten settles what was open at some earlier time: most of those come late.
  const then = weight === 9 ? (nth(past, detail) ?? actor) : actor;
  const row = nth(then.effects.values(), pick);
  const timer = nth(then.timers.values(), pick);
  const choice = { kind, pick, detail, pauseMs };
  if (row && weight === 4) return aside(then, row, detail, atMs);
  if (row && weight < 9) return effectFinished(then, row, outcomes(row.src, choice), atMs);
  return timer ? timerFired(then, timer, atMs) : null;
}

/** What is said of an effect before its end. */
function aside(actor: Actor, row: EffectRow, detail: number, atMs: number): MeshEvent {
  switch (detail % 3) {
    case 0:
      return effectStarted(actor, row, atMs);
    case 1:
      return effectWithdrawn(actor, row, atMs);
    default:
      return effectRetried(actor, row, { code: 'unavailable', message: 'try later', retryable: true }, atMs);
  }
}

/** The log with some of the events that were applied stored a second time, anywhere later. */
export function withDuplicates(
  log: readonly LoggedEvent[],
  applied: readonly LoggedEvent[],
  places: readonly Choice[],
): LoggedEvent[] {
  const result = [...log];
  for (const { pick, detail } of places) {
    const original = nth(applied, pick);
    if (!original) continue;
    const from = result.indexOf(original);
    const at = from + 1 + (detail % (result.length - from));
    // Stored later, as a repetition is; what follows keeps its own time.
    result.splice(at, 0, loggedAt({ ...original.event, causationid: 'sent again' }, original.atMs + 1));
  }
  return result;
}
