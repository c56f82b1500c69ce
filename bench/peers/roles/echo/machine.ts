/**
 * A role that does what every role does and no more: one effect on the text of the hop before, one reply. Owns: being
 * measured.
 */
import { assign, emit, setup } from 'xstate';
import { completed, type HopContext, type HopEvents, idleHop } from '../../../../actors/roles/hop.ts';
import { effectLogic, type Outgoing, type RoleDefinition } from '../../../../actors/runtime/role.ts';

export interface EchoInput {
  /** From 1. */
  readonly hop: number;
  readonly text: string;
}

const machine = setup({
  types: { context: {} as HopContext & { readonly hop: number }, events: {} as HopEvents, emitted: {} as Outgoing },
  actors: { echo: effectLogic<EchoInput, { text: string }>() },
}).createMachine({
  id: 'echo',
  context: { ...idleHop, hop: 0 },
  initial: 'idle',
  on: {
    'hop.requested': {
      target: '.working',
      reenter: true,
      actions: assign({ request: ({ event }) => event.data, hop: ({ event }) => event.hop }),
    },
  },
  states: {
    idle: {},
    working: {
      invoke: {
        id: 'echo',
        src: 'echo',
        input: ({ context: { request, hop } }) => ({
          hop,
          text: String(request?.input.tool?.result ?? request?.input.prompt),
        }),
        onDone: {
          target: 'idle',
          actions: [
            emit(({ context, event }) => {
              const tool = { name: 'echo', arguments: {}, result: event.output.text };
              return completed(context, { engine: 'echo', summary: 'echoed', tool });
            }),
            assign(idleHop),
          ],
        },
      },
    },
  },
});

export const role: RoleDefinition = {
  name: 'echo',
  service: 'agents',
  startsOn: ['hop.requested'],
  versions: [{ since: 1, machine }],
};
