/**
 * Folds a log over one actor, as a host does. Owns: applying events in order, and what an instance is as plain data.
 */
import { freeze, thaw } from '../../../../actors/runtime/interpreter.ts';
import type { RoleDefinition } from '../../../../actors/runtime/role.ts';
import {
  type Applied,
  type Instance,
  type LoggedEvent,
  type Output,
  type StepResult,
  step,
} from '../../../../actors/runtime/step.ts';

export interface Run {
  readonly instance: Instance | null;
  readonly results: readonly StepResult[];
  readonly outputs: readonly Output[];
}

export function runLog(role: RoleDefinition, log: readonly LoggedEvent[], from: Instance | null = null): Run {
  let instance = from;
  const results: StepResult[] = [];
  const outputs: Output[] = [];
  for (const logged of log) {
    const result = step(role, instance, logged);
    results.push(result);
    if (result.kind !== 'applied') continue;
    instance = result.instance;
    outputs.push(...result.outputs);
  }
  return { instance, results, outputs };
}

/** All that a ledger would store of an instance, as text. */
export function dataOf(instance: Instance | null): string {
  if (!instance) return 'none';
  const { machine, snapshot, seen, effects, timers, ...fields } = instance;
  return JSON.stringify({
    ...fields,
    snapshot: freeze(machine, snapshot),
    seen: [...seen],
    effects: [...effects],
    timers: [...timers],
  });
}

/** The instance after a crash: only what a ledger stores is left of it. */
export function crashed(instance: Instance | null): Instance | null {
  if (!instance) return null;
  const copy = <V>(map: ReadonlyMap<string, V>) => new Map(JSON.parse(JSON.stringify([...map])) as [string, V][]);
  return {
    ...instance,
    snapshot: thaw(instance.machine, freeze(instance.machine, instance.snapshot)),
    seen: copy(instance.seen),
    effects: copy(instance.effects),
    timers: copy(instance.timers),
  };
}

/** Makes every part of an instance that is data unchangeable: a write to it throws. */
export function frozen(instance: Instance | null): Instance | null {
  if (!instance) return null;
  const forbid = () => {
    throw new Error('the instance passed in was changed');
  };
  const sealed = <V>(map: ReadonlyMap<string, V>): ReadonlyMap<string, V> => {
    for (const value of map.values()) deepFreeze(value);
    return Object.assign(new Map(map), { set: forbid, delete: forbid, clear: forbid });
  };
  deepFreeze(instance.snapshot.context);
  deepFreeze(instance.snapshot.value);
  const { seen, effects, timers } = instance;
  return Object.freeze({ ...instance, seen: sealed(seen), effects: sealed(effects), timers: sealed(timers) });
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
