/**
 * Chooses a tool and runs it. Owns: choosing before running, so that a crash between the two runs nothing twice, asking
 * a model where words alone choose nothing, and remembering a deed that may not be repeated over the attempts at its
 * step. Does not own: the tools, or whether a model is configured.
 *
 *   idle → choosing → running → idle
 *             └→ asking → checking → running
 *
 * What a model says is only a proposal: it runs when the tool itself takes the arguments, and otherwise the hop fails.
 */
import { assign, emit, enqueueActions, setup } from 'xstate';
import type {
  ErrorInfo,
  HopOutput,
  HopRequestedData,
  LlmRepliedData,
  ToolOffer,
} from '../../../schemas/events/generated.ts';
import { effectLogic, type Fence, type Incoming, type Outgoing, out, type RoleDefinition } from '../../runtime/role.ts';
import { completed, errorOf, failed, type HopContext, type HopEvents, idleHop, isForHop, requestOf } from '../hop.ts';

/** A tool with arguments that fit its schema. */
export interface ToolChoice {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
  readonly fence: Fence;
}

/** The words choose no tool, and a model may be asked. */
export interface ToolQuestion {
  /** Why, and how a request names a tool: what the task is told when the model chooses none either. */
  readonly unfit: string;
  readonly offers: readonly ToolOffer[];
}

/** What a model chose, before anybody has checked it. */
export interface ToolProposal {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
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
  // Snapshots from before a model could be asked have none of the following.
  /** The hop at work; tells a model's late reply to an earlier one apart. */
  readonly hop?: number;
  readonly unfit?: string | null;
  readonly proposal?: ToolProposal | null;
  /** The model's name, when it was one that chose. */
  readonly chosenBy?: string | null;
}

const idle = {
  ...{ ...idleHop, loops: 0, choice: null, deed: null },
  ...{ hop: 0, unfit: null, proposal: null, chosenBy: null },
} as const satisfies ToolsContext;

/** Time a model may take, out of the step's (actors/workflows/tool.json): the tool has to run in it as well. */
const CHOOSE_WITHIN_MS = 90_000;
const SUMMARY_CHARS_MAX = 1000;
const MESSAGE_CHARS_MAX = 8000;

function chosen(context: ToolsContext): ToolChoice {
  if (!context.choice) throw new RangeError('no tool is chosen');
  return context.choice;
}

function outputOf(context: ToolsContext, result: string): HopOutput {
  const { name, arguments: given } = chosen(context);
  const by = context.chosenBy == null ? '' : `, chosen by ${context.chosenBy}`;
  const summary = `${name} ran${by}`.slice(0, SUMMARY_CHARS_MAX);
  return { engine: `tool:${name}`, summary, tool: { name, arguments: given, result } };
}

/** Unique in the task: step and attempt repeat when a loop goes round, the hop does not. */
function requestId(context: ToolsContext): string {
  const { step, attempt } = requestOf(context);
  return `${context.hop ?? 0}.${step}.${attempt}`;
}

function isAnswer(context: ToolsContext, { data }: Incoming<'llm.replied'>): boolean {
  return data.requestId === requestId(context);
}

function ask(context: ToolsContext, offers: readonly ToolOffer[]): Outgoing {
  const { prompt, note } = requestOf(context).input;
  const input = { prompt, ...(note === undefined ? {} : { note }) };
  return out('llm.requested', 'llm', { requestId: requestId(context), purpose: 'tool', input, tools: [...offers] });
}

/** What the model chose; null when it failed or found nothing that fits. */
function proposalIn({ status, output }: LlmRepliedData): ToolProposal | null {
  if (status !== 'completed' || output?.tool === undefined) return null;
  return { name: output.tool.name, arguments: output.tool.arguments };
}

/** No tool was chosen by words, nor by a model. */
function unchosen(context: ToolsContext, why: string): Outgoing {
  const message = `${context.unfit ?? 'no tool fits this request.'} A language model was asked: ${why}`;
  return failed(context, { code: 'no_tool', message: message.slice(0, MESSAGE_CHARS_MAX), retryable: false });
}

function whyNone({ error, output }: LlmRepliedData): string {
  return error?.message ?? output?.summary ?? 'it said nothing';
}

/** A proposal that the tool refuses. */
function refused(context: ToolsContext, error: ErrorInfo): string {
  return `its choice${context.chosenBy == null ? '' : ` (${context.chosenBy})`} cannot be run. ${error.message}`;
}

function proposed(context: ToolsContext): ToolProposal {
  if (context.proposal == null) throw new RangeError('no tool is proposed');
  return context.proposal;
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
  types: { context: {} as ToolsContext, events: {} as HopEvents | Incoming<'llm.replied'>, emitted: {} as Outgoing },
  delays: { chooseWithin: CHOOSE_WITHIN_MS },
  actors: {
    choose: effectLogic<{ prompt: string }, ToolChoice | ToolQuestion>(),
    check: effectLogic<ToolProposal, ToolChoice>(),
    run: effectLogic<ToolRun, { result: string }>(),
  },
  actions: {
    /** A tool that may not be repeated counts as begun from here. */
    take: assign(({ context }, choice: ToolChoice | ToolQuestion) =>
      'offers' in choice ? {} : { choice, deed: deedOf(context, choice, null) },
    ),
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
        actions: assign(({ event }) => ({ ...idle, request: event.data, loops: event.loops, hop: event.hop })),
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
        onDone: [
          {
            guard: ({ event }) => 'offers' in event.output,
            target: 'asking',
            actions: enqueueActions(({ context, event, enqueue }) => {
              if (!('offers' in event.output)) return;
              enqueue.emit(ask(context, event.output.offers));
              enqueue.assign({ unfit: event.output.unfit });
            }),
          },
          { target: 'running', actions: { type: 'take', params: ({ event }) => event.output } },
        ],
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
    asking: {
      after: {
        chooseWithin: {
          target: 'idle',
          actions: [
            emit(({ context }) => {
              const { step, attempt } = requestOf(context);
              return out('hop.cancelled', 'llm', { step, attempt, reason: 'choosing a tool took too long' });
            }),
            emit(({ context }) => unchosen(context, `it did not answer within ${CHOOSE_WITHIN_MS / 1000} s.`)),
            assign(idle),
          ],
        },
      },
      on: {
        'llm.replied': [
          {
            guard: ({ context, event }) => isAnswer(context, event) && proposalIn(event.data) !== null,
            target: 'checking',
            actions: assign(({ event }) => ({
              proposal: proposalIn(event.data),
              chosenBy: event.data.output?.engine ?? null,
            })),
          },
          {
            guard: ({ context, event }) => isAnswer(context, event),
            target: 'idle',
            actions: [emit(({ context, event }) => unchosen(context, whyNone(event.data))), assign(idle)],
          },
        ],
        'hop.cancelled': {
          guard: ({ context, event }) => isForHop(context, event),
          target: 'idle',
          actions: [emit(({ event }) => out('hop.cancelled', 'llm', event.data)), assign(idle)],
        },
      },
    },
    checking: {
      invoke: {
        id: 'check',
        src: 'check',
        input: ({ context }) => proposed(context),
        onDone: { target: 'running', actions: { type: 'take', params: ({ event }) => event.output } },
        onError: {
          target: 'idle',
          actions: [
            emit(({ context, event }) => unchosen(context, refused(context, errorOf(event.error)))),
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
