/**
 * Chooses a tool and runs it. Owns: choosing before running, so that a crash between the two runs nothing twice, asking
 * a model where words alone choose nothing, and remembering the deeds that may not be repeated for as long as the task
 * lives. Does not own: the tools, or whether a model is configured.
 *
 *   idle → choosing → running → idle
 *             └→ asking → checking → running
 *
 * A tool that acts outside may need a person's yes (policy.ts): the hop ends with what is to be asked, and comes again
 * with the yes for that tool and those arguments, which go straight to `checking`.
 *
 * What a model says is only a proposal: it runs when the tool itself takes the arguments, and otherwise the hop fails.
 *
 * A deed is done again only when it certainly failed, or when a request says that a person wants it (S6). A request may
 * come again for other reasons: its time was up, or the orchestrator lost both its stores and begins the task anew.
 */
import { assign, emit, enqueueActions, setup } from 'xstate';
import type {
  ErrorInfo,
  HopOutput,
  HopRequestedData,
  LlmRepliedData,
  Share,
  TokenUsage,
  ToolCall,
  ToolConsent,
  ToolOffer,
} from '../../../schemas/events/generated.ts';
import {
  type EffectWaiting,
  effectLogic,
  type Fence,
  type Incoming,
  type Outgoing,
  out,
  type RoleDefinition,
} from '../../runtime/role.ts';
import {
  completed,
  errorOf,
  failed,
  type HopContext,
  type HopEvents,
  idleHop,
  isForHop,
  requestOf,
  standingOf,
  stepWaits,
} from '../hop.ts';

/** A tool with arguments that fit its schema. */
export interface ToolChoice {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
  readonly fence: Fence;
  /** It runs only when a person has said yes. */
  readonly asks?: boolean;
}

/** What a choice is made of, and for whom. */
export interface ToolRequest {
  readonly prompt: string;
  /** Absent in tasks of before release 4. */
  readonly share?: Share;
}

/** The words choose no tool, and a model may be asked. */
export interface ToolQuestion {
  /** Why, and how a request names a tool: what the task is told when the model chooses none either. */
  readonly unfit: string;
  readonly offers: readonly ToolOffer[];
}

/** What a model chose, before anybody has checked it; or what a person has said yes to. */
export interface ToolProposal {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
}

export interface ToolCheck extends ToolProposal {
  readonly share?: Share;
  readonly consented?: boolean;
}

/** A tool to run, and which deed of the task it is: the same for every attempt at the step in one round of a loop. */
export interface ToolRun extends ToolChoice {
  readonly deed: string;
  readonly share?: Share;
}

/** What a tool answered. */
export type ToolResult = Pick<ToolCall, 'result' | 'attachments'>;

/** A tool that may not be repeated was begun; `output` is what it made, or null when nobody knows. */
interface Deed {
  readonly step: string;
  readonly loops: number;
  readonly output: HopOutput | null;
}

interface ToolsContext extends HopContext {
  /** Review loops left when the hop was requested: tells the rounds of a loop apart. */
  readonly loops: number;
  readonly choice: ToolChoice | null;
  /** The last one begun. */
  readonly deed: Deed | null;
  /** Those begun before it, without what they made; absent in tasks before release 3. */
  readonly earlier?: readonly Deed[];
  // Snapshots from before a model could be asked have none of the following.
  /** The hop at work; tells a model's late reply to an earlier one apart. */
  readonly hop?: number;
  readonly unfit?: string | null;
  readonly proposal?: ToolProposal | null;
  /** The model's name, when it was one that chose. */
  readonly chosenBy?: string | null;
  /** What choosing it took. */
  readonly usage?: TokenUsage | null;
}

const idle = {
  ...{ ...idleHop, loops: 0, choice: null, deed: null },
  ...{ hop: 0, unfit: null, proposal: null, chosenBy: null, usage: null },
} as const satisfies ToolsContext;

/** Time a model may take at least; half of the step's when that is more: the tool has to run in it as well. */
const CHOOSE_MS_MIN = 90_000;
const SUMMARY_CHARS_MAX = 1000;
const MESSAGE_CHARS_MAX = 8000;

function chosen(context: ToolsContext): ToolChoice {
  if (!context.choice) throw new RangeError('no tool is chosen');
  return context.choice;
}

function outputOf(context: ToolsContext, { result, attachments }: ToolResult, saysWho: boolean): HopOutput {
  const { name, arguments: given } = chosen(context);
  const by = context.chosenBy == null ? '' : `, chosen by ${context.chosenBy}`;
  const summary = `${name} ran${by}`.slice(0, SUMMARY_CHARS_MAX);
  const who = saysWho && context.chosenBy != null ? { chosenBy: context.chosenBy.slice(0, 200) } : {};
  const spent = context.usage == null ? {} : { usage: context.usage };
  const attached = attachments === undefined ? {} : { attachments };
  return { engine: `tool:${name}`, summary, tool: { name, arguments: given, ...who, result, ...attached }, ...spent };
}

/** Unique in the task: step and attempt repeat when a loop goes round, the hop does not. */
function requestId(context: ToolsContext): string {
  const { step, attempt } = requestOf(context);
  return `${context.hop ?? 0}.${step}.${attempt}`;
}

function isAnswer(context: ToolsContext, { data }: Incoming<'llm.replied'>): boolean {
  return data.requestId === requestId(context);
}

function chooseMs(context: ToolsContext): number {
  return Math.max(CHOOSE_MS_MIN, Math.round(requestOf(context).timeoutMs / 2));
}

function ask(context: ToolsContext, offers: readonly ToolOffer[]): Outgoing {
  const { prompt, note } = requestOf(context).input;
  const input = { prompt, ...(note === undefined ? {} : { note }) };
  const asked = { requestId: requestId(context), purpose: 'tool' as const, input, tools: [...offers] };
  return out('llm.requested', 'llm', { ...asked, timeoutMs: chooseMs(context), ...standingOf(requestOf(context)) });
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

/** Whose work the hop is. */
function shareOf(context: ToolsContext): { readonly share?: Share } {
  const { share } = requestOf(context);
  return share === undefined ? {} : { share };
}

function checkOf(context: ToolsContext): ToolCheck {
  const { name, arguments: given } = proposed(context);
  const consented = requestOf(context).consented === undefined ? {} : { consented: true };
  return { name, arguments: given, ...shareOf(context), ...consented };
}

/** The hop ends, and a person is asked whether the tool may act. */
function consentNeeded(context: ToolsContext, { name, arguments: given }: ToolChoice): Outgoing {
  const { step, attempt } = requestOf(context);
  const chosenBy = context.chosenBy == null ? {} : { chosenBy: context.chosenBy.slice(0, 200) };
  const error = { code: 'consent_needed', message: `${name} acts outside: a person is asked first`, retryable: false };
  const consent: ToolConsent = { name, arguments: given, ...chosenBy };
  return out('hop.replied', 'orchestrator', { step, attempt, status: 'failed', error, consent });
}

/** What was checked cannot be run. */
function unchecked(context: ToolsContext, error: ErrorInfo): Outgoing {
  return requestOf(context).consented === undefined
    ? unchosen(context, refused(context, error))
    : failed(context, { ...error, message: `${proposed(context).name}: ${error.message}` });
}

/** The deed that is begun with a choice; null when the tool may be repeated. */
function deedOf(context: ToolsContext, choice: ToolChoice | null, output: HopOutput | null): Deed | null {
  return choice?.fence === 'once' ? { step: requestOf(context).step, loops: context.loops, output } : null;
}

/** The deed that a request asks for, if it was begun before: the same step of the same round. */
function deedAskedFor({ deed, earlier = [] }: ToolsContext, { data, loops }: Incoming<'hop.requested'>): Deed | null {
  const begun = deed === null ? earlier : [deed, ...earlier];
  return begun.find((one) => one.step === data.step && one.loops === loops) ?? null;
}

/** Deeds begun before another one, which has the place of the last. */
function earlierThan({ step, loops }: Deed, { deed, earlier = [] }: ToolsContext): readonly Deed[] {
  const before = deed === null ? earlier : [...earlier, { ...deed, output: null }];
  return before.filter((one) => one.step !== step || one.loops !== loops);
}

/** What became of the deed: its result again, or that nobody knows (S6). */
function tellDeed(deed: Deed | null, request: HopRequestedData): Outgoing {
  if (deed?.output) return completed({ request }, deed.output);
  const message = 'it was begun before, and it may not be repeated';
  return failed({ request }, { code: 'outcome_unknown', message, retryable: false });
}

/** Asked to stop: what had been begun of the hop is said, for whoever looks after a deed that was cut off (S6). */
function stoppedAt(context: ToolsContext): Outgoing {
  const { choice } = context;
  if (choice === null || choice.fence === 'pure')
    return failed(context, { code: 'cancelled', message: 'nothing was done', retryable: false });
  return failed(context, { code: 'outcome_unknown', message: `${choice.name} had begun`, retryable: false });
}

/** Of what `choosing` and `checking` end with. */
interface Chosen {
  readonly event: { readonly output: ToolChoice | ToolQuestion };
}
interface Asked {
  readonly event: Incoming<'hop.requested'>;
}
/** In a task of release 4 or later. */
const consentNeededFirst = {
  guard: ({ event }: Chosen) => 'asks' in event.output && event.output.asks === true,
  target: 'idle',
  actions: { type: 'needConsent', params: ({ event }: Chosen) => event.output },
} as const;

/**
 * @param remembers deeds are kept for as long as the task lives, and done again only when a person is said to want it
 * @param confirms asked to stop, it says what it had begun; a model's choice has its time from when it begins
 */
function machineFor({ remembers, confirms = false }: { readonly remembers: boolean; readonly confirms?: boolean }) {
  const needsConsent = confirms ? [consentNeededFirst] : [];
  /** Between hops. */
  const resting = ({ deed, earlier = [] }: ToolsContext): ToolsContext =>
    remembers ? { ...idle, deed, earlier } : idle;
  return setup({
    types: {
      context: {} as ToolsContext,
      events: {} as HopEvents | Incoming<'llm.replied'> | EffectWaiting,
      emitted: {} as Outgoing,
    },
    delays: { chooseWithin: ({ context }) => chooseMs(context) },
    actors: {
      choose: effectLogic<ToolRequest, ToolChoice | ToolQuestion>(),
      check: effectLogic<ToolCheck, ToolChoice>(),
      run: effectLogic<ToolRun, ToolResult>(),
    },
    actions: {
      /** A tool that may not be repeated counts as begun from here. */
      take: assign(({ context }, choice: ToolChoice | ToolQuestion) => {
        if ('offers' in choice) return {};
        const deed = deedOf(context, choice, null);
        if (!remembers) return { choice, deed };
        return deed === null ? { choice } : { choice, deed, earlier: earlierThan(deed, context) };
      }),
      rest: assign(({ context }) => resting(context)),
      tellWaiting: enqueueActions(({ event, enqueue }) => {
        if (event.type === 'effect.waiting') enqueue.emit(stepWaits('tools', event));
      }),
      takeConsented: assign(({ context, event }) => {
        if (event.type !== 'hop.requested') return {};
        const { consented } = event.data;
        const { data: request, loops, hop } = event;
        const proposal = consented ?? null;
        return { ...resting(context), request, loops, hop, proposal, chosenBy: consented?.chosenBy ?? null };
      }),
      needConsent: enqueueActions(({ context, enqueue }, choice: ToolChoice | ToolQuestion) => {
        if (!('offers' in choice)) enqueue.emit(consentNeeded(context, choice));
        enqueue.assign(resting(context));
      }),
      stop: enqueueActions(({ context, enqueue }) => {
        if (confirms) enqueue.emit(stoppedAt(context));
        enqueue.assign(confirms ? resting(context) : { ...idle, deed: context.deed });
      }),
    },
  }).createMachine({
    id: 'tools',
    context: idle,
    initial: 'idle',
    on: {
      'hop.requested': [
        {
          guard: ({ context, event }) => event.data.repeat !== true && deedAskedFor(context, event) !== null,
          target: '.idle',
          actions: [
            emit(({ context, event }) => tellDeed(deedAskedFor(context, event), event.data)),
            // Before release 3 no request said that a person wants it: the next one after this was taken for it.
            assign(({ context }) =>
              remembers ? resting(context) : { ...idle, deed: context.deed?.output ? context.deed : null },
            ),
          ],
        },
        ...(confirms
          ? [
              {
                guard: ({ event }: Asked) => event.data.consented !== undefined,
                target: '.checking',
                reenter: true,
                actions: 'takeConsented',
              } as const,
            ]
          : []),
        {
          target: '.choosing',
          reenter: true,
          actions: assign(({ context, event }) => ({
            ...resting(context),
            ...{ request: event.data, loops: event.loops, hop: event.hop },
          })),
        },
      ],
    },
    states: {
      idle: {},
      choosing: {
        invoke: {
          id: 'choose',
          src: 'choose',
          input: ({ context }) => ({ prompt: requestOf(context).input.prompt, ...shareOf(context) }),
          onDone: [
            ...needsConsent,
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
            actions: [emit(({ context, event }) => failed(context, errorOf(event.error))), 'rest'],
          },
        },
        on: {
          'hop.cancelled': {
            guard: ({ context, event }) => isForHop(context, event),
            target: 'idle',
            actions: confirms ? 'stop' : 'rest',
          },
        },
      },
      asking: {
        after: confirms
          ? {}
          : {
              chooseWithin: {
                target: 'idle',
                actions: [
                  emit(({ context }) => {
                    const { step, attempt } = requestOf(context);
                    return out('hop.cancelled', 'llm', { step, attempt, reason: 'choosing a tool took too long' });
                  }),
                  emit(({ context }) => unchosen(context, `it did not answer within ${chooseMs(context) / 1000} s.`)),
                  'rest',
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
                usage: event.data.output?.usage ?? null,
              })),
            },
            {
              guard: ({ context, event }) => isAnswer(context, event),
              target: 'idle',
              actions: [emit(({ context, event }) => unchosen(context, whyNone(event.data))), 'rest'],
            },
          ],
          'hop.cancelled': {
            guard: ({ context, event }) => isForHop(context, event),
            target: 'idle',
            actions: enqueueActions(({ context, event, enqueue }) => {
              enqueue.emit(out('hop.cancelled', 'llm', event.data));
              if (confirms) enqueue.emit(stoppedAt(context));
              enqueue.assign(resting(context));
            }),
          },
        },
      },
      checking: {
        invoke: {
          id: 'check',
          src: 'check',
          input: ({ context }) => checkOf(context),
          onDone: [
            ...needsConsent,
            { target: 'running', actions: { type: 'take', params: ({ event }) => event.output } },
          ],
          onError: {
            target: 'idle',
            actions: [emit(({ context, event }) => unchecked(context, errorOf(event.error))), 'rest'],
          },
        },
        on: {
          'hop.cancelled': {
            guard: ({ context, event }) => isForHop(context, event),
            target: 'idle',
            actions: confirms ? 'stop' : 'rest',
          },
        },
      },
      running: {
        invoke: {
          id: 'run',
          src: 'run',
          input: ({ context }) => {
            const { step, share } = requestOf(context);
            return { ...chosen(context), deed: `${step}/${context.loops}`, ...(share === undefined ? {} : { share }) };
          },
          onDone: {
            target: 'idle',
            actions: [
              emit(({ context, event }) => completed(context, outputOf(context, event.output, confirms))),
              assign(({ context, event }) => {
                const deed = deedOf(context, context.choice, outputOf(context, event.output, confirms));
                return deed === null ? resting(context) : { ...resting(context), deed };
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
              // What certainly failed was not done.
              assign(({ context, event }) => {
                const undone = errorOf(event.error).code !== 'outcome_unknown' && context.choice?.fence === 'once';
                return undone ? { ...resting(context), deed: null } : resting(context);
              }),
            ],
          },
        },
        on: {
          'hop.cancelled': {
            guard: ({ context, event }) => isForHop(context, event),
            target: 'idle',
            actions: 'stop',
          },
          ...(confirms ? { 'effect.waiting': { actions: 'tellWaiting' } as const } : {}),
        },
      },
    },
  });
}

export const role: RoleDefinition = {
  name: 'tools',
  service: 'tools',
  asksAlso: ['llm'],
  stepMs: 240_000,
  confirmsCancel: true,
  startsOn: ['hop.requested'],
  versions: [
    { since: 1, machine: machineFor({ remembers: false }) },
    { since: 3, machine: machineFor({ remembers: true }) },
    { since: 4, machine: machineFor({ remembers: true, confirms: true }) },
  ],
};
