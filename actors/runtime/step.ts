/**
 * One event applied to one actor: the heart of the runtime, and a pure function. Owns: what an event means for an
 * instance: its next state, what it sends, which effects and timers begin and end. Does not own: time, storage,
 * publishing, or the order of events.
 *
 * Invariants:
 * 1. The same instance and event give the same result, to the byte (S2); ids come from the transition's index.
 * 2. An id seen before is ignored when its content is the same and rejected when it is not (S5).
 * 3. A settled effect or a disarmed timer changes nothing when its event comes late: first result wins (S6).
 * 4. The instance passed in is not changed.
 */
import type { AnyMachineSnapshot, AnyStateMachine, EventObject } from 'xstate';
import { contentDigest, type EventName, type MeshEvent, nameOf, typeOf } from '../../schemas/events/envelope.ts';
import type { EffectFinishedData, ErrorInfo } from '../../schemas/events/generated.ts';
import { effectKey, outputEventId, spanIdOf } from '../../schemas/events/ids.ts';
import { factSubject, inboxSubject } from '../../schemas/events/subjects.ts';
import { begin, type Command, type Decision, decide } from './interpreter.ts';
import { machineFor, type Outgoing, type RoleDefinition, WATCHERS } from './role.ts';

/** Outputs of one transition; more means a machine that loops. */
const OUTPUTS_MAX = 64;

export type EffectState = 'pending' | 'running' | 'settled';

export interface EffectRow {
  /** The invoke's id. */
  readonly effect: string;
  readonly src: string;
  /** Transition index that started it. */
  readonly armedVersion: number;
  readonly input: unknown;
  /** `settled`: its result is in the outbox, not yet read back. */
  readonly state: EffectState;
  /** Attempts begun. */
  readonly attempt: number;
  /** Not before this time, milliseconds since the epoch; 0 is at once. */
  readonly notBeforeMs: number;
  /** For effects that may not be repeated: the log knows that it began. */
  readonly started: boolean;
}

export interface TimerRow {
  readonly timer: string;
  readonly armedVersion: number;
  readonly dueAtMs: number;
  readonly event: EventObject;
}

/** An actor: the machine of one role for one task. */
export interface Instance {
  readonly role: string;
  readonly correlationId: string;
  /** The release the task was accepted under. */
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
  readonly done: boolean;
  /** Content digests of the events seen, by id. */
  readonly seen: ReadonlyMap<string, string>;
  readonly effects: ReadonlyMap<string, EffectRow>;
  readonly timers: ReadonlyMap<string, TimerRow>;
}

/** An event with what the log knows about it. */
export interface LoggedEvent {
  readonly event: MeshEvent;
  readonly atMs: number;
}

export interface Output {
  readonly subject: string;
  readonly event: MeshEvent;
  /** Facts leave the mesh, so they wait for the commit they rest on (S4). */
  readonly leaves: boolean;
  /** Somebody waits for it, so that commit is made at once. */
  readonly awaited: boolean;
}

export interface Applied {
  readonly kind: 'applied';
  readonly instance: Instance;
  readonly outputs: readonly Output[];
  readonly startedEffects: readonly EffectRow[];
  /** Effects that ended or are no longer wanted; a running one is aborted. */
  readonly endedEffects: readonly EffectRow[];
}

export type StepResult =
  | Applied
  /** Nothing changes, and that is right: a repetition, or a late settlement. */
  | { readonly kind: 'ignored'; readonly reason: 'duplicate' | 'late' }
  | { readonly kind: 'rejected'; readonly code: string; readonly reason: string };

function rejected(code: string, reason: string): StepResult {
  return { kind: 'rejected', code, reason };
}

/** @param instance null when this role has none for the task yet */
export function step(role: RoleDefinition, instance: Instance | null, logged: LoggedEvent): StepResult {
  try {
    return instance ? next(instance, logged) : first(role, logged);
  } catch (error) {
    return rejected('machine_failed', error instanceof Error ? error.message : String(error));
  }
}

function next(instance: Instance, logged: LoggedEvent): StepResult {
  const { event } = logged;
  const name = nameOf(event.type);
  const digest = contentDigest(event);
  const seen = instance.seen.get(event.id);
  if (seen === digest) return { kind: 'ignored', reason: 'duplicate' };
  if (name !== null && isSettlement(name)) {
    if (event.senderrole !== instance.role) return rejected('foreign_settlement', `${name} from ${event.senderrole}`);
    return settle(instance, logged, digest);
  }
  if (seen !== undefined) return rejected('conflicting_duplicate', `id ${event.id} was seen before with other content`);
  return apply(instance, logged, digest, machineEvent(logged));
}

function first(role: RoleDefinition, logged: LoggedEvent): StepResult {
  const { event } = logged;
  const name = nameOf(event.type);
  if (name === null || !role.startsOn.includes(name)) {
    return rejected('unknown_task', `${role.name} has no task ${event.correlationid} for ${event.type}`);
  }
  const version = machineFor(role, event.release);
  if (!version) return rejected('unknown_release', `no machine of ${role.name} for release ${event.release}`);
  const decision = begin(version.machine);
  const beginning = fold(newInstance(role, event, version, decision), decision, logged);
  return merge(beginning, apply(beginning.instance, logged, contentDigest(event), machineEvent(logged)));
}

/** Said by a host about the effects and timers of its own actor. */
export function isSettlement(name: EventName): name is 'effect.finished' | 'effect.started' | 'timer.fired' {
  return name === 'effect.finished' || name === 'effect.started' || name === 'timer.fired';
}

function newInstance(
  role: RoleDefinition,
  event: MeshEvent,
  version: { since: number; machine: AnyStateMachine },
  decision: Decision,
): Instance {
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
    seen: new Map(),
    effects: new Map(),
    timers: new Map(),
  };
}

function machineEvent({ event, atMs }: LoggedEvent): EventObject {
  const fields = {
    type: nameOf(event.type) ?? event.type,
    data: event.data,
    id: event.id,
    sender: event.senderrole,
    recipient: event.recipientrole,
    hop: event.hopindex,
    loops: event.remainingloops,
    atMs,
  };
  return fields;
}

/** Results of effects and timers: they concern a row, and only through it the machine. */
function settle(instance: Instance, logged: LoggedEvent, digest: string): StepResult {
  const { event } = logged;
  switch (event.type) {
    case 'dev.agentmesh.timer.fired.v1': {
      const { timer: id, armedVersion } = event.data;
      const timer = instance.timers.get(id);
      if (timer?.armedVersion !== armedVersion) return { kind: 'ignored', reason: 'late' };
      const fired = { ...timer.event, atMs: logged.atMs };
      return apply({ ...instance, timers: without(instance.timers, id) }, logged, digest, fired);
    }
    case 'dev.agentmesh.effect.started.v1': {
      const row = instance.effects.get(event.data.effect);
      if (!row || keyOf(instance, row) !== event.data.key) return { kind: 'ignored', reason: 'late' };
      const effects = new Map(instance.effects).set(row.effect, { ...row, started: true });
      return unchanged({ ...instance, effects, seen: new Map(instance.seen).set(event.id, digest) });
    }
    case 'dev.agentmesh.effect.finished.v1': {
      const row = instance.effects.get(event.data.effect);
      if (row?.armedVersion !== event.data.armedVersion) return { kind: 'ignored', reason: 'late' };
      const settled = { ...instance, effects: without(instance.effects, row.effect) };
      const result = apply(settled, logged, digest, effectEvent(event.data, logged.atMs));
      return { ...result, endedEffects: [...result.endedEffects, row] };
    }
    default:
      throw new Error(`not a settlement: ${event.type}`);
  }
}

function effectEvent(data: EffectFinishedData, atMs: number): EventObject {
  const settled = { actorId: data.effect, atMs };
  if (data.status === 'done') {
    const done = { type: `xstate.done.actor.${data.effect}`, output: data.output, ...settled };
    return done;
  }
  const error: ErrorInfo = data.error ?? { code: 'unexpected', message: 'the effect failed', retryable: false };
  const failed = { type: `xstate.error.actor.${data.effect}`, error, ...settled };
  return failed;
}

function apply(instance: Instance, logged: LoggedEvent, digest: string, event: EventObject): Applied {
  const { event: cause } = logged;
  const counted: Instance = {
    ...instance,
    transitionIndex: instance.transitionIndex + 1,
    seen: new Map(instance.seen).set(cause.id, digest),
    ...placeOf(instance, cause),
  };
  if (instance.done) return unchanged(counted);
  return fold(counted, decide(instance.machine, instance.snapshot, event), logged);
}

/**
 * Hops only count up: an event of an earlier hop that comes late must not date what is said about the present one.
 * What a host says about its own actor carries no news of hops.
 */
function placeOf(instance: Instance, cause: MeshEvent): Pick<Instance, 'hop' | 'loops'> {
  const newer = cause.senderrole !== instance.role && cause.hopindex >= instance.hop;
  return newer ? { hop: cause.hopindex, loops: cause.remainingloops } : { hop: instance.hop, loops: instance.loops };
}

function unchanged(instance: Instance): Applied {
  return { kind: 'applied', instance, outputs: [], startedEffects: [], endedEffects: [] };
}

/** Carries a machine's commands out on the instance's rows. */
function fold(instance: Instance, decision: Decision, logged: LoggedEvent): Applied {
  const effects = new Map(instance.effects);
  const timers = new Map(instance.timers);
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
        outputs.push(output(instance, logged, command.outgoing, outputs.length));
        return;
      case 'start-effect': {
        endEffect(command.effect);
        const row = pendingEffect(command, instance.transitionIndex);
        effects.set(command.effect, row);
        startedEffects.push(row);
        return;
      }
      case 'stop-effect':
        endEffect(command.effect);
        return;
      case 'arm-timer': {
        const { timer, event, delayMs } = command;
        timers.set(timer, { timer, event, armedVersion: instance.transitionIndex, dueAtMs: logged.atMs + delayMs });
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
  const done = decision.snapshot.status === 'done';
  if (done) {
    for (const id of [...effects.keys()]) endEffect(id);
    timers.clear();
  }
  if (outputs.length > OUTPUTS_MAX) throw new RangeError(`more than ${OUTPUTS_MAX} outputs in one transition`);
  return {
    kind: 'applied',
    instance: { ...instance, snapshot: decision.snapshot, done, effects, timers },
    outputs,
    startedEffects: startedEffects.filter((row) => effects.get(row.effect) === row),
    endedEffects,
  };
}

function pendingEffect(command: Command & { kind: 'start-effect' }, armedVersion: number): EffectRow {
  const { effect, src, input } = command;
  return {
    effect,
    src,
    input: input ?? null,
    armedVersion,
    state: 'pending',
    attempt: 0,
    notBeforeMs: 0,
    started: false,
  };
}

function output(instance: Instance, { event: cause, atMs }: LoggedEvent, outgoing: Outgoing, index: number): Output {
  const { correlationId, role } = instance;
  const id = outputEventId(correlationId, role, instance.transitionIndex, index);
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
    hopindex: outgoing.hop ?? instance.hop,
    remainingloops: outgoing.loops ?? instance.loops,
    senderrole: outgoing.relay?.from ?? role,
    recipientrole: outgoing.relay?.to ?? outgoing.to,
    release: instance.release,
    traceparent: childOf(instance.traceparent, id),
    data: outgoing.data,
  } as MeshEvent;
  const leaves = outgoing.to === WATCHERS;
  const subject = leaves ? factSubject(correlationId) : inboxSubject(outgoing.via ?? outgoing.to, correlationId);
  return { subject, event, leaves, awaited: outgoing.awaited ?? false };
}

/** The same trace with this event as the span's parent (W3C Trace Context, section 3.2). */
export function childOf(traceparent: string, eventId: string): string {
  return `${traceparent.slice(0, 36)}${spanIdOf(eventId)}${traceparent.slice(52)}`;
}

/** The idempotency key of an instance's effect. */
export function keyOf(
  instance: Pick<Instance, 'correlationId' | 'role'>,
  row: Pick<EffectRow, 'effect' | 'armedVersion'>,
): string {
  return effectKey(instance.correlationId, instance.role, row.effect, row.armedVersion);
}

function without<K, V>(map: ReadonlyMap<K, V>, key: K): Map<K, V> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}

/** Beginning and first event of an instance, as one step. */
function merge(beginning: Applied, first: Applied): Applied {
  const started = [...beginning.startedEffects, ...first.startedEffects];
  return {
    ...first,
    outputs: [...beginning.outputs, ...first.outputs],
    startedEffects: started.filter((row) => first.instance.effects.get(row.effect) === row),
  };
}
