/**
 * Which transitions of the machines a test run has taken. Owns: listing all of a machine, and noting each that is taken
 * while a machine is asked for its next state. Does not own: any list of roles or machines.
 */
import {
  type AnyActorScope,
  type AnyStateMachine,
  type AnyStateNode,
  type AnyTransitionDefinition,
  createActor,
} from 'xstate';

/** Notes the transitions of every machine it watches. */
export interface Watch {
  readonly all: readonly AnyTransitionDefinition[];
  readonly taken: ReadonlySet<AnyTransitionDefinition>;
}

const watches = new Map<AnyStateMachine, Watch>();

/** Every transition of a machine: `on`, `after`, `always`, and how its effects end. */
function transitionsOf(node: AnyStateNode): AnyTransitionDefinition[] {
  const own = [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
  return [...own, ...Object.values(node.states).flatMap(transitionsOf)];
}

/** From now on, whoever asks this machine leaves a note of the transitions it took. */
export function watch(machine: AnyStateMachine): Watch {
  const known = watches.get(machine);
  if (known) return known;
  const taken = new Set<AnyTransitionDefinition>();
  const self = createActor(machine, {
    inspect: (event) => {
      if (event.type !== '@xstate.microstep') return;
      for (const transition of event._transitions) taken.add(transition);
    },
  });
  const nothing = () => undefined;
  const scope: AnyActorScope = {
    ...{ self, system: self.system, id: '', sessionId: '' },
    ...{ logger: nothing, defer: nothing, emit: nothing, stopChild: nothing, actionExecutor: nothing },
  };
  const ask = machine.transition.bind(machine);
  machine.transition = (snapshot, event, given) => {
    ask(snapshot, event, scope);
    return ask(snapshot, event, given);
  };
  const entry = { all: transitionsOf(machine.root), taken };
  watches.set(machine, entry);
  return entry;
}

/** A transition in words: where it begins, on what, and where it leads. */
export function named(transition: AnyTransitionDefinition): string {
  const target = transition.target?.map(({ id }) => id).join(', ') ?? 'stays';
  const siblings = [...transition.source.transitions.values()].find((candidates) => candidates.includes(transition));
  const nth = siblings && siblings.length > 1 ? ` (${siblings.indexOf(transition) + 1})` : '';
  return `${transition.source.id}: ${transition.eventType || 'always'}${nth} → ${target}`;
}
