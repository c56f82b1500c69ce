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
import type { AnyMachineSnapshot, AnyStateMachine, EventObject } from 'xstate';
import { type EventName, type MeshEvent, nameOf, typeOf } from '../../schemas/events/envelope.ts';
import type { EffectFinishedData, EffectWaitingData, ErrorInfo } from '../../schemas/events/generated.ts';
import { effectKey, outputEventId, spanIdOf } from '../../schemas/events/ids.ts';
import { begin, type Command, type Decision, decide } from './interpreter.ts';
import { type EffectWaiting, machineFor, type Outgoing, type RoleDefinition, WATCHERS } from './role.ts';

export interface EffectRow {
  /** The invoke's id. */
  readonly effect: string;
  readonly src: string;
  /** Transition index that started it. */
  readonly armedVersion: number;
  readonly input: unknown;
  /** Attempts that have failed. */
  readonly failures: number;
  /** It may not be repeated, and its beginning was announced. */
  readonly started: boolean;
  /** Its machine was told that it waits for its turn. */
  readonly waiting?: boolean;
}

export interface TimerRow {
  readonly timer: string;
  readonly armedVersion: number;
  /** On the clock of the partition (`LoggedEvent.upMs`). */
  readonly dueUpMs: number;
  readonly event: EventObject;
}

/** The machine of one role for one task. */
export interface Actor {
  readonly role: string;
  readonly correlationId: string;
  readonly release: number;
  /** `since` of the machine it runs on (S11). */
  readonly machineSince: number;
  readonly machine: AnyStateMachine;
  readonly snapshot: AnyMachineSnapshot;
  /** Events applied so far. */
  readonly transitionIndex: number;
  readonly hop: number;
  readonly loops: number;
  readonly traceparent: string;
  /** It has come to its end, or the task is over where it was asked from. */
  readonly done: boolean;
  /** The roles that it has spoken with: who asked whom was who spoke first. */
  readonly peers: ReadonlyMap<string, 'asks' | 'asked'>;
  /** Content digests of the events from elsewhere, by id. */
  readonly seen: ReadonlyMap<string, string>;
  readonly effects: ReadonlyMap<string, EffectRow>;
  readonly timers: ReadonlyMap<string, TimerRow>;
}

/** An event at its place in time. */
export interface LoggedEvent {
  readonly event: MeshEvent;
  /** When it was applied, milliseconds since the epoch, by the host's clock: shown, never compared. */
  readonly atMs: number;
  /** How long its partition has been up until then, milliseconds: what limits are measured by (J6). */
  readonly upMs: number;
  /** Of its content, when it comes from another host. */
  readonly digest: string | null;
}

export interface Output {
  /** The role that is told it, which may relay it; or `watchers`. */
  readonly to: string;
  readonly event: MeshEvent;
  /** Somebody waits for it, so its record is made at once. */
  readonly awaited: boolean;
}

export interface Applied {
  readonly kind: 'applied';
  readonly actor: Actor;
  readonly outputs: readonly Output[];
  readonly startedEffects: readonly EffectRow[];
  /** Effects that ended or are no longer wanted; a running one is aborted. */
  readonly endedEffects: readonly EffectRow[];
}

export type StepResult =
  | Applied
  /** Nothing changes, and that is right: a repetition, or a late settlement. */
  | Ignored
  | Rejected;

export interface Ignored {
  readonly kind: 'ignored';
  readonly reason: 'duplicate' | 'late';
}

export interface Rejected {
  readonly kind: 'rejected';
  readonly code: string;
  readonly reason: string;
}

export function rejected(code: string, reason: string): Rejected {
  return { kind: 'rejected', code, reason };
}

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
    return rejected('machine_failed', error instanceof Error ? error.message : String(error));
  }
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
  const version = machineFor(role, event.release);
  if (!version) return rejected('unknown_release', `no machine of ${role.name} for release ${event.release}`);
  const decision = begin(version.machine);
  const beginning = fold(newActor(role, event, version, decision), decision, logged);
  return merge(beginning, apply(beginning.actor, logged, machineEvent(logged)));
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
  return fold(counted, decide(actor.machine, actor.snapshot, event), logged);
}

/** Nobody needs it any more: what runs is given up, and what it waits for. */
function dismissed(actor: Actor, logged: LoggedEvent): Applied {
  const ended = { done: true, seen: seenWith(actor, logged), effects: new Map(), timers: new Map() };
  return { ...unchanged({ ...actor, ...ended }), endedEffects: [...actor.effects.values()] };
}

function seenWith({ seen }: Actor, { event, digest }: LoggedEvent): Actor['seen'] {
  return digest === null ? seen : new Map(seen).set(event.id, digest);
}

function spokenWith({ role, peers }: Actor, other: string, how: 'asks' | 'asked'): Actor['peers'] {
  return other === role || other === WATCHERS || peers.has(other) ? peers : new Map(peers).set(other, how);
}

/**
 * Hops only count up: an event of an earlier hop that comes late must not date what is said about the present one.
 * What a host says about its own actor carries no news of hops.
 */
function placeOf(actor: Actor, cause: MeshEvent): Pick<Actor, 'hop' | 'loops'> {
  const newer = cause.senderrole !== actor.role && cause.hopindex >= actor.hop;
  return newer ? { hop: cause.hopindex, loops: cause.remainingloops } : { hop: actor.hop, loops: actor.loops };
}

function unchanged(actor: Actor): Applied {
  return { kind: 'applied', actor, outputs: [], startedEffects: [], endedEffects: [] };
}

/** Carries a machine's commands out on the actor's rows. */
function fold(actor: Actor, decision: Decision, logged: LoggedEvent): Applied {
  const effects = new Map(actor.effects);
  const timers = new Map(actor.timers);
  const outputs: Output[] = [];
  const startedEffects: EffectRow[] = [];
  const endedEffects: EffectRow[] = [];
  const endEffect = (id: string): void => {
    const row = effects.get(id);
    if (row && effects.delete(id)) endedEffects.push(row);
  };
  const carryOut = (command: Command): void => {
    switch (command.kind) {
      case 'send':
        outputs.push(output(actor, logged, command.outgoing, outputs.length));
        return;
      case 'start-effect': {
        endEffect(command.effect);
        const row = pendingEffect(command, actor.transitionIndex);
        effects.set(command.effect, row);
        startedEffects.push(row);
        return;
      }
      case 'stop-effect':
        endEffect(command.effect);
        return;
      case 'arm-timer': {
        const { timer, event, delayMs } = command;
        timers.set(timer, { timer, event, armedVersion: actor.transitionIndex, dueUpMs: logged.upMs + delayMs });
        return;
      }
      case 'disarm-timer':
        timers.delete(command.timer);
        return;
      default:
        throw new Error(`unknown command ${JSON.stringify(command satisfies never)}`);
    }
  };
  for (const command of decision.commands) carryOut(command);
  let { peers } = actor;
  for (const { to } of outputs) peers = spokenWith({ ...actor, peers }, to, 'asked');
  const done = decision.snapshot.status === 'done';
  if (done) {
    for (const id of [...effects.keys()]) endEffect(id);
    timers.clear();
  }
  return {
    kind: 'applied',
    actor: { ...actor, snapshot: decision.snapshot, done, peers, effects, timers },
    outputs,
    startedEffects: startedEffects.filter((row) => effects.get(row.effect) === row),
    endedEffects,
  };
}

function pendingEffect(command: Command & { kind: 'start-effect' }, armedVersion: number): EffectRow {
  const { effect, src, input } = command;
  return { effect, src, input: input ?? null, armedVersion, failures: 0, started: false };
}

function output(actor: Actor, { event: cause, atMs }: LoggedEvent, outgoing: Outgoing, index: number): Output {
  const { correlationId, role } = actor;
  const id = outputEventId(correlationId, role, actor.transitionIndex, index);
  const event = {
    specversion: '1.0',
    id,
    source: `/mesh/${role}`,
    type: typeOf(outgoing.name),
    subject: correlationId,
    time: new Date(atMs).toISOString(),
    datacontenttype: 'application/json',
    correlationid: correlationId,
    causationid: cause.id,
    hopindex: outgoing.hop ?? actor.hop,
    remainingloops: outgoing.loops ?? actor.loops,
    senderrole: outgoing.relay?.from ?? role,
    recipientrole: outgoing.relay?.to ?? outgoing.to,
    release: actor.release,
    traceparent: childOf(actor.traceparent, id),
    data: outgoing.data,
  } as MeshEvent;
  return { to: outgoing.via ?? outgoing.to, event, awaited: outgoing.awaited ?? false };
}

/** The same trace with this event as the span's parent (W3C Trace Context, section 3.2). */
export function childOf(traceparent: string, eventId: string): string {
  return `${traceparent.slice(0, 36)}${spanIdOf(eventId)}${traceparent.slice(52)}`;
}

/** The idempotency key of an actor's effect. */
export function keyOf(
  actor: Pick<Actor, 'correlationId' | 'role'>,
  row: Pick<EffectRow, 'effect' | 'armedVersion'>,
): string {
  return effectKey(actor.correlationId, actor.role, row.effect, row.armedVersion);
}

function without<K, V>(map: ReadonlyMap<K, V>, key: K): Map<K, V> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
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
