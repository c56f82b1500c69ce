/**
 * One input applied to a task: the actors that a host has of it, and what they say to each other. Owns: delivering what
 * one actor says to another at once, in the order in which it was said, and telling apart what stays in the host, what
 * goes to another host and what watchers are told. Does not own: what an event means to an actor (`step.ts`), storing,
 * sending.
 *
 * Invariants:
 * 1. Pure: the same task and input give the same result, to the byte (S2, J1). The task passed in is not changed.
 * 2. All of an input happens or none of it: what follows from it among the actors of this host is part of it.
 * 3. A task is over when an actor has come to its end and nobody works or waits any more. Who was asked elsewhere is told
 *    so then, once: its actor ends with that, so that hosts which only helped forget the task too.
 * 4. What an actor cannot take of another's words is set aside with its reason, and the rest goes on (S9).
 */
import type { MeshEvent } from '../../../schemas/events/envelope.ts';
import { taskOver } from '../effects/settlement.ts';
import type { RuntimeLimits } from '../limits.ts';
import { type RoleDefinition, unwrittenFor, type Versions, WATCHERS } from '../role.ts';
import { type Actor, type EffectRow, type Ignored, type LoggedEvent, type Rejected, rejected } from './actor.ts';
import { noMachineOf, step } from './step.ts';

export type Actors = ReadonlyMap<string, Actor>;

/** Something that an actor said. */
export interface Said {
  /** The role that is told it; `watchers` for a fact. */
  readonly to: string;
  readonly event: MeshEvent;
  readonly awaited: boolean;
  /** `host`: to an actor here, which was told at once. `mesh`: to one elsewhere. */
  readonly way: 'host' | 'mesh' | 'fact';
}

/** What an actor could not take of what another one said to it. */
export interface Refused {
  readonly role: string;
  readonly event: MeshEvent;
  readonly code: string;
  readonly reason: string;
}

export interface EffectOf {
  readonly role: string;
  readonly row: EffectRow;
}

export interface TaskStep {
  readonly kind: 'applied';
  /** All actors of the task, the changed ones replaced. */
  readonly actors: Actors;
  readonly said: readonly Said[];
  readonly refused: readonly Refused[];
  readonly started: readonly EffectOf[];
  readonly ended: readonly EffectOf[];
  /** On what actors began that nobody could tell otherwise: it is written down with the input. */
  readonly began: Versions;
}

export type TaskResult = TaskStep | Ignored | Rejected;

export type RolesByName = ReadonlyMap<string, RoleDefinition>;

/** @param role whose actor is told the input */
export function applyToTask(
  roles: RolesByName,
  actors: Actors,
  input: { readonly role: string; readonly logged: LoggedEvent },
  limits: Pick<RuntimeLimits, 'cascadeMax' | 'outputsMax'>,
): TaskResult {
  const first = roles.get(input.role);
  if (!first) return rejected('unknown_role', `no role ${input.role} here`);
  const lacking = lackingFor(roles, input.logged.began);
  if (lacking !== null) return rejected('unknown_version', lacking);
  const begun = step(first, actors.get(input.role) ?? null, input.logged, limits);
  if (begun.kind !== 'applied') return begun;

  const changed = new Map(actors);
  const said: Said[] = [];
  const refused: Refused[] = [];
  const started: EffectOf[] = [];
  const ended: EffectOf[] = [];
  const waiting: Said[] = [];
  const take = (role: string, result: typeof begun): void => {
    changed.set(role, result.actor);
    for (const row of result.startedEffects) started.push({ role, row });
    for (const row of result.endedEffects) ended.push({ role, row });
    for (const { to, event, awaited } of result.outputs) {
      const way = to === WATCHERS ? 'fact' : roles.has(to) ? 'host' : 'mesh';
      const word: Said = { to, event, awaited, way };
      said.push(word);
      if (way === 'host') waiting.push(word);
    }
  };
  take(input.role, begun);
  for (let at = 0; at < waiting.length; at += 1) {
    if (at >= limits.cascadeMax)
      return rejected('machine_failed', `actors told each other more than ${limits.cascadeMax} things at once`);
    const { to, event } = waiting[at] as Said;
    const role = roles.get(to) as RoleDefinition;
    const result = step(role, changed.get(to) ?? null, { ...input.logged, event, digest: null }, limits);
    if (result.kind === 'applied') take(to, result);
    else if (result.kind === 'rejected') refused.push({ role: to, event, code: result.code, reason: result.reason });
  }
  if (isOver(changed)) said.push(...overWords(roles, changed, input.logged.atMs));
  const isWanted = ({ role, row }: EffectOf): boolean => changed.get(role)?.effects.get(row.effect) === row;
  return {
    kind: 'applied',
    actors: changed,
    said,
    refused,
    started: started.filter(isWanted),
    ended,
    began: begunBy(roles, actors, changed),
  };
}

/**
 * Why the actors that began because of an input cannot begin here, by what its record says; null when they can. Without one
 * of them all of the task would go on as it did not.
 */
function lackingFor(roles: RolesByName, began: Versions = {}): string | null {
  for (const [name, version] of Object.entries(began)) {
    const role = roles.get(name);
    if (!role) return `no role ${name} here`;
    if (role.versions.every(({ since }) => since !== version)) return noMachineOf(role);
  }
  return null;
}

function begunBy(roles: RolesByName, before: Actors, now: Actors): Versions {
  const began: Record<string, number> = {};
  if (now.size === before.size) return began;
  for (const [name, { release, machineSince }] of now) {
    const role = roles.get(name);
    if (before.has(name) || !role || unwrittenFor(role, release)?.since === machineSince) continue;
    began[name] = machineSince;
  }
  return began;
}

function overWords(roles: RolesByName, actors: Actors, atMs: number): Said[] {
  const told = new Map<string, Said>();
  for (const actor of actors.values()) {
    for (const [to, how] of actor.peers) {
      if (how === 'asked' && !roles.has(to) && !told.has(to))
        told.set(to, { to, event: taskOver(actor, to, atMs), awaited: false, way: 'mesh' });
    }
  }
  return [...told.values()];
}

/** True when nothing is left to do: an actor has come to its end, and nobody works or waits. */
export function isOver(actors: Actors): boolean {
  let done = false;
  for (const actor of actors.values()) {
    if (actor.effects.size > 0 || actor.timers.size > 0) return false;
    done ||= actor.done;
  }
  return done;
}

/** True when it can be left alone: nothing runs and no limit counts. */
export function isIdle(actors: Actors): boolean {
  for (const actor of actors.values()) if (actor.effects.size > 0 || actor.timers.size > 0) return false;
  return true;
}
