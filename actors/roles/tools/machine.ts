/**
 * Chooses a tool and runs it. Owns: choosing before running, so that a crash between the two runs nothing twice, asking
 * a model where words alone choose nothing, and remembering the deeds that may not be repeated (`deeds.ts`) for as long as
 * the task lives. Does not own: the tools, or whether a model is configured.
 *
 *   idle → choosing → running → idle
 *             └→ asking → checking → running
 *
 * A tool that acts outside may need a person's yes (policy.ts): the hop ends with what is to be asked, and comes again
 * with the yes for that tool and those arguments, which go straight to `checking`.
 *
 * What a model says is only a proposal: it runs when the tool itself takes the arguments, and otherwise the hop fails.
 */
import { assign, emit, enqueueActions, setup } from 'xstate';
import {
  type EffectWaiting,
  effectLogic,
  type Incoming,
  type Outgoing,
  out,
  type RoleDefinition,
} from '../../runtime/role.ts';
import { completed, errorOf, failed, type HopEvents, isForHop, requestOf, stepWaits, type Wanted } from '../hop.ts';
import {
  checkOf,
  chooseMs,
  chosen,
  idle,
  isAnswer,
  proposalIn,
  shareOf,
  type ToolCheck,
  type ToolChoice,
  type ToolQuestion,
  type ToolRequest,
  type ToolResult,
  type ToolRun,
  type ToolsContext,
} from './context.ts';
import { deedAskedFor, deedOf, earlierThan } from './deeds.ts';
import { ask, consentNeeded, outputOf, stoppedAt, tellDeed, unchecked, unchosen, whyNone } from './sayings.ts';

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

/** What tells the versions of the machine apart. */
interface Variant {
  /** Deeds are kept for as long as the task lives, and done again only when a person is said to want it. */
  readonly remembers: boolean;
  /** Asked to stop, it says what it had begun; a model's choice has its time from when it begins. */
  readonly confirms?: boolean;
  readonly wants?: Wanted;
}

function machineFor({ remembers, confirms = false, wants = { purpose: 'tool' } }: Variant) {
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
                enqueue.emit(ask(context, event.output.offers, wants));
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
    { since: 5, machine: machineFor({ remembers: true, confirms: true, wants: { skill: 'tool' } }) },
  ],
};
