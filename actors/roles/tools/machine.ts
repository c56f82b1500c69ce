/**
 * Chooses a tool and runs it. Owns: choosing before running, so that a crash between the two runs nothing twice.
 * Does not own: the tools.
 *
 *   idle → choosing → running → idle
 */
import { assign, emit, setup } from 'xstate';
import { effectLogic, type Fence, type Outgoing, type RoleDefinition } from '../../runtime/role.ts';
import { completed, errorOf, failed, type HopContext, type HopEvents, idleHop, isForHop, requestOf } from '../hop.ts';

/** A tool with arguments that fit its schema. */
export interface ToolChoice {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
  readonly fence: Fence;
}

interface ToolsContext extends HopContext {
  readonly choice: ToolChoice | null;
}

const idle: ToolsContext = { ...idleHop, choice: null };

function chosen(context: ToolsContext): ToolChoice {
  if (!context.choice) throw new RangeError('no tool is chosen');
  return context.choice;
}

const machine = setup({
  types: { context: {} as ToolsContext, events: {} as HopEvents, emitted: {} as Outgoing },
  actors: {
    choose: effectLogic<{ prompt: string }, ToolChoice>(),
    run: effectLogic<ToolChoice, { result: string }>(),
  },
}).createMachine({
  id: 'tools',
  context: idle,
  initial: 'idle',
  on: {
    'hop.requested': {
      target: '.choosing',
      reenter: true,
      actions: assign({ request: ({ event }) => event.data, choice: null }),
    },
  },
  states: {
    idle: {},
    choosing: {
      invoke: {
        id: 'choose',
        src: 'choose',
        input: ({ context }) => ({ prompt: requestOf(context).input.prompt }),
        onDone: { target: 'running', actions: assign({ choice: ({ event }) => event.output }) },
        onError: {
          target: 'idle',
          actions: [emit(({ context, event }) => failed(context, errorOf(event.error))), assign(idle)],
        },
      },
      on: {
        'hop.cancelled': {
          guard: ({ context, event }) => isForHop(context, event),
          target: 'idle',
          actions: assign(idle),
        },
      },
    },
    running: {
      invoke: {
        id: 'run',
        src: 'run',
        input: ({ context }) => chosen(context),
        onDone: {
          target: 'idle',
          actions: [
            emit(({ context, event }) => {
              const { name, arguments: given } = chosen(context);
              const tool = { name, arguments: given, result: event.output.result };
              return completed(context, { engine: `tool:${name}`, summary: `${name} ran`, tool });
            }),
            assign(idle),
          ],
        },
        onError: {
          target: 'idle',
          actions: [
            emit(({ context, event }) => {
              const error = errorOf(event.error);
              return failed(context, { ...error, message: `${chosen(context).name}: ${error.message}` });
            }),
            assign(idle),
          ],
        },
      },
      on: {
        'hop.cancelled': {
          guard: ({ context, event }) => isForHop(context, event),
          target: 'idle',
          actions: assign(idle),
        },
      },
    },
  },
});

export const role: RoleDefinition = {
  name: 'tools',
  service: 'tools',
  startsOn: ['hop.requested'],
  versions: [{ since: 1, machine }],
};
