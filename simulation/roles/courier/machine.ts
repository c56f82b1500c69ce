/**
 * A role of the simulation's own: two effects in a row and a deadline in its own machine, so that timers and
 * unrepeatable effects of any role are tried, whatever the shipped roles do. Owns: that shape. Does not own: any deed.
 *
 *   idle → packing → carrying → idle
 */
import { assign, emit, setup } from 'xstate';
import {
  completed,
  errorOf,
  failed,
  type HopContext,
  type HopEvents,
  idleHop,
  isForHop,
  requestOf,
} from '../../../actors/roles/hop.ts';
import { effectLogic, type Outgoing, type RoleDefinition } from '../../../actors/runtime/role.ts';

export interface Parcel {
  readonly label: string;
}

export interface Receipt {
  readonly receipt: string;
}

const PATIENCE_MS = 4000;

const machine = setup({
  types: { context: {} as HopContext, events: {} as HopEvents, emitted: {} as Outgoing },
  actors: { pack: effectLogic<{ prompt: string }, Parcel>(), carry: effectLogic<Parcel, Receipt>() },
  delays: { patience: PATIENCE_MS },
}).createMachine({
  id: 'courier',
  context: idleHop,
  initial: 'idle',
  on: {
    'hop.requested': { target: '.packing', reenter: true, actions: assign({ request: ({ event }) => event.data }) },
  },
  states: {
    idle: {},
    packing: {
      invoke: {
        id: 'pack',
        src: 'pack',
        input: ({ context }) => ({ prompt: requestOf(context).input.prompt }),
        onDone: { target: 'carrying' },
        onError: {
          target: 'idle',
          actions: [emit(({ context, event }) => failed(context, errorOf(event.error))), assign(idleHop)],
        },
      },
      after: {
        patience: {
          target: 'idle',
          actions: [
            emit(({ context }) =>
              failed(context, { code: 'too_slow', message: 'packing took too long', retryable: true }),
            ),
            assign(idleHop),
          ],
        },
      },
      on: {
        'hop.cancelled': {
          guard: ({ context, event }) => isForHop(context, event),
          target: 'idle',
          actions: assign(idleHop),
        },
      },
    },
    carrying: {
      invoke: {
        id: 'carry',
        src: 'carry',
        input: ({ context }) => ({ label: requestOf(context).step }),
        onDone: {
          target: 'idle',
          actions: [
            emit(({ context, event }) => {
              const tool = { name: 'courier', arguments: {}, result: event.output.receipt };
              return completed(context, { engine: 'courier', summary: 'delivered', tool });
            }),
            assign(idleHop),
          ],
        },
        onError: {
          target: 'idle',
          actions: [emit(({ context, event }) => failed(context, errorOf(event.error))), assign(idleHop)],
        },
      },
      on: {
        'hop.cancelled': {
          guard: ({ context, event }) => isForHop(context, event),
          target: 'idle',
          actions: assign(idleHop),
        },
      },
    },
  },
});

export const role: RoleDefinition = {
  name: 'courier',
  service: 'tools',
  startsOn: ['hop.requested'],
  versions: [{ since: 1, machine }],
};
