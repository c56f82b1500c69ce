/**
 * Makes text for other roles. Owns: trying the configured engine, then the embedded one, and saying which it was.
 * Does not own: the engines.
 *
 *   idle → generating → idle
 *               └→ falling → idle
 *
 * A model that is not done in time is given up while the asker still waits, so that it gets what there is without one.
 * A new request replaces the one at work: a role asks again only when it no longer wants the first.
 */
import { assign, emit, enqueueActions, setup } from 'xstate';
import type { ErrorInfo, HopOutput, LlmRequestedData } from '../../../schemas/events/generated.ts';
import { effectLogic, type Incoming, type Outgoing, out, type RoleDefinition } from '../../runtime/role.ts';
import { errorOf } from '../hop.ts';
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

const idle: LlmContext = { request: null, asker: '', hop: 0, failure: null };

function requestOf(context: LlmContext): LlmRequestedData {
  if (!context.request) throw new RangeError('no request is at work');
  return context.request;
}

const machine = setup({
  types: {
    context: {} as LlmContext,
    events: {} as Incoming<'llm.requested' | 'hop.cancelled'>,
    emitted: {} as Outgoing,
  },
  actors: {
    generate: effectLogic<LlmRequestedData, HopOutput>(),
    extract: effectLogic<ExtractInput, HopOutput>(),
  },
  delays: { modelTime: ({ context }) => modelMs(context.request?.timeoutMs) },
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
        onError: {
          target: 'falling',
          actions: assign({ failure: ({ event }) => errorOf(event.error) }),
        },
      },
      after: {
        modelTime: { target: 'falling', actions: assign({ failure: ({ context }) => outOfTime(requestOf(context)) }) },
      },
      on: {
        'hop.cancelled': {
          guard: ({ context, event }) => event.hop === context.hop,
          target: 'idle',
          actions: assign(idle),
        },
      },
    },
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
          actions: [
            emit(({ context, event }) => {
              const { requestId } = requestOf(context);
              const error = context.failure ?? errorOf(event.error);
              return out('llm.replied', context.asker, { requestId, status: 'failed', error });
            }),
            assign(idle),
          ],
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

function reply(context: LlmContext, output: HopOutput): Outgoing {
  return out('llm.replied', context.asker, { requestId: requestOf(context).requestId, status: 'completed', output });
}

export const role: RoleDefinition = {
  name: 'llm',
  service: 'llm',
  startsOn: ['llm.requested'],
  versions: [{ since: 1, machine }],
};
