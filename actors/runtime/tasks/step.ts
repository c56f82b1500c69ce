/**
 * One event applied to one actor: the heart of the runtime, and a pure function. Owns: what an event means for an actor:
 * its next state, what it says, which effects and timers begin and end. Does not own: time, storage, sending, the order
 * of events, or other actors of the task (`task.ts`).
 *
 * Invariants:
 * 1. The same actor and event give the same result, to the byte (S2); ids come from the transition's index.
 * 2. An id seen before is ignored when its content is the same and rejected when it is not (S5). Only what comes from
 *    another host is looked up: what actors of one host say to each other is derived, and cannot come twice.
 * 3. A settled effect or a disarmed timer changes nothing when its event comes late: first result wins (S6).
 * 4. The actor passed in is not changed.
 */
import type { AnyStateMachine, EventObject } from 'xstate';
import { type EventName, type MeshEvent, nameOf } from '../../../schemas/events/envelope.ts';
import type { EffectFinishedData, EffectWaitingData, ErrorInfo } from '../../../schemas/events/generated.ts';
import {
  type EffectWaiting,
  NEXT_VERSION,
  newestFor,
  type RoleDefinition,
  type RoleVersion,
  unwrittenFor,
} from '../role.ts';
import {
  type Actor,
  type Applied,
  type EffectRow,
  type Ignored,
  keyOf,
  type LoggedEvent,
  type Rejected,
  rejected,
  type StepResult,
  spokenWith,
  unchanged,
  without,
} from './actor.ts';
import { carryOut } from './commands.ts';
import { begin, type Decision, decide } from './interpreter.ts';

/** @param actor null when this role has none for the task yet */
export function step(
  role: RoleDefinition,
  actor: Actor | null,
  logged: LoggedEvent,
  limits: { readonly outputsMax: number },
): StepResult {
  try {
    const result = actor ? next(role, actor, logged) : first(role, logged);
    if (result.kind === 'applied' && result.outputs.length > limits.outputsMax)
      return rejected('machine_failed', `more than ${limits.outputsMax} outputs in one transition`);
    return result;
  } catch (error) {
    return rejected('machine_failed', failureOf(role, actor, logged, error));
  }
}

/** Which machine, where it was and why; for a machine of one's own also what may have come about, and what to do. */
function failureOf(role: RoleDefinition, actor: Actor | null, { event }: LoggedEvent, error: unknown): string {
  const why = error instanceof Error ? error.message : String(error);
  const what = nameOf(event.type) ?? event.type;
  if (actor === null) return `the machine of ${role.name} cannot begin with ${what}: ${why}`;
  const where = JSON.stringify(actor.snapshot.value);
  const told = `the machine of ${role.name}, version ${actor.machineSince}, cannot take ${what} in its state ${where}: ${why}`;
  return role.countsFromOne ? `${told}; ${NEXT_VERSION}` : told;
}

function next(role: RoleDefinition, actor: Actor, logged: LoggedEvent): StepResult {
  const { event, digest } = logged;
  const name = nameOf(event.type);
  if (name !== null && isSettlement(name)) {
    if (event.senderrole !== actor.role || digest !== null)
      return rejected('foreign_settlement', `${name} from ${event.senderrole}`);
    return settle(actor, logged);
  }
  const known = digest === null ? null : repetition(actor.seen.get(event.id), digest, event.id);
  if (known !== null) return known;
  if (name === 'task.over') return dismissed(actor, logged);
  const told = machineEvent(logged);
  const version = role.versions.find(({ since }) => since === actor.machineSince);
  const refusal = actor.done ? null : version?.refuses?.(actor.snapshot, told);
  return refusal ? rejected(refusal.code, refusal.reason) : apply(actor, logged, told);
}

/** What is to be said about an event whose id may have been seen before; null when it is new. */
export function repetition(seen: string | undefined, digest: string, id: string): Ignored | Rejected | null {
  if (seen === undefined) return null;
  if (seen === digest) return { kind: 'ignored', reason: 'duplicate' };
  return rejected('conflicting_duplicate', `id ${id} was seen before with other content`);
}

function first(role: RoleDefinition, logged: LoggedEvent): StepResult {
  const { event } = logged;
  const name = nameOf(event.type);
  if (name === 'task.over') return { kind: 'ignored', reason: 'late' };
  if (name === null || !role.startsOn.includes(name)) {
    return rejected('unknown_task', `${role.name} has no task ${event.correlationid} for ${event.type}`);
  }
  const version = versionFor(role, logged);
  if (!version) return rejected('unknown_version', noMachineOf(role));
  const decision = begin(version.machine);
  const beginning = carryOut(newActor(role, event, version, decision), decision, logged);
  return merge(beginning, apply(beginning.actor, logged, machineEvent(logged)));
}

/** On which machine an actor begins: as its record says, or now on the newest. */
function versionFor(role: RoleDefinition, { event, began }: LoggedEvent): RoleVersion | null {
  if (began === undefined) return newestFor(role, event.release);
  const written = began[role.name];
  if (written === undefined) return unwrittenFor(role, event.release);
  return role.versions.find(({ since }) => since === written) ?? null;
}

export function noMachineOf({ name, versions }: RoleDefinition): string {
  return `no machine of ${name} for this task; there are versions ${versions.map(({ since }) => since).join(', ')}`;
}

const settlements = [
  'effect.finished',
  'effect.started',
  'effect.waiting',
  'effect.retried',
  'effect.withdrawn',
  'timer.fired',
] as const satisfies readonly EventName[];
export type SettlementName = (typeof settlements)[number];
const settlementNames: ReadonlySet<EventName> = new Set(settlements);

/** Said by a host about the effects and timers of its own actor. */
export function isSettlement(name: EventName): name is SettlementName {
  return settlementNames.has(name);
}

function newActor(
  role: RoleDefinition,
  event: MeshEvent,
  version: { since: number; machine: AnyStateMachine },
  decision: Decision,
): Actor {
  return {
    role: role.name,
    correlationId: event.correlationid,
    release: event.release,
    machineSince: version.since,
    machine: version.machine,
    snapshot: decision.snapshot,
    transitionIndex: 0,
    hop: event.hopindex,
    loops: event.remainingloops,
    traceparent: event.traceparent,
    done: false,
    peers: new Map(),
    seen: new Map(),
    effects: new Map(),
    timers: new Map(),
  };
}

function machineEvent(logged: LoggedEvent): EventObject {
  const { event } = logged;
  const fields = {
    type: nameOf(event.type) ?? event.type,
    data: event.data,
    id: event.id,
    sender: event.senderrole,
    recipient: event.recipientrole,
    hop: event.hopindex,
    loops: event.remainingloops,
    ...timeOf(logged),
  };
  return fields;
}

/** Results of effects and timers: they concern a row, and only through it the machine. */
function settle(actor: Actor, logged: LoggedEvent): StepResult {
  const { event } = logged;
  switch (event.type) {
    case 'dev.agentmesh.timer.fired.v1': {
      const { timer: id, armedVersion } = event.data;
      const timer = actor.timers.get(id);
      if (timer?.armedVersion !== armedVersion) return { kind: 'ignored', reason: 'late' };
      const fired = { ...timer.event, ...timeOf(logged) };
      return apply({ ...actor, timers: without(actor.timers, id) }, logged, fired);
    }
    case 'dev.agentmesh.effect.started.v1':
      return settleRow(actor, event.data, (row) => ({ ...row, started: true }));
    case 'dev.agentmesh.effect.waiting.v1':
      return settleWaiting(actor, logged, event.data);
    case 'dev.agentmesh.effect.withdrawn.v1':
      return settleRow(actor, event.data, (row) => ({ ...row, started: false }));
    case 'dev.agentmesh.effect.retried.v1':
      return settleRow(actor, event.data, (row) => ({ ...row, failures: event.data.attempt }));
    case 'dev.agentmesh.effect.finished.v1': {
      const row = actor.effects.get(event.data.effect);
      if (row?.armedVersion !== event.data.armedVersion) return { kind: 'ignored', reason: 'late' };
      const settled = { ...actor, effects: without(actor.effects, row.effect) };
      const result = apply(settled, logged, effectEvent(event.data, logged));
      return { ...result, endedEffects: [...result.endedEffects, row] };
    }
    default:
      throw new Error(`not a settlement: ${event.type}`);
  }
}

function settleRow(
  actor: Actor,
  about: { readonly effect: string; readonly key: string },
  change: (row: EffectRow) => EffectRow,
): StepResult {
  const row = actor.effects.get(about.effect);
  if (!row || keyOf(actor, row) !== about.key) return { kind: 'ignored', reason: 'late' };
  return unchanged({ ...actor, effects: new Map(actor.effects).set(row.effect, change(row)) });
}

/** The one settlement that a machine hears of while its effect goes on: limits of work stand still meanwhile. */
function settleWaiting(actor: Actor, logged: LoggedEvent, data: EffectWaitingData): StepResult {
  const { waiting, ahead } = data;
  const noted = settleRow(actor, data, (row) => ({ ...row, waiting }));
  if (noted.kind !== 'applied') return noted;
  const told: EffectWaiting = { type: 'effect.waiting', effect: data.effect, waiting, ahead, ...timeOf(logged) };
  return apply(noted.actor, logged, told);
}

/** What a machine may know of time. */
function timeOf({ atMs, upMs }: LoggedEvent) {
  return { atMs, upMs };
}

function effectEvent(data: EffectFinishedData, logged: LoggedEvent): EventObject {
  const settled = { actorId: data.effect, ...timeOf(logged) };
  if (data.status === 'done') {
    const done = { type: `xstate.done.actor.${data.effect}`, output: data.output, ...settled };
    return done;
  }
  const error: ErrorInfo = data.error ?? { code: 'unexpected', message: 'the effect failed', retryable: false };
  const failed = { type: `xstate.error.actor.${data.effect}`, error, ...settled };
  return failed;
}

function apply(actor: Actor, logged: LoggedEvent, event: EventObject): Applied {
  const { event: cause } = logged;
  const counted: Actor = {
    ...actor,
    transitionIndex: actor.transitionIndex + 1,
    seen: seenWith(actor, logged),
    peers: spokenWith(actor, cause.senderrole, 'asks'),
    ...placeOf(actor, cause),
  };
  if (actor.done) return unchanged(counted);
  return carryOut(counted, decide(actor.machine, actor.snapshot, event), logged);
}

/** Nobody needs it any more: what runs is given up, and what it waits for. */
function dismissed(actor: Actor, logged: LoggedEvent): Applied {
  const ended = { done: true, seen: seenWith(actor, logged), effects: new Map(), timers: new Map() };
  return { ...unchanged({ ...actor, ...ended }), endedEffects: [...actor.effects.values()] };
}

function seenWith({ seen }: Actor, { event, digest }: LoggedEvent): Actor['seen'] {
  return digest === null ? seen : new Map(seen).set(event.id, digest);
}

/**
 * Hops only count up: an event of an earlier hop that comes late must not date what is said about the present one.
 * What a host says about its own actor carries no news of hops.
 */
function placeOf(actor: Actor, cause: MeshEvent): Pick<Actor, 'hop' | 'loops'> {
  const newer = cause.senderrole !== actor.role && cause.hopindex >= actor.hop;
  return newer ? { hop: cause.hopindex, loops: cause.remainingloops } : { hop: actor.hop, loops: actor.loops };
}

/** Beginning and first event of an actor, as one step. */
function merge(beginning: Applied, first: Applied): Applied {
  const started = [...beginning.startedEffects, ...first.startedEffects];
  return {
    ...first,
    outputs: [...beginning.outputs, ...first.outputs],
    startedEffects: started.filter((row) => first.actor.effects.get(row.effect) === row),
  };
}
