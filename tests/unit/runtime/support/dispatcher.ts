/**
 * A second role beside the courier: it sends parcels, one after another, and ends when they have been carried. Owns: an
 * actor that others talk to, and one that talks to itself without end.
 */
import { assign, emit, setup } from 'xstate';
import { type Incoming, type Outgoing, out, type RoleDefinition, WATCHERS } from '../../../../actors/runtime/role.ts';
import type { RolesByName } from '../../../../actors/runtime/tasks/task.ts';
import type { MeshEvent } from '../../../../schemas/events/envelope.ts';
import { courier } from './courier.ts';
import { eventOf, idOf, TASK } from './events.ts';

/** A task that does not end with the courier's answer. */
export const WAITS = 'and wait';

const noted = (note: string) => out('hop.progress', WATCHERS, { role: 'orchestrator', effect: '', note });
const sends = (prompt: string) =>
  out('hop.requested', 'courier', { step: 'carry', attempt: 1, timeoutMs: 1000, input: { prompt } });

const machine = setup({
  types: {
    context: {} as { readonly prompt: string },
    events: {} as Incoming<'task.submitted' | 'task.cancel.requested' | 'hop.replied' | 'agent.message'>,
    emitted: {} as Outgoing,
  },
}).createMachine({
  id: 'dispatcher',
  context: { prompt: '' },
  initial: 'idle',
  states: {
    idle: {
      on: {
        'task.submitted': {
          target: 'waiting',
          actions: [
            assign({ prompt: ({ event }) => event.data.prompt }),
            emit(({ event }) => noted(`takes ${event.data.prompt.slice(0, 40)}`)),
            emit(({ event }) => sends(event.data.prompt)),
          ],
        },
      },
    },
    waiting: {
      on: {
        'hop.replied': [
          { guard: ({ context }) => context.prompt === WAITS, actions: emit(() => noted('heard')) },
          {
            target: 'over',
            actions: emit(({ event }) => ({ ...noted(`ended ${event.data.status}`), awaited: true })),
          },
        ],
        'agent.message': { actions: emit(({ event }) => out('agent.message', 'courier', event.data)) },
        'task.cancel.requested': {
          target: 'over',
          actions: [
            emit(() => out('hop.cancelled', 'courier', { step: 'carry', attempt: 1, reason: 'enough' })),
            emit(() => ({ ...noted('cancelled'), awaited: true })),
          ],
        },
      },
    },
    over: { type: 'final' },
  },
});

/** It says what it hears, to itself. */
const babbler = setup({
  types: { events: {} as Incoming<'agent.message'>, emitted: {} as Outgoing },
}).createMachine({
  on: { 'agent.message': { actions: emit(({ event }) => out('agent.message', 'babbler', event.data)) } },
});

export const dispatcher: RoleDefinition = {
  name: 'orchestrator',
  service: 'tests',
  startsOn: ['task.submitted'],
  versions: [{ since: 1, machine }],
};

export const babbling: RoleDefinition = {
  name: 'babbler',
  service: 'tests',
  startsOn: ['agent.message'],
  versions: [{ since: 1, machine: babbler }],
};

export function byName(...roles: readonly RoleDefinition[]): RolesByName {
  return new Map(roles.map((role) => [role.name, role]));
}

/** The dispatcher and its courier on one host. */
export const together = byName(dispatcher, courier);

/** A task for the dispatcher. */
export function submission(prompt = 'a parcel', correlationId = TASK): MeshEvent {
  const options = {
    id: idOf(`submitted/${correlationId}`),
    from: 'ingress',
    to: 'orchestrator',
    hop: 0,
    correlationId,
  };
  return eventOf('task.submitted', { prompt }, options);
}
