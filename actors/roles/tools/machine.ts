/**
 * Chooses a tool and runs it. Owns: choosing before running, so that a crash between the two runs nothing twice, and
 * remembering a deed that may not be repeated over the attempts at its step. Does not own: the tools.
 *
 *   idle → choosing → running → idle
 */
import { assign, emit, setup } from 'xstate';
import type { HopOutput, HopRequestedData } from '../../../schemas/events/generated.ts';
import { effectLogic, type Fence, type Incoming, type Outgoing, type RoleDefinition } from '../../runtime/role.ts';
import { completed, errorOf, failed, type HopContext, type HopEvents, idleHop, isForHop, requestOf } from '../hop.ts';

/** A tool with arguments that fit its schema. */
export interface ToolChoice {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
  readonly fence: Fence;
}

/** A tool to run, and which deed of the task it is: the same for every attempt at the step in one round of a loop. */
export interface ToolRun extends ToolChoice {
  readonly deed: string;
}

/** A tool that may not be repeated was begun; `output` is what it made, or null while nobody knows. */
interface Deed {
  readonly step: string;
  readonly loops: number;
  readonly output: HopOutput | null;
}

interface ToolsContext extends HopContext {
  /** Review loops left when the hop was requested: tells the rounds of a loop apart. */
  readonly loops: number;
  readonly choice: ToolChoice | null;
  readonly deed: Deed | null;
}

const idle: ToolsContext = { ...idleHop, loops: 0, choice: null, deed: null };

function chosen(context: ToolsContext): ToolChoice {
  if (!context.choice) throw new RangeError('no tool is chosen');
  return context.choice;
}

function outputOf(context: ToolsContext, result: string): HopOutput {
  const { name, arguments: given } = chosen(context);
  return { engine: `tool:${name}`, summary: `${name} ran`, tool: { name, arguments: given, result } };
}

function deedOf(context: ToolsContext, choice: ToolChoice | null, output: HopOutput | null): Deed | null {
  return choice?.fence === 'once' ? { step: requestOf(context).step, loops: context.loops, output } : null;
}

/** The same step of the same round is asked for again: its hop was given up before the reply arrived. */
function isAboutDeed({ deed }: ToolsContext, { data, loops }: Incoming<'hop.requested'>): boolean {
  return deed !== null && deed.step === data.step && deed.loops === loops;
}

/** What became of the deed: its result again, or that nobody knows (S6). */
function tellDeed({ deed }: ToolsContext, request: HopRequestedData): Outgoing {
  if (deed?.output) return completed({ request }, deed.output);
  const message = 'its time was up while it ran, and it may not be repeated';
  return failed({ request }, { code: 'outcome_unknown', message, retryable: false });
}

const machine = setup({
  types: { context: {} as ToolsContext, events: {} as HopEvents, emitted: {} as Outgoing },
  actors: {
    choose: effectLogic<{ prompt: string }, ToolChoice>(),
    run: effectLogic<ToolRun, { result: string }>(),
  },
}).createMachine({
  id: 'tools',
  context: idle,
  initial: 'idle',
  on: {
    'hop.requested': [
      {
        guard: ({ context, event }) => isAboutDeed(context, event),
        target: '.idle',
        actions: [
          emit(({ context, event }) => tellDeed(context, event.data)),
          // Once it was told that nobody knows, a further attempt is what a person wants.
          assign(({ context }) => ({ ...idle, deed: context.deed?.output ? context.deed : null })),
        ],
      },
      {
        target: '.choosing',
        reenter: true,
        actions: assign(({ event }) => ({ request: event.data, loops: event.loops, choice: null, deed: null })),
      },
    ],
  },
  states: {
    idle: {},
    choosing: {
      invoke: {
        id: 'choose',
        src: 'choose',
        input: ({ context }) => ({ prompt: requestOf(context).input.prompt }),
        onDone: {
          target: 'running',
          actions: assign({
            choice: ({ event }) => event.output,
            deed: ({ context, event }) => deedOf(context, event.output, null),
          }),
        },
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
        input: ({ context }) => ({ ...chosen(context), deed: `${requestOf(context).step}/${context.loops}` }),
        onDone: {
          target: 'idle',
          actions: [
            emit(({ context, event }) => completed(context, outputOf(context, event.output.result))),
            assign(({ context, event }) => {
              const output = outputOf(context, event.output.result);
              return { ...idle, deed: deedOf(context, context.choice, output) };
            }),
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
          actions: assign(({ context }) => ({ ...idle, deed: context.deed })),
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
