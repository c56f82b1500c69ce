/**
 * The state of a task's actors as it is stored at a checkpoint. Owns: its form, and reading it back. Does not own: when
 * it is taken, or where it is kept.
 *
 * What is read back stays as it is until the first event comes: a start with thousands of waiting tasks reads what runs
 * and what is waited for, and wakes no machine.
 */

import { FatalError } from '../errors.ts';
import type { TaskSnapshot } from '../ledger/port.ts';
import { NEXT_VERSION, type RoleDefinition, type RoleVersion } from '../role.ts';
import type { Actor, EffectRow, TimerRow } from './actor.ts';
import { freeze, MachineError, thaw } from './interpreter.ts';
import type { Actors, RolesByName } from './task.ts';

/** Raised when a snapshot of this release could not be read by an older one. */
const SNAPSHOT_VERSION = 1;

/** What is remembered of a task beside its actors. */
export interface TaskFacts {
  /** Record that it began in, and the last one that speaks of it. */
  readonly firstN: number;
  readonly lastN: number;
  /** When something happened to it for the last time, milliseconds since the epoch. */
  readonly updatedAtMs: number;
  /** A word of it came again to a log that had lost it: nobody can say which of its deeds were done (J5). */
  readonly doubtful: boolean;
}

interface FrozenActor
  extends Omit<Actor, 'machine' | 'snapshot' | 'peers' | 'seen' | 'effects' | 'timers' | 'correlationId' | 'role'> {
  readonly snapshot: unknown;
  readonly peers: readonly (readonly [string, 'asks' | 'asked'])[];
  readonly seen: readonly (readonly [string, string])[];
  readonly effects: readonly EffectRow[];
  readonly timers: readonly TimerRow[];
}

interface FrozenTask extends TaskFacts {
  readonly version: number;
  readonly actors: Readonly<Record<string, FrozenActor>>;
}

export function freezeTask(task: string, actors: Actors, facts: TaskFacts): TaskSnapshot {
  const frozen: Record<string, FrozenActor> = {};
  for (const [role, actor] of actors) {
    const { machine, snapshot, peers, seen, effects, timers, correlationId: _id, role: _role, ...rest } = actor;
    frozen[role] = {
      ...rest,
      snapshot: freeze(machine, snapshot),
      peers: [...peers],
      seen: [...seen],
      effects: [...effects.values()],
      timers: [...timers.values()],
    };
  }
  const { firstN, lastN, updatedAtMs, doubtful } = facts;
  const body: FrozenTask = { version: SNAPSHOT_VERSION, firstN, lastN, updatedAtMs, doubtful, actors: frozen };
  return { task, body: JSON.stringify(body) };
}

/** A stored task: what runs in it and what it waits for can be asked without waking its machines. */
export interface StoredTask extends TaskFacts {
  readonly task: string;
  readonly rows: readonly {
    readonly role: string;
    readonly effects: readonly EffectRow[];
    readonly timers: readonly TimerRow[];
  }[];
  /** What each machine is, and where: two with the same word can both be loaded, or neither. */
  readonly machines: readonly { readonly role: string; readonly since: number; readonly place: string }[];
  /** @throws FatalError exit code 2 when no machine can load it */
  wake(roles: RolesByName): Actors;
}

export function readTask({ task, body }: TaskSnapshot): StoredTask {
  const frozen = JSON.parse(body) as FrozenTask;
  if (frozen.version > SNAPSHOT_VERSION)
    throw new FatalError(`a newer release wrote the state of task ${task}: upgrade Agent Mesh`, { exitCode: 2 });
  const { firstN, lastN, updatedAtMs, doubtful } = frozen;
  const actors = Object.entries(frozen.actors);
  return {
    ...{ task, firstN, lastN, updatedAtMs, doubtful },
    rows: actors.map(([role, { effects, timers }]) => ({ role, effects, timers })),
    machines: actors.map(([role, { machineSince, snapshot }]) => ({
      role,
      since: machineSince,
      place: placeOf(snapshot),
    })),
    wake: (roles) => new Map(actors.map(([role, actor]) => [role, wakeActor(task, roles.get(role), role, actor)])),
  };
}

function placeOf(snapshot: unknown): string {
  const value = typeof snapshot === 'object' && snapshot !== null && 'value' in snapshot ? snapshot.value : null;
  return JSON.stringify(value);
}

function wakeActor(task: string, role: RoleDefinition | undefined, name: string, frozen: FrozenActor): Actor {
  const version = role?.versions.find(({ since }) => since === frozen.machineSince);
  if (!role || !version) throw new FatalError(missingText(task, role, name, frozen.machineSince), { exitCode: 2 });
  return {
    ...frozen,
    role: name,
    correlationId: task,
    machine: version.machine,
    snapshot: thawed(role, version, frozen.snapshot),
    peers: new Map(frozen.peers),
    seen: new Map(frozen.seen),
    effects: new Map(frozen.effects.map((row) => [row.effect, row])),
    timers: new Map(frozen.timers.map((row) => [row.timer, row])),
  };
}

/** A role that is no longer there may have been one of a user's own as well as one of a newer release. */
function missingText(task: string, role: RoleDefinition | undefined, name: string, since: number): string {
  if (role?.countsFromOne)
    return `task ${task}: no machine ${since} of ${name}: put it into \`earlier\`, or end the task with it`;
  return `task ${task}: no machine of ${name} since release ${since}: upgrade this host, or end the task with the release that it began on`;
}

/** @throws MachineError that says which machine does not know the state, and for one of one's own what to do */
function thawed(role: RoleDefinition, { since, machine }: RoleVersion, frozen: unknown): Actor['snapshot'] {
  try {
    return thaw(machine, frozen);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const told = `the machine of ${role.name}, version ${since}, cannot go on from the state ${placeOf(frozen)}: ${why}`;
    throw new MachineError(role.countsFromOne ? `${told}; ${NEXT_VERSION}` : told, { cause: error });
  }
}
