/**
 * A role made for tests of the runtime: everything a machine may use in one place. Owns: nested states, effects that
 * follow each other, an outer and an inner timer, re-entry, and an end.
 *
 *   idle → carrying(fetching → signing) → idle … after three parcels → delivered
 *             └ outer timer → late → idle
 */
import { assign, emit, setup } from 'xstate';
import {
  effectLogic,
  type Incoming,
  type Outgoing,
  out,
  type RoleDefinition,
  WATCHERS,
} from '../../../../actors/runtime/role.ts';

export const CARRY_MS = 60_000;
export const NUDGE_MS = 1000;
export const LATE_MS = 500;
export const PARCELS_MAX = 3;

interface CourierContext {
  readonly parcels: number;
  readonly step: string;
  readonly attempt: number;
}

const machine = setup({
  types: {
    context: {} as CourierContext,
    events: {} as Incoming<'hop.requested' | 'hop.cancelled' | 'agent.message' | 'task.cancel.requested'>,
    emitted: {} as Outgoing,
  },
  actors: { fetch: effectLogic<{ step: string }, string>(), sign: effectLogic<{ parcels: number }, string>() },
  delays: { carry: CARRY_MS, nudge: NUDGE_MS, late: LATE_MS },
}).createMachine({
  id: 'courier',
  context: { parcels: 0, step: '', attempt: 1 },
  initial: 'idle',
  on: {
    'hop.requested': {
      target: '.carrying',
      reenter: true,
      actions: assign({ step: ({ event }) => event.data.step, attempt: ({ event }) => event.data.attempt }),
    },
    'agent.message': { actions: emit(({ event }) => out('agent.message', WATCHERS, event.data)) },
    'task.cancel.requested': {
      actions: assign(() => {
        throw new Error('this courier cannot be cancelled');
      }),
    },
  },
  states: {
    idle: {},
    carrying: {
      initial: 'fetching',
      after: { carry: { target: 'late', actions: emit(({ context }) => replied(context, 'failed')) } },
      on: { 'hop.cancelled': 'idle' },
      states: {
        fetching: {
          invoke: {
            id: 'fetch',
            src: 'fetch',
            input: ({ context }) => ({ step: context.step }),
            onDone: 'signing',
            onError: { target: '#courier.idle', actions: emit(({ context }) => replied(context, 'unknown')) },
          },
          after: {
            nudge: {
              actions: emit(() => out('hop.progress', WATCHERS, { role: 'courier', effect: 'fetch', note: 'soon' })),
            },
          },
        },
        signing: {
          invoke: {
            id: 'sign',
            src: 'sign',
            input: ({ context }) => ({ parcels: context.parcels }),
            onDone: [
              {
                guard: ({ context }) => context.parcels + 1 >= PARCELS_MAX,
                target: '#courier.delivered',
                actions: assign({ parcels: ({ context }) => context.parcels + 1 }),
              },
              {
                target: '#courier.idle',
                actions: [
                  assign({ parcels: ({ context }) => context.parcels + 1 }),
                  emit(({ context }) => replied(context, 'completed')),
                ],
              },
            ],
            onError: { target: '#courier.idle', actions: emit(({ context }) => replied(context, 'failed')) },
          },
        },
      },
    },
    late: { after: { late: 'idle' } },
    delivered: {
      type: 'final',
      entry: [
        emit(({ context }) => replied(context, 'completed')),
        emit(({ context }) => out('hop.progress', WATCHERS, { role: 'courier', effect: 'sign', note: context.step })),
      ],
    },
  },
});

function replied({ step, attempt }: CourierContext, status: 'completed' | 'failed' | 'unknown'): Outgoing {
  return out('hop.replied', 'orchestrator', { step, attempt, status });
}

export const courier: RoleDefinition = {
  name: 'courier',
  service: 'tests',
  startsOn: ['hop.requested', 'agent.message'],
  versions: [{ since: 1, machine }],
};
