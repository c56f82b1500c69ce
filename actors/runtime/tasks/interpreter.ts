/**
 * The one place that knows XState's insides. Owns: asking a machine for its next snapshot, reading XState's actions as
 * commands, and the JSON form of snapshots. Does not own: ids, rows, or running anything.
 *
 * Invariants:
 * 1. Nothing here starts an actor: machines are only asked, never run (S2).
 * 2. An action that cannot be made durable is an error, never skipped in silence.
 */
import {
  type AnyActorScope,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  type EventObject,
  type Snapshot,
} from 'xstate';
import type { Outgoing } from '../role.ts';

export type Command =
  | { kind: 'send'; outgoing: Outgoing }
  | { kind: 'start-effect'; effect: string; src: string; input: unknown }
  | { kind: 'stop-effect'; effect: string }
  | { kind: 'arm-timer'; timer: string; delayMs: number; event: EventObject }
  | { kind: 'disarm-timer'; timer: string };

export interface Decision {
  readonly snapshot: AnyMachineSnapshot;
  readonly commands: readonly Command[];
}

export class MachineError extends Error {
  override readonly name = 'MachineError';
}

interface XStateAction {
  readonly type: string;
  readonly params?: unknown;
}

interface Asking {
  readonly scope: AnyActorScope;
  /** What the scope was told to do since it was emptied last. */
  readonly actions: XStateAction[];
  /** How each instance begins. */
  beginning?: Decision;
}

/** A scope costs ten times a transition, so each machine keeps one. It has no state: nothing is ever started in it. */
const scopes = new WeakMap<AnyStateMachine, Asking>();

function scopeOf(machine: AnyStateMachine): Asking {
  let entry = scopes.get(machine);
  if (!entry) {
    const actions: XStateAction[] = [];
    const self = createActor(machine);
    const nothing = () => undefined;
    const scope: AnyActorScope = {
      self,
      system: self.system,
      id: '',
      sessionId: '',
      logger: nothing,
      defer: nothing,
      emit: nothing,
      stopChild: nothing,
      actionExecutor: (action) => {
        actions.push(action);
      },
    };
    entry = { scope, actions };
    scopes.set(machine, entry);
  }
  return entry;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function isOutgoing(value: unknown): value is Outgoing {
  return record(value).type === 'out';
}

function commandOf(action: XStateAction): Command | null {
  const params = record(action.params);
  switch (action.type) {
    case 'xstate.emit': {
      if (!isOutgoing(params.event)) throw new MachineError('emit() takes what out() returns');
      return { kind: 'send', outgoing: params.event };
    }
    case 'xstate.spawnChild':
      if (typeof params.src !== 'string')
        throw new MachineError(`invoke ${params.id}: src must be the name of an effect`);
      return { kind: 'start-effect', effect: String(params.id), src: params.src, input: params.input };
    case 'xstate.stopChild':
      return { kind: 'stop-effect', effect: String(record(action.params).id ?? '') };
    case 'xstate.raise':
      if (typeof params.delay !== 'number' || typeof params.id !== 'string') return null;
      return { kind: 'arm-timer', timer: params.id, delayMs: params.delay, event: params.event as EventObject };
    case 'xstate.cancel':
      return { kind: 'disarm-timer', timer: String(params.sendId) };
    default:
      throw new MachineError(`the action ${action.type} cannot be made durable: use assign, emit, invoke or after`);
  }
}

function commandsOf(actions: readonly XStateAction[]): Command[] {
  return actions.map(commandOf).filter((command) => command !== null);
}

function whyOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function checked(snapshot: AnyMachineSnapshot): AnyMachineSnapshot {
  if (snapshot.status === 'error')
    throw new MachineError(`the machine failed: ${whyOf(snapshot.error)}`, { cause: snapshot.error });
  return snapshot;
}

/** The beginning of an instance: of one machine all begin alike. What makes a context of its own for each is asked each time. */
export function begin(machine: AnyStateMachine): Decision {
  const known = scopeOf(machine);
  if (known.beginning) return known.beginning;
  const beginning = asked(machine, (scope) => machine.getInitialSnapshot(scope, undefined));
  if (typeof machine.config.context !== 'function') known.beginning = beginning;
  return beginning;
}

/** What the machine makes of an event. @throws MachineError, or whatever the machine's own functions throw */
export function decide(machine: AnyStateMachine, snapshot: AnyMachineSnapshot, event: EventObject): Decision {
  return asked(machine, (scope) => machine.transition(snapshot, event, scope));
}

function asked(machine: AnyStateMachine, ask: (scope: AnyActorScope) => AnyMachineSnapshot): Decision {
  const { scope, actions } = scopeOf(machine);
  actions.length = 0;
  const snapshot = ask(scope);
  return { snapshot: checked(snapshot), commands: commandsOf(actions) };
}

interface PersistedChild {
  readonly snapshot: { readonly status: string };
}

/** A snapshot as JSON can hold it. Inputs of running effects are left out: the effect's row has them. */
export function freeze(machine: AnyStateMachine, snapshot: AnyMachineSnapshot): object {
  const persisted = machine.getPersistedSnapshot(snapshot) as Snapshot<unknown> & {
    children: Record<string, PersistedChild>;
  };
  const children = Object.fromEntries(
    Object.entries(persisted.children).map(([id, child]) => [
      id,
      { ...child, snapshot: { status: child.snapshot.status } },
    ]),
  );
  return { ...persisted, children };
}

/** A snapshot from what `freeze` gave. @throws MachineError when this machine does not know its state */
export function thaw(machine: AnyStateMachine, frozen: unknown): AnyMachineSnapshot {
  try {
    const snapshot = createActor(machine, { snapshot: frozen as Snapshot<unknown> }).getSnapshot();
    return checked(snapshot);
  } catch (error) {
    const why = error instanceof MachineError ? error.cause : error;
    throw new MachineError(`the machine cannot load this snapshot: ${whyOf(why)}`, { cause: error });
  }
}
