/**
 * Folds a log over one actor, as a host does. Owns: applying events in order, and what an actor is as plain data.
 */

import { defaultLimits } from '../../../../actors/runtime/limits.ts';
import type { RoleDefinition } from '../../../../actors/runtime/role.ts';
import type { Actor, Applied, LoggedEvent, Output, StepResult } from '../../../../actors/runtime/tasks/actor.ts';
import { freeze, thaw } from '../../../../actors/runtime/tasks/interpreter.ts';
import { step } from '../../../../actors/runtime/tasks/step.ts';

export interface Run {
  readonly actor: Actor | null;
  readonly results: readonly StepResult[];
  readonly outputs: readonly Output[];
}

export function runLog(role: RoleDefinition, log: readonly LoggedEvent[], from: Actor | null = null): Run {
  let actor = from;
  const results: StepResult[] = [];
  const outputs: Output[] = [];
  for (const logged of log) {
    const result = step(role, actor, logged, defaultLimits);
    results.push(result);
    if (result.kind !== 'applied') continue;
    actor = result.actor;
    outputs.push(...result.outputs);
  }
  return { actor, results, outputs };
}

/** All that a ledger would store of an actor, as text. */
export function dataOf(actor: Actor | null): string {
  if (!actor) return 'none';
  const { machine, snapshot, seen, effects, timers, role, correlationId, ...fields } = actor;
  return JSON.stringify({
    ...{ role, correlationId, ...fields },
    snapshot: freeze(machine, snapshot),
    seen: [...seen],
    effects: [...effects],
    timers: [...timers],
  });
}

/** The actor after a crash: only what a ledger stores is left of it. */
export function crashed(actor: Actor | null): Actor | null {
  if (!actor) return null;
  const copy = <V>(map: ReadonlyMap<string, V>) => new Map(JSON.parse(JSON.stringify([...map])) as [string, V][]);
  return {
    ...actor,
    snapshot: thaw(actor.machine, freeze(actor.machine, actor.snapshot)),
    seen: copy(actor.seen),
    effects: copy(actor.effects),
    timers: copy(actor.timers),
  };
}

/** Makes every part of an actor that is data unchangeable: a write to it throws. */
export function frozen(actor: Actor | null): Actor | null {
  if (!actor) return null;
  const forbid = () => {
    throw new Error('the actor passed in was changed');
  };
  const sealed = <V>(map: ReadonlyMap<string, V>): ReadonlyMap<string, V> => {
    for (const value of map.values()) deepFreeze(value);
    return Object.assign(new Map(map), { set: forbid, delete: forbid, clear: forbid });
  };
  deepFreeze(actor.snapshot.context);
  deepFreeze(actor.snapshot.value);
  const { seen, effects, timers } = actor;
  return Object.freeze({ ...actor, seen: sealed(seen), effects: sealed(effects), timers: sealed(timers) });
}

function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
}

/** @throws when the event was not applied */
export function applied(result: StepResult | undefined): Applied {
  if (result?.kind !== 'applied') throw new Error(`not applied: ${JSON.stringify(result)}`);
  return result;
}
