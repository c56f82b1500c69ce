/**
 * The machine of one role for one task, as the runtime keeps it. Owns: its form, and that of what follows from one event.
 * Does not own: what an event means for it (`step.ts`), time, storage, or other actors of the task (`task.ts`).
 */
import type { AnyMachineSnapshot, AnyStateMachine, EventObject } from 'xstate';
import type { MeshEvent } from '../../../schemas/events/envelope.ts';
import { effectKey } from '../../../schemas/events/ids.ts';
import { type Versions, WATCHERS } from '../role.ts';

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
  /** On what actors began because of it, as its record says; absent when it is applied for the first time. */
  readonly began?: Versions | undefined;
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

export function unchanged(actor: Actor): Applied {
  return { kind: 'applied', actor, outputs: [], startedEffects: [], endedEffects: [] };
}

/** The idempotency key of an actor's effect. */
export function keyOf(
  actor: Pick<Actor, 'correlationId' | 'role'>,
  row: Pick<EffectRow, 'effect' | 'armedVersion'>,
): string {
  return effectKey(actor.correlationId, actor.role, row.effect, row.armedVersion);
}

export function spokenWith(
  { role, peers }: Pick<Actor, 'role' | 'peers'>,
  other: string,
  how: 'asks' | 'asked',
): Actor['peers'] {
  return other === role || other === WATCHERS || peers.has(other) ? peers : new Map(peers).set(other, how);
}

export function without<K, V>(map: ReadonlyMap<K, V>, key: K): Map<K, V> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}
