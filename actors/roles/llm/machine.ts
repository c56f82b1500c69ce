/**
 * Makes text for other roles. Owns: trying the configured engine, then the embedded one, and saying which it was.
 * Does not own: the engines.
 *
 *   idle → generating ⇄ holding
 *               ├→ idle
 *               └→ falling → idle
 *
 * A model that is not done in time is given up while the asker still waits, so that it gets what there is without one;
 * unless the asker would rather wait: then a model that is busy is asked again, and one that fails is not replaced.
 * A new request replaces the one at work: a role asks again only when it no longer wants the first.
 */
import { assign, emit, enqueueActions, setup } from 'xstate';
import type { ErrorInfo, HopOutput, LlmRequestedData } from '../../../schemas/events/generated.ts';
import {
  type EffectWaiting,
  effectLogic,
  type Incoming,
  type Outgoing,
  out,
  type RoleDefinition,
} from '../../runtime/role.ts';
import { errorOf, stepWaits } from '../hop.ts';
import { modelMs } from './budget.ts';

/** What is asked for, and why the configured engine has not made it. */
export interface ExtractInput extends LlmRequestedData {
  /** Absent in what an older release has begun. */
  readonly failure?: ErrorInfo;
}

interface LlmContext {
  readonly request: LlmRequestedData | null;
  readonly asker: string;
  readonly hop: number;
  readonly failure: ErrorInfo | null;
}

/** A model that is busy is asked again after this, milliseconds. */
const HOLD_MS = 5000;
/** What says that the model is well and has no place, or will be well again soon. */
const BUSY: ReadonlySet<string> = new Set(['overloaded', 'breaker_open', 'engine_busy', 'engine_rate_limited']);

const idle: LlmContext = { request: null, asker: '', hop: 0, failure: null };

function requestOf(context: LlmContext): LlmRequestedData {
  if (!context.request) throw new RangeError('no request is at work');
  return context.request;
}

/**
 * @param countsWork a model's time counts from when it begins, which is the effect's business (effects.ts); before release
 * 4 it counted from the request, and a model that was busy with others was given up
 */
const machineFor = ({ countsWork }: { readonly countsWork: boolean }) =>
  setup({
    types: {
      context: {} as LlmContext,
      events: {} as Incoming<'llm.requested' | 'hop.cancelled'> | EffectWaiting,
      emitted: {} as Outgoing,
    },
    actors: {
      generate: effectLogic<LlmRequestedData, HopOutput>(),
      extract: effectLogic<ExtractInput, HopOutput>(),
    },
    actions: {
      tell: emit((_now, { waiting }: { waiting: boolean }) => stepWaits('llm', { waiting, ahead: 0 })),
      refuse: enqueueActions(({ context, enqueue }, error: ErrorInfo) => {
        const { requestId } = requestOf(context);
        enqueue.emit(out('llm.replied', context.asker, { requestId, status: 'failed', error }));
        enqueue.assign(idle);
      }),
    },
    delays: {
      holdFor: HOLD_MS,
      modelTime: ({ context }) => modelMs(context.request?.timeoutMs),
    },
  }).createMachine({
    id: 'llm',
    context: idle,
    initial: 'idle',
    on: {
      'llm.requested': {
        target: '.generating',
        reenter: true,
        actions: assign(({ event }) => ({ request: event.data, asker: event.sender, hop: event.hop, failure: null })),
      },
    },
    states: {
      idle: {},
      generating: {
        invoke: {
          id: 'generate',
          src: 'generate',
          input: ({ context }) => requestOf(context),
          onDone: {
            target: 'idle',
            actions: [emit(({ context, event }) => reply(context, event.output)), assign(idle)],
          },
          onError: [
            ...(countsWork
              ? [
                  {
                    guard: isToBeAskedAgain,
                    target: 'holding',
                    actions: { type: 'tell', params: { waiting: true } },
                  } as const,
                  { guard: isRatherNothing, target: 'idle', actions: { type: 'refuse', params: errorIn } } as const,
                ]
              : []),
            {
              target: 'falling',
              actions: assign({ failure: ({ event }) => errorOf(event.error) }),
            },
          ],
        },
        ...(countsWork
          ? {}
          : {
              after: {
                modelTime: {
                  target: 'falling',
                  actions: assign({ failure: ({ context }) => outOfTime(requestOf(context)) }),
                },
              },
            }),
        on: {
          ...(countsWork ? { 'effect.waiting': { actions: emit(({ event }) => stepWaits('llm', event)) } } : {}),
          'hop.cancelled': {
            guard: ({ context, event }) => event.hop === context.hop,
            target: 'idle',
            actions: assign(idle),
          },
        },
      },
      ...(countsWork
        ? {
            holding: {
              after: {
                holdFor: {
                  target: 'generating',
                  actions: { type: 'tell', params: { waiting: false } },
                },
              },
              on: {
                'hop.cancelled': {
                  guard: ({ context, event }) => event.hop === context.hop,
                  target: 'idle',
                  actions: assign(idle),
                },
              },
            },
          }
        : {}),
      falling: {
        invoke: {
          id: 'extract',
          src: 'extract',
          input: ({ context }) => {
            const { failure } = context;
            return { ...requestOf(context), ...(failure === null ? {} : { failure }) };
          },
          onDone: {
            target: 'idle',
            actions: enqueueActions(({ context, event, enqueue }) => {
              const why = (context.failure?.message ?? 'the engine failed').replace(/\.+$/, '');
              const engine = `${event.output.engine} (fallback)`;
              const summary = `${event.output.summary}; fell back because ${why}`.slice(0, 1000);
              enqueue.emit(reply(context, { ...event.output, engine, summary }));
              enqueue.assign(idle);
            }),
          },
          onError: {
            target: 'idle',
            actions: { type: 'refuse', params: ({ context, event }) => context.failure ?? errorOf(event.error) },
          },
        },
        on: {
          'hop.cancelled': {
            guard: ({ context, event }) => event.hop === context.hop,
            target: 'idle',
            actions: assign(idle),
          },
        },
      },
    },
  });

/** The asker still has time for what can be said without the model. */
function outOfTime({ timeoutMs }: LlmRequestedData): ErrorInfo {
  const seconds = Math.round(modelMs(timeoutMs) / 1000);
  const message = `it was waited for ${seconds} s, the time of this step. Raise LLM_TIMEOUT_MS, or use a smaller model`;
  return { code: 'model_slow', message, retryable: false };
}

/** No answer is better than one without the model; what a tool has said needs none. */
function wouldWait({ request }: LlmContext): boolean {
  return request?.waitForModel === true && request.input.tool === undefined;
}

interface Failure {
  readonly context: LlmContext;
  readonly event: { readonly error: unknown };
}

const errorIn = ({ event }: Failure): ErrorInfo => errorOf(event.error);
const isToBeAskedAgain = ({ context, event }: Failure): boolean =>
  wouldWait(context) && BUSY.has(errorOf(event.error).code);
const isRatherNothing = ({ context }: Failure): boolean => wouldWait(context);

function reply(context: LlmContext, output: HopOutput): Outgoing {
  return out('llm.replied', context.asker, { requestId: requestOf(context).requestId, status: 'completed', output });
}

export const role: RoleDefinition = {
  name: 'llm',
  service: 'llm',
  startsOn: ['llm.requested'],
  versions: [
    { since: 1, machine: machineFor({ countsWork: false }) },
    { since: 4, machine: machineFor({ countsWork: true }) },
  ],
};
